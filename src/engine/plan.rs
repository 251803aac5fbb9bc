//! One decision: the passes in their order.

use crate::base::random::Stream;
use crate::base::{PlanId, ServerId};
use crate::engine::PlanInput;
use crate::model::{LaunchReason, Move, Plan, RoleTarget};

/// Decides what is to change in one farm, and says why for everything that is not changed.
pub fn plan(input: &PlanInput) -> Plan {
    let parent = input.parent.as_ref().map(|p| p.id);
    let mut stream = Stream::new(input.seed, &format!("server/{}", parent.unwrap_or_default()));
    let (mut moves, mut targets) = (Vec::new(), Vec::new());
    for role in &input.farm_roles {
        let of_role = || input.servers.iter().filter(|s| s.farm_role == role.id);
        let wanted = of_role().filter(|s| s.status.is_wanted()).count();
        let mut taken: Vec<u32> = of_role().map(|s| s.index).collect();
        for _ in wanted..usize::try_from(role.scaling.min).unwrap_or(0) {
            let index = (1..).find(|i| !taken.contains(i)).unwrap_or(u32::MAX);
            taken.push(index);
            let server = ServerId::draw(&mut stream);
            let reason = LaunchReason::FarmLaunched;
            moves.push(Move::Launch { server, farm_role: role.id, index, reason });
        }
        targets.push(RoleTarget::new(role.id, role.scaling.min));
    }
    Plan {
        id: PlanId(0),
        env: input.farm.env,
        farm: input.farm.id,
        parent,
        at: input.now,
        targets,
        moves,
        report: Vec::new(),
        freeze: None,
        cold_start: None,
    }
}
