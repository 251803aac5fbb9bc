//! A second pair of eyes: is the plan sound in itself?
//!
//! Written from the laws, not from the passes, and sharing no code with them, so that a mistake
//! there is not repeated here. `safety.rs` asks the other question: a sound plan may still be too
//! much at once.

use crate::base::{FarmRoleId, ServerId, limit};
use crate::engine::{Fault, PlanInput, Rule, hold};
use crate::model::{
    CloudState, FarmGoal, FarmRole, Freshness, HealMode, LaunchReason, MissingPolicy, Move, Plan,
    Rollout, Server, ServerStatus, StepKind, StepStatus, TerminateReason,
};
use std::collections::{BTreeMap, BTreeSet};

/// What is wrong with a plan in itself; empty for a sound one.
pub fn check(input: &PlanInput, plan: &Plan) -> Vec<Fault> {
    let eyes = Eyes::new(input);
    let mut faults = Vec::new();
    let mut seen = BTreeSet::new();
    for step in &plan.moves {
        if !seen.insert(step.server()) {
            faults.push(fault(Rule::OneMove, None, Some(step.server()), "moved twice".into()));
        }
        match step {
            Move::Launch { server, farm_role, revision, .. } => {
                faults.extend(eyes.launch(plan, *server, *farm_role, *revision));
            }
            Move::Retire { server, reason, .. } => {
                faults.extend(eyes.retire(plan, *server, *reason));
            }
            Move::Act { server, kind, .. } => {
                faults.extend(eyes.act(*server, *kind));
                faults.extend(eyes.restart(plan, *server, *kind));
            }
            Move::Cancel { server } => faults.extend(eyes.cancel(*server)),
            Move::Park { server, .. } => faults.extend(eyes.park(plan, *server)),
            Move::Hasten { server, .. } => faults.extend(eyes.hasten(*server)),
        }
    }
    for role in input.farm_roles.iter().filter(|role| !input.other_roles.contains_key(&role.id)) {
        faults.extend(eyes.role(plan, role));
    }
    faults.extend(hold::forbidden(input, plan));
    faults
}

struct Eyes<'a> {
    input: &'a PlanInput,
    servers: BTreeMap<ServerId, &'a Server>,
    of_role: BTreeMap<FarmRoleId, Vec<&'a Server>>,
    roles: BTreeMap<FarmRoleId, &'a FarmRole>,
    /// Servers the cloud may be doing something with.
    begun: BTreeSet<ServerId>,
    launched: bool,
    leaving: bool,
}

fn fault(
    rule: Rule,
    farm_role: Option<FarmRoleId>,
    server: Option<ServerId>,
    what: String,
) -> Fault {
    Fault { rule, farm_role, server, what }
}

impl<'a> Eyes<'a> {
    fn new(input: &'a PlanInput) -> Eyes<'a> {
        let mut of_role: BTreeMap<FarmRoleId, Vec<&Server>> = BTreeMap::new();
        for server in &input.servers {
            of_role.entry(server.farm_role).or_default().push(server);
        }
        Eyes {
            input,
            servers: input.servers.iter().map(|server| (server.id, &**server)).collect(),
            of_role,
            roles: input.farm_roles.iter().map(|role| (role.id, role)).collect(),
            begun: input
                .steps
                .iter()
                .filter(|step| matches!(step.status, StepStatus::Begun | StepStatus::Unknown))
                .map(|step| step.server)
                .collect(),
            launched: input.farm.goal == FarmGoal::Launched && !input.farm.removed,
            leaving: input.farm.goal == FarmGoal::Terminated || input.farm.removed,
        }
    }

    fn launch(
        &self,
        plan: &Plan,
        server: ServerId,
        farm_role: FarmRoleId,
        revision: u64,
    ) -> Vec<Fault> {
        let mut faults = Vec::new();
        let mut tell = |rule, what: &str| {
            faults.push(fault(rule, Some(farm_role), Some(server), what.to_owned()));
        };
        if self.servers.contains_key(&server) {
            tell(Rule::UniqueId, "launched under the id of a server there is");
        }
        if plan.freeze.is_some() {
            tell(Rule::Frozen, "launched while frozen");
        }
        if self.input.other_roles.contains_key(&farm_role) {
            tell(Rule::Known, "launched for a farm role whose servers were not looked at");
        }
        match self.roles.get(&farm_role) {
            None => tell(Rule::Known, "launched for a farm role there is not"),
            Some(role) if role.removed || !self.launched => {
                tell(Rule::Declared, "launched for what is terminated or removed");
            }
            Some(role) if role.make_of(revision).is_none() => {
                tell(Rule::Declared, "launched from a revision that is not kept");
            }
            Some(_) => {}
        }
        faults
    }

    fn retire(&self, plan: &Plan, id: ServerId, reason: TerminateReason) -> Option<Fault> {
        let Some(server) = self.servers.get(&id) else {
            return Some(fault(Rule::Known, None, Some(id), "retired, but not known".into()));
        };
        let tell = |rule, what: String| Some(fault(rule, Some(server.farm_role), Some(id), what));
        if matches!(server.status, ServerStatus::PendingTerminate | ServerStatus::Terminated) {
            let status = server.status.as_str();
            return tell(Rule::Known, format!("retired, but it is {status} already"));
        }
        let removed = self.roles.get(&server.farm_role).is_none_or(|role| role.removed);
        let wished = match reason {
            TerminateReason::Manual => server.terminate_requested,
            TerminateReason::FarmTerminated => self.leaving,
            TerminateReason::RoleRemoved => removed,
            TerminateReason::Rollout if !server.locked && !self.is_outdated(plan, server) => {
                return tell(Rule::Declared, "rolled over, but it is as wanted".into());
            }
            TerminateReason::ScalingDown
            | TerminateReason::Rollout
            | TerminateReason::Crashed
            | TerminateReason::LaunchTimeout
            | TerminateReason::LaunchFailed => return self.concluded(plan, server, reason),
            TerminateReason::SetupFailed if server.setup_failed.is_none() => {
                return tell(Rule::Heal, "retired for its setup, which did not fail".into());
            }
            TerminateReason::SetupFailed => return self.concluded(plan, server, reason),
            TerminateReason::Unhealthy => {
                let found = self.concluded(plan, server, reason);
                return found.or_else(|| self.unhealthy(server));
            }
        };
        if wished {
            return None;
        }
        tell(Rule::Declared, format!("retired as {}, which nobody asked for", reason.say()))
    }

    /// Of another revision than the one that is wanted: the rollout's, or the declared one.
    fn is_outdated(&self, plan: &Plan, server: &Server) -> bool {
        let target = plan.targets.iter().find(|target| target.farm_role == server.farm_role);
        let rollout = target.and_then(|target| target.rollout.as_ref());
        let declared = self.roles.get(&server.farm_role).map(|role| role.revision);
        rollout.map(Rollout::wanted).or(declared).is_some_and(|wanted| wanted != server.revision)
    }

    /// What no person asked for needs a recent sighting that speaks for it (law 3), and leaves
    /// alone what a person locked.
    fn concluded(&self, plan: &Plan, server: &Server, reason: TerminateReason) -> Option<Fault> {
        let tell = |rule, what| Some(fault(rule, Some(server.farm_role), Some(server.id), what));
        if plan.freeze.is_some() {
            return tell(Rule::Frozen, "retired while frozen".into());
        }
        if server.locked && self.launched && !gone_for_good(self.input, server.id) {
            return tell(Rule::Locked, format!("retired as {}, but it is locked", reason.say()));
        }
        if self.keeps(server, reason) {
            return tell(Rule::Heal, "retired, but its farm role keeps what failed".into());
        }
        let age = |at| self.input.now.since(at);
        match self.input.sightings.get(&server.id) {
            None | Some(Freshness::Unknown) => {
                tell(Rule::Sighting, "retired without having been seen".into())
            }
            Some(Freshness::Seen { at, .. } | Freshness::Missing { at, .. })
                if age(*at) > limit::LISTING_STALE_AFTER =>
            {
                tell(Rule::Sighting, format!("retired on a sighting {} ms old", age(*at)))
            }
            Some(Freshness::Missing { .. })
                if matches!(reason, TerminateReason::ScalingDown | TerminateReason::Rollout) =>
            {
                tell(Rule::Sighting, "scaled in or rolled over while missing".into())
            }
            Some(Freshness::Missing { since, at, listings })
                if *listings < limit::MISSING_LISTINGS_MIN
                    || at.since(*since) < limit::MISSING_AT_LEAST =>
            {
                tell(Rule::Sighting, format!("retired after {listings} listings without it"))
            }
            Some(Freshness::Seen { state: CloudState::Running, .. })
                if reason == TerminateReason::Crashed && server.status == ServerStatus::Running =>
            {
                tell(Rule::Sighting, "retired as crashed while it is seen running".into())
            }
            Some(Freshness::Seen { .. } | Freshness::Missing { .. }) => None,
        }
    }

    /// Its own check speaks against it, for long enough by what we saw, and does not speak against
    /// every other server of its farm role as well; and no volume goes with it that nobody gave.
    fn unhealthy(&self, server: &Server) -> Option<Fault> {
        let tell =
            |what: String| Some(fault(Rule::Heal, Some(server.farm_role), Some(server.id), what));
        let Some(role) = self.roles.get(&server.farm_role) else {
            return tell("retired as unhealthy, of a farm role there is not".into());
        };
        let watch = self.input.watch();
        let failing = |id: &ServerId| self.input.agents.get(id).and_then(|a| a.failing_since);
        let Some(since) = failing(&server.id).filter(|_| server.status == ServerStatus::Running)
        else {
            return tell("retired as unhealthy, but its check does not fail".into());
        };
        let lasted = watch.now.since(watch.began(since));
        if lasted < role.policy.unhealthy_for_ms {
            return tell(format!("retired as unhealthy after {lasted} ms"));
        }
        if !role.storage.is_empty() && !role.policy.replace_with_volumes {
            return tell("retired as unhealthy, but it has volumes".into());
        }
        let unreached = self.input.agents.get(&server.id).is_some_and(|agent| agent.unreached);
        let none = Vec::new();
        let others = self.of_role.get(&server.farm_role).unwrap_or(&none);
        let others =
            others.iter().filter(|o| o.id != server.id && o.status == ServerStatus::Running);
        let (mut there, mut well) = (false, false);
        for other in others {
            let dead = matches!(
                self.input.sightings.get(&other.id),
                Some(Freshness::Seen {
                    state: CloudState::Stopped | CloudState::Terminating | CloudState::Gone,
                    at,
                }) if *at >= watch.began(other.status_at)
            );
            there |= !dead;
            well |= !dead && failing(&other.id).is_none();
        }
        if (there || unreached) && !well {
            return tell("retired as unhealthy, but so are all of its farm role".into());
        }
        None
    }

    fn act(&self, id: ServerId, kind: StepKind) -> Option<Fault> {
        let status = self.servers.get(&id).map(|server| server.status);
        let up = [
            ServerStatus::Pending,
            ServerStatus::Initializing,
            ServerStatus::Running,
            ServerStatus::Resuming,
        ];
        let right = match kind {
            StepKind::Launch => false,
            StepKind::Terminate => status == Some(ServerStatus::PendingTerminate),
            StepKind::Suspend => status == Some(ServerStatus::Running) || self.runs_asleep(id),
            StepKind::Reboot => status.is_some_and(|status| up.contains(&status)),
            StepKind::Stop => {
                let wished = self.input.farm.goal == FarmGoal::Suspended;
                let is_up = status.is_some_and(|status| up.contains(&status));
                wished && (is_up || self.runs_asleep(id))
            }
            StepKind::Resume => {
                let seen = self.input.sightings.get(&id);
                let sleeps =
                    matches!(seen, Some(Freshness::Seen { state: CloudState::Suspended, .. }));
                status == Some(ServerStatus::Suspended)
                    || sleeps && status.is_some_and(|status| up.contains(&status))
            }
            StepKind::Start => {
                let seen = self.input.sightings.get(&id);
                let stopped =
                    matches!(seen, Some(Freshness::Seen { state: CloudState::Stopped, .. }));
                let asleep = status == Some(ServerStatus::Suspended);
                stopped && (asleep || status.is_some_and(|status| up.contains(&status)))
            }
        };
        let status = status.map_or("not known", ServerStatus::as_str);
        let what = || format!("{} of a server that is {status}", kind.as_str());
        (!right).then(|| fault(Rule::Known, None, Some(id), what()))
    }

    /// On record as asleep, and its platform shows it running.
    fn runs_asleep(&self, id: ServerId) -> bool {
        let seen = self.input.sightings.get(&id);
        let status = self.servers.get(&id).map(|server| server.status);
        status == Some(ServerStatus::Suspended)
            && matches!(seen, Some(Freshness::Seen { state: CloudState::Running, .. }))
    }

    /// What no person asked for is restarted where its farm role allows it, on a recent sighting of
    /// what it is, and not for ever.
    fn restart(&self, plan: &Plan, id: ServerId, kind: StepKind) -> Option<Fault> {
        let server = *self.servers.get(&id)?;
        let heal = self.roles.get(&server.farm_role)?.policy.heal;
        let allowed = match kind {
            StepKind::Reboot if server.reboot_requested => return None,
            StepKind::Reboot => heal == HealMode::Restart || server.locked,
            // One that was put to sleep did not fail.
            StepKind::Start | StepKind::Resume if server.status == ServerStatus::Suspended => {
                return None;
            }
            StepKind::Start | StepKind::Resume => {
                matches!(heal, HealMode::Restart | HealMode::Replace)
            }
            // Put to sleep again, which is bounded as restarts are.
            StepKind::Suspend | StepKind::Stop if server.status == ServerStatus::Suspended => true,
            StepKind::Launch | StepKind::Terminate | StepKind::Suspend | StepKind::Stop => {
                return None;
            }
        };
        let tell = |rule, what| Some(fault(rule, Some(server.farm_role), Some(id), what));
        let name = kind.as_str();
        if !allowed {
            return tell(Rule::Heal, format!("{name} where servers are not restarted"));
        }
        if server.restarts >= limit::RESTARTS_MAX {
            return tell(Rule::Heal, format!("{name} after {} restarts", server.restarts));
        }
        if kind == StepKind::Reboot && plan.freeze.is_some() {
            return tell(Rule::Frozen, "rebooted while frozen".into());
        }
        let seen = self.input.sightings.get(&id);
        let recent = seen.is_some_and(|seen| {
            matches!(seen, Freshness::Seen { at, .. }
                if self.input.now.since(*at) <= limit::LISTING_STALE_AFTER)
        });
        (!recent)
            .then(|| tell(Rule::Sighting, format!("{name} without a recent sighting")))
            .flatten()
    }

    /// Its farm role keeps a server that failed, or that is missing, in its place.
    fn keeps(&self, server: &Server, reason: TerminateReason) -> bool {
        let Some(role) = self.roles.get(&server.farm_role) else { return false };
        let failed = match reason {
            TerminateReason::Crashed
            | TerminateReason::LaunchTimeout
            | TerminateReason::SetupFailed
            | TerminateReason::Unhealthy => true,
            TerminateReason::ScalingDown
            | TerminateReason::Manual
            | TerminateReason::FarmTerminated
            | TerminateReason::RoleRemoved
            | TerminateReason::LaunchFailed
            | TerminateReason::Rollout => false,
        };
        let seen = self.input.sightings.get(&server.id);
        let missing = seen.is_some_and(|seen| matches!(seen, Freshness::Missing { .. }));
        let kept = role.policy.heal != HealMode::Replace
            || missing && role.policy.missing != MissingPolicy::Terminate;
        failed && kept && !role.removed && self.launched
    }

    /// Putting to sleep for scaling takes a server away as scaling in does.
    fn park(&self, plan: &Plan, id: ServerId) -> Option<Fault> {
        let found = self.servers.get(&id).filter(|s| s.status == ServerStatus::Running);
        match found {
            Some(server) => self.concluded(plan, server, TerminateReason::ScalingDown),
            None => Some(fault(Rule::Known, None, Some(id), "parked, but not running".into())),
        }
    }

    /// Only the server's own word in its present retirement ends its drain, and no lock is on it.
    fn hasten(&self, id: ServerId) -> Option<Fault> {
        let tell = |rule, what: &str| Some(fault(rule, None, Some(id), what.to_owned()));
        let Some(server) = self.servers.get(&id) else {
            return tell(Rule::Known, "hastened, but not known");
        };
        if !server.is_draining() || self.begun.contains(&id) {
            return tell(Rule::Known, "hastened, but it does not wait to go");
        }
        if server.locked {
            return tell(Rule::Locked, "hastened, but it is locked");
        }
        if server.idle_at.is_none() {
            return tell(Rule::Declared, "hastened, but it did not say that it is idle");
        }
        None
    }

    fn cancel(&self, id: ServerId) -> Option<Fault> {
        let begun = self.begun.contains(&id);
        let planned = self.servers.get(&id).is_some_and(|server| {
            server.status == ServerStatus::PendingLaunch && server.asked_at.is_none()
        });
        let what = || "cancelled, but the cloud may have heard of it".to_owned();
        (begun || !planned).then(|| fault(Rule::Known, None, Some(id), what()))
    }

    /// What a farm role adds up to once the plan is committed.
    fn role(&self, plan: &Plan, role: &FarmRole) -> Vec<Fault> {
        let mut faults = Vec::new();
        let mut tell = |rule, what: String| faults.push(fault(rule, Some(role.id), None, what));
        let (mut cancelled, mut retired) = (BTreeSet::new(), BTreeSet::new());
        let (mut woken, mut launched) = (BTreeSet::new(), vec![]);
        for step in &plan.moves {
            match step {
                Move::Launch { farm_role, index, .. } if *farm_role == role.id => {
                    launched.push(*index);
                }
                Move::Cancel { server } => drop(cancelled.insert(*server)),
                Move::Retire { server, .. } => drop(retired.insert(*server)),
                Move::Park { server, .. } => drop(retired.insert(*server)),
                Move::Act { server, kind: StepKind::Resume | StepKind::Start, .. } => {
                    woken.insert(*server);
                }
                Move::Launch { .. } | Move::Act { .. } | Move::Hasten { .. } => {}
            }
        }
        let none = Vec::new();
        let there = self.of_role.get(&role.id).unwrap_or(&none);
        let stays = |server: &&&Server| !cancelled.contains(&server.id);
        let mut indexes = BTreeSet::new();
        for index in there.iter().filter(stays).map(|server| server.index) {
            indexes.insert(index);
        }
        for index in &launched {
            if *index == 0 || !indexes.insert(*index) {
                tell(Rule::UniqueIndex, format!("index {index} is taken"));
            }
        }
        let counted = there.iter().filter(stays).filter(|s| s.status.counts()).count();
        let all = counted + launched.len();
        let max = role.scaling.max;
        if !launched.is_empty() && all > usize::try_from(max).unwrap_or(usize::MAX) {
            tell(Rule::Max, format!("{all} servers, but at most {max} are declared"));
        }
        let Some(target) = plan.targets.iter().find(|target| target.farm_role == role.id) else {
            tell(Rule::Declared, "no target".into());
            return faults;
        };
        let highest = if role.removed || self.leaving { 0 } else { max };
        if target.target > highest {
            tell(Rule::Declared, format!("target {} above {highest}", target.target));
        }
        let wanted = there
            .iter()
            .filter(stays)
            .filter(|s| s.is_wanted() || woken.contains(&s.id))
            .filter(|s| !retired.contains(&s.id))
            .count()
            + launched.len();
        let stays = |id: &ServerId| !cancelled.contains(id) && !retired.contains(id);
        let extra = extra(plan, role.id, there, stays);
        let most = usize::try_from(target.target).unwrap_or(usize::MAX).saturating_add(extra);
        if !launched.is_empty() && wanted > most {
            let target = target.target;
            let what = format!("{wanted} wanted, but the target is {target} and {extra} extra");
            tell(Rule::Declared, what);
        }
        faults
    }
}

/// The platform itself says that nothing is left of it.
fn gone_for_good(input: &PlanInput, server: ServerId) -> bool {
    let seen = input.sightings.get(&server);
    matches!(seen, Some(Freshness::Seen { state: CloudState::Gone, .. }))
}

/// Servers launched ahead of those whose places they take, while both are there.
fn extra(
    plan: &Plan,
    role: FarmRoleId,
    there: &[&Server],
    stays: impl Fn(&ServerId) -> bool,
) -> usize {
    let is_there = |reason: LaunchReason| match reason {
        LaunchReason::Rollout(old) => {
            let old = there.iter().find(|server| server.id == old);
            old.is_some_and(|old| old.status.is_wanted() && stays(&old.id) && !old.locked)
        }
        LaunchReason::FarmLaunched | LaunchReason::ScalingUp | LaunchReason::Replacement(_) => {
            false
        }
    };
    let launched = plan.moves.iter().filter(|step| {
        matches!(step, Move::Launch { farm_role, reason, .. }
            if *farm_role == role && is_there(*reason))
    });
    let before = there.iter().filter(|server| {
        server.status.is_wanted() && stays(&server.id) && is_there(server.launch_reason)
    });
    launched.count() + before.count()
}
