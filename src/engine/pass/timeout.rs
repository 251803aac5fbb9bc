//! Timeouts: a server that does not get ready in time is retired, and counts as a failed launch.
//!
//! An appliance that was itself away gives it the time again: its agent may have had nobody to
//! say hello to.

use crate::base::time::say;
use crate::engine::draft::Draft;
use crate::engine::world::World;
use crate::model::{HoldKind, TerminateReason, Wait};

/// Retires what is pending, initializing or resuming for longer than its farm role allows.
pub fn timeout(world: &World, draft: &mut Draft) {
    let input = world.input;
    for (view, server) in world.servers().filter(|(_, s)| s.gets_ready()) {
        let limit = view.role.launch_timeout_ms;
        let age = server.age(input);
        if age <= limit || !draft.is_free(server) || !server.sight.is_fresh() {
            continue;
        }
        if let Some(reason) = draft.freeze.clone() {
            draft.spare(view, server, Wait::Frozen(reason));
            continue;
        }
        let held = world.held(view.role.id, HoldKind::Heal);
        if let Some(held) = held.or_else(|| world.held(view.role.id, HoldKind::Terminate)) {
            draft.spare(view, server, held);
            continue;
        }
        let why = format!("not ready after {}", say(age));
        draft.retire(view, server, TerminateReason::LaunchTimeout, &why);
        let asked_at = server.server.asked_at.unwrap_or(server.server.created_at);
        draft.timed_out.entry(view.role.id).or_default().push(asked_at);
    }
}
