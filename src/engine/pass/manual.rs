//! Manual: what a person asked of one server. Neither a freeze nor a missing sighting is in the
//! way, because a person may know what we do not. Before `sleep`, because what is to go is not put
//! to sleep first; what sleeps is not rebooted.

use crate::engine::draft::Draft;
use crate::engine::world::World;
use crate::model::{ServerStatus, StepKind, TerminateReason};

/// Retires and reboots the servers a person named.
pub fn manual(world: &World, draft: &mut Draft) {
    let reboots = !world.is_stopped();
    for (view, server) in world.servers() {
        let record = server.server;
        if !draft.is_free(server) || record.status == ServerStatus::PendingTerminate {
            continue;
        }
        if record.terminate_requested {
            draft.retire(view, server, TerminateReason::Manual, "a person asked for it");
        } else if reboots
            && record.reboot_requested
            && server.is_running()
            && server.open.is_empty()
        {
            let why = "reboot: a person asked for it".to_owned();
            draft.act(view, server, StepKind::Reboot, world.input.now, why);
        }
    }
}
