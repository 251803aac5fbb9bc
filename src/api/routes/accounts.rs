//! Cloud accounts: how each answers, and how fast it is asked.

use super::Row;
use crate::service::clouds::accounts;
use crate::wire::account::{ACCOUNT_RESUME, ACCOUNTS};
use std::sync::LazyLock;

/// Rows of this noun.
pub static ROWS: LazyLock<[Row; 2]> = LazyLock::new(|| {
    [
        Row::rows(&ACCOUNTS, |on, call, _, page| accounts::list(&on.service, &call.actor, page)),
        Row::object(&ACCOUNT_RESUME, |on, call, _| {
            let name: String = call.param("cloudAccount", "cloud account")?;
            accounts::resume(&on.service, &call.actor, &name)
        }),
    ]
});
