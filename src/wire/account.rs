//! Cloud accounts over the API: how each of them answers, and how fast it may be asked.

use crate::base::Millis;
use crate::wire::api::route::{Body, Created, NoBody, Nothing, Object, Route, Rows, Shaped};
use crate::wire::input::NoInput;
use serde::{Deserialize, Serialize};

/// Lists cloud accounts.
pub const ACCOUNTS: Route<NoBody, Rows<AccountView>> = Route::list(
    "/{envId}/grange/cloud-accounts/",
    "Lists the cloud accounts: which of them fail and are left alone, and their pace.",
);

/// Adds a cloud account, when it answers.
pub const ACCOUNT_ADD: Route<AccountAdd, Created<AccountView>> = Route::create(
    "/{envId}/grange/cloud-accounts/",
    "Adds a cloud account; it is asked who it is, and not added when it does not answer.",
);

/// Shows a cloud account, by its name.
pub const ACCOUNT: Route<NoBody, Object<AccountView>> =
    Route::show("/{envId}/grange/cloud-accounts/{cloudAccount}/", "Shows a cloud account.");

/// Changes a cloud account, by its name.
pub const ACCOUNT_EDIT: Route<AccountEdit, Object<AccountView>> = Route::change(
    "/{envId}/grange/cloud-accounts/{cloudAccount}/",
    "Changes where a cloud account is, when it answers there; its name and platform stay.",
);

/// Removes a cloud account, by its name.
pub const ACCOUNT_REMOVE: Route<NoBody, Nothing> = Route::remove(
    "/{envId}/grange/cloud-accounts/{cloudAccount}/",
    "Removes a cloud account that no server, data volume or farm role is in.",
);

/// Asks a cloud account who it is, by its name.
pub const ACCOUNT_CHECK: Route<NoInput, Object<AccountCheckView>> = Route::act(
    "/{envId}/grange/cloud-accounts/{cloudAccount}/actions/check/",
    "Asks a cloud account who it is and what it lets us do; changes nothing.",
);

/// Forgets the failures of a cloud account, by its name.
pub const ACCOUNT_RESUME: Route<NoInput, Object<AccountView>> = Route::act(
    "/{envId}/grange/cloud-accounts/{cloudAccount}/actions/resume/",
    "Forgets the failures of a cloud account, so that its steps begin again at once.",
);

/// Takes the lease of a cloud account, by its name.
pub const ACCOUNT_TAKE: Route<NoInput, Object<AccountView>> = Route::act(
    "/{envId}/grange/cloud-accounts/{cloudAccount}/actions/take/",
    "Takes the lease of a cloud account from the appliance that manages it, which goes quiet.",
);

impl Shaped for AccountView {
    const SHAPE: &'static str = "CloudAccount";

    fn revision(&self) -> Option<u64> {
        Some(self.revision).filter(|revision| *revision > 0)
    }
}

impl Shaped for AccountCheckView {
    const SHAPE: &'static str = "CloudAccountCheck";
}

impl Body for AccountAdd {
    const NAMED: Option<(&'static str, &'static str)> = Some(("account", "CloudAccountRequest"));
}

impl Body for AccountEdit {
    const NAMED: Option<(&'static str, &'static str)> = Some(("account", "CloudAccountChange"));
}

/// One option of a cloud account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct OptionValue {
    /// Its name, as its platform has it: `network`.
    pub name: String,
    /// What is said; in a change, an empty one says nothing any more.
    pub value: String,
}

/// Body of `POST .../grange/cloud-accounts/`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct AccountAdd {
    /// What farm roles are to call it.
    pub name: String,
    /// Its platform, as `docker`.
    pub platform: String,
    /// Where the platform's API is, as it writes it: `unix:///var/run/docker.sock`.
    pub endpoint: String,
    /// What else is said of it.
    pub options: Vec<OptionValue>,
}

/// Body of `PATCH .../grange/cloud-accounts/{cloudAccount}/`; what is absent stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct AccountEdit {
    /// Where the platform's API is from now on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// Options that are to be another.
    pub options: Vec<OptionValue>,
}

/// What came of asking a cloud account who it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AccountCheckView {
    /// The name of the account that was asked.
    pub name: String,
    /// The platform of the account.
    pub platform: String,
    /// Where it was asked, as it is declared.
    pub endpoint: String,
    /// What it says it is, in the order people read it.
    pub facts: Vec<FactView>,
    /// What it lacks, each with what follows.
    pub lacks: Vec<String>,
}

/// One thing found out about a cloud account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct FactView {
    /// What is told, as `engine`.
    pub name: String,
    /// What it is there.
    pub value: String,
}

/// Who manages what is in a cloud account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LeaseView {
    /// `ours`, `other`, `lapsed` (ours, and no mark could be written for too long), `unasked`
    /// (nobody looked yet) or `none` (its platform carries none).
    pub state: String,
    /// Another's machine and state directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub holder: Option<String>,
    /// When it became ours, or the other one started, ms UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<i64>,
    /// How often the account has changed hands, the first included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epoch: Option<u64>,
    /// How long until it is taken over, if the other one writes no mark until then, or until calls
    /// begin after it was taken, ms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left: Option<Millis>,
    /// Why no mark could be written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A cloud account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AccountView {
    /// Its name; of one that is there with the machine, the platform's.
    pub name: String,
    /// The platform it is on.
    pub platform: String,
    /// Where the platform's API is; empty where it is the machine itself.
    pub endpoint: String,
    /// What else is said of it.
    pub options: Vec<OptionValue>,
    /// Names of options that have a value which is never shown.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<String>,
    /// Its revision, for `If-Match`; 0 where it has no record.
    pub revision: u64,
    /// `well`, `failing` (calls failed, steps still begin), `open` (it is left alone), `trial`
    /// (one step is begun, and decides), `elsewhere` (another appliance has its lease) or
    /// `awaited` (whose the lease is, is not known).
    pub state: String,
    /// The appliance that manages what is in it.
    pub lease: LeaseView,
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
