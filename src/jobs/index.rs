//! Brings the journal's search index up to date.
//!
//! The index is a cache with a cursor of its own, so there is nothing to be careful about: what
//! is not in it yet comes with the next activation, what the journal forgot is forgotten, and an
//! index that is ahead of the journal (a restored backup) begins anew.

use crate::base::{Result, Seq};
use crate::jobs::{Job, Ports, Work};
use crate::model::Grant;
use crate::service::journal::event;
use crate::service::{Finder, Service};
use crate::store::StoreError;
use crate::wire::api::EventView;

/// Entries read at once; they come with what they changed, which is let go of at once.
const READ_AT_ONCE: usize = 500;
/// Entries of one activation, which is one commit of the index: at 300 bytes each about 1.5 MB.
const LOOKED_AT_MAX: usize = 5_000;
/// The journal loses a few entries with every commit; the index follows in steps of so many.
const FORGET_STEP: u64 = 1_000;

/// The job, with how far it looked beyond the index's cursor: entries without a sentence are not
/// worth a commit.
#[derive(Default)]
pub struct IndexJournal {
    cursor: u64,
    seen: u64,
    forgotten: u64,
    /// Whether the index was compared with its checksums, as it is once a start.
    examined: bool,
}

impl Job for IndexJournal {
    fn step(&mut self, ports: &Ports) -> Work {
        let Some(finder) = ports.service.search.as_deref() else {
            return Work::done("there is no index");
        };
        match self.advance(&ports.service, finder) {
            Ok((added, true)) => Work::done(format!("{added} entries added")),
            Ok((added, false)) => Work::done(format!("{added} entries added, more to come"))
                .by(Some(ports.service.now())),
            Err(problem) => Work::failed(&problem),
        }
    }
}

impl IndexJournal {
    /// How many were added, and whether that was all there is.
    fn advance(&mut self, service: &Service, finder: &dyn Finder) -> Result<(usize, bool)> {
        if !self.examined {
            if !finder.examine()? {
                tracing::warn!("the search index was damaged and is made anew from the journal");
            }
            self.examined = true;
        }
        if finder.cursor() > service.store.last_seq().0 {
            finder.clear()?;
        }
        if finder.cursor() != self.cursor {
            self.cursor = finder.cursor();
            self.seen = self.cursor;
        }
        let (mut told, mut looked_at): (Vec<EventView>, _) = (Vec::new(), 0);
        let mut whole = false;
        while looked_at < LOOKED_AT_MAX && !whole {
            let entries =
                match service.store.entries(&Grant::job("index"), Seq(self.seen), READ_AT_ONCE) {
                    Err(StoreError::Gone { first }) => {
                        self.seen = first.0.saturating_sub(1);
                        continue;
                    }
                    entries => entries?,
                };
            whole = entries.len() < READ_AT_ONCE;
            looked_at += entries.len();
            self.seen = entries.last().map_or(self.seen, |entry| entry.seq.0);
            told.extend(entries.into_iter().filter(|entry| !entry.text.is_empty()).map(event));
        }
        if !told.is_empty() {
            let first = first(service)?;
            let forget = first >= self.forgotten + FORGET_STEP;
            finder.index(&told, self.seen, if forget { first } else { 0 })?;
            self.cursor = self.seen;
            self.forgotten = if forget { first } else { self.forgotten };
        }
        Ok((told.len(), whole))
    }
}

/// The first entry the journal still has.
fn first(service: &Service) -> Result<u64> {
    match service.store.entries(&Grant::job("index"), Seq(0), 1) {
        Err(StoreError::Gone { first }) => Ok(first.0),
        entries => Ok(entries?.first().map_or(0, |entry| entry.seq.0)),
    }
}
