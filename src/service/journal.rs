//! The journal, for people.

pub mod explain;
pub(super) mod follow;

use crate::base::{Code, Problem, Result, Seq};
use crate::model::{Actor, Grant, Permission};
use crate::service::{Service, authorise};
use crate::store::{Entry, Store, StoreError};
use crate::wire::api::EventView;
use crate::wire::input::{EventsQuery, EventsSlice, is_under};

/// Entries looked at for one answer: a filter that matches nothing must still end.
const LOOKED_AT_MAX: usize = 5_000;
/// Bytes of what is searched for; a question is a few words.
const SEARCH_BYTES_MAX: usize = 200;

/// Journal entries; answers at once.
pub fn list(service: &Service, actor: &Actor, query: &EventsQuery) -> Result<EventsSlice> {
    let grant = authorise(actor, Permission::EventsRead)?;
    let last = service.store.last_seq();
    if let Some(words) = &query.search {
        return found(service, &grant, words, query);
    }
    let about = query.about.as_deref();
    if let Some(after) = query.after {
        within(service, &grant, after)?;
        return later(&service.store, &grant, query, after);
    }
    let slice = tail(&service.store, &grant, about, query.max, last)?;
    let Some(about) = about.filter(|_| slice.events.is_empty()) else { return Ok(slice) };
    // Nothing happened to it, it has a longer name, or there is no such thing and never was.
    let full = explain::full_name(service, actor, about)?;
    tail(&service.store, &grant, Some(&full), query.max, last)
}

/// Who asks for what comes after an entry that is none would be told nothing for ever: its number
/// is of a journal that a backup was put in the place of, or a mistake.
fn within(service: &Service, grant: &Grant, after: u64) -> Result<()> {
    // A commit can be read a moment before its number is published.
    if after <= service.store.last_seq().0 {
        return Ok(());
    }
    let last = service.read(grant, |view| Ok(view.last_seq()?))?.0;
    if after <= last {
        return Ok(());
    }
    let text = format!("the journal ends with entry {last}: there is no entry {after}");
    Err(Problem::invalid("after", text))
}

/// The entries after one, or after those that are no longer kept.
fn later(store: &Store, grant: &Grant, query: &EventsQuery, after: u64) -> Result<EventsSlice> {
    let about = query.about.as_deref();
    let mut slice = EventsSlice { seq: after, ..EventsSlice::default() };
    let mut looked_at = 0;
    while slice.events.len() < query.max && looked_at < LOOKED_AT_MAX {
        let entries = match store.entries(grant, Seq(slice.seq), query.max.clamp(1, 500)) {
            Err(StoreError::Gone { first }) => {
                slice.start_over = Some(first.0);
                slice.seq = first.0.saturating_sub(1);
                continue;
            }
            entries => entries?,
        };
        if entries.is_empty() {
            break;
        }
        looked_at += entries.len();
        for entry in entries {
            if slice.events.len() == query.max {
                break;
            }
            slice.seq = entry.seq.0;
            if shows(&entry, about) {
                slice.events.push(event(entry));
            }
        }
    }
    Ok(slice)
}

/// The last entries that have all the words, oldest first.
fn found(
    service: &Service,
    grant: &Grant,
    words: &str,
    query: &EventsQuery,
) -> Result<EventsSlice> {
    if words.len() > SEARCH_BYTES_MAX {
        let message = format!("must be at most {SEARCH_BYTES_MAX} bytes");
        return Err(Problem::invalid("search", message));
    }
    let Some(finder) = &service.search else {
        let why = match cfg!(feature = "search") {
            true => "search is not available: its index could not be opened, the log says why",
            false => "search is not built into this binary",
        };
        return Err(Problem::new(Code::ServiceUnavailable, why));
    };
    let after = query.after.unwrap_or(0);
    within(service, grant, after)?;
    let seq = finder.cursor().max(after);
    let mut events = Vec::new();
    for number in finder.query(words, LOOKED_AT_MAX)? {
        if number <= after || events.len() == query.max {
            break;
        }
        // The journal may have forgotten it a moment ago.
        let entry = service.store.entry(grant, Seq(number))?;
        events.extend(entry.filter(|entry| shows(entry, query.about.as_deref())).map(event));
    }
    events.reverse();
    Ok(EventsSlice { events, seq, start_over: None })
}

/// The last entries there are, oldest first.
fn tail(
    store: &Store,
    grant: &Grant,
    about: Option<&str>,
    max: usize,
    last: Seq,
) -> Result<EventsSlice> {
    let mut window = max.max(1) as u64;
    loop {
        let mut from = last.0.saturating_sub(window);
        let at_most = usize::try_from(window).unwrap_or(max);
        let entries = match store.entries(grant, Seq(from), at_most) {
            // Further back there is nothing.
            Err(StoreError::Gone { first }) => {
                from = 0;
                store.entries(grant, Seq(first.0.saturating_sub(1)), at_most)?
            }
            entries => entries?,
        };
        let mut shown: Vec<EventView> =
            entries.into_iter().filter(|entry| shows(entry, about)).map(event).collect();
        if shown.len() >= max || from == 0 || window >= LOOKED_AT_MAX as u64 {
            if from == 0 && shown.len() < max {
                // Before the beginning of the journal there is only what people did.
                let kept = store.entries_kept(grant, max - shown.len())?;
                let kept = kept.into_iter().filter(|entry| shows(entry, about)).map(event);
                shown.splice(0..0, kept);
            }
            let surplus = shown.len().saturating_sub(max);
            return Ok(EventsSlice {
                events: shown.into_iter().skip(surplus).collect(),
                seq: last.0,
                start_over: None,
            });
        }
        window = window.saturating_mul(4);
    }
}

/// Whether an entry is about something or about what is under it. Entries without a sentence are
/// bookkeeping, and only shown to those who ask for nothing in particular.
fn shows(entry: &Entry, about: Option<&str>) -> bool {
    let Some(about) = about else { return !entry.text.is_empty() };
    entry.about.split(", ").any(|one| is_under(one, about))
}

/// An entry as people see it.
pub fn event(entry: Entry) -> EventView {
    let mut tables: Vec<String> =
        entry.changes.iter().map(|change| change.table.name().to_owned()).collect();
    tables.sort();
    tables.dedup();
    EventView {
        seq: entry.seq.0,
        at: entry.at.0,
        actor: entry.who.name,
        verb: entry.verb,
        about: entry.about,
        text: entry.text,
        tables,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{ManualClock, Timestamp};
    use crate::model::{Alert, Cause};
    use crate::store::{Author, Disk, Mode, Purpose};
    use std::sync::Arc;

    #[test]
    fn who_follows_a_trimmed_journal_is_told_to_start_over() {
        let clock = Arc::new(ManualClock::at(Timestamp(0)));
        let store = Store::open_on(&Disk::new(), clock, Mode::Inline(None)).unwrap();
        let grant = Grant::job("test");
        for n in 1..=40 {
            let alert = Alert { key: "k".into(), text: n.to_string(), since: Timestamp(0) };
            let author = Author::new(&grant, "test", Cause::Clock, Purpose::Growth);
            let write = move |tx: &mut crate::store::Tx<'_>| {
                tx.text("shop", format!("sentence {n}"));
                Ok(tx.put(&alert)?)
            };
            store.write(author, write).unwrap();
        }
        store.set_journal_limit(2_000);
        let gone = store.trim_journal().unwrap();
        assert!((10..40).contains(&gone), "{gone}");
        store.verify().unwrap();
        let query = EventsQuery { max: 3, ..EventsQuery::default() };
        let seqs = |slice: &EventsSlice| slice.events.iter().map(|e| e.seq).collect::<Vec<_>>();
        let found = later(&store, &grant, &query, 0).unwrap();
        assert_eq!(found.start_over, Some(gone + 1));
        assert_eq!(seqs(&found), [gone + 1, gone + 2, gone + 3]);
        let next = later(&store, &grant, &query, found.seq).unwrap();
        assert_eq!((next.start_over, seqs(&next)[0]), (None, gone + 4));
        assert_eq!(later(&store, &grant, &query, gone).unwrap().start_over, None);
        // The last ones, also when fewer are kept than were asked for.
        assert_eq!(seqs(&tail(&store, &grant, None, 2, Seq(40)).unwrap()), [39, 40]);
        let all = tail(&store, &grant, None, 1_000, Seq(40)).unwrap();
        assert_eq!((all.events.len() as u64, all.start_over), (40 - gone, None));
    }
}
