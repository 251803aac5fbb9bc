//! All farms.

use super::pen::{Line, Pen};
use super::table::{self, Body, Column};
use super::{absent, frame};
use crate::tui::state::State;
use crate::tui::theme::{Badge, Tone, farm_badge};
use crate::wire::api::FarmView;
use ratatui::layout::Rect;

/// Draws the page.
pub fn draw(state: &State, area: Rect, pen: &mut Pen) {
    let Some(farms) = &state.data.farms else {
        pen.line(area.x + 2, area.y + 1, area.width.saturating_sub(2), &absent(state));
        return;
    };
    if farms.is_empty() {
        pen.lines(area, &none(), 0);
        return;
    }
    let names = state.rows.longest.clamp(4, 24);
    let columns = [
        Column::new("Farm", u16::try_from(names).unwrap_or(24), 9),
        Column::new("Status", 13, 8),
        Column::new("Roles", 5, 4).right(),
        Column::new("Servers", 9, 7).right(),
        Column::new("Waits for", 24, 6).grows(),
    ];
    let shown = &state.rows.shown;
    let body = Body { count: shown.len(), selected: Some(state.page().at), focused: true };
    table::draw(pen, area, &columns, body, |row, column| {
        let Some(farm) = shown.get(row).and_then(|at| farms.get(*at)) else {
            return (String::new(), Tone::Plain);
        };
        match column {
            0 => (farm.name.clone(), Tone::Plain),
            1 => {
                let badge = badge(state, farm);
                (format!("{} {}", badge.sign, badge.word), badge.tone)
            }
            2 => (farm.grange.farm_roles.to_string(), Tone::Plain),
            3 => {
                let tone = if farm.grange.unhealthy > 0 { Tone::Bad } else { Tone::Plain };
                (format!("{}/{}", farm.grange.running, farm.grange.target), tone)
            }
            _ => waits(farm),
        }
    });
    if shown.is_empty() {
        nothing_left(state, area, pen);
    }
}

/// The farm's sign and word.
pub fn badge(state: &State, farm: &FarmView) -> Badge {
    let short = farm.grange.running != farm.grange.target;
    farm_badge(&state.signs, &farm.status, farm.grange.freeze.is_some(), short)
}

/// What a farm waits for, or what its description says.
fn waits(farm: &FarmView) -> (String, Tone) {
    let held = farm.grange.holds.first().filter(|_| farm.grange.freeze.is_none());
    if let Some(held) = held {
        return (format!("held: {held}"), Tone::Busy);
    }
    if farm.status == "suspended" && farm.grange.freeze.is_none() {
        return ("servers kept; S starts it".into(), Tone::Warn);
    }
    match (&farm.grange.freeze, farm.grange.waiting.as_slice()) {
        (Some(why), _) => (why.clone(), Tone::Bad),
        (None, [first]) => (first.clone(), Tone::Plain),
        (None, [first, more @ ..]) => (format!("{first} (+{})", more.len()), Tone::Plain),
        (None, []) => ("nothing".into(), Tone::Dim),
    }
}

/// What a filter that hides everything says.
pub fn nothing_left(state: &State, area: Rect, pen: &mut Pen) {
    let filter = &state.page().filter;
    let text = if filter.is_empty() {
        "Nothing here.".to_owned()
    } else {
        format!("No line matches {filter}. Esc shows all {} again.", state.rows.of)
    };
    let y = area.y + u16::from(frame::roomy(area)) + 1;
    pen.put(area.x + 2, y, area.width.saturating_sub(2), &text, Tone::Dim);
}

fn none() -> Vec<Line> {
    let text = |text: &str| vec![(text.to_owned(), Tone::Plain)];
    let command = |command: &str, about: &str| {
        vec![(format!("    {command:<26}"), Tone::Key), (about.to_owned(), Tone::Dim)]
    };
    vec![
        Vec::new(),
        vec![("  There is no farm yet.".to_owned(), Tone::Title)],
        Vec::new(),
        text("  A farm is declared in a file, and the appliance keeps it so:"),
        Vec::new(),
        command("grange apply shop.yaml", "declare the farm in shop.yaml"),
        command("grange farm launch shop", "bring its servers up"),
        command("grange demo", "a farm to play with, gone on quit"),
        Vec::new(),
        text("  It appears here as soon as it is declared."),
    ]
}
