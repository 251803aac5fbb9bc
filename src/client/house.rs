//! The appliance itself: its journal, its reasons, its state, and who we are to it.

use crate::base::Millis;
use crate::base::limit::{API_PAGE_MAX, EVENTS_WAIT_MAX};
use crate::client::{Client, Error, Query, read};
use crate::wire::api::{EventView, ExplainView, Many, StatusView};
use crate::wire::input::WhoView;
use std::time::Duration;

/// Journal entries, and where the next question goes on.
#[derive(Clone, Debug, Default)]
pub struct Listing {
    /// The entries, oldest first.
    pub events: Vec<EventView>,
    /// The last entry looked at, shown or not.
    pub seq: u64,
    /// The first entry that is still kept, when that is later than what was asked for.
    pub start_over: Option<u64>,
}

impl Client {
    /// Journal entries after one, or the last ones; waits up to `wait` for there to be any.
    pub fn events(
        &self,
        after: Option<u64>,
        max: usize,
        wait: Millis,
        about: Option<&str>,
    ) -> Result<Listing, Error> {
        let wait = wait.min(EVENTS_WAIT_MAX);
        let query = Query::default()
            .maybe("after", after)
            .with("max", max.clamp(1, API_PAGE_MAX))
            .with("waitMs", wait)
            .maybe("about", about);
        self.listing(&query, after, wait)
    }

    /// The last journal entries that have all the words, perhaps only those after one.
    pub fn search(
        &self,
        words: &str,
        after: Option<u64>,
        about: Option<&str>,
    ) -> Result<Listing, Error> {
        let query = Query::default()
            .maybe("after", after)
            .with("max", API_PAGE_MAX)
            .maybe("about", about)
            .with("search", words);
        self.listing(&query, after, 0)
    }

    fn listing(&self, query: &Query, after: Option<u64>, wait: Millis) -> Result<Listing, Error> {
        let deadline = self.deadline + Duration::from_millis(wait);
        let path = format!("grange/events/{query}");
        let answer = self.exchange("GET", &path, Vec::new(), None, deadline)?;
        let many = read::<Many<EventView>>(&answer)?;
        let last = many.data.last().map(|event| event.seq);
        let seq = many.meta.seq.or(last).or(after).unwrap_or(0);
        Ok(Listing { events: many.data, seq, start_over: many.meta.start_over })
    }

    /// How a thing is and why: `shop`, `shop/web`, `shop/web-3` or a server's UUID.
    pub fn explain(&self, what: &str) -> Result<ExplainView, Error> {
        self.get(&format!("grange/explain/{}", Query::default().with("what", what)))
    }

    /// How the appliance is.
    pub fn status(&self) -> Result<StatusView, Error> {
        self.get("grange/status/")
    }

    /// Who we are to it.
    pub fn whoami(&self) -> Result<WhoView, Error> {
        self.get("grange/whoami/")
    }
}
