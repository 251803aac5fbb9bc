//! Surplus: more servers than the target wants.
//!
//! First goes what the cloud never heard of, then what is not ready, then running servers in the
//! order of the removal policy. Scalr takes the oldest; here the default is the highest index,
//! because data volumes belong to low ones and because a farm that shrinks to three should be
//! left with 1, 2 and 3. While a rollout is under way, servers of another revision than the
//! wanted one go before the policy is asked: they are to go anyway. A server that is rolled over
//! just now and the one that takes its place count as one, and go together, after all others.
//! Never are so many running servers taken that fewer healthy ones than the target stay, and never
//! one that was not seen lately. While servers of the farm are missing, no running one is taken at
//! all: shrinking is never urgent, and it would hide how many vanished.
//!
//! With `suspend-resume` running servers are put to sleep instead, and go on counting against
//! max; those that sleep are only terminated when max, or the behavior, no longer allows them.

use crate::base::ServerId;
use crate::engine::draft::Draft;
use crate::engine::pass::rollout;
use crate::engine::world::{RoleView, ServerView, Sight, World};
use crate::model::{
    Decision, HoldKind, MissingPolicy, RemovalPolicy, ScalingBehavior, Server, ServerStatus,
    TerminateReason, Wait,
};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// Retires what is beyond the target.
pub fn surplus(world: &World, draft: &mut Draft) {
    // Where absence says nothing, it is no reason to wait either.
    let watched = world
        .wanted_neighbours()
        .filter(|near| near.role.policy.missing == MissingPolicy::Terminate);
    let missing = watched.map(|near| draft.facts(near.role.id).running_missing).sum();
    for view in world.wanted_roles() {
        let held = world.held(view.role.id, HoldKind::Terminate);
        if held.is_none() {
            retire_sleepers(view, draft);
        }
        let target = draft.targets.get(&view.role.id).map_or(0, |target| target.target);
        let target = usize::try_from(target).unwrap_or(usize::MAX);
        let wanted = view.servers.iter().filter(|s| draft.is_wanted(s)).count();
        let over = wanted.saturating_sub(rollout::extra(draft, view)).saturating_sub(target);
        if over == 0 {
            continue;
        }
        if let Some(reason) = draft.freeze.clone() {
            draft.say(view, Decision::Wait(Wait::Frozen(reason)));
            continue;
        }
        if retire(world, view, draft, over, target, missing, held.is_some())
            && let Some(held) = held
        {
            draft.say(view, Decision::Wait(held));
        }
    }
}

/// Terminates servers that scaling put to sleep and that may not be kept any more.
fn retire_sleepers(view: &RoleView, draft: &mut Draft) {
    let keeps = view.role.policy.behavior == ScalingBehavior::SuspendResume;
    let max = usize::try_from(view.role.scaling.max).unwrap_or(usize::MAX);
    let stays = |s: &&ServerView| {
        s.server.status != ServerStatus::PendingTerminate && draft.counts(s) && !draft.is_leaving(s)
    };
    let mut over = view.servers.iter().filter(stays).count().saturating_sub(max);
    let mut locked = 0;
    for server in view.servers.iter().rev() {
        let sleeps = server.server.parked && server.server.status == ServerStatus::Suspended;
        let proved = server.open.is_empty() && matches!(server.sight, Sight::Seen { .. });
        if !sleeps || !proved || !draft.is_free(server) || draft.freeze.is_some() {
            continue;
        }
        if over == 0 && keeps {
            continue;
        }
        if server.server.locked {
            locked += 1;
        } else {
            over = over.saturating_sub(1);
            let why = if keeps { "more than the maximum" } else { "it is not to be woken again" };
            draft.retire(view, server, TerminateReason::ScalingDown, why);
        }
    }
    if locked > 0 {
        draft.say(view, Decision::Wait(Wait::Locked { servers: locked }));
    }
}

/// Whether a hold was in the way. What the cloud never heard of goes all the same.
fn retire(
    world: &World,
    view: &RoleView,
    draft: &mut Draft,
    mut over: usize,
    target: usize,
    missing: u32,
    held: bool,
) -> bool {
    let mut victims: Vec<&ServerView> =
        view.servers.iter().filter(|s| draft.is_wanted(s) && draft.is_free(s)).collect();
    victims.retain(|s| !s.is_restarting() && s.server.status != ServerStatus::Resuming);
    // Those that are rolled over just now and those that follow them are one server each.
    let chains = rollout::chains(draft, view);
    let chained: BTreeSet<ServerId> = chains.iter().flatten().map(|s| s.server.id).collect();
    victims.retain(|s| !chained.contains(&s.server.id));
    let revision = draft.revision(view);
    // Under way before this plan: then what is to go anyway goes first, whatever the policy.
    let rolls = draft.targets.get(&view.role.id).and_then(|target| target.rollout.as_ref());
    let rolls = rolls.is_some_and(|r| r.state.is_under_way() && r.began_at < world.input.now);
    let serve = chains.iter().filter(|chain| serves(draft, chain)).count();
    let stay = victims.iter().filter(|s| s.is_healthy()).count() + serve;
    let mut spare = if missing > 0 { 0 } else { stay.saturating_sub(target) };
    let all_spare = spare;
    let locked = victims.extract_if(.., |s| s.server.locked).count();
    let too_few = locked > 0 && victims.len() + chains.len() < over;
    if too_few {
        let servers = u32::try_from(locked).unwrap_or(u32::MAX);
        draft.say(view, Decision::Wait(Wait::Locked { servers }));
    }
    victims.sort_by_key(|s| {
        let running = serves_alone(s);
        let turn = turn(view.role.policy.removal, revision, s.server, &world.input.loads);
        let stays = !rolls || s.server.revision == revision;
        (!s.is_only_planned(), running, stays, turn, Reverse(s.server.index))
    });
    let parks = view.role.policy.behavior == ScalingBehavior::SuspendResume;
    let why = format!("{over} more than the target of {target}");
    let alone = victims.into_iter().map(|server| vec![server]);
    for group in alone.chain(chains) {
        if over == 0 {
            return false;
        }
        if held && !group.iter().all(|s| s.is_only_planned()) {
            return true;
        }
        let running = group.iter().any(|s| serves_alone(s));
        if running && spare == 0 || !group.iter().all(|s| may_go(draft, s)) {
            continue;
        }
        spare -= usize::from(running);
        over -= 1;
        for server in &group {
            // What is rolled over goes for good.
            let outdated = group.len() > 1 && server.server.revision != revision;
            if parks && serves_alone(server) && !outdated {
                draft.park(view, server, &why);
            } else {
                draft.retire(view, server, TerminateReason::ScalingDown, &why);
            }
        }
    }
    if over > 0 && !too_few {
        let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let healthy = number(stay.saturating_sub(all_spare - spare));
        let (over, needed) = (number(over), number(target));
        draft.say(view, Decision::Wait(Wait::Surplus { over, healthy, needed, missing }));
    }
    false
}

/// One of a chain is enough: the others stand in for it, or follow it.
fn serves(draft: &Draft, chain: &[&ServerView]) -> bool {
    chain.iter().any(|s| s.is_healthy() && draft.is_free(s) && !s.is_restarting())
}

/// It is said to run, and its check does not fail. What does not serve goes first, and is not worth
/// putting to sleep.
fn serves_alone(server: &ServerView) -> bool {
    server.server.status == ServerStatus::Running && !server.is_unhealthy()
}

/// Nothing is in the way of taking it, and it was seen lately.
fn may_go(draft: &Draft, server: &ServerView) -> bool {
    let idle = draft.is_free(server) && !server.is_restarting() && !server.server.locked;
    idle && match server.server.status {
        ServerStatus::Running => server.is_seen_running(),
        // Whoever is started after a power cut is waited for.
        ServerStatus::Resuming if draft.cold_start.is_some() => false,
        _ => server.is_only_planned() || matches!(server.sight, Sight::Seen { .. }),
    }
}

/// Who goes first: the lower number, then the higher index.
fn turn(
    policy: RemovalPolicy,
    revision: u64,
    server: &Server,
    loads: &BTreeMap<ServerId, f64>,
) -> i64 {
    let launched = server.asked_at.unwrap_or(server.created_at).0;
    match policy {
        RemovalPolicy::HighestIndex => 0,
        RemovalPolicy::Oldest => launched,
        RemovalPolicy::Newest => -launched,
        // In hundredths; one that sent nothing is not known to be idle, so it goes last.
        RemovalPolicy::LeastBusy => {
            loads.get(&server.id).map_or(i64::MAX, |load| (load * 100.0) as i64)
        }
        RemovalPolicy::PreviousRevision => i64::from(server.revision == revision),
    }
}
