//! Holds: automation that people switched off for a while.

use super::{Output, Row, Run};
use crate::api::answer::{Reply, value};

/// Rows of this noun.
pub const ROWS: &[Row] = &[
    Row {
        method: "GET",
        path: "/{envId}/grange/holds/",
        about: "Lists what is held: automation that people switched off, why and until when.",
        query: &[],
        input: None,
        output: Output::Page("Hold"),
        run: Run::Verb(|verbs, call| call.page(|page| verbs.holds(&call.actor, page))),
    },
    Row {
        method: "POST",
        path: "/{envId}/grange/holds/",
        about: "Holds one kind of automation of a farm or farm role; replaces one of that kind.",
        query: &[],
        input: Some(("hold", "HoldRequest")),
        output: Output::Made("Hold"),
        run: Run::Verb(|verbs, call| {
            let hold = verbs.hold_place(&call.actor, &call.input()?)?;
            Ok(Reply::Made(value(&hold)?, None))
        }),
    },
    Row {
        method: "DELETE",
        path: "/{envId}/grange/holds/{holdId}/",
        about: "Releases a hold.",
        query: &[],
        input: None,
        output: Output::Nothing,
        run: Run::Verb(|verbs, call| {
            verbs.hold_release(&call.actor, call.param("holdId", "hold")?)?;
            Ok(Reply::Nothing)
        }),
    },
];
