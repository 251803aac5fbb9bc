//! Holds: automation that people switched off for a while.

use super::Row;
use crate::service::plans::holds;
use crate::wire::hold::{HOLD_PLACE, HOLD_RELEASE, HOLDS};
use std::sync::LazyLock;

/// Rows of this noun.
pub static ROWS: LazyLock<[Row; 3]> = LazyLock::new(|| {
    [
        Row::rows(&HOLDS, |on, call, _, page| holds::list(&on.service, &call.actor, page)),
        Row::created(&HOLD_PLACE, |on, call, input| holds::place(&on.service, &call.actor, &input)),
        Row::nothing(&HOLD_RELEASE, |on, call| {
            holds::release(&on.service, &call.actor, call.param("holdId", "hold")?)
        }),
    ]
});
