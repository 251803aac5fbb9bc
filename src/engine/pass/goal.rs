//! Goal: what nobody wants any more is retired: a terminated or removed farm, a removed farm role.
//!
//! These are a person's wishes, so they need no sighting and no freeze stops them. A farm that
//! goes as a whole goes backwards: a farm role leaves once those that depend on it, and in a
//! sequential farm all after it in the launch order, are confirmed gone. A launch that was never
//! begun is cancelled without waiting for its turn.

use crate::engine::draft::Draft;
use crate::engine::pass::order;
use crate::engine::world::{RoleView, ServerView, World};
use crate::model::{Decision, ServerStatus, TerminateReason};

/// Retires the servers of what is terminated or removed.
pub fn goal(world: &World, draft: &mut Draft) {
    let farm_goes = world.is_leaving();
    let goes = |view: &&RoleView| farm_goes || view.role.removed;
    let (reason, why) = if farm_goes {
        (TerminateReason::FarmTerminated, "the farm is terminated")
    } else {
        (TerminateReason::RoleRemoved, "the farm role is removed")
    };
    // First of all farm roles, because none has to wait for a server that never was.
    for view in world.roles.iter().rev().filter(goes) {
        forget(view, draft);
        for server in view.servers.iter().filter(|server| server.is_only_planned()) {
            draft.retire(view, server, reason, why);
        }
    }
    for view in world.roles.iter().rev().filter(goes) {
        let stays = |server: &&ServerView| {
            server.server.status != ServerStatus::PendingTerminate && !server.is_only_planned()
        };
        let mut there = view.servers.iter().filter(stays).peekable();
        let wait = order::after(world, draft, view).filter(|_| farm_goes);
        match wait.filter(|_| there.peek().is_some()) {
            Some(wait) => draft.say(view, Decision::Wait(wait)),
            None => there.for_each(|server| draft.retire(view, server, reason, why)),
        }
    }
}

/// Scaling starts over, should the farm be launched again.
fn forget(view: &RoleView, draft: &mut Draft) {
    if let Some(target) = draft.targets.get_mut(&view.role.id) {
        target.target = 0;
        target.owed.clear();
        target.before_losses = None;
        target.scaled_up_at = None;
        target.scaled_down_at = None;
    }
}
