//! Cloud accounts: how each answers, and how fast it is asked.

use super::{Output, Row, Run};
use crate::api::answer::{Reply, value};
use crate::wire::input::NoInput;

/// Rows of this noun.
pub const ROWS: &[Row] = &[
    Row {
        method: "GET",
        path: "/{envId}/grange/cloud-accounts/",
        about: "Lists the cloud accounts: which of them fail and are left alone, and their pace.",
        query: &[],
        input: None,
        output: Output::Page("CloudAccount"),
        run: Run::Verb(|verbs, call| call.page(|page| verbs.accounts(&call.actor, page))),
    },
    Row {
        method: "POST",
        path: "/{envId}/grange/cloud-accounts/{cloudAccount}/actions/resume/",
        about: "Forgets the failures of a cloud account, so that its steps begin again at once.",
        query: &[],
        input: None,
        output: Output::One("CloudAccount"),
        run: Run::Verb(|verbs, call| {
            let NoInput {} = call.input()?;
            let name: String = call.param("cloudAccount", "cloud account")?;
            Ok(Reply::One(value(&verbs.account_resume(&call.actor, &name)?)?, None))
        }),
    },
];
