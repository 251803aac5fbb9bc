//! A list of roles, variables or cloud accounts, and one of them.

use super::absent;
use super::explain;
use super::farms::nothing_left;
use super::pen::{Line, Pen};
use super::table::{self, Body, Column};
use crate::tui::catalogue::{Catalogue, Noun};
use crate::tui::state::State;
use crate::tui::text::{width, wrap};
use crate::tui::theme::Tone;
use crate::wire::columns;
use ratatui::layout::Rect;

/// No column but the last is wider, so that there is room for the others.
const COLUMN_MAX: usize = 24;

/// Draws the list of a noun.
pub fn draw(state: &State, noun: Noun, area: Rect, pen: &mut Pen) {
    let Some(list) = state.catalogue(noun) else {
        pen.line(area.x + 2, area.y + 1, area.width.saturating_sub(2), &absent(state));
        return;
    };
    if list.entries.is_empty() {
        pen.lines(area, &none(noun), 0);
        return;
    }
    let places: Vec<usize> = list.shown().collect();
    let columns: Vec<Column<'_>> = places.iter().map(|at| column(list, &places, *at)).collect();
    let shown = &state.rows.shown;
    let body = Body { count: shown.len(), selected: Some(state.page().at), focused: true };
    table::draw(pen, area, &columns, body, |row, column| {
        let entry = shown.get(row).and_then(|at| list.entries.get(*at));
        let cell = entry.and_then(|entry| entry.cells.get(*places.get(column)?));
        cell.map_or((String::new(), Tone::Plain), |cell| (cell.0.clone(), tone(cell.1)))
    });
    if shown.is_empty() {
        nothing_left(state, area, pen);
    }
}

/// The first column stays longest; what is last on the line goes first where room is short.
fn column<'a>(list: &'a Catalogue, places: &[usize], at: usize) -> Column<'a> {
    let nth = places.iter().position(|place| *place == at).unwrap_or(0);
    let wide = u16::try_from(list.width_of(at).min(COLUMN_MAX)).unwrap_or(u16::MAX);
    let rank = u8::try_from(places.len() - nth).unwrap_or(u8::MAX);
    let column = Column::new(&list.columns[at].0, wide, rank);
    if nth + 1 == places.len() { column.grows() } else { column }
}

/// The page of one of them: all its columns have of it; of a role also who uses it.
pub fn lines(state: &State, noun: Noun, name: &str, columns: usize) -> Vec<Line> {
    let Some(list) = state.catalogue(noun) else {
        return vec![Vec::new(), [vec![("  ".into(), Tone::Plain)], absent(state)].concat()];
    };
    let Some(entry) = list.entry(name) else {
        let text = format!("  There is no {} {name}.", noun.one());
        return vec![Vec::new(), vec![(text, Tone::Dim)]];
    };
    let mut lines = vec![vec![(format!("  {} {name}", noun.one()), Tone::Title)]];
    let said = list.columns.iter().zip(&entry.cells).skip(1);
    let said = said.filter(|(_, cell)| !["", "-"].contains(&cell.0.as_str()));
    let label = list.columns.iter().map(|column| width(&column.0)).max().unwrap_or(0);
    for ((column, _), cell) in said {
        let mut column = column.to_lowercase();
        for part in wrap(&cell.0, columns.saturating_sub(label + 6)) {
            lines.push(vec![(format!("  {column:label$}  "), Tone::Dim), (part, tone(cell.1))]);
            column.clear();
        }
    }
    if let Some(what) = noun.subject(name).filter(|_| noun == Noun::Roles) {
        lines.push(Vec::new());
        // Whose story it is stands above.
        lines.extend(explain::lines(state, &what, columns).into_iter().skip(1));
    }
    lines
}

fn tone(tone: columns::Tone) -> Tone {
    match tone {
        columns::Tone::Plain => Tone::Plain,
        columns::Tone::Good => Tone::Good,
        columns::Tone::Busy => Tone::Busy,
        columns::Tone::Bad => Tone::Bad,
    }
}

/// What an empty list says.
fn none(noun: Noun) -> Vec<Line> {
    let (what, command) = match noun {
        Noun::Roles => ("There is no role yet.", "grange role apply -f my-api.yaml"),
        Noun::Variables => {
            ("There is no variable yet.", "grange variable set environment NAME=VALUE")
        }
        Noun::Clouds => ("There is no cloud account yet.", "grange cloud add docker"),
    };
    vec![
        Vec::new(),
        vec![(format!("  {what}"), Tone::Title)],
        Vec::new(),
        vec![(format!("    {command}"), Tone::Key)],
    ]
}
