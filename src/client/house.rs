//! The appliance itself: its journal, its reasons, its state, and who we are to it.

use crate::base::Millis;
use crate::base::limit::{API_PAGE_MAX, EVENTS_WAIT_MAX};
use crate::client::ask::asked;
use crate::client::{Client, Error, read};
use crate::wire::api::appliance::{STATUS, WHOAMI};
use crate::wire::api::journal::{EVENTS, EXPLAIN, EventsAsked, ExplainAsked};
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
        self.listing(EventsAsked {
            after,
            max: Some(max.clamp(1, API_PAGE_MAX)),
            wait_ms: Some(wait),
            about: about.map(str::to_owned),
            search: None,
        })
    }

    /// The last journal entries that have all the words, perhaps only those after one.
    pub fn search(
        &self,
        words: &str,
        after: Option<u64>,
        about: Option<&str>,
    ) -> Result<Listing, Error> {
        self.listing(EventsAsked {
            after,
            max: Some(API_PAGE_MAX),
            wait_ms: None,
            about: about.map(str::to_owned),
            search: Some(words.to_owned()),
        })
    }

    fn listing(&self, query: EventsAsked) -> Result<Listing, Error> {
        let deadline = self.deadline + Duration::from_millis(query.wait_ms.unwrap_or(0));
        let answer = self.get(&asked(EVENTS.path, &[], &query), deadline)?;
        let many = read::<Many<EventView>>(&answer)?;
        let last = many.data.last().map(|event| event.seq);
        let seq = many.meta.seq.or(last).or(query.after).unwrap_or(0);
        Ok(Listing { events: many.data, seq, start_over: many.meta.start_over })
    }

    /// How a thing is and why: `shop`, `shop/web`, `shop/web-3` or a server's UUID.
    pub fn explain(&self, what: &str) -> Result<ExplainView, Error> {
        self.show_where(&EXPLAIN, &[], &ExplainAsked { what: Some(what.to_owned()) })
    }

    /// How the appliance is.
    pub fn status(&self) -> Result<StatusView, Error> {
        self.show(&STATUS, &[])
    }

    /// Who we are to it.
    pub fn whoami(&self) -> Result<WhoView, Error> {
        self.show(&WHOAMI, &[])
    }
}
