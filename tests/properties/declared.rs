//! What people declare and wish beyond counts, at random: policies, holds, locks, sleep, rollouts;
//! and accounts that fail or are asked too often.

use crate::stories::yard::{BEGIN, Yard};
use grange::base::{EnvironmentId, FarmId, FarmRoleId, HoldId, Name, ServerId, UserId};
use grange::engine::input::Paced;
use grange::model::{
    Breaker, FarmGoal, FarmRole, HealMode, Hold, HoldKind, LaunchReason, MissingPolicy, Policy,
    RemovalPolicy, Revision, Rollout, RolloutPolicy, RolloutState, RolloutStrategy, RolloutWish,
    ScalingBehavior, ServerStatus,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

/// Of a farm.
#[derive(Clone, Debug)]
pub struct FarmWishes {
    stopped: bool,
    /// Kind, place of the farm role, and when it ends.
    holds: Vec<(HoldKind, Option<usize>, Option<i64>)>,
    breaker_s: Option<u64>,
    paced_ms: Option<u64>,
    alone: bool,
}

/// Of a farm role.
#[derive(Clone, Debug)]
pub struct RoleWishes {
    policy: Policy,
    depends_on: Option<usize>,
    /// It was changed once, and its rollout may have begun.
    remade: bool,
    rollout: Option<(RolloutState, u32, u32, u64)>,
    wish: RolloutWish,
    said: u64,
}

/// Of a server.
#[derive(Clone, Debug)]
pub struct ServerWishes {
    locked: bool,
    /// Scaling put it to sleep, or a person did.
    parked: bool,
    suspend: bool,
    /// Of the revision before the last.
    old: bool,
    /// It was launched to take the place of the one with this index.
    follows: Option<u32>,
    zone: usize,
    rebooted_s: Option<u64>,
    healthy_s: Option<u64>,
}

pub fn farm() -> impl Strategy<Value = FarmWishes> {
    let hold =
        (select(HoldKind::ALL.to_vec()), option::of(0..3usize), option::of(-60_000..600_000i64));
    let account = (option::weighted(0.1, 0..200u64), option::weighted(0.1, 1..30_000u64));
    let chance = proptest::bool::weighted;
    (chance(0.08), option::weighted(0.3, vec(hold, 1..3)), account, chance(0.1)).prop_map(
        |(stopped, holds, (breaker_s, paced_ms), alone)| FarmWishes {
            stopped,
            holds: holds.unwrap_or_default(),
            breaker_s,
            paced_ms,
            alone,
        },
    )
}

fn policy() -> impl Strategy<Value = Policy> {
    use HealMode::{Alert, None, Replace, Restart};
    use MissingPolicy::{Flag, Ignore, Terminate};
    use RemovalPolicy::{HighestIndex, LeastBusy, Newest, Oldest, PreviousRevision};
    let healed = (
        select(vec![Replace, Replace, Restart, Alert, None]),
        select(vec![Terminate, Terminate, Terminate, Flag, Ignore]),
        proptest::bool::weighted(0.9),
        select(vec![0, 30_000]),
    );
    let placed = (
        select(vec![HighestIndex, Oldest, Newest, LeastBusy, PreviousRevision]),
        0..3usize,
        proptest::bool::weighted(0.2),
    );
    (healed, placed, rollout()).prop_map(|(healed, placed, rollout)| {
        let (heal, missing, agent, ready_for_ms) = healed;
        let (removal, zones, sleeps) = placed;
        let behavior = match sleeps {
            true => ScalingBehavior::SuspendResume,
            false => ScalingBehavior::LaunchTerminate,
        };
        let zones = ["here", "there"][..zones].iter().map(|zone| (*zone).to_owned()).collect();
        Policy {
            agent,
            heal,
            ready_for_ms,
            removal,
            missing,
            zones,
            behavior,
            rollout,
            ..Policy::default()
        }
    })
}

fn rollout() -> impl Strategy<Value = RolloutPolicy> {
    let shares = (0..5u32, 0..3u32, 1..4u32, proptest::bool::weighted(0.15));
    let ends = (any::<bool>(), option::of(1..60_000u64), 1..4u32, any::<bool>());
    (shares, ends).prop_map(|((healthy, above, batch, full), ends)| {
        let (checkpoint, checkpoint_wait_ms, failures_max, rollback) = ends;
        RolloutPolicy {
            strategy: if full { RolloutStrategy::Full } else { RolloutStrategy::Serial },
            min_healthy_percent: healthy * 25,
            max_percent: 100 + above * 50,
            batch,
            checkpoints: if checkpoint { vec![50] } else { Vec::new() },
            checkpoint_wait_ms,
            failures_max,
            rollback,
        }
    })
}

pub fn role() -> impl Strategy<Value = RoleWishes> {
    use RolloutState::{Checkpoint, Failed, Paused, RolledBack, Rolling, RollingBack};
    let state = select(vec![Rolling, Rolling, Checkpoint, Paused, RollingBack, Failed, RolledBack]);
    let rollout = option::of((state, 0..3u32, 0..2u32, 0..120u64));
    let wish =
        select(vec![RolloutWish::Go, RolloutWish::Go, RolloutWish::Pause, RolloutWish::Abort]);
    let depends_on = option::weighted(0.3, 0..2usize);
    (policy(), depends_on, proptest::bool::weighted(0.4), rollout, wish, 0..3u64).prop_map(
        |(policy, depends_on, remade, rollout, wish, said)| RoleWishes {
            policy,
            depends_on,
            remade,
            rollout,
            wish,
            said,
        },
    )
}

pub fn server() -> impl Strategy<Value = ServerWishes> {
    let chance = proptest::bool::weighted;
    let asleep = (chance(0.1), chance(0.5), chance(0.5));
    let made = (chance(0.4), option::weighted(0.2, 1..10u32), 0..2usize);
    let times = (option::weighted(0.1, 0..400u64), option::weighted(0.3, 0..60u64));
    (asleep, made, times).prop_map(|(asleep, made, (rebooted_s, healthy_s))| {
        let (locked, parked, suspend) = asleep;
        let (old, follows, zone) = made;
        ServerWishes { locked, parked, suspend, old, follows, zone, rebooted_s, healthy_s }
    })
}

impl FarmWishes {
    pub fn build(&self, yard: &mut Yard) {
        let input = &mut yard.input;
        if self.stopped {
            input.farm.goal = FarmGoal::Suspended;
        }
        input.any_agent_connected = !self.alone;
        for (kind, place, ends) in &self.holds {
            let farm_role = place.map(|place| input.farm_roles[place % input.farm_roles.len()].id);
            input.holds.push(Hold {
                id: HoldId(u64::try_from(input.holds.len()).unwrap() + 1),
                env: EnvironmentId(1),
                farm: FarmId(1),
                farm_role,
                kind: *kind,
                reason: "maintenance".into(),
                by: UserId(1),
                at: BEGIN.before(90_000),
                until: ends.map(|ends| match u64::try_from(ends) {
                    Ok(left) => BEGIN.after(left),
                    Err(_) => BEGIN.before(ends.unsigned_abs()),
                }),
            });
        }
        if let Some(left) = self.breaker_s {
            let closed = Breaker::closed("simulated", BEGIN.before(60_000));
            let open_until = (left > 0).then(|| BEGIN.after(left * 1000));
            input.breakers.insert(
                "simulated".into(),
                Breaker { failures: 5, reason: "throttled".into(), open_until, ..closed },
            );
        }
        if let Some(left) = self.paced_ms {
            input.paced.insert("simulated".into(), Paced { per_minute: 60, left });
        }
    }
}

impl RoleWishes {
    /// Farm roles depend on earlier ones, as no manifest may have a cycle.
    pub fn build(&self, role: &mut FarmRole, place: usize) {
        role.policy = self.policy.clone();
        let needed = self.depends_on.filter(|on| *on < place);
        role.policy.depends_on.extend(needed.map(|on| Name::new(&format!("role{on}")).unwrap()));
        (role.rollout_wish, role.rollout_said) = (self.wish, self.said);
        if self.remade {
            let left_at = Some(BEGIN.before(300_000));
            role.history.push(Revision { left_at, ..role.make() });
            (role.revision, role.instance_type) = (2, "large".into());
        }
    }

    /// How far it came in the plan before.
    pub fn rollout(&self) -> Option<Rollout> {
        let (state, failed, checkpoint, age_s) = self.rollout.filter(|_| self.remade)?;
        let since = BEGIN.before(age_s * 1000);
        Some(Rollout {
            from: 1,
            to: 2,
            began_at: since.before(60_000),
            state,
            since,
            failed,
            checkpoint,
            said: self.said.min(1),
            starting: Vec::new(),
            maintenance: self.policy.rollout.strategy == RolloutStrategy::Full,
        })
    }
}

impl ServerWishes {
    pub fn build(&self, yard: &mut Yard, id: ServerId, role: FarmRoleId) {
        let declared = yard.role(role).clone();
        let server = yard.server(id);
        server.agent = declared.policy.agent;
        server.locked = self.locked;
        server.zone = declared.policy.zones.get(self.zone).cloned();
        if self.old
            && let Some(make) = declared.make_of(1)
        {
            *server = server.clone().made_as(&make);
        }
        if let Some(index) = self.follows.filter(|index| *index != server.index) {
            let old = ServerId(id.0 - u128::from(server.index) + u128::from(index));
            server.launch_reason = LaunchReason::Rollout(old);
        }
        match server.status {
            ServerStatus::Suspended | ServerStatus::PendingSuspend => {
                server.parked = self.parked;
                server.suspend_requested = self.suspend && !self.parked;
            }
            ServerStatus::Initializing => {
                server.reboot_at = self.rebooted_s.map(|s| BEGIN.before(s * 1000));
                server.running_at = server.reboot_at.map(|at| at.before(60_000));
                server.healthy_since = self.healthy_s.map(|s| BEGIN.before(s * 1000));
            }
            ServerStatus::Running => {
                let busy = f64::from(server.index) * 7.0 % 5.0;
                yard.input.loads.insert(id, busy);
            }
            ServerStatus::PendingLaunch
            | ServerStatus::Pending
            | ServerStatus::Resuming
            | ServerStatus::PendingTerminate
            | ServerStatus::Terminated
            | ServerStatus::Importing
            | ServerStatus::Temporary => {}
        }
    }
}
