//! Routes of the appliance itself: how it is, and who we are to it.

use super::StatusView;
use super::route::{NoBody, Object, Route, Shaped};
use crate::wire::input::WhoView;
use serde::{Deserialize, Serialize};

/// Shows the appliance.
pub const STATUS: Route<NoBody, Object<StatusView>> =
    Route::show("/{envId}/grange/status/", "Shows how the appliance is.");

/// Shows who is asking.
pub const WHOAMI: Route<NoBody, Object<WhoView>> =
    Route::show("/{envId}/grange/whoami/", "Shows who is asking.");

impl Shaped for StatusView {
    const SHAPE: &'static str = "Status";
}

impl Shaped for WhoView {
    const SHAPE: &'static str = "Who";
}

/// One background job.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct JobView {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Runs since the start.
    pub runs: u64,
    /// Runs that failed.
    pub failures: u64,
    /// How the last one went.
    pub last: String,
}
