//! Safety: a sound plan may still be too much at once.
//!
//! People may retire as much as they like; the platform's own word covers any number of crashed
//! servers. Everything else that takes servers away is held to small steps here, whatever the
//! passes thought. Like `check.rs`, it shares no code with them.

use crate::base::{FarmRoleId, ServerId, limit};
use crate::engine::{Fault, PlanInput, Rule};
use crate::model::{
    FarmRole, Freshness, Move, Plan, RolloutStrategy, Server, ServerStatus, StepKind,
    TerminateReason,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What makes a sound plan too dangerous to carry out without a person's wish.
pub fn safety(input: &PlanInput, plan: &Plan) -> Vec<Fault> {
    let servers: BTreeMap<ServerId, &Server> =
        input.servers.iter().map(|server| (server.id, &**server)).collect();
    let mut tallies: BTreeMap<FarmRoleId, Tally> = BTreeMap::new();
    let serves =
        |id: &ServerId| input.agents.get(id).is_none_or(|agent| agent.failing_since.is_none());
    for server in input.servers.iter().filter(|s| s.status == ServerStatus::Running) {
        let tally = tallies.entry(server.farm_role).or_default();
        tally.running += 1;
        tally.serving += u32::from(serves(&server.id));
    }
    for step in &plan.moves {
        if let Move::Act { server, kind: StepKind::Reboot, .. } = step
            && let Some(server) = servers.get(server)
            && server.status == ServerStatus::Running
            && !server.reboot_requested
        {
            tallies.entry(server.farm_role).or_default().rebooted += 1;
        }
        let (id, reason) = match step {
            Move::Retire { server, reason, .. } => (server, reason),
            Move::Park { server, .. } => (server, &TerminateReason::ScalingDown),
            Move::Launch { .. } | Move::Act { .. } | Move::Cancel { .. } | Move::Hasten { .. } => {
                continue;
            }
        };
        let Some(server) = servers.get(id).filter(|s| s.status == ServerStatus::Running) else {
            continue;
        };
        let tally = tallies.entry(server.farm_role).or_default();
        let missing = matches!(input.sightings.get(id), Some(Freshness::Missing { .. }));
        let serves = serves(id);
        tally.leaving_serving += u32::from(serves);
        tally.unhealthy += u32::from(*reason == TerminateReason::Unhealthy);
        tally.absent += u32::from(missing && *reason == TerminateReason::Crashed);
        tally.scaled_in += u32::from(*reason == TerminateReason::ScalingDown);
        tally.scaled_serving += u32::from(serves && *reason == TerminateReason::ScalingDown);
        tally.rolled_over += u32::from(*reason == TerminateReason::Rollout);
        tally.rolled_serving += u32::from(serves && *reason == TerminateReason::Rollout);
    }
    tallies.into_iter().flat_map(|(role, tally)| faults(input, plan, role, &tally)).collect()
}

#[derive(Default)]
struct Tally {
    running: u32,
    /// Of those that run, whose check does not fail: they serve.
    serving: u32,
    leaving_serving: u32,
    absent: u32,
    rebooted: u32,
    scaled_in: u32,
    scaled_serving: u32,
    rolled_over: u32,
    rolled_serving: u32,
    unhealthy: u32,
}

fn faults(input: &PlanInput, plan: &Plan, role: FarmRoleId, tally: &Tally) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut tell = |what: String| {
        faults.push(Fault { rule: Rule::AtOnce, farm_role: Some(role), server: None, what });
    };
    let allowed = (tally.running * limit::VANISH_PERCENT_MAX / 100).max(1);
    if tally.absent > allowed {
        tell(format!(
            "{} of {} running servers retired because they are missing, {allowed} are allowed",
            tally.absent, tally.running
        ));
    }
    if tally.rebooted > allowed {
        tell(format!(
            "{} of {} running servers rebooted at once, {allowed} are allowed",
            tally.rebooted, tally.running
        ));
    }
    if tally.unhealthy > allowed {
        tell(format!(
            "{} of {} running servers retired as unhealthy at once, {allowed} are allowed",
            tally.unhealthy, tally.running
        ));
    }
    let target = plan.target(role).map_or(0, |target| target.target);
    // What a rollout takes is bounded by its own rule.
    let left = tally.serving.saturating_sub(tally.leaving_serving - tally.rolled_serving);
    if tally.scaled_serving > 0 && left < target {
        tell(format!("scaling in leaves {left} running servers of {target}"));
    }
    let declared = input.farm_roles.iter().find(|r| r.id == role);
    if let Some(declared) = declared.filter(|_| tally.rolled_over > 0) {
        rolled_over(input, plan, declared, target, tally).into_iter().for_each(&mut tell);
    }
    let before = input.parent.as_ref().and_then(|parent| parent.target(role));
    if let (Some(declared), Some(before)) = (declared, before) {
        let from = before.target.min(declared.scaling.max);
        let to_minimum = target <= declared.scaling.min && !declared.scaling.enabled;
        if tally.scaled_in > 0 && from.saturating_sub(target) > 1 && !to_minimum {
            tell(format!("the target falls from {from} to {target} at once"));
        }
    }
    faults
}

/// A rollout takes a batch at most, and never one too many of those that serve; all at once is
/// what a person has to ask for.
fn rolled_over(
    input: &PlanInput,
    plan: &Plan,
    role: &FarmRole,
    target: u32,
    tally: &Tally,
) -> Vec<String> {
    let policy = &role.policy.rollout;
    let mut faults = Vec::new();
    if policy.strategy == RolloutStrategy::Full {
        return faults;
    }
    if tally.rolled_over > policy.batch {
        faults.push(format!(
            "{} rolled over at once, a batch is {}",
            tally.rolled_over, policy.batch
        ));
    }
    let goes = plan.moves.iter().filter_map(|step| match step {
        Move::Retire { server, .. } | Move::Cancel { server } => Some(*server),
        Move::Launch { .. } | Move::Act { .. } | Move::Park { .. } | Move::Hasten { .. } => None,
    });
    let goes: BTreeSet<ServerId> = goes.collect();
    let serves =
        |id: &ServerId| input.agents.get(id).is_none_or(|agent| agent.failing_since.is_none());
    let seen = |id: &ServerId| {
        matches!(input.sightings.get(id), Some(Freshness::Seen { at, .. })
            if input.now.since(*at) <= limit::LISTING_STALE_AFTER)
    };
    let stays = |server: &&Arc<Server>| {
        server.farm_role == role.id
            && server.status == ServerStatus::Running
            && seen(&server.id)
            && serves(&server.id)
            && !goes.contains(&server.id)
    };
    let left = input.servers.iter().filter(stays).count();
    // A dead or an unhealthy one that goes takes nothing away.
    let percent = u64::from(policy.min_healthy_percent);
    let share = (u64::from(target) * percent).div_ceil(100);
    let share = if percent < 100 { share.min(u64::from(target).saturating_sub(1)) } else { share };
    if tally.rolled_serving > 0 && (left as u64) < share {
        faults.push(format!("rolling over leaves {left} running servers of {share}"));
    }
    faults
}
