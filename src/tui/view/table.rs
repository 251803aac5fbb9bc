//! A table that formats only the rows it shows.

use super::pen::Pen;
use crate::tui::theme::Tone;
use ratatui::layout::Rect;

/// A column.
#[derive(Clone, Copy, Debug)]
pub struct Column<'a> {
    /// Its heading.
    pub title: &'a str,
    /// Its width; of the growing one the least.
    pub width: u16,
    /// It takes what is left over.
    pub grows: bool,
    /// Its text ends at the right.
    pub right: bool,
    /// When there is not room for all, the lowest go first.
    pub rank: u8,
}

impl<'a> Column<'a> {
    /// A column of fixed width.
    pub const fn new(title: &'a str, width: u16, rank: u8) -> Column<'a> {
        Column { title, width, grows: false, right: false, rank }
    }

    /// One that takes what is left over.
    pub const fn grows(mut self) -> Column<'a> {
        self.grows = true;
        self
    }

    /// One of numbers.
    pub const fn right(mut self) -> Column<'a> {
        self.right = true;
        self
    }
}

/// Columns before a line that mark the selection.
const MARGIN: u16 = 2;
/// Between columns.
const GAP: u16 = 2;

/// Where each column is: start and width, or nothing when there was no room.
fn places(columns: &[Column<'_>], width: u16) -> Vec<Option<(u16, u16)>> {
    let mut kept: Vec<bool> = vec![true; columns.len()];
    let needs = |kept: &[bool]| {
        let shown = columns.iter().zip(kept).filter(|(_, kept)| **kept);
        shown.map(|(column, _)| u32::from(column.width + GAP)).sum::<u32>() + u32::from(MARGIN)
    };
    while needs(&kept) > u32::from(width) + u32::from(GAP) {
        let left = columns.iter().enumerate().filter(|(at, _)| kept[*at]);
        let Some((at, _)) = left.min_by_key(|(_, column)| column.rank) else { break };
        if kept.iter().filter(|kept| **kept).count() == 1 {
            break;
        }
        kept[at] = false;
    }
    let spare = (u32::from(width) + u32::from(GAP)).saturating_sub(needs(&kept));
    let mut spare = u16::try_from(spare).unwrap_or(0);
    // The last growing column that is shown gets all of it.
    let grower = (0..columns.len()).rev().find(|at| kept[*at] && columns[*at].grows);
    let mut x = MARGIN;
    let mut places = Vec::with_capacity(columns.len());
    for (at, column) in columns.iter().enumerate() {
        if !kept[at] {
            places.push(None);
            continue;
        }
        let more = if grower == Some(at) { std::mem::take(&mut spare) } else { 0 };
        let wide = (column.width + more).min(width.saturating_sub(x));
        places.push(Some((x, wide)));
        x = x.saturating_add(column.width + more + GAP);
    }
    places
}

/// The rows and the selected one.
#[derive(Clone, Copy, Debug)]
pub struct Body {
    /// How many rows there are.
    pub count: usize,
    /// Which one is selected.
    pub selected: Option<usize>,
    /// Whether keys go to this table.
    pub focused: bool,
}

/// Which row is on top so that the selected one shows, with others around it.
fn first_row(body: Body, height: usize) -> usize {
    let selected = body.selected.unwrap_or(0);
    selected.saturating_sub(height / 2).min(body.count.saturating_sub(height))
}

/// Draws headings and the rows that fit; `cell` is asked only for those.
pub fn draw(
    pen: &mut Pen,
    area: Rect,
    columns: &[Column<'_>],
    body: Body,
    cell: impl Fn(usize, usize) -> (String, Tone),
) {
    if area.is_empty() {
        return;
    }
    let places = places(columns, area.width);
    // Headings give way only where rows would be lost for them on a tiny screen.
    let headed = area.height > 3 || body.count < usize::from(area.height);
    if headed {
        for (column, place) in columns.iter().zip(&places) {
            let Some((x, wide)) = *place else { continue };
            if column.right {
                pen.put_right(area.x + x, area.y, wide, column.title, Tone::Head);
            } else {
                pen.put(area.x + x, area.y, wide, column.title, Tone::Head);
            }
        }
    }
    let top = area.y + u16::from(headed);
    let height = area.height - u16::from(headed);
    let first = first_row(body, usize::from(height));
    for (y, row) in (top..top + height).zip(first..body.count) {
        for (at, place) in places.iter().enumerate() {
            let Some((x, wide)) = *place else { continue };
            let (text, tone) = cell(row, at);
            if columns[at].right {
                pen.put_right(area.x + x, y, wide, &text, tone);
            } else {
                pen.put(area.x + x, y, wide, &text, tone);
            }
        }
        if body.selected == Some(row) {
            let sign = if body.focused { pen.signs.cursor } else { " " };
            pen.put(area.x, y, 1, sign, Tone::Accent);
            if body.focused {
                pen.tint(area.x, y, area.width, Tone::Select);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_make_room_and_fill_it() {
        let columns =
            [Column::new("a", 10, 9).grows(), Column::new("b", 10, 1), Column::new("c", 10, 5)];
        let check = |width, expected: [Option<(u16, u16)>; 3]| {
            assert_eq!(places(&columns, width), expected, "{width}");
        };
        check(40, [Some((2, 14)), Some((18, 10)), Some((30, 10))]);
        check(36, [Some((2, 10)), Some((14, 10)), Some((26, 10))]);
        check(30, [Some((2, 16)), None, Some((20, 10))]);
        check(12, [Some((2, 10)), None, None]);
        check(3, [Some((2, 1)), None, None]);
        check(0, [Some((2, 0)), None, None]);
    }
}
