//! Manifests and signed proposals: declaring a farm, and what that would change.

use super::Row;
use crate::service::farms::manifests;
use crate::service::plans::proposals;
use crate::wire::api::farms::{FARM_MANIFEST, MANIFEST_APPLY};
use crate::wire::api::plans::{PROPOSAL_APPLY, PROPOSAL_CHECK, PROPOSAL_MAKE};
use std::sync::LazyLock;

/// Rows of these nouns.
pub static ROWS: LazyLock<[Row; 5]> = LazyLock::new(|| {
    [
        Row::object(&MANIFEST_APPLY, |on, call, input| {
            manifests::apply(&on.service, &call.actor, &input)
        }),
        Row::show(&FARM_MANIFEST, |on, call, _| {
            manifests::export(&on.service, &call.actor, call.param("farmId", "farm")?)
        }),
        Row::created(&PROPOSAL_MAKE, |on, call, input| {
            proposals::make(&on.service, &call.actor, &input)
        }),
        Row::object(&PROPOSAL_CHECK, |on, call, input| {
            proposals::check(&on.service, &call.actor, &input)
        }),
        Row::object(&PROPOSAL_APPLY, |on, call, input| {
            proposals::apply(&on.service, &call.actor, &input)
        }),
    ]
});
