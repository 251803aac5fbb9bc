//! Why something is as it is: the chain of causes, and what it waits for.

use super::absent;
use super::pen::Line;
use crate::tui::state::State;
use crate::tui::text::{moment, wrap};
use crate::tui::theme::Tone;

/// Columns before the sentences.
const INDENT: usize = 14;

/// The page.
pub fn lines(state: &State, what: &str, columns: usize) -> Vec<Line> {
    let explain = match &state.data.explain {
        Some((asked, explain)) if asked == what => explain,
        _ => return vec![Vec::new(), [vec![("  ".into(), Tone::Plain)], absent(state)].concat()],
    };
    let signs = &state.signs;
    let room = columns.saturating_sub(INDENT + 2);
    let mut lines = vec![vec![(format!("  {}", explain.about), Tone::Title)]];
    hang(&mut lines, "  now", &explain.now, Tone::Plain, room);
    lines.push(Vec::new());
    lines.push(vec![("  Because".to_owned(), Tone::Head)]);
    for (at, because) in explain.because.iter().enumerate() {
        let mark = if at == 0 { " " } else { signs.cause };
        let when = format!("  {} {mark}", moment(state.now(), because.at));
        let text = match because.root.as_str() {
            "" => because.text.clone(),
            root => format!("[{root}] {}", because.text),
        };
        hang(&mut lines, &when, &text, Tone::Plain, room);
    }
    if explain.because.is_empty() {
        lines.push(vec![("  The journal holds no cause for it.".into(), Tone::Dim)]);
    }
    lines.push(Vec::new());
    lines.push(vec![("  Next".to_owned(), Tone::Head)]);
    for waiting in &explain.waiting {
        hang(&mut lines, &format!("  {}", signs.item), waiting, Tone::Plain, room);
    }
    if explain.waiting.is_empty() {
        lines.push(vec![("  Nothing: it is as it should be.".into(), Tone::Dim)]);
    }
    if !explain.notes.is_empty() {
        lines.push(Vec::new());
        lines.push(vec![("  Notes".to_owned(), Tone::Head)]);
    }
    for note in &explain.notes {
        let when = format!("  {}", moment(state.now(), note.at));
        hang(&mut lines, &when, &format!("{}: {}", note.by, note.text), Tone::Plain, room);
    }
    lines
}

/// A label and a sentence that wraps under itself.
pub fn hang(lines: &mut Vec<Line>, label: &str, text: &str, tone: Tone, room: usize) {
    for (at, part) in wrap(text, room).into_iter().enumerate() {
        let label = if at == 0 { label } else { "" };
        let pad = INDENT.saturating_sub(crate::tui::text::width(label));
        lines.push(vec![(format!("{label}{}", " ".repeat(pad)), Tone::Dim), (part, tone)]);
    }
}
