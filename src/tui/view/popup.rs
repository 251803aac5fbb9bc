//! What lies over a page: the command line with its suggestions, and questions.

use super::pen::{Line, Pen};
use crate::tui::palette::suggestions;
use crate::tui::state::{Confirm, Input, State};
use crate::tui::text::wrap;
use crate::tui::theme::Tone;
use ratatui::layout::Rect;

/// Draws the popup over whatever is there.
pub fn draw(state: &State, area: Rect, pen: &mut Pen) {
    match &state.input {
        Input::None | Input::Filter => {}
        Input::Palette { text, at } => palette(state, text, *at, area, pen),
        Input::Confirm(confirm) => question(confirm, area, pen),
    }
}

fn palette(state: &State, text: &str, at: usize, area: Rect, pen: &mut Pen) {
    let mut lines: Vec<Line> =
        vec![vec![(":".to_owned(), Tone::Key), (format!("{text}_"), Tone::Accent)]];
    let suggestions = suggestions(state, text);
    for (row, suggestion) in suggestions.iter().enumerate() {
        let mark = if row == at { pen.signs.cursor } else { " " };
        let tone = if row == at { Tone::Title } else { Tone::Plain };
        lines.push(vec![
            (format!("{mark} {:<28}", suggestion.line), tone),
            (suggestion.about.clone(), Tone::Dim),
        ]);
    }
    boxed(" Command ", &lines, area, pen);
}

fn question(confirm: &Confirm, area: Rect, pen: &mut Pen) {
    let columns = usize::from(area.width.min(64).saturating_sub(4));
    let mut lines: Vec<Line> = wrap(&confirm.question, columns)
        .into_iter()
        .map(|part| vec![(part, Tone::Plain)])
        .collect();
    if area.height > 8 {
        lines.push(Vec::new());
    }
    lines.push(vec![
        (format!("Type {}: ", confirm.answer), Tone::Key),
        (format!("{}_", confirm.typed), Tone::Accent),
    ]);
    boxed(" Are you sure? ", &lines, area, pen);
}

/// A frame in the middle with lines in it, as large as they need and the screen allows.
fn boxed(title: &str, lines: &[Line], area: Rect, pen: &mut Pen) {
    let width = area.width.min(64);
    let height = area.height.min(u16::try_from(lines.len() + 2).unwrap_or(u16::MAX));
    if width < 4 || height < 3 {
        // No room for a frame: the last line is what is being typed, or the only one there is.
        pen.erase(Rect { height: height.min(1), ..area });
        if let Some(line) = lines.last() {
            pen.line(area.x, area.y, area.width, line);
        }
        return;
    }
    let frame = Rect {
        x: area.x + (area.width - width) / 2,
        y: area.y + (area.height - height) / 3,
        width,
        height,
    };
    pen.erase(frame);
    let [top_left, top_right, bottom_left, bottom_right, side] = pen.signs.frame;
    let rule = pen.signs.rule.repeat(usize::from(width - 2));
    let top = format!("{top_left}{rule}{top_right}");
    let bottom = format!("{bottom_left}{rule}{bottom_right}");
    pen.put(frame.x, frame.y, width, &top, Tone::Accent);
    pen.put(frame.x + 2, frame.y, width - 3, title, Tone::Title);
    for y in frame.y + 1..frame.bottom() - 1 {
        pen.put(frame.x, y, 1, side, Tone::Accent);
        pen.put(frame.right() - 1, y, 1, side, Tone::Accent);
    }
    pen.put(frame.x, frame.bottom() - 1, width, &bottom, Tone::Accent);
    let inside = Rect { x: frame.x + 2, y: frame.y + 1, width: width - 4, height: height - 2 };
    pen.lines(inside, lines, 0);
}
