//! Which lines a page shows, in which order. Worked out when data, filter or order change, and
//! never while drawing: a frame formats only the rows it shows.

use super::catalogue::Noun;
use super::state::{Place, State};
use super::text::width;
use crate::wire::api::{EventView, FarmView, ServerView};
use crate::wire::input::is_under;
use std::cmp::Ordering;

/// The order of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// By name, `web-2` before `web-10`.
    Name,
    /// What needs a look first.
    Status,
    /// Busiest first; farms: most servers first.
    Load,
    /// Youngest first.
    Age,
}

impl Sort {
    /// The one after it.
    pub fn next(self) -> Sort {
        match self {
            Sort::Name => Sort::Status,
            Sort::Status => Sort::Load,
            Sort::Load => Sort::Age,
            Sort::Age => Sort::Name,
        }
    }

    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Sort::Name => "name",
            Sort::Status => "status",
            Sort::Load => "load",
            Sort::Age => "age",
        }
    }
}

/// The lines of the shown page: indexes into its data.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    /// In the order shown.
    pub shown: Vec<usize>,
    /// How many there were before the filter.
    pub of: usize,
    /// Columns of the longest name among all of them, so that columns stay put while scrolling.
    pub longest: usize,
}

/// Works the lines out anew, and keeps the selection on the thing it was on.
pub fn rebuild(state: &mut State) {
    let follow = follows(state);
    state.rows = match &state.page().place {
        Place::Farms => farm_rows(state),
        Place::Farm(_) | Place::Servers => server_rows(state),
        Place::Events(about) => event_rows(state, about),
        Place::Catalogue(noun) => catalogue_rows(state, *noun),
        Place::Role(..)
        | Place::Entry(..)
        | Place::Server(_)
        | Place::Why(_)
        | Place::Log(_)
        | Place::Status
        | Place::Help(_) => Rows::default(),
    };
    if !state.page().place.scope().is_list() {
        return;
    }
    let last = state.rows.shown.len().saturating_sub(1);
    let found = state.page().id.as_deref().and_then(|id| {
        state.rows.shown.iter().position(|at| id_of(state, *at).as_deref() == Some(id))
    });
    let at = if follow { last } else { found.unwrap_or(state.page().at).min(last) };
    select(state, at);
}

/// Selects a line and remembers what it is.
pub fn select(state: &mut State, at: usize) {
    let at = at.min(state.rows.shown.len().saturating_sub(1));
    let id = state.rows.shown.get(at).and_then(|index| id_of(state, *index));
    let page = state.page_mut();
    page.at = at;
    // While the list is empty it may only be loading: the selection waits.
    if id.is_some() {
        page.id = id;
    }
}

/// The journal is followed while its last line is selected, or nothing was yet.
fn follows(state: &State) -> bool {
    matches!(state.page().place, Place::Events(_))
        && (state.page().id.is_none() || state.page().at + 1 >= state.rows.shown.len())
}

fn id_of(state: &State, index: usize) -> Option<String> {
    match state.page().place {
        Place::Farms => Some(state.data.farms.as_ref()?.get(index)?.id.to_string()),
        Place::Farm(_) | Place::Servers => Some(state.shown_servers().get(index)?.id.clone()),
        Place::Events(_) => Some(state.data.events.get(index)?.seq.to_string()),
        Place::Catalogue(noun) => Some(state.catalogue(noun)?.entries.get(index)?.name.clone()),
        _ => None,
    }
}

/// Whether a filter lets a line through: a text any part has, or `!text` that none has.
fn passes(filter: &str, parts: &[&str]) -> bool {
    let (text, wanted) = match filter.strip_prefix('!') {
        Some(text) => (text, false),
        None => (filter, true),
    };
    text.is_empty() || parts.iter().any(|part| part.to_lowercase().contains(text)) == wanted
}

fn farm_rows(state: &State) -> Rows {
    let farms: &[FarmView] = state.data.farms.as_deref().unwrap_or_default();
    let filter = state.page().filter.to_lowercase();
    let mut shown: Vec<usize> = (0..farms.len())
        .filter(|at| {
            let farm = &farms[*at];
            passes(&filter, &[&farm.name, &farm.status, &farm.description])
        })
        .collect();
    let by_name = |a: &FarmView, b: &FarmView| natural(&a.name, &b.name);
    let trouble = |farm: &FarmView| {
        (farm.grange.freeze.is_none(), farm.grange.waiting.is_empty(), farm.status.clone())
    };
    match state.page().sort {
        Sort::Name => shown.sort_by(|a, b| by_name(&farms[*a], &farms[*b])),
        Sort::Status => shown.sort_by_cached_key(|at| trouble(&farms[*at])),
        Sort::Load => shown.sort_by_key(|at| std::cmp::Reverse(farms[*at].grange.servers)),
        Sort::Age => shown.sort_by_key(|at| std::cmp::Reverse(farms[*at].id)),
    }
    let longest = farms.iter().map(|farm| width(&farm.name)).max().unwrap_or(0);
    Rows { shown, of: farms.len(), longest }
}

fn server_rows(state: &State) -> Rows {
    let servers = state.shown_servers();
    let page = state.page();
    let filter = page.filter.to_lowercase();
    let mut shown: Vec<usize> = (0..servers.len())
        .filter(|at| {
            let server = &servers[*at];
            let address = server.private_ip.first().map_or("", String::as_str);
            page.only_role.is_none_or(|role| server.farm_role.id == role)
                && passes(&filter, &[&server.grange.name, &server.status, address, &server.id])
        })
        .collect();
    let by_name = |a: &ServerView, b: &ServerView| {
        (&a.grange.farm, &a.grange.alias, a.index)
            .cmp(&(&b.grange.farm, &b.grange.alias, b.index))
            .then_with(|| a.id.cmp(&b.id))
    };
    shown.sort_by(|a, b| {
        let (a, b) = (&servers[*a], &servers[*b]);
        let first = match page.sort {
            Sort::Name => Ordering::Equal,
            Sort::Status => calm(a).cmp(&calm(b)),
            Sort::Load => latest(b, "cpu_percent").total_cmp(&latest(a, "cpu_percent")),
            Sort::Age => b.launched.cmp(&a.launched),
        };
        first.then_with(|| by_name(a, b))
    });
    let full = page.place == Place::Servers;
    let name = |s: &ServerView| width(if full { &s.grange.name } else { &s.hostname });
    let longest = servers.iter().map(name).max().unwrap_or(0);
    Rows { shown, of: servers.len(), longest }
}

/// Servers in trouble or under way come before those that just run.
fn calm(server: &ServerView) -> (bool, &str) {
    (server.status == "running" && server.grange.agent_connected, &server.status)
}

/// The last reading of a series, or below every real one.
pub fn latest(server: &ServerView, series: &str) -> f64 {
    server.grange.latest.iter().find(|r| r.series == series).map_or(-1.0, |r| r.value)
}

fn event_rows(state: &State, about: &str) -> Rows {
    let filter = state.page().filter.to_lowercase();
    let concerns = |event: &EventView| {
        about.is_empty() || event.about.split(", ").any(|one| is_under(one, about))
    };
    let events = &state.data.events;
    let about_it: Vec<usize> = (0..events.len()).filter(|at| concerns(&events[*at])).collect();
    let of = about_it.len();
    let shown = about_it
        .into_iter()
        .filter(|at| {
            let event = &events[*at];
            passes(&filter, &[&event.text, &event.about, &event.actor, &event.verb])
        })
        .collect();
    let longest = about_longest(events);
    Rows { shown, of, longest }
}

/// In the order of the list, which is by name.
fn catalogue_rows(state: &State, noun: Noun) -> Rows {
    let Some(list) = state.catalogue(noun) else { return Rows::default() };
    let filter = state.page().filter.to_lowercase();
    let is_shown = |at: &usize| {
        let cells: Vec<&str> = list.entries[*at].cells.iter().map(|cell| cell.0.as_str()).collect();
        passes(&filter, &cells)
    };
    let longest = list.entries.iter().map(|entry| width(&entry.name)).max().unwrap_or(0);
    let of = list.entries.len();
    Rows { shown: (0..of).filter(is_shown).collect(), of, longest }
}

fn about_longest(events: &std::collections::VecDeque<EventView>) -> usize {
    events.iter().map(|event| width(&event.about)).max().unwrap_or(0)
}

/// Compares names so that `web-2` comes before `web-10`.
pub fn natural(a: &str, b: &str) -> Ordering {
    let split = |name: &str| {
        let digits = name.trim_end_matches(|c: char| c.is_ascii_digit()).len();
        (name[..digits].to_owned(), name[digits..].parse::<u64>().ok())
    };
    split(a).cmp(&split(b)).then_with(|| a.cmp(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_keep_and_invert() {
        let check = |filter: &str, parts: &[&str], kept| {
            assert_eq!(passes(filter, parts), kept, "{filter} {parts:?}");
        };
        check("", &["shop"], true);
        check("web", &["shop/web-1", "running"], true);
        check("web", &["shop/lb-1", "running"], false);
        check("!run", &["shop/lb-1", "running"], false);
        check("!run", &["shop/lb-1", "pending"], true);
        check("!", &["shop"], true);
        check("shop", &["SHOP"], true);
    }

    #[test]
    fn numbers_in_names_count_as_numbers() {
        assert_eq!(natural("web-2", "web-10"), Ordering::Less);
        assert_eq!(natural("db-9", "web-1"), Ordering::Less);
        assert_eq!(natural("web", "web"), Ordering::Equal);
        assert_eq!(natural("7", "12"), Ordering::Less);
    }
}
