//! Cloud accounts over the API: how each of them answers, and how fast it may be asked.

use crate::base::Millis;
use crate::wire::api::route::{NoBody, Object, Route, Rows, Shaped};
use crate::wire::input::NoInput;
use serde::{Deserialize, Serialize};

/// Lists cloud accounts.
pub const ACCOUNTS: Route<NoBody, Rows<AccountView>> = Route::list(
    "/{envId}/grange/cloud-accounts/",
    "Lists the cloud accounts: which of them fail and are left alone, and their pace.",
);

/// Forgets the failures of a cloud account, by its name.
pub const ACCOUNT_RESUME: Route<NoInput, Object<AccountView>> = Route::act(
    "/{envId}/grange/cloud-accounts/{cloudAccount}/actions/resume/",
    "Forgets the failures of a cloud account, so that its steps begin again at once.",
);

impl Shaped for AccountView {
    const SHAPE: &'static str = "CloudAccount";
}

/// A cloud account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AccountView {
    /// Its name: the platform's, as there is one account of each.
    pub name: String,
    /// `well`, `failing` (calls failed, steps still begin), `open` (it is left alone) or `trial`
    /// (one step is begun, and decides).
    pub state: String,
    /// Calls that failed in a row.
    pub failures: u32,
    /// What the last of them said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When the first of them failed, ms UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<i64>,
    /// Until when it is left alone, ms UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open_until: Option<i64>,
    /// How much longer, ms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left: Option<Millis>,
    /// Steps begun in a minute at the most, and as many at once after a rest.
    pub steps_per_minute: u32,
    /// How many of them may begin now.
    pub steps_left: u32,
}
