//! Retry: a terminate that failed is tried again, after a little longer each time. It has no last
//! attempt, because a server that nobody terminates goes on costing money; the report shows the
//! count.

use crate::base::limit;
use crate::engine::draft::Draft;
use crate::engine::pass::backoff::rung;
use crate::engine::world::World;
use crate::model::{ServerStatus, StepKind};

/// Plans the next attempt for what is to go and has no step.
pub fn retry(world: &World, draft: &mut Draft) {
    let now = world.input.now;
    for (view, server) in world.servers() {
        let goes = server.server.status == ServerStatus::PendingTerminate;
        if !goes || !server.open.is_empty() || !draft.is_free(server) {
            continue;
        }
        let failed = server.failed.iter().filter(|step| step.kind == StepKind::Terminate);
        let ended: Vec<_> = failed.filter_map(|step| step.ended_at).collect();
        let failures = u32::try_from(ended.len()).unwrap_or(u32::MAX);
        let pause = rung(&limit::TERMINATE_BACKOFF, failures);
        let next = ended.iter().max().map_or(now, |last| last.after(pause));
        let not_before = next.max(now).max(server.server.terminate_after.unwrap_or(now));
        let why = match failures {
            0 => "terminate, to be sure that it is gone".to_owned(),
            _ => format!("terminate again: {failures} failed in a row"),
        };
        draft.act(view, server, StepKind::Terminate, not_before, why);
    }
}
