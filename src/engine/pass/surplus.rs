//! Surplus: more servers than the target wants.
//!
//! First goes what the cloud never heard of, then what is not ready, then running servers in the
//! order of the removal policy. Scalr takes the oldest; here the default is the highest index,
//! because data volumes belong to low ones and because a farm that shrinks to three should be
//! left with 1, 2 and 3. While a rollout is under way, servers of another revision than the
//! wanted one go before the policy is asked: they are to go anyway. Never are so many running
//! servers taken that fewer healthy ones than the target stay, and never one that was not seen
//! lately. While servers of the farm are missing, no running one is taken at all: shrinking is
//! never urgent, and it would hide how many vanished.
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
use std::collections::BTreeMap;

/// Retires what is beyond the target.
pub fn surplus(world: &World, draft: &mut Draft) {
    let missing =
        // Where absence says nothing, it is no reason to wait either.
        world.wanted_neighbours().any(|near| {
            near.role.policy.missing == MissingPolicy::Terminate
                && draft.facts(near.role.id).running_missing > 0
        });
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
        s.server.status != ServerStatus::PendingTerminate && draft.counts(s) && !draft.is_moved(s)
    };
    let mut over = view.servers.iter().filter(stays).count().saturating_sub(max);
    for server in view.servers.iter().rev() {
        let sleeps = server.server.parked && server.server.status == ServerStatus::Suspended;
        let proved = server.open.is_empty() && matches!(server.sight, Sight::Seen { .. });
        if !sleeps || !proved || !draft.is_free(server) || draft.freeze.is_some() {
            continue;
        }
        if over > 0 || !keeps {
            over = over.saturating_sub(1);
            let why = if keeps { "more than the maximum" } else { "it is not to be woken again" };
            draft.retire(view, server, TerminateReason::ScalingDown, why);
        }
    }
}

/// Whether a hold was in the way. What the cloud never heard of goes all the same.
fn retire(
    world: &World,
    view: &RoleView,
    draft: &mut Draft,
    mut over: usize,
    target: usize,
    missing: bool,
    held: bool,
) -> bool {
    let healthy = |s: &ServerView| s.is_running() && matches!(s.sight, Sight::Seen { .. });
    let mut victims: Vec<&ServerView> =
        view.servers.iter().filter(|s| draft.is_wanted(s) && draft.is_free(s)).collect();
    victims.retain(|s| !s.is_restarting() && s.server.status != ServerStatus::Resuming);
    // One that is rolled over just now and the one that follows it are one server, which stays.
    let followed = rollout::followed(draft, view);
    let is_followed = |s: &ServerView| followed.contains(&s.server.id);
    let pairs = victims.iter().filter(|s| healthy(s) && is_followed(s)).count();
    victims.retain(|s| !rollout::is_extra(draft, view, s) && !is_followed(s));
    let revision = draft.revision(view);
    // Under way before this plan: then what is to go anyway goes first, whatever the policy.
    let rolls = draft.targets.get(&view.role.id).and_then(|target| target.rollout.as_ref());
    let rolls = rolls.is_some_and(|r| r.state.is_under_way() && r.began_at < world.input.now);
    let stay = victims.iter().filter(|s| healthy(s)).count() + pairs;
    let mut spare = stay.saturating_sub(target);
    if missing {
        spare = 0;
    }
    let locked = victims.extract_if(.., |s| s.server.locked).count();
    if locked > 0 && victims.len() < over {
        let servers = u32::try_from(locked).unwrap_or(u32::MAX);
        draft.say(view, Decision::Wait(Wait::Locked { servers }));
    }
    victims.sort_by_key(|s| {
        let running = s.server.status == ServerStatus::Running;
        let turn = turn(view.role.policy.removal, revision, s.server, &world.input.loads);
        let stays = !rolls || s.server.revision == revision;
        (!s.is_only_planned(), running, stays, turn, Reverse(s.server.index))
    });
    let parks = view.role.policy.behavior == ScalingBehavior::SuspendResume;
    let why = format!("{over} more than the target of {target}");
    for server in victims {
        if over == 0 {
            return false;
        }
        if held && !server.is_only_planned() {
            return true;
        }
        let running = server.server.status == ServerStatus::Running;
        if running && (spare == 0 || !healthy(server)) {
            continue;
        }
        if !running && !server.is_only_planned() && !matches!(server.sight, Sight::Seen { .. }) {
            continue;
        }
        spare -= usize::from(running);
        over -= 1;
        if running && parks {
            draft.park(view, server, &why);
        } else {
            draft.retire(view, server, TerminateReason::ScalingDown, &why);
        }
    }
    false
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
