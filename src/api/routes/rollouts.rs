//! Rollouts: how one stands, and what people say of it.

use super::Row;
use crate::service::plans::rollouts;
use crate::wire::api::plans::{
    ROLLOUT, ROLLOUT_ABORT, ROLLOUT_PAUSE, ROLLOUT_RESUME, ROLLOUT_ROLLBACK,
};
use crate::wire::api::route::{Object, Route};
use crate::wire::input::NoInput;
use crate::wire::rollout::{RolloutVerb, RolloutView};
use std::sync::LazyLock;

/// Rows of this noun.
pub static ROWS: LazyLock<[Row; 5]> = LazyLock::new(|| {
    [
        Row::show(&ROLLOUT, |on, call, _| {
            rollouts::get(&on.service, &call.actor, call.param("farmRoleId", "farm role")?)
        }),
        say(&ROLLOUT_PAUSE, RolloutVerb::Pause),
        say(&ROLLOUT_RESUME, RolloutVerb::Resume),
        say(&ROLLOUT_ABORT, RolloutVerb::Abort),
        Row::object(&ROLLOUT_ROLLBACK, |on, call, input| {
            let id = call.param("farmRoleId", "farm role")?;
            rollouts::rollback(&on.service, &call.actor, id, input.to)
        }),
    ]
});

fn say(route: &'static Route<NoInput, Object<RolloutView>>, verb: RolloutVerb) -> Row {
    Row::object(route, move |on, call, _| {
        rollouts::say(&on.service, &call.actor, call.param("farmRoleId", "farm role")?, verb)
    })
}
