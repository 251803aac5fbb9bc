//! Timeouts: a server that does not get ready in time has failed, or sooner where its agent says
//! that its role's work cannot be done on it, and is healed as its farm role says. One that
//! is given up for it counts as a failed launch; after a reboot it has the time of a reboot, and no
//! launch failed.
//!
//! An appliance that was itself away gives it the time again: its agent may have had nobody to
//! say hello to.

use crate::base::Millis;
use crate::base::time::say;
use crate::engine::draft::Draft;
use crate::engine::pass::{heal, lost};
use crate::engine::world::{RoleView, ServerView, Sight, World};
use crate::model::{TerminateReason, Wait};

/// Heals what is pending, initializing or resuming for longer than its farm role allows.
pub fn timeout(world: &World, draft: &mut Draft) {
    if world.is_stopped() {
        return;
    }
    for (view, server) in world.servers().filter(|(_, s)| s.gets_ready()) {
        let (age, limit) = time(world, view, server);
        let setup_failed = server.server.setup_failed.as_deref();
        if (age <= limit && setup_failed.is_none())
            || !draft.is_free(server)
            || !server.sight.is_fresh()
        {
            continue;
        }
        let missing = matches!(server.sight, Sight::Missing { .. });
        if missing && lost::keeps_missing(world, view) {
            continue;
        }
        // What is to bring it back comes to its end first: it may wait long for its turn, and its
        // call may hang. Only then the time runs.
        if server.is_restarting() {
            continue;
        }
        let rebooting = server.server.reboot_at.is_some();
        let (reason, why) = match setup_failed {
            Some(why) => (TerminateReason::SetupFailed, format!("it cannot do its work: {why}")),
            None if rebooting => {
                let why = format!("not back {} after its reboot", say(age));
                (TerminateReason::LaunchTimeout, why)
            }
            None => (TerminateReason::LaunchTimeout, format!("not ready after {}", say(age))),
        };
        let retired = heal::heal(world, draft, view, server, reason, &why);
        if retired && !rebooting {
            let asked_at = server.server.asked_at.unwrap_or(server.server.created_at);
            draft.timed_out.entry(view.role.id).or_default().push(asked_at);
        }
    }
}

/// How long it has been getting ready, and how long it may.
fn time(world: &World, view: &RoleView, server: &ServerView) -> (Millis, Millis) {
    let input = world.input;
    match server.server.reboot_at {
        Some(at) => (input.watch().lasted(at), view.role.policy.reboot_timeout_ms),
        None => {
            let made = view.role.make_of(server.server.revision);
            let setup = made.map_or(view.role.setup_ms, |made| made.setup_ms);
            (server.age(input), view.role.launch_timeout_ms.saturating_add(setup))
        }
    }
}

/// What it waits for while there is time left.
pub fn getting_ready(world: &World, view: &RoleView, server: &ServerView) -> Wait {
    let (age, limit) = time(world, view, server);
    let ready_for = view.role.policy.ready_for_ms;
    match (server.server.healthy_since, server.server.reboot_at) {
        (Some(since), _) if ready_for > 0 => {
            let left = ready_for.saturating_sub(world.input.watch().lasted(since));
            Wait::ReadyGate { left }
        }
        (_, Some(_)) => Wait::Rebooting { age, limit },
        (_, None) => {
            // What it takes is said as a person counts it, also over a restart of ours, which gives
            // it the time before once more.
            let before = world.input.now.since(server.server.status_at).saturating_sub(age);
            Wait::Readiness { age: age + before, limit: limit + before }
        }
    }
}
