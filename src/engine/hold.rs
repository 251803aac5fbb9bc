//! Holds: automation that a person switched off for a while, for a farm or a farm role.
//!
//! A hold only ever takes moves away, and what a person asks for themselves (a server by its name,
//! a farm that is terminated, a farm role that is removed, a range that is declared) is no
//! automation: nothing here stands in its way. What is on its way when a hold is placed, goes on.
//!
//! ```text
//! launch      no new server, for whatever reason
//! terminate   no server goes that nobody named; one that is lost stays, and so does its place
//! heal        what is lost or fails is neither replaced nor started again
//! scale       rules do not move the target; a declared range still bounds it
//! rollout     no further batch
//! balance     balancers keep the file they have
//! ```
//! A pass that would act asks [`World::held`] and leaves the answer as its reason to wait.

use crate::base::{FarmRoleId, ServerId, Timestamp};
use crate::engine::world::World;
use crate::engine::{Fault, PlanInput, Rule};
use crate::model::{
    Hold, HoldKind, LaunchReason, Move, Plan, Server, ServerStatus, StepKind, TerminateReason, Wait,
};
use std::collections::BTreeMap;

impl World<'_> {
    /// The reason to wait when this kind is held for a farm role: of several holds the one that
    /// ends last.
    pub fn held(&self, farm_role: FarmRoleId, kind: HoldKind) -> Option<Wait> {
        let now = self.input.now;
        let ends = |hold: &&Hold| hold.until.unwrap_or(Timestamp(i64::MAX));
        let in_force = self.input.holds.iter().filter(|hold| hold.covers(farm_role, kind, now));
        let hold = in_force.max_by_key(ends)?;
        let left = hold.until.map(|until| until.since(now));
        Some(Wait::Held { what: kind, left, reason: hold.reason.clone() })
    }
}

/// What a plan does although it is held: for the second pair of eyes, which reads the holds and
/// the plan anew.
pub fn forbidden(input: &PlanInput, plan: &Plan) -> Vec<Fault> {
    let holds = |role: FarmRoleId, kind: HoldKind| {
        input.holds.iter().any(|hold| hold.covers(role, kind, input.now))
    };
    let servers: BTreeMap<ServerId, &Server> =
        input.servers.iter().map(|server| (server.id, &**server)).collect();
    let mut faults = Vec::new();
    for change in &plan.moves {
        let Some((role, kinds)) = automatic(&servers, change) else { continue };
        for kind in kinds.iter().filter(|kind| holds(role, **kind)) {
            let what = format!("{} is held", kind.as_str());
            let server = Some(change.server());
            faults.push(Fault { rule: Rule::Held, farm_role: Some(role), server, what });
        }
    }
    for target in plan.targets.iter().filter(|t| holds(t.farm_role, HoldKind::Scale)) {
        let now = Some(input.now);
        let before = input.parent.as_ref().and_then(|parent| parent.target(target.farm_role));
        let before = before.map(|before| (before.scaled_up_at, before.scaled_down_at));
        let (up, down) = before.unwrap_or_default();
        if target.scaled_up_at == now && up != now || target.scaled_down_at == now && down != now {
            let what = "scale is held, and the target moves".to_owned();
            let farm_role = Some(target.farm_role);
            faults.push(Fault { rule: Rule::Held, farm_role, server: None, what });
        }
    }
    faults
}

/// Which kinds of automation a move is, and of which farm role; `None` for what people want.
fn automatic(
    servers: &BTreeMap<ServerId, &Server>,
    change: &Move,
) -> Option<(FarmRoleId, &'static [HoldKind])> {
    use HoldKind::{Heal, Launch, Rollout, Terminate};
    let server = servers.get(&change.server());
    let role = server.map(|server| server.farm_role);
    let stays = |id: &ServerId| servers.get(id).is_some_and(|old| old.status.is_wanted());
    match change {
        Move::Launch { farm_role, reason, .. } => {
            let kinds: &[HoldKind] = match reason {
                // What follows one that left is no batch of its own.
                LaunchReason::Rollout(old) if !stays(old) => &[Launch],
                LaunchReason::Rollout(_) => &[Launch, Rollout],
                LaunchReason::FarmLaunched
                | LaunchReason::ScalingUp
                | LaunchReason::Replacement(_) => &[Launch],
            };
            Some((*farm_role, kinds))
        }
        Move::Retire { reason, .. } => {
            let kinds: &[HoldKind] = match reason {
                TerminateReason::Manual
                | TerminateReason::FarmTerminated
                | TerminateReason::RoleRemoved => return None,
                TerminateReason::ScalingDown => &[Terminate],
                TerminateReason::Rollout => &[Terminate, Rollout],
                TerminateReason::Crashed
                | TerminateReason::LaunchTimeout
                | TerminateReason::SetupFailed
                | TerminateReason::LaunchFailed
                | TerminateReason::Unhealthy => &[Terminate, Heal],
            };
            Some((role?, kinds))
        }
        // One that a person put to sleep and wakes is started, too.
        Move::Act { kind: StepKind::Start, .. }
            if server.is_some_and(|server| server.status != ServerStatus::Suspended) =>
        {
            Some((role?, &[Heal]))
        }
        Move::Park { .. } => Some((role?, &[Terminate])),
        // What goes is on its way already.
        Move::Act { .. } | Move::Cancel { .. } | Move::Hasten { .. } => None,
    }
}
