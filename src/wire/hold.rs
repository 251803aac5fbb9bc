//! Holds over the API: automation that people switched off for a while.

use crate::base::Millis;
use crate::wire::api::route::{Body, Created, NoBody, Nothing, Route, Rows, Shaped};
use serde::{Deserialize, Serialize};

/// Lists holds.
pub const HOLDS: Route<NoBody, Rows<HoldView>> = Route::list(
    "/{envId}/grange/holds/",
    "Lists what is held: automation that people switched off, why and until when.",
);

/// Places a hold.
pub const HOLD_PLACE: Route<HoldInput, Created<HoldView>> = Route::create(
    "/{envId}/grange/holds/",
    "Holds one kind of automation of a farm or farm role; replaces one of that kind.",
);

/// Releases a hold, by its number.
pub const HOLD_RELEASE: Route<NoBody, Nothing> =
    Route::remove("/{envId}/grange/holds/{holdId}/", "Releases a hold.");

impl Shaped for HoldView {
    const SHAPE: &'static str = "Hold";
}

impl Body for HoldInput {
    const NAMED: Option<(&'static str, &'static str)> = Some(("hold", "HoldRequest"));
}

/// A hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HoldView {
    /// Its number.
    pub id: u64,
    /// What it is on: `shop`, `shop/web`.
    pub about: String,
    /// `launch`, `terminate`, `heal`, `scale`, `rollout` or `balance`.
    pub kind: String,
    /// Why, in a person's words.
    pub reason: String,
    /// Who placed it.
    pub by: String,
    /// When, ms UTC.
    pub at: i64,
    /// When it ends by itself, ms UTC; without it, when a person releases it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<i64>,
    /// How much longer, ms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left: Option<Millis>,
}

/// Body of `POST .../grange/holds/`. One of `for`, `until` and `noEnd` is needed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct HoldInput {
    /// What to hold: `shop`, `shop/web`.
    pub what: String,
    /// `launch`, `terminate`, `heal`, `scale`, `rollout` or `balance`.
    pub kind: String,
    /// Why.
    pub reason: String,
    /// For how long, ms.
    #[serde(rename = "for", skip_serializing_if = "Option::is_none")]
    pub length: Option<Millis>,
    /// Until when, ms UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<i64>,
    /// Until a person releases it.
    pub no_end: bool,
}
