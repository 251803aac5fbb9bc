//! What an event changes. A function of values: no clock, no terminal, no network.

mod rollouts;
mod typing;
mod verbs;

use super::effect::Effect;
use super::event::{Answer, Event, Key};
use super::keymap::{Keymap, Scope};
use super::palette::{self, Command};
use super::rows::{latest, rebuild};
use super::state::{
    EVENTS_MAX, HISTORY_MAX, Input, Link, MESSAGE_PERIOD, Page, Place, REFRESH_PERIOD, State,
};
use super::view;
use crate::base::Millis;
use crate::wire::api::{EventView, ServerView};

/// After a fetch, the next waits this many times as long as the fetch took: the appliance spends
/// at most a fifth of its time on one screen.
const REST_FACTOR: Millis = 4;
/// And at least this long, so that a burst of events is one fetch.
const REST_MIN: Millis = 250;

/// Applies an event and says what is to be done now.
pub fn update(state: &mut State, event: Event) -> Vec<Effect> {
    match event {
        Event::Key(key) => press(state, key),
        Event::Paste(text) => {
            typing::paste(state, &text);
            Vec::new()
        }
        Event::Resize(columns, rows) => {
            state.size = (columns, rows);
            vec![Effect::Repaint]
        }
        Event::Tick(tick) => {
            state.tick = tick.max(state.tick);
            if state.message.as_ref().is_some_and(|(_, until, _)| *until <= state.tick) {
                state.message = None;
            }
            fetch_if_due(state)
        }
        Event::Answer(answer) => take(state, answer),
        Event::News(news) => hear(state, news),
    }
}

/// Opens the session on a page, as `farm shop` in `grange tui farm shop`; farms must be known.
pub fn open(state: &mut State, line: &str) -> Vec<Effect> {
    match palette::parse(state, line) {
        Ok(command) => verbs::command(state, command),
        Err(why) => {
            say(state, why, true);
            Vec::new()
        }
    }
}

fn press(state: &mut State, key: Key) -> Vec<Effect> {
    if state.away {
        state.away = false;
        return vec![Effect::Repaint];
    }
    let keymap = Keymap::shipped();
    if state.input == Input::None {
        let scope = state.page().place.scope();
        return keymap.verb(scope, key).map_or_else(Vec::new, |verb| verbs::act(state, verb));
    }
    match keymap.verb(Scope::Input, key) {
        Some(verb) => typing::act(state, verb),
        None => typing::letter(state, key),
    }
}

/// Shows one line to the person for a while.
fn say(state: &mut State, text: impl Into<String>, bad: bool) {
    state.message = Some((text.into(), state.tick + MESSAGE_PERIOD, bad));
}

/// Goes to a page: a new one on top, or back to where it already is on the way.
fn go(state: &mut State, place: Place) -> Vec<Effect> {
    match state.pages.iter().position(|page| page.place == place) {
        Some(at) => state.pages.truncate(at + 1),
        None => state.pages.push(Page::new(place)),
    }
    arrive(state)
}

/// After the shown page changed: its lines, and its data at once.
fn arrive(state: &mut State) -> Vec<Effect> {
    // What was said of another page is not about this one.
    state.message = None;
    let stale = match &state.page().place {
        Place::Server(id) => !matches!(&state.data.server, Some((asked, _)) if asked == id),
        _ => false,
    };
    if stale {
        state.data.series.clear();
    }
    rebuild(state);
    fetch(state)
}

fn fetch(state: &mut State) -> Vec<Effect> {
    state.fetching.busy = true;
    state.fetching.again = false;
    vec![Effect::Fetch(state.wants())]
}

fn fetch_if_due(state: &mut State) -> Vec<Effect> {
    let wanted = state.fetching.again || state.fetching.due <= state.tick;
    if wanted && !state.fetching.busy && state.fetching.not_before <= state.tick {
        return fetch(state);
    }
    Vec::new()
}

fn take(state: &mut State, answer: Answer) -> Vec<Effect> {
    let failed = match answer {
        Answer::Status(Ok(status)) => {
            state.clock_offset = status.now - i64::try_from(state.tick).unwrap_or(i64::MAX);
            state.data.status = Some(status);
            state.link = Link::Up;
            None
        }
        Answer::Farms(Ok(farms)) => {
            state.data.farms = Some(farms);
            rebuild(state);
            None
        }
        Answer::FarmRoles(farm, Ok(mut roles)) => {
            roles.sort_by_key(|role| (role.launch_index, role.id));
            let last = roles.len().saturating_sub(1);
            state.data.roles.insert(farm, roles);
            let page = state.page_mut();
            page.role_at = page.role_at.min(last);
            None
        }
        Answer::Servers(farm, Ok(servers)) => {
            remember(state, &servers);
            state.data.servers = Some((farm, servers));
            rebuild(state);
            None
        }
        Answer::Server(asked, answer) => {
            keep(*answer, |server| state.data.server = Some((asked, server)))
        }
        Answer::Rollout(role, answer) => {
            keep(*answer, |rollout| state.data.rollout = Some((role, rollout)))
        }
        Answer::Series(_, answer) => keep(answer, |series| state.data.series = series),
        Answer::Accounts(answer) => keep(answer, |accounts| state.data.accounts = accounts),
        Answer::Explain(what, answer) => {
            keep(answer, |explain| state.data.explain = Some((what, explain)))
        }
        Answer::Catalogue(noun, answer) => {
            let failed = keep(answer, |list| state.data.catalogue = Some((noun, list)));
            rebuild(state);
            failed
        }
        Answer::Log(server, answer) => keep(answer, |lines| keep_log(state, server, lines)),
        Answer::Fetched(took) => {
            state.fetching.busy = false;
            state.fetching.not_before = state.tick + (took * REST_FACTOR).max(REST_MIN);
            state.fetching.due = state.tick + REFRESH_PERIOD;
            return fetch_if_due(state);
        }
        Answer::Acted(result) => {
            let bad = result.is_err();
            say(state, result.unwrap_or_else(|why| why), bad);
            state.fetching.again = true;
            return fetch_if_due(state);
        }
        Answer::Status(Err(why)) => {
            lose(state, why);
            None
        }
        Answer::Farms(Err(why)) | Answer::FarmRoles(_, Err(why)) | Answer::Servers(_, Err(why)) => {
            Some(why)
        }
    };
    // While the appliance is away the banner says so; one refusal of many is worth a line.
    if let Some(why) = failed.filter(|_| state.link == Link::Up) {
        say(state, why, true);
    }
    Vec::new()
}

/// Keeps what came; else says why nothing did.
fn keep<T>(answer: Result<T, String>, put: impl FnOnce(T)) -> Option<String> {
    answer.map(put).err()
}

/// Keeps a server's log. Whoever looks at its end stays there as it grows.
fn keep_log(state: &mut State, server: String, lines: Vec<String>) {
    let is_shown = state.page().place == Place::Log(server.clone());
    let is_first = state.data.log.is_none();
    let was_at_end = is_shown && state.page().at >= view::scroll_max(state);
    state.data.log = Some((server, lines));
    if is_shown && (is_first || was_at_end) {
        state.page_mut().at = view::scroll_max(state);
    }
}

fn lose(state: &mut State, why: String) {
    let since = match state.link {
        Link::Lost { since, .. } => since,
        Link::Opening | Link::Up => state.tick,
    };
    state.link = Link::Lost { since, why };
}

fn hear(state: &mut State, news: Result<Vec<EventView>, String>) -> Vec<Effect> {
    match news {
        Err(why) => {
            lose(state, why);
            Vec::new()
        }
        Ok(events) => {
            let was_lost = matches!(state.link, Link::Lost { .. });
            state.link = Link::Up;
            state.data.events_read = true;
            if events.is_empty() && !was_lost {
                return Vec::new();
            }
            journal(state, events);
            state.fetching.again = true;
            fetch_if_due(state)
        }
    }
}

fn journal(state: &mut State, events: Vec<EventView>) {
    // A journal that begins again is another appliance's, or one brought back from a backup.
    let first = events.first().map_or(0, |event| event.seq);
    if state.data.events.back().is_some_and(|last| first != 0 && first <= last.seq) {
        state.data.events.clear();
    }
    let dropped = (state.data.events.len() + events.len()).saturating_sub(EVENTS_MAX);
    state.data.events.extend(events);
    state.data.events.drain(..dropped);
    if matches!(state.page().place, Place::Events(_)) {
        rebuild(state);
    }
}

/// Keeps the last CPU readings of each server, and forgets servers that are gone.
fn remember(state: &mut State, servers: &[ServerView]) {
    let mut old = std::mem::take(&mut state.data.history);
    for server in servers {
        let mut kept = old.remove(&server.id).unwrap_or_default();
        let cpu = latest(server, "cpu_percent");
        let at = server.grange.latest.iter().find(|r| r.series == "cpu_percent").map(|r| r.at);
        if let Some(at) = at.filter(|at| kept.back().is_none_or(|(last, _)| last < at)) {
            kept.push_back((at, cpu));
            if kept.len() > HISTORY_MAX {
                kept.pop_front();
            }
        }
        state.data.history.insert(server.id.clone(), kept);
    }
}

/// What a typed command does; shared by the palette and the start page.
pub(super) fn run_command(state: &mut State, command: Command) -> Vec<Effect> {
    verbs::command(state, command)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::theme::{Signs, Theme};
    use crate::wire::api::StatusView;

    fn fresh() -> State {
        State::new((80, 24), Signs::ASCII, Theme::shipped(false), false)
    }

    #[test]
    fn a_key_without_meaning_changes_nothing() {
        let mut state = fresh();
        let before = format!("{state:?}");
        for key in [Key::Char('z'), Key::Ctrl('z'), Key::Tab, Key::Backspace] {
            assert_eq!(update(&mut state, Event::Key(key)), Vec::new());
        }
        assert_eq!(format!("{state:?}"), before);
    }

    #[test]
    fn one_fetch_at_a_time_and_a_burst_of_news_is_one() {
        let mut state = fresh();
        assert_eq!(update(&mut state, Event::Tick(0)).len(), 1, "the first fetch");
        for seq in 1..50 {
            let event = EventView { seq, ..EventView::default() };
            assert_eq!(update(&mut state, Event::News(Ok(vec![event]))), Vec::new());
        }
        let done = update(&mut state, Event::Answer(Answer::Fetched(100)));
        assert_eq!(done, Vec::new(), "rests first");
        assert_eq!(update(&mut state, Event::Tick(399)), Vec::new());
        assert_eq!(update(&mut state, Event::Tick(400)).len(), 1);
    }

    #[test]
    fn the_link_is_lost_once_and_found_again() {
        let mut state = fresh();
        let status = StatusView { now: 1_000_000, ..StatusView::default() };
        update(&mut state, Event::Answer(Answer::Status(Ok(status))));
        update(&mut state, Event::Tick(5_000));
        assert_eq!(state.now(), 1_005_000);
        update(&mut state, Event::News(Err("refused".into())));
        update(&mut state, Event::Tick(9_000));
        update(&mut state, Event::News(Err("still".into())));
        assert_eq!(state.link, Link::Lost { since: 5_000, why: "still".into() });
        update(&mut state, Event::News(Ok(Vec::new())));
        assert_eq!(state.link, Link::Up);
    }

    #[test]
    fn the_journal_is_bounded() {
        let mut state = fresh();
        for seq in 1..=(EVENTS_MAX as u64 + 7) {
            let event = EventView { seq, ..EventView::default() };
            update(&mut state, Event::News(Ok(vec![event])));
        }
        assert_eq!(state.data.events.len(), EVENTS_MAX);
        assert_eq!(state.data.events[0].seq, 8);
    }
}
