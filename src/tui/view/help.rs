//! The keys that work on a page, from the table that makes them work.

use super::pen::Line;
use crate::tui::keymap::{Binding, Keymap, Scope};
use crate::tui::text::{fit, width};
use crate::tui::theme::Tone;

/// The page.
pub fn lines(scope: Scope, columns: usize) -> Vec<Line> {
    let title = format!("  Keys on the page: {}", scope.name());
    let mut lines = vec![vec![(title, Tone::Head)]];
    let keys: Vec<Line> = Keymap::shipped().at(scope).map(entry).collect();
    // Two columns, read downwards, where both are whole.
    let half = keys.len().div_ceil(2);
    let widest = |keys: &[Line]| {
        let wide = |line: &Line| line.iter().map(|(text, _)| width(text)).sum::<usize>();
        keys.iter().map(wide).max().unwrap_or(0)
    };
    let left = widest(&keys[..half]) + 2;
    if left + widest(&keys[half..]) <= columns {
        for row in 0..half {
            let mut line = pad(&keys[row], left);
            line.extend(keys.get(half + row).cloned().unwrap_or_default());
            lines.push(line);
        }
    } else {
        lines.extend(keys);
    }
    lines.push(Vec::new());
    lines.push(vec![("  While typing".to_owned(), Tone::Head)]);
    lines.extend(Keymap::shipped().at(Scope::Input).map(entry));
    lines
}

fn entry(binding: &Binding) -> Line {
    let labels: Vec<String> = binding.on.iter().map(|key| key.label()).collect();
    vec![
        (format!("  {:<20}", fit(&labels.join(", "), 20)), Tone::Key),
        (binding.help.clone(), Tone::Plain),
    ]
}

fn pad(line: &Line, columns: usize) -> Line {
    let wide: usize = line.iter().map(|(text, _)| width(text)).sum();
    let mut line = line.clone();
    line.push((" ".repeat(columns.saturating_sub(wide)), Tone::Plain));
    line
}
