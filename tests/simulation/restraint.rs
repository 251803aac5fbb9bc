//! What the engine leaves alone: what is held, what is locked, what is not to be healed by
//! replacing it, an account whose breaker is open, and enough healthy servers while it rolls over.
//!
//! Judged from outside, plan by plan and step by step, by the records as they were before and as
//! people declared them: none of it asks the engine, its checks or the reasons it gives.

use grange::base::{FarmRoleId, ServerId};
use grange::model::{
    Breaker, Farm, FarmGoal, FarmRole, HealMode, Hold, HoldKind, LaunchReason, Move, Plan,
    RolloutStrategy, Server, ServerStatus, Step, StepKind, TerminateReason,
};
use std::collections::{BTreeMap, BTreeSet};

/// The longest that an account is left alone; longer is a clock that was set back.
const OPEN_MAX: u64 = 600_000;

/// A plan as it was committed, with what it was about.
pub struct Scene<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// Its farm.
    pub farm: &'a Farm,
    /// Its farm roles, as declared.
    pub roles: &'a BTreeMap<FarmRoleId, FarmRole>,
    /// Servers as they were before it.
    pub before: &'a BTreeMap<ServerId, Server>,
    /// Servers not confirmed gone, as it left them.
    pub after: &'a [Server],
    /// Holds in the store.
    pub holds: &'a [Hold],
    /// Servers whose check fails, as they say themselves.
    pub ill: &'a BTreeSet<ServerId>,
}

/// Everything that a plan does although it is to leave it alone.
pub fn faults(scene: &Scene) -> Vec<String> {
    let mut faults = Vec::new();
    for change in &scene.plan.moves {
        let Some((role, server)) = scene.whom(change) else { continue };
        faults.extend(scene.held(change, role, server));
        if let Some(server) = server {
            faults.extend(scene.locked(change, server));
            faults.extend(scene.replaced(change, role, server));
            faults.extend(scene.ill(change, role, server));
        }
    }
    faults.extend(scene.scaled());
    faults.extend(scene.roles.values().filter_map(|role| scene.below_floor(role)));
    faults
}

impl Scene<'_> {
    /// The farm role that a move is about, and the server as it was, if there was one.
    fn whom(&self, change: &Move) -> Option<(&FarmRole, Option<&Server>)> {
        let server = self.before.get(&change.server());
        let role = match change {
            Move::Launch { farm_role, .. } => *farm_role,
            Move::Retire { .. }
            | Move::Act { .. }
            | Move::Cancel { .. }
            | Move::Park { .. }
            | Move::Hasten { .. } => server?.farm_role,
        };
        Some((self.roles.get(&role)?, server))
    }

    fn is_held(&self, role: FarmRoleId, kind: HoldKind) -> bool {
        self.holds.iter().any(|hold| {
            hold.farm == self.farm.id
                && hold.kind == kind
                && hold.farm_role.is_none_or(|held| held == role)
                && hold.until.is_none_or(|until| until.0 > self.plan.at.0)
        })
    }

    /// What is under way when a hold is placed, goes on; a plan that is made while it lasts does
    /// nothing of the kind. A replacement may have been owed before, so it counts as a launch only.
    fn held(&self, change: &Move, role: &FarmRole, server: Option<&Server>) -> Vec<String> {
        use HoldKind::{Heal, Launch, Rollout, Terminate};
        let stays = |id: &ServerId| self.before.get(id).is_some_and(|old| old.status.is_wanted());
        let kinds: &[HoldKind] = match change {
            Move::Launch { reason: LaunchReason::Rollout(old), .. } if stays(old) => {
                &[Launch, Rollout]
            }
            Move::Launch { .. } => &[Launch],
            Move::Retire { reason, .. } => match reason {
                TerminateReason::Manual
                | TerminateReason::FarmTerminated
                | TerminateReason::RoleRemoved => &[],
                TerminateReason::ScalingDown => &[Terminate],
                TerminateReason::Rollout => &[Terminate, Rollout],
                TerminateReason::Crashed
                | TerminateReason::LaunchTimeout
                | TerminateReason::SetupFailed
                | TerminateReason::LaunchFailed
                | TerminateReason::Unhealthy => &[Terminate, Heal],
            },
            Move::Park { .. } => &[Terminate],
            Move::Act { kind: StepKind::Reboot, .. } => match server {
                Some(server) if !server.reboot_requested => &[Heal],
                Some(_) | None => &[],
            },
            Move::Act { kind: StepKind::Start | StepKind::Resume, .. } => match server {
                Some(server) if server.status != ServerStatus::Suspended => &[Heal],
                Some(_) | None => &[],
            },
            // What goes is on its way already.
            Move::Act { .. } | Move::Cancel { .. } | Move::Hasten { .. } => &[],
        };
        // What the cloud never heard of is only a wish.
        let planned = |server: &&Server| {
            server.status == ServerStatus::PendingLaunch && server.asked_at.is_none()
        };
        if server.as_ref().is_some_and(planned) {
            return Vec::new();
        }
        let broken = kinds.iter().filter(|kind| self.is_held(role.id, **kind));
        broken.map(|kind| format!("hold: {} is held, and {change:?}", kind.as_str())).collect()
    }

    fn scaled(&self) -> Vec<String> {
        let now = Some(self.plan.at);
        let moved = self.plan.targets.iter().filter(|target| {
            (target.scaled_up_at == now || target.scaled_down_at == now)
                && self.is_held(target.farm_role, HoldKind::Scale)
        });
        let tell = |role| format!("hold: scale is held, and the target of farm role {role} moves");
        moved.map(|target| tell(target.farm_role)).collect()
    }

    /// A person's lock: only what is wanted of the whole farm or farm role is stronger.
    fn locked(&self, change: &Move, server: &Server) -> Option<String> {
        let taken = match change {
            Move::Retire { reason, .. } => {
                !matches!(reason, TerminateReason::FarmTerminated | TerminateReason::RoleRemoved)
            }
            Move::Park { .. } | Move::Hasten { .. } => true,
            // What sleeps by its record serves nobody, and goes back to sleep.
            Move::Act { kind, .. } => {
                *kind == StepKind::Suspend && server.status != ServerStatus::Suspended
            }
            Move::Launch { .. } | Move::Cancel { .. } => false,
        };
        let taken = taken && server.locked && self.farm.goal == FarmGoal::Launched;
        taken.then(|| format!("lock: {} is locked, and {change:?}", server.hostname))
    }

    /// Where servers are not to be replaced, none is given up for having failed.
    fn replaced(&self, change: &Move, role: &FarmRole, server: &Server) -> Option<String> {
        let failed = matches!(
            change,
            Move::Retire {
                reason: TerminateReason::Crashed
                    | TerminateReason::LaunchTimeout
                    | TerminateReason::SetupFailed
                    | TerminateReason::Unhealthy,
                ..
            }
        );
        let goes = role.removed || self.farm.removed || self.farm.goal == FarmGoal::Terminated;
        let heal = role.policy.heal;
        (failed && !goes && heal != HealMode::Replace)
            .then(|| format!("heal: {} is given up, and heal is {heal:?}", server.hostname))
    }

    /// One whose check fails is not given up with its volumes, nor while all of them fail.
    fn ill(&self, change: &Move, role: &FarmRole, server: &Server) -> Option<String> {
        let ill = matches!(change, Move::Retire { reason: TerminateReason::Unhealthy, .. });
        let others = || {
            let running = |other: &&Server| {
                other.farm_role == role.id && other.status == ServerStatus::Running
            };
            self.before.values().filter(running).filter(|other| other.id != server.id)
        };
        let kept = !role.storage.is_empty() && !role.policy.replace_with_volumes;
        let all = others().next().is_some() && others().all(|other| self.ill.contains(&other.id));
        let what = if kept { "it has volumes" } else { "so are all others" };
        (ill && (kept || all))
            .then(|| format!("ill: {} is given up as unhealthy, and {what}", server.hostname))
    }

    /// A rollout that takes one that serves leaves as many as it has to.
    fn below_floor(&self, role: &FarmRole) -> Option<String> {
        let policy = &role.policy.rollout;
        if policy.strategy == RolloutStrategy::Full {
            return None;
        }
        let serves =
            |server: &Server| server.farm_role == role.id && server.status == ServerStatus::Running;
        let well = |server: &Server| serves(server) && !self.ill.contains(&server.id);
        let taken = self.plan.moves.iter().any(|change| match change {
            Move::Retire { server, reason: TerminateReason::Rollout, .. } => {
                self.before.get(server).is_some_and(well)
            }
            _ => false,
        });
        let target = self.plan.target(role.id)?.target;
        let percent = policy.min_healthy_percent;
        let share = (u64::from(target) * u64::from(percent)).div_ceil(100);
        // One may always be out, but for those who say that none may.
        let floor = if percent >= 100 { share } else { share.min(u64::from(target).max(1) - 1) };
        let left = self.after.iter().filter(|server| serves(server)).count() as u64;
        (taken && left < floor).then(|| {
            format!("floor: rolling over leaves {left} of {target} of {}, not {floor}", role.alias)
        })
    }
}

/// Steps just begun although the account was, before and after, to be left alone. A person who
/// names a server has it tried once all the same.
pub fn begun_while_open<'a>(
    begun: impl Iterator<Item = &'a Step>,
    servers: &BTreeMap<ServerId, Server>,
    breakers: &[BTreeMap<String, Breaker>; 2],
) -> Vec<String> {
    let mut faults = Vec::new();
    for step in begun {
        let (Some(at), Some(server)) = (step.begun_at, servers.get(&step.server)) else { continue };
        // What a person names is tried once all the same.
        if step.kind == StepKind::Terminate && server.terminate_requested && step.attempts <= 1 {
            continue;
        }
        let is_open = |breakers: &BTreeMap<String, Breaker>| {
            let until = breakers.get(&server.account).and_then(|breaker| breaker.open_until);
            until.is_some_and(|until| (1..=OPEN_MAX).contains(&until.since(at)))
        };
        if breakers.iter().all(is_open) {
            let (kind, name) = (step.kind.as_str(), &server.hostname);
            faults.push(format!("breaker: {kind} of {name} begins while it is open"));
        }
    }
    faults
}
