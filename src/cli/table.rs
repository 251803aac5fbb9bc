//! Tables for people: aligned, and coloured only where colour is seen.

use crate::base::text::escape;
use crate::cli::Io;
pub use crate::wire::columns::{Cell, Tone};
use std::io;

/// The colour of a tone, as a terminal is told.
fn colour(tone: Tone) -> Option<&'static str> {
    match tone {
        Tone::Plain => None,
        Tone::Good => Some("32"),
        Tone::Busy => Some("33"),
        Tone::Bad => Some("31"),
    }
}

/// Writes rows under a heading, two spaces between columns, none at the end of a line.
pub fn write(io: &mut Io<'_>, heading: &[&str], rows: Vec<Vec<Cell>>) -> io::Result<()> {
    let coloured = io.coloured();
    let shown = |cell: Cell| Cell(escape(&cell.0).into_owned(), cell.1);
    let rows: Vec<Vec<Cell>> =
        rows.into_iter().map(|row| row.into_iter().map(shown).collect()).collect();
    // A heading may be what the API calls a metric.
    let heading: Vec<Cell> = heading.iter().map(|text| shown(Cell::from(text))).collect();
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        let longest = cells.map(|cell| cell.0.chars().count()).max().unwrap_or(0);
        longest.max(heading.get(column).map_or(0, |cell| cell.0.chars().count()))
    };
    let widths: Vec<usize> = (0..heading.len()).map(width).collect();
    for row in std::iter::once(&heading).chain(&rows) {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            let pad = width.saturating_sub(cell.0.chars().count()) + 2;
            match colour(cell.1).filter(|_| coloured && !cell.0.is_empty()) {
                Some(code) => line.push_str(&format!("\u{1b}[{code}m{}\u{1b}[0m", cell.0)),
                None => line.push_str(&cell.0),
            }
            line.push_str(&" ".repeat(pad));
        }
        writeln!(io.stdout, "{}", line.trim_end())?;
    }
    Ok(())
}

/// Writes `name  value` lines; empty values are left out.
pub fn facts(io: &mut Io<'_>, facts: &[(&str, String)]) -> io::Result<()> {
    let width = facts.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    for (name, value) in facts.iter().filter(|(_, value)| !value.is_empty()) {
        put_line!(io.stdout, "{name:width$}  {value}")?;
    }
    Ok(())
}

/// Writes lines under a title; nothing when there are none.
pub fn lines(io: &mut Io<'_>, title: &str, lines: &[String]) -> io::Result<()> {
    if lines.is_empty() {
        return Ok(());
    }
    put_line!(io.stdout, "{title}")?;
    lines.iter().try_for_each(|line| put_line!(io.stdout, "  {line}"))
}
