//! Cloud accounts: what is declared of them, how each answers, and how fast it is asked.

use super::Row;
use crate::api::call::Call;
use crate::base::Result;
use crate::service::clouds::{accounts, lease, registry};
use crate::wire::account::{
    ACCOUNT, ACCOUNT_ADD, ACCOUNT_CHECK, ACCOUNT_EDIT, ACCOUNT_REMOVE, ACCOUNT_RESUME,
    ACCOUNT_TAKE, ACCOUNTS,
};
use std::sync::LazyLock;

/// Rows of this noun.
pub static ROWS: LazyLock<[Row; 8]> = LazyLock::new(|| {
    [
        Row::rows(&ACCOUNTS, |on, call, _, page| accounts::list(&on.service, &call.actor, page)),
        Row::created(&ACCOUNT_ADD, |on, call, input| {
            registry::add(&on.service, &call.actor, &input)
        }),
        Row::show(&ACCOUNT, |on, call, _| registry::get(&on.service, &call.actor, &account(call)?)),
        Row::object(&ACCOUNT_EDIT, |on, call, input| {
            registry::edit(&on.service, &call.actor, &account(call)?, &input, call.revision)
        }),
        Row::nothing(&ACCOUNT_REMOVE, |on, call| {
            registry::remove(&on.service, &call.actor, &account(call)?, call.revision)
        }),
        Row::object(&ACCOUNT_CHECK, |on, call, _| {
            registry::check(&on.service, &call.actor, &account(call)?)
        }),
        Row::object(&ACCOUNT_RESUME, |on, call, _| {
            accounts::resume(&on.service, &call.actor, &account(call)?)
        }),
        Row::object(&ACCOUNT_TAKE, |on, call, _| {
            lease::take(&on.service, &call.actor, &account(call)?)
        }),
    ]
});

fn account(call: &Call) -> Result<String> {
    call.param("cloudAccount", "cloud account")
}
