//! Routes of the journal: what happened, and why a thing is as it is.

use super::route::{Object, Parameters, Query, Route, Shaped, Whole};
use super::{EventView, ExplainView};
use crate::base::Millis;

/// Shows journal entries.
pub const EVENTS: Route<EventsAsked, Whole<EventView>> = Route::whole(
    "/{envId}/grange/events/",
    "Shows journal entries after one, waiting up to waitMs, or those with some words.",
);

/// Explains a thing.
pub const EXPLAIN: Route<ExplainAsked, Object<ExplainView>> = Route::show(
    "/{envId}/grange/explain/",
    "Shows how a farm, farm role, server, plan, step or volume is, and why.",
);

/// Which journal entries are asked for, and how long the asker would wait for one.
#[derive(Clone, Debug, Default)]
pub struct EventsAsked {
    /// Entries later than this one; without it the last ones.
    pub after: Option<u64>,
    /// At most so many; a page of [`crate::base::limit::API_PAGE_MAX`] without it.
    pub max: Option<usize>,
    /// How long to wait while there is none; not at all without it.
    pub wait_ms: Option<Millis>,
    /// Only those about this or what is under it.
    pub about: Option<String>,
    /// Only those with all these words.
    pub search: Option<String>,
}

/// What is to be explained.
#[derive(Clone, Debug, Default)]
pub struct ExplainAsked {
    /// `shop`, `shop/web-3`, `plan 12`, `step 34`, `volume 5`, `role my-api`, or a server's UUID.
    pub what: Option<String>,
}

impl Shaped for EventView {
    const SHAPE: &'static str = "Event";
}

impl Shaped for ExplainView {
    const SHAPE: &'static str = "Explanation";
}

impl Query for EventsAsked {
    fn each(&mut self, visit: &mut impl Parameters) {
        visit.parameter("after", "not an entry's sequence number", &mut self.after);
        visit.parameter("max", "not a number", &mut self.max);
        visit.parameter("waitMs", "not a number of milliseconds", &mut self.wait_ms);
        visit.text("about", &mut self.about);
        visit.text("search", &mut self.search);
    }
}

impl Query for ExplainAsked {
    fn each(&mut self, visit: &mut impl Parameters) {
        visit.text("what", &mut self.what);
    }
}
