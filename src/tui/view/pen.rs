//! Writing into cells, clipped: the one place that touches the buffer, so none can panic.

use crate::base::text::escape;
use crate::tui::state::State;
use crate::tui::text::{fit, width};
use crate::tui::theme::{Signs, Theme, Tone};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// One line of text in tones.
pub type Line = Vec<(String, Tone)>;

/// Writes into a buffer.
pub struct Pen<'a> {
    buffer: &'a mut Buffer,
    theme: &'a Theme,
    /// The signs to write.
    pub signs: &'a Signs,
}

impl<'a> Pen<'a> {
    /// A pen with the session's colours and signs.
    pub fn new(buffer: &'a mut Buffer, state: &'a State) -> Pen<'a> {
        Pen { buffer, theme: &state.theme, signs: &state.signs }
    }

    /// Writes at most `columns` and says how many it took. Outside the buffer nothing happens.
    pub fn put(&mut self, x: u16, y: u16, columns: u16, text: &str, tone: Tone) -> u16 {
        let area = self.buffer.area;
        if y < area.top() || y >= area.bottom() || x < area.left() || x >= area.right() {
            return 0;
        }
        let columns = columns.min(area.right() - x);
        let text = fit(&escape(text), usize::from(columns));
        let style = self.theme.style(tone);
        let (end, _) = self.buffer.set_stringn(x, y, text, usize::from(columns), style);
        end.saturating_sub(x)
    }

    /// Writes so that it ends at the right of its columns.
    pub fn put_right(&mut self, x: u16, y: u16, columns: u16, text: &str, tone: Tone) {
        let wide = u16::try_from(width(&escape(text))).unwrap_or(u16::MAX).min(columns);
        self.put(x + columns - wide, y, wide, text, tone);
    }

    /// Writes a line in its tones.
    pub fn line(&mut self, x: u16, y: u16, columns: u16, line: &Line) {
        let mut used = 0;
        for (text, tone) in line {
            if used >= columns {
                break;
            }
            used += self.put(x.saturating_add(used), y, columns - used, text, *tone);
        }
    }

    /// Writes lines from the `first` on, as many as fit.
    pub fn lines(&mut self, area: Rect, lines: &[Line], first: usize) {
        for (y, line) in (area.top()..area.bottom()).zip(lines.iter().skip(first)) {
            self.line(area.x, y, area.width, line);
        }
    }

    /// Fills a row with one sign.
    pub fn fill(&mut self, x: u16, y: u16, columns: u16, sign: &str, tone: Tone) {
        self.put(x, y, columns, &sign.repeat(usize::from(columns)), tone);
    }

    /// Gives a row another tone, leaving its text: a selected line.
    pub fn tint(&mut self, x: u16, y: u16, columns: u16, tone: Tone) {
        let row = Rect::new(x, y, columns, 1).intersection(self.buffer.area);
        self.buffer.set_style(row, self.theme.style(tone));
    }

    /// Empties a rectangle.
    pub fn erase(&mut self, area: Rect) {
        let area = area.intersection(self.buffer.area);
        for y in area.top()..area.bottom() {
            for x in area.left()..area.right() {
                self.buffer[(x, y)].reset();
            }
        }
    }
}

/// A bar of `columns` cells filled by percent.
pub fn bar(signs: &Signs, percent: f64, columns: usize) -> String {
    let full = (percent.clamp(0.0, 100.0) / 100.0 * columns as f64).round() as usize;
    signs.bar[0].repeat(full) + &signs.bar[1].repeat(columns.saturating_sub(full))
}

/// One row of a graph: a step for each value between `low` and `high`, a space where there is none.
pub fn spark(signs: &Signs, values: &[Option<f64>], low: f64, high: f64) -> String {
    let top = signs.steps.len() - 1;
    let range = (high - low).max(f64::EPSILON);
    values
        .iter()
        .map(|value| match value {
            None => " ",
            Some(value) => {
                let share = ((value - low) / range).clamp(0.0, 1.0);
                signs.steps[(share * top as f64).round() as usize]
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_and_sparks_are_as_wide_as_asked() {
        let check = |percent, cells: &str| assert_eq!(bar(&Signs::ASCII, percent, 5), cells);
        check(0.0, ".....");
        check(50.0, "###..");
        check(100.0, "#####");
        check(-7.0, ".....");
        check(f64::NAN, ".....");
        let values = [Some(0.0), None, Some(50.0), Some(100.0), Some(1e9)];
        assert_eq!(spark(&Signs::UNICODE, &values, 0.0, 100.0), "▁ ▅██");
    }
}
