//! Data volumes: what servers leave behind, and its end.

use super::Row;
use crate::api::call::Call;
use crate::base::{Problem, Result, VolumeId};
use crate::service::servers::volumes;
use crate::wire::api::servers::{VOLUME, VOLUME_DELETE, VOLUMES};
use crate::wire::input::VolumeFilter;
use crate::wire::volume::STATUSES;
use std::sync::LazyLock;

/// Rows of this noun.
pub static ROWS: LazyLock<[Row; 3]> = LazyLock::new(|| {
    [
        Row::rows(&VOLUMES, |on, call, filter, page| {
            volumes::list(&on.service, &call.actor, &checked(filter)?, page)
        }),
        Row::show(&VOLUME, |on, call, _| volumes::get(&on.service, &call.actor, id(call)?)),
        Row::nothing(&VOLUME_DELETE, |on, call| {
            volumes::delete(&on.service, &call.actor, id(call)?)
        }),
    ]
});

fn id(call: &Call) -> Result<VolumeId> {
    call.param("volumeId", "volume")
}

fn checked(filter: VolumeFilter) -> Result<VolumeFilter> {
    let status = filter.status.as_deref();
    match status.filter(|status| !STATUSES.contains(status)) {
        None => Ok(filter),
        Some(other) => {
            let text = format!("{other:?} is none of: {}", STATUSES.join(", "));
            Err(Problem::invalid("status", text))
        }
    }
}
