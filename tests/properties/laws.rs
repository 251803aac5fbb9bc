//! The seven laws, as far as a plan can keep or break them, told anew: nothing here asks the
//! passes or the second pair of eyes how they judge.

use grange::base::{FarmRoleId, ServerId, limit};
use grange::engine::{PlanInput, check, safety};
use grange::model::{
    CloudState, Decision, FarmGoal, FarmRole, Freshness, LaunchReason, Line, MissingPolicy, Move,
    Plan, Server, ServerStatus, StepKind, StepStatus, TerminateReason, Wait,
};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

type Verdict = Result<(), TestCaseError>;

/// What holds for every plan, whatever the world. Law 4 is about two plans, and stands beside.
pub fn hold(input: &PlanInput, plan: &Plan) -> Verdict {
    let faults = [check(input, plan), safety(input, plan)].concat();
    prop_assert!(faults.is_empty(), "{faults:?}\n{:#?}", plan.report);
    let seen = Seen::new(input, plan);
    for role in &input.farm_roles {
        seen.max_is_hard(role)?;
        seen.nobody_provisions_by_hand(role)?;
        seen.every_reason_is_said(role)?;
    }
    seen.tokens_are_new()?;
    seen.nothing_is_destroyed_blindly()?;
    seen.what_vanishes_together_freezes()?;
    plan.report.iter().try_for_each(|line| bounded(input, line))
}

struct Seen<'a> {
    input: &'a PlanInput,
    plan: &'a Plan,
    servers: BTreeMap<ServerId, &'a Server>,
    /// Those that serve no more, or never will, once the plan is committed.
    leaving: BTreeSet<ServerId>,
    cancelled: BTreeSet<ServerId>,
    woken: BTreeSet<ServerId>,
}

impl<'a> Seen<'a> {
    fn new(input: &'a PlanInput, plan: &'a Plan) -> Seen<'a> {
        let (mut leaving, mut cancelled, mut woken) =
            (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for step in &plan.moves {
            match step {
                Move::Cancel { server } => {
                    cancelled.insert(*server);
                    leaving.insert(*server);
                }
                Move::Retire { server, .. } | Move::Park { server, .. } => {
                    leaving.insert(*server);
                }
                Move::Act { server, kind: StepKind::Start | StepKind::Resume, .. } => {
                    woken.insert(*server);
                }
                Move::Launch { .. } | Move::Act { .. } | Move::Hasten { .. } => {}
            }
        }
        let servers = input.servers.iter().map(|server| (server.id, &**server)).collect();
        Seen { input, plan, servers, leaving, cancelled, woken }
    }

    fn of(&self, role: FarmRoleId) -> impl Iterator<Item = &'a Server> + use<'a> {
        let input = self.input;
        input.servers.iter().map(|server| &**server).filter(move |s| s.farm_role == role)
    }

    fn launches(&self, role: FarmRoleId) -> impl Iterator<Item = LaunchReason> + use<'a> {
        let plan = self.plan;
        plan.moves.iter().filter_map(move |step| match step {
            Move::Launch { farm_role, reason, .. } if *farm_role == role => Some(*reason),
            _ => None,
        })
    }

    /// Law 1: every server ever asked for and not yet confirmed gone counts.
    fn max_is_hard(&self, role: &FarmRole) -> Verdict {
        let counted = self.of(role.id).filter(|s| !self.cancelled.contains(&s.id)).count();
        let (launches, max) = (self.launches(role.id).count(), role.scaling.max as usize);
        let room = max.saturating_sub(counted);
        prop_assert!(launches <= room, "law 1: {launches} launches, room for {room} of {max}");
        Ok(())
    }

    /// Law 2: a token belongs to one launch, and what a cloud may have heard of is not forgotten.
    fn tokens_are_new(&self) -> Verdict {
        let mut known: BTreeSet<ServerId> = self.servers.keys().copied().collect();
        known.extend(self.input.steps.iter().map(|step| step.server));
        for step in &self.plan.moves {
            match step {
                Move::Launch { server, .. } => {
                    prop_assert!(known.insert(*server), "law 2: {server} is launched twice");
                }
                Move::Cancel { server } => {
                    let heard = self.input.steps.iter().any(|step| {
                        step.server == *server
                            && matches!(step.status, StepStatus::Begun | StepStatus::Unknown)
                    });
                    prop_assert!(!heard, "law 2: {server} is forgotten, and may exist");
                }
                Move::Retire { .. }
                | Move::Act { .. }
                | Move::Park { .. }
                | Move::Hasten { .. } => {}
            }
        }
        Ok(())
    }

    /// Law 3: what no person asked for needs a recent sighting.
    fn nothing_is_destroyed_blindly(&self) -> Verdict {
        for step in &self.plan.moves {
            let (server, wished) = match step {
                Move::Retire { server, reason, .. } => (
                    server,
                    matches!(
                        reason,
                        TerminateReason::Manual
                            | TerminateReason::FarmTerminated
                            | TerminateReason::RoleRemoved
                    ),
                ),
                Move::Park { server, .. } => (server, false),
                Move::Act { server, kind: StepKind::Reboot, .. } => {
                    (server, self.servers[server].reboot_requested)
                }
                Move::Launch { .. }
                | Move::Act { .. }
                | Move::Cancel { .. }
                | Move::Hasten { .. } => {
                    continue;
                }
            };
            let fresh = self.seen_at(*server).is_some();
            prop_assert!(wished || fresh, "law 3: {step:?} of what nobody saw lately");
        }
        Ok(())
    }

    /// How a recent listing has it.
    fn seen_at(&self, server: ServerId) -> Option<Freshness> {
        let seen = *self.input.sightings.get(&server)?;
        let (Freshness::Seen { at, .. } | Freshness::Missing { at, .. }) = seen else {
            return None;
        };
        (self.input.now.since(at) <= limit::LISTING_STALE_AFTER).then_some(seen)
    }

    /// Law 3: when many go missing at once, it was probably we. Judged where it is plain: of farm
    /// roles in which everybody runs or is missing.
    fn what_vanishes_together_freezes(&self) -> Verdict {
        let input = self.input;
        let wanted = input.farm.goal == FarmGoal::Launched && !input.farm.removed;
        for role in input.farm_roles.iter().filter(|role| wanted && !role.removed) {
            let (mut all, mut since) = (0u32, Vec::new());
            let plain = self.of(role.id).all(|server| {
                all += 1;
                let running = server.status == ServerStatus::Running && !server.terminate_requested;
                running
                    && match self.seen_at(server.id) {
                        Some(Freshness::Missing { since: at, .. }) => {
                            since.push(at);
                            true
                        }
                        Some(Freshness::Seen { state: CloudState::Running, .. }) => true,
                        Some(Freshness::Seen { .. } | Freshness::Unknown) | None => false,
                    }
            });
            let last = since.iter().max();
            let at_once = since
                .iter()
                .filter(|at| last.is_some_and(|last| last.since(**at) <= limit::VANISH_WINDOW));
            let (vanished, allowed) = (at_once.count(), (all * 30 / 100).max(1) as usize);
            if plain && vanished > allowed && role.policy.missing == MissingPolicy::Terminate {
                prop_assert!(self.plan.freeze.is_some(), "law 3: {vanished} of {all} vanished");
            }
        }
        Ok(())
    }

    /// Law 5: whoever is not as wanted has a reason, and so has a count that is not the target.
    fn every_reason_is_said(&self, role: &FarmRole) -> Verdict {
        let lines = || self.plan.report.iter().filter(|line| line.farm_role == Some(role.id));
        prop_assert!(lines().next().is_some(), "law 5: nothing is said of {}", role.alias);
        let waits = || lines().filter(|line| matches!(line.decision, Decision::Wait(_)));
        if self.input.farm.goal != FarmGoal::Launched || role.removed {
            return Ok(());
        }
        let moved: BTreeSet<ServerId> = self.plan.moves.iter().map(Move::server).collect();
        for server in self.of(role.id).filter(|server| !moved.contains(&server.id)) {
            let up = matches!(
                server.status,
                ServerStatus::Pending
                    | ServerStatus::Initializing
                    | ServerStatus::Resuming
                    | ServerStatus::Running
            );
            let unseen = !matches!(self.seen_at(server.id), Some(Freshness::Seen { .. }));
            let open = self.input.steps.iter().any(|s| s.server == server.id && s.status.is_open());
            let said = waits().any(|line| line.server == Some(server.id));
            let odd = open || up && (unseen || server.status != ServerStatus::Running);
            prop_assert!(said || !odd, "law 5: nothing is said of {}", server.hostname);
        }
        let stays = |server: &Server| {
            !self.leaving.contains(&server.id)
                && (server.is_wanted() || self.woken.contains(&server.id))
        };
        let extra = |reason: LaunchReason, revision: u64| {
            let old = reason.rolls_over().and_then(|old| self.servers.get(&old));
            old.is_some_and(|old| {
                old.farm_role == role.id && stays(old) && old.revision != revision && !old.locked
            })
        };
        let there: Vec<&Server> = self.of(role.id).filter(|server| stays(server)).collect();
        let ahead = there.iter().filter(|s| extra(s.launch_reason, s.revision)).count();
        let first = self.launches(role.id).filter(|reason| {
            let old = reason.rolls_over().and_then(|old| self.servers.get(&old));
            old.is_some_and(|old| stays(old))
        });
        let wanted = there.len() + self.launches(role.id).count() - ahead - first.count();
        let target = self.plan.target(role.id).map_or(0, |target| target.target) as usize;
        let said = waits().next().is_some();
        prop_assert!(
            wanted == target || said,
            "law 5: {wanted} of {target} servers of {}, and no reason: {:#?}",
            role.alias,
            lines().collect::<Vec<_>>()
        );
        Ok(())
    }

    /// Law 7: servers are launched for what is declared and wanted, and for nothing else.
    fn nobody_provisions_by_hand(&self, role: &FarmRole) -> Verdict {
        let declared = self.input.farm.goal == FarmGoal::Launched && !role.removed;
        let launches = self.launches(role.id).count();
        prop_assert!(declared || launches == 0, "law 7: {} is not wanted", role.alias);
        let target = self.plan.target(role.id).map_or(0, |target| target.target);
        prop_assert!(target <= role.scaling.max, "law 7: the target {target} is not declared");
        Ok(())
    }
}

/// Laws 5 and 6: a wait has its numbers, and an end.
fn bounded(input: &PlanInput, line: &Line) -> Verdict {
    let Decision::Wait(wait) = &line.decision else { return Ok(()) };
    let role = input.farm_roles.iter().find(|role| Some(role.id) == line.farm_role);
    let within = |left: u64, most: u64| left > 0 && left <= most;
    let right = match (wait, role) {
        (Wait::CoolDown { left }, Some(role)) => {
            within(*left, role.scaling.cooldown_up_ms.max(role.scaling.cooldown_down_ms))
        }
        (Wait::Backoff { left, failures }, _) => within(*left, 3_600_000) && *failures > 0,
        (Wait::RunsAsleep { left }, _) => within(*left, 3_600_000),
        (Wait::ReadyGate { left }, Some(role)) => *left <= role.policy.ready_for_ms,
        (Wait::Draining { left }, _) => *left > 0,
        (Wait::Balancers { late, left }, _) => *late > 0 && within(*left, limit::BALANCER_WAIT),
        (Wait::Held { left, reason, .. }, _) => *left != Some(0) && !reason.is_empty(),
        (Wait::Paced { left, .. } | Wait::RolloutAccount { left, .. }, _) => *left > 0,
        (Wait::Missing { age, needed }, _) => {
            let heard =
                line.server.and_then(|id| input.agents.get(&id)).is_some_and(|a| a.connected);
            let few = line.server.and_then(|id| input.sightings.get(&id)).is_some_and(|seen| {
                matches!(seen, Freshness::Missing { listings, .. }
                    if *listings < limit::MISSING_LISTINGS_MIN)
            });
            heard || few || age < needed
        }
        (Wait::Replacing { in_flight, allowed }, _) => in_flight >= allowed,
        (Wait::Starting { servers } | Wait::Locked { servers }, _) => *servers > 0,
        (Wait::RolloutKept { servers } | Wait::RolloutMissing { servers }, _) => *servers > 0,
        (Wait::Unseen { servers }, _) => *servers > 0,
        (Wait::Surplus { over, .. }, _) => *over > 0,
        (Wait::AtMax { max }, Some(role)) => *max == role.scaling.max,
        (Wait::AtMin { min }, Some(role)) => *min == role.scaling.min,
        (Wait::MaxUnconfirmed { max, counted, .. }, _) => counted >= max,
        (Wait::RolloutCheckpoint { left, percent }, _) => *left != Some(0) && *percent <= 100,
        (Wait::RolloutGate { starting, leaving, .. }, _) => starting + leaving > 0,
        _ => true,
    };
    prop_assert!(right, "law 6: {wait:?} of {}", line.about);
    Ok(())
}
