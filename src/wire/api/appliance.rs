//! Routes of the appliance itself: how it is, and who we are to it.

use super::StatusView;
use super::route::{NoBody, Object, Route, Shaped};
use crate::wire::input::WhoView;

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
