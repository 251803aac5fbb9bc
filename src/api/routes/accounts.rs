//! Cloud accounts: how each answers, and how fast it is asked.

use super::{Output, Row, Run};
use crate::api::answer::{Reply, value};
use crate::service::accounts;
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
        run: Run::Verb(|on, call| call.page(|page| accounts::list(&on.service, &call.actor, page))),
    },
    Row {
        method: "POST",
        path: "/{envId}/grange/cloud-accounts/{cloudAccount}/actions/resume/",
        about: "Forgets the failures of a cloud account, so that its steps begin again at once.",
        query: &[],
        input: None,
        output: Output::One("CloudAccount"),
        run: Run::Verb(|on, call| {
            let NoInput {} = call.input()?;
            let name: String = call.param("cloudAccount", "cloud account")?;
            Ok(Reply::One(value(&accounts::resume(&on.service, &call.actor, &name)?)?, None))
        }),
    },
];
