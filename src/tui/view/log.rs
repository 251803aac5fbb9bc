//! What a server prints: the last lines of its setup, its services and its agent.

use super::absent;
use super::pen::Line;
use crate::tui::state::State;
use crate::tui::text::{fit, width};
use crate::tui::theme::Tone;

/// The page, no line of it cut off.
pub fn lines(state: &State, server: &str, columns: usize) -> Vec<Line> {
    let log = match &state.data.log {
        Some((asked, log)) if asked == server => log,
        _ => return vec![Vec::new(), [vec![("  ".into(), Tone::Plain)], absent(state)].concat()],
    };
    if log.is_empty() {
        return vec![vec![("  It has printed nothing yet that is kept.".into(), Tone::Dim)]];
    }
    let room = columns.saturating_sub(4).max(1);
    log.iter().flat_map(|line| folded(line, room)).collect()
}

/// A line of a log, over as many of the page's as it needs: nothing of it is out of sight.
fn folded(line: &str, room: usize) -> Vec<Line> {
    let tone = if line.starts_with("==> ") { Tone::Head } else { Tone::Plain };
    let mut parts = Vec::new();
    let (mut part, mut used) = (String::new(), 0);
    for c in line.replace('\t', "    ").chars() {
        let wide = width(c.encode_utf8(&mut [0; 4]));
        if used + wide > room {
            parts.push(std::mem::take(&mut part));
            used = 0;
        }
        part.push(c);
        used += wide;
    }
    parts.push(part);
    parts.into_iter().map(|part| vec![(format!("  {}", fit(&part, room)), tone)]).collect()
}
