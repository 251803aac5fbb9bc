//! The journal's end, newest at the bottom; it follows while the last line is selected.

use super::absent;
use super::farms::nothing_left;
use super::pen::Pen;
use super::table::{self, Body, Column};
use crate::tui::state::State;
use crate::tui::text::moment;
use crate::tui::theme::Tone;
use ratatui::layout::Rect;

/// Draws the page.
pub fn draw(state: &State, area: Rect, pen: &mut Pen) {
    if state.rows.of == 0 {
        let line = match state.data.events_read {
            true => vec![("Nothing has happened yet.".to_owned(), Tone::Dim)],
            false => absent(state),
        };
        pen.line(area.x + 2, area.y + 1, area.width.saturating_sub(2), &line);
        return;
    }
    let shown = &state.rows.shown;
    let events = &state.data.events;
    let abouts = state.rows.longest.clamp(5, 24);
    let columns = [
        Column::new("When (UTC)", 11, 8),
        Column::new("About", u16::try_from(abouts).unwrap_or(24), 7),
        Column::new("Who", 12, 3),
        Column::new("What", 30, 9).grows(),
    ];
    let now = state.now();
    let body = Body { count: shown.len(), selected: Some(state.page().at), focused: true };
    table::draw(pen, area, &columns, body, |row, column| {
        let Some(event) = shown.get(row).and_then(|at| events.get(*at)) else {
            return (String::new(), Tone::Plain);
        };
        match column {
            0 => (moment(now, event.at), Tone::Dim),
            1 => (event.about.clone(), Tone::Plain),
            2 => (event.actor.clone(), Tone::Dim),
            _ => (event.text.clone(), Tone::Plain),
        }
    });
    if shown.is_empty() {
        nothing_left(state, area, pen);
    }
}
