//! Goal: what nobody wants any more is retired: a terminated or removed farm, a removed farm role.
//!
//! These are a person's wishes, so they need no sighting and no freeze stops them. A sequential
//! farm goes backwards: a farm role leaves once all after it in the launch order are confirmed
//! gone. A launch that was never begun is cancelled without waiting for its turn.

use crate::engine::draft::Draft;
use crate::engine::world::{RoleView, ServerView, World};
use crate::model::{Decision, ServerStatus, TerminateReason, Wait};

/// Retires the servers of what is terminated or removed.
pub fn goal(world: &World, draft: &mut Draft) {
    let farm_goes = world.is_leaving();
    let mut behind: Option<(u32, String)> = None;
    for view in world.roles.iter().rev() {
        if !farm_goes && !view.role.removed {
            continue;
        }
        forget(view, draft);
        let waits_for = behind
            .as_ref()
            .filter(|(index, _)| {
                farm_goes && world.is_sequential() && *index > view.role.launch_index
            })
            .map(|(_, alias)| alias.clone());
        retire_all(view, draft, farm_goes, waits_for);
        // The first of the highest launch index that still has servers is what others wait for.
        if behind.is_none() && view.servers.iter().any(|server| draft.counts(server)) {
            behind = Some((view.role.launch_index, view.role.alias.to_string()));
        }
    }
}

fn retire_all(view: &RoleView, draft: &mut Draft, farm_goes: bool, waits_for: Option<String>) {
    let (reason, why) = if farm_goes {
        (TerminateReason::FarmTerminated, "the farm is terminated")
    } else {
        (TerminateReason::RoleRemoved, "the farm role is removed")
    };
    let stays = |server: &&ServerView| server.server.status != ServerStatus::PendingTerminate;
    let mut held = false;
    for server in view.servers.iter().filter(stays) {
        if waits_for.is_some() && !server.is_only_planned() {
            held = true;
            continue;
        }
        draft.retire(view, server, reason, why);
    }
    if let (true, Some(behind)) = (held, waits_for) {
        draft.say(view, Decision::Wait(Wait::LeavingOrder { behind }));
    }
}

/// Scaling starts over, should the farm be launched again.
fn forget(view: &RoleView, draft: &mut Draft) {
    if let Some(target) = draft.targets.get_mut(&view.role.id) {
        target.target = 0;
        target.owed.clear();
        target.scaled_up_at = None;
        target.scaled_down_at = None;
    }
}
