//! Runs: commands on one server or many.

use super::Row;
use crate::api::call::Call;
use crate::base::{Result, RunId};
use crate::service::orchestration::runs;
use crate::wire::run::{RUN, RUN_CANCEL, RUN_OUTPUT, RUN_SERVERS, RUN_START, RUNS};
use std::sync::LazyLock;

/// Rows of this noun.
pub static ROWS: LazyLock<[Row; 6]> = LazyLock::new(|| {
    [
        Row::rows(&RUNS, |on, call, _, page| runs::list(&on.service, &call.actor, page)),
        Row::created(&RUN_START, |on, call, input| runs::start(&on.service, &call.actor, &input)),
        Row::show(&RUN, |on, call, _| runs::get(&on.service, &call.actor, id(call)?)),
        Row::rows(&RUN_SERVERS, |on, call, _, page| {
            runs::servers(&on.service, &call.actor, id(call)?, page)
        }),
        Row::streamed(&RUN_OUTPUT, |on, call, _| {
            let server = call.param("serverId", "server")?;
            runs::output(&on.service, &call.actor, id(call)?, server)
        }),
        Row::object(&RUN_CANCEL, |on, call, _| runs::cancel(&on.service, &call.actor, id(call)?)),
    ]
});

fn id(call: &Call) -> Result<RunId> {
    call.param("runId", "run")
}
