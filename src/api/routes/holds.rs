//! Holds: automation that people switched off for a while.

use super::{Output, Row, Run};
use crate::api::answer::{Reply, value};
use crate::service::holds;

/// Rows of this noun.
pub const ROWS: &[Row] = &[
    Row {
        method: "GET",
        path: "/{envId}/grange/holds/",
        about: "Lists what is held: automation that people switched off, why and until when.",
        query: &[],
        input: None,
        output: Output::Page("Hold"),
        run: Run::Verb(|on, call| call.page(|page| holds::list(&on.service, &call.actor, page))),
    },
    Row {
        method: "POST",
        path: "/{envId}/grange/holds/",
        about: "Holds one kind of automation of a farm or farm role; replaces one of that kind.",
        query: &[],
        input: Some(("hold", "HoldRequest")),
        output: Output::Made("Hold"),
        run: Run::Verb(|on, call| {
            let hold = holds::place(&on.service, &call.actor, &call.input()?)?;
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
        run: Run::Verb(|on, call| {
            holds::release(&on.service, &call.actor, call.param("holdId", "hold")?)?;
            Ok(Reply::Nothing)
        }),
    },
];
