//! Surplus: more servers than the target wants.
//!
//! First goes what the cloud never heard of, then what is not ready, then running servers from
//! the highest index down. Scalr takes the oldest; here low indexes are worth keeping, because
//! data volumes belong to them and because a farm that shrinks to three should be left with 1, 2
//! and 3. Never are so many running servers taken that fewer healthy ones than the target stay,
//! and never one that was not seen lately. While servers of the farm are missing, no running one is
//! taken at all: shrinking is never urgent, and it would hide how many vanished.

use crate::engine::draft::Draft;
use crate::engine::world::{RoleView, ServerView, Sight, World};
use crate::model::{Decision, HoldKind, MissingPolicy, ServerStatus, TerminateReason, Wait};
use std::cmp::Reverse;

/// Retires what is beyond the target.
pub fn surplus(world: &World, draft: &mut Draft) {
    let missing =
        // Where absence says nothing, it is no reason to wait either.
        world.wanted_neighbours().any(|near| {
            near.role.policy.missing == MissingPolicy::Terminate
                && draft.facts(near.role.id).running_missing > 0
        });
    for view in world.wanted_roles() {
        let target = draft.targets.get(&view.role.id).map_or(0, |target| target.target);
        let target = usize::try_from(target).unwrap_or(usize::MAX);
        let wanted = view.servers.iter().filter(|s| draft.is_wanted(s)).count();
        let over = wanted.saturating_sub(target);
        if over == 0 {
            continue;
        }
        if let Some(reason) = draft.freeze.clone() {
            draft.say(view, Decision::Wait(Wait::Frozen(reason)));
            continue;
        }
        let held = world.held(view.role.id, HoldKind::Terminate);
        if retire(view, draft, over, target, missing, held.is_some())
            && let Some(held) = held
        {
            draft.say(view, Decision::Wait(held));
        }
    }
}

/// Whether a hold was in the way. What the cloud never heard of goes all the same.
fn retire(
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
    let mut spare = victims.iter().filter(|s| healthy(s)).count().saturating_sub(target);
    if missing {
        spare = 0;
    }
    victims.sort_by_key(|s| {
        let running = s.server.status == ServerStatus::Running;
        (!s.is_only_planned(), running, Reverse(s.server.index))
    });
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
        draft.retire(view, server, TerminateReason::ScalingDown, &why);
    }
    false
}
