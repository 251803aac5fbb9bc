//! Lists of servers: all of them, and those of a farm.

use super::absent;
use super::farms::nothing_left;
use super::pen::{Pen, bar, spark};
use super::table::{self, Body, Column};
use crate::tui::rows::latest;
use crate::tui::state::{Place, State};
use crate::tui::text::{age_of, parse_moment};
use crate::tui::theme::{Badge, Tone, condition_badge, server_badge};
use crate::wire::api::ServerView;
use ratatui::layout::Rect;

/// Draws the page of all servers.
pub fn draw(state: &State, area: Rect, pen: &mut Pen) {
    list(state, area, pen, true);
}

/// Draws the list; `focused` when keys go to it.
pub fn list(state: &State, area: Rect, pen: &mut Pen, focused: bool) {
    let servers = state.shown_servers();
    let full = state.page().place == Place::Servers;
    if servers.is_empty() {
        let here = state.data.servers.as_ref().is_some_and(|(of, _)| match state.page().place {
            Place::Farm(id) => *of == Some(id),
            _ => of.is_none(),
        });
        let line = if here {
            vec![("No servers. A launched farm brings them up.".to_owned(), Tone::Dim)]
        } else {
            absent(state)
        };
        pen.line(area.x + 2, area.y, area.width.saturating_sub(2), &line);
        return;
    }
    let name = |server: &ServerView| match full {
        true => server.grange.name.clone(),
        false => server.hostname.clone(),
    };
    let longest = state.rows.longest.clamp(8, 26);
    let columns = [
        Column::new("Server", u16::try_from(longest).unwrap_or(26), 9),
        Column::new("Status", 17, 8),
        Column::new("CPU", 10, 7),
        Column::new("Lately", 10, 3),
        Column::new("Memory", 6, 6).right(),
        Column::new("Address", 13, 4),
        Column::new("Age", 4, 5).right(),
        Column::new("Agent", 5, 4),
        Column::new("Waits for", 16, 2).grows(),
    ];
    let now = state.now();
    let shown = &state.rows.shown;
    let body = Body { count: shown.len(), selected: Some(state.page().at), focused };
    table::draw(pen, area, &columns, body, |row, column| {
        let Some(server) = shown.get(row).and_then(|at| servers.get(*at)) else {
            return (String::new(), Tone::Plain);
        };
        match column {
            0 => (name(server), Tone::Plain),
            1 => {
                let badge = badge(state, server);
                let locked = if is_locked(server) { ", locked" } else { "" };
                (format!("{} {}{locked}", badge.sign, badge.word), badge.tone)
            }
            2 => cpu(state, latest(server, "cpu_percent")),
            3 => (history(state, &server.id), Tone::Accent),
            4 => percent(latest(server, "memory_percent")),
            5 => (address(server).to_owned(), Tone::Plain),
            6 => (launched_age(now, server), Tone::Plain),
            7 => agent(server),
            _ => match server.grange.waiting.first() {
                Some(waiting) => (waiting.clone(), Tone::Plain),
                None => (String::new(), Tone::Dim),
            },
        }
    });
    if shown.is_empty() {
        nothing_left(state, area, pen);
    }
}

/// Its badge: the worst that is true of it.
pub fn badge(state: &State, server: &ServerView) -> Badge {
    let worst = server.grange.conditions.first();
    worst
        .and_then(|condition| condition_badge(&state.signs, &condition.name))
        .unwrap_or_else(|| server_badge(&state.signs, &server.status, &server.grange.seen))
}

/// Whether scaling, healing and people have to leave it alone.
pub fn is_locked(server: &ServerView) -> bool {
    server.grange.conditions.iter().any(|condition| condition.name == "locked")
}

/// An address that reaches it: its own network's, else the public one.
pub fn address(server: &ServerView) -> &str {
    let first = server.private_ip.first().or(server.public_ip.first());
    first.map_or("-", String::as_str)
}

/// How long ago it was launched.
pub fn launched_age(now: i64, server: &ServerView) -> String {
    parse_moment(&server.launched).map_or_else(|| "-".into(), |then| age_of(now, then))
}

/// Whether its agent talks to us.
pub fn agent(server: &ServerView) -> (String, Tone) {
    match (server.grange.agent_connected, &server.grange.agent_version) {
        (true, _) => ("up".into(), Tone::Good),
        (false, Some(_)) => ("away".into(), Tone::Warn),
        (false, None) => ("none".into(), Tone::Dim),
    }
}

fn percent(value: f64) -> (String, Tone) {
    match value {
        value if value.is_nan() || value < 0.0 => ("-".into(), Tone::Dim),
        value => (format!("{value:.0}%"), Tone::Plain),
    }
}

fn cpu(state: &State, value: f64) -> (String, Tone) {
    let tone = match value {
        value if value.is_nan() || value < 0.0 => return ("-".into(), Tone::Dim),
        value if value >= 90.0 => Tone::Bad,
        value if value >= 70.0 => Tone::Warn,
        _ => Tone::Plain,
    };
    (format!("{} {value:>3.0}%", bar(&state.signs, value, 5)), tone)
}

fn history(state: &State, id: &str) -> String {
    let Some(kept) = state.data.history.get(id) else { return String::new() };
    let values: Vec<Option<f64>> = kept.iter().map(|(_, value)| Some(*value)).collect();
    spark(&state.signs, &values, 0.0, 100.0)
}
