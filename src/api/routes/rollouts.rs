//! Rollouts: how one stands, and what people say of it.

use super::{Call, Output, Row, Run};
use crate::api::Context;
use crate::api::answer::{Reply, value};
use crate::base::Result;
use crate::service::plans::rollouts;
use crate::wire::input::NoInput;
use crate::wire::rollout::RolloutVerb;

/// Rows of this noun.
pub const ROWS: &[Row] = &[
    Row {
        method: "GET",
        path: "/{envId}/farm-roles/{farmRoleId}/grange/rollout/",
        about: "Shows how the rollout of a farm role stands, and its revisions.",
        query: &[],
        input: None,
        output: Output::One("Rollout"),
        run: Run::Verb(|on, call| {
            let id = call.param("farmRoleId", "farm role")?;
            Ok(Reply::One(value(&rollouts::get(&on.service, &call.actor, id)?)?, None))
        }),
    },
    action(
        "/{envId}/farm-roles/{farmRoleId}/grange/rollout/actions/pause/",
        "Begins no further batch.",
        Run::Verb(|on, call| say(on, call, RolloutVerb::Pause)),
    ),
    action(
        "/{envId}/farm-roles/{farmRoleId}/grange/rollout/actions/resume/",
        "Goes on, also past a checkpoint or a failure.",
        Run::Verb(|on, call| say(on, call, RolloutVerb::Resume)),
    ),
    action(
        "/{envId}/farm-roles/{farmRoleId}/grange/rollout/actions/abort/",
        "Ends a rollout, and goes back to the revision it came from.",
        Run::Verb(|on, call| say(on, call, RolloutVerb::Abort)),
    ),
    action(
        "/{envId}/farm-roles/{farmRoleId}/grange/rollout/actions/rollback/",
        "Declares the revision before once more, and rolls over to it.",
        Run::Verb(|on, call| say(on, call, RolloutVerb::Rollback)),
    ),
];

const fn action(path: &'static str, about: &'static str, run: Run) -> Row {
    let (method, query, input) = ("POST", &[], None);
    Row { method, path, about, query, input, output: Output::One("Rollout"), run }
}

fn say(on: &Context, call: &Call, verb: RolloutVerb) -> Result<Reply> {
    let NoInput {} = call.input()?;
    let id = call.param("farmRoleId", "farm role")?;
    Ok(Reply::One(value(&rollouts::say(&on.service, &call.actor, id, verb)?)?, None))
}
