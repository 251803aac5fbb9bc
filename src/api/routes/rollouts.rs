//! Rollouts: how one stands, and what people say of it.

use super::Row;
use crate::service::plans::rollouts;
use crate::wire::api::plans::{ROLLOUT, rollout_say};
use crate::wire::rollout::RolloutVerb;
use std::sync::LazyLock;

/// Rows of this noun.
pub static ROWS: LazyLock<[Row; 5]> = LazyLock::new(|| {
    [
        Row::show(&ROLLOUT, |on, call, _| {
            rollouts::get(&on.service, &call.actor, call.param("farmRoleId", "farm role")?)
        }),
        say(RolloutVerb::Pause),
        say(RolloutVerb::Resume),
        say(RolloutVerb::Abort),
        say(RolloutVerb::Rollback),
    ]
});

fn say(verb: RolloutVerb) -> Row {
    Row::object(rollout_say(verb), move |on, call, _| {
        rollouts::say(&on.service, &call.actor, call.param("farmRoleId", "farm role")?, verb)
    })
}
