//! Every list and every single thing, written as it is asked for: `-o`, `--filter`, `--sort`,
//! `--columns`. What columns there are is declared in `wire::columns`.

use crate::base::{Code, Problem};
use crate::cli::args::{Format, Listing, Showing};
use crate::cli::{Done, Io, Stop, table};
use crate::wire::columns::ask::Asked;
use crate::wire::columns::{Cell, Column, List};
use serde::Serialize;
use serde_json::{Map, Value};
use std::io;

/// Writes what `fetch` finds. What is wrong with the options is said before anything is fetched.
pub fn list<T: Serialize>(
    of: &List<T>,
    listing: &Listing,
    io: &mut Io<'_>,
    json: bool,
    fetch: impl FnOnce(&Asked<T>) -> Result<Vec<T>, Stop>,
) -> Done {
    if listing.columns.as_deref() == Some("help") {
        help(of, io)?;
        return Ok(0);
    }
    let asked = of.ask(&listing.request(), io.patience.wall())?;
    let format = listing.format(json);
    let chosen = listing.columns.is_some();
    if chosen && matches!(format, Format::Wide | Format::Name) {
        let text = "--columns: -o wide and -o name say themselves what is shown: leave one out";
        return Err(Problem::new(Code::InvalidValue, text).into());
    }
    let rows = asked.of(fetch(&asked)?);
    match format {
        Format::Json if chosen => io.json(&raw(&asked, &rows))?,
        Format::Yaml if chosen => io.yaml(&raw(&asked, &rows))?,
        Format::Json => io.json(&rows)?,
        Format::Yaml => io.yaml(&rows)?,
        Format::Name => names(of, &rows, io)?,
        Format::Table | Format::Wide => write(&asked.columns, &rows, io)?,
    }
    Ok(0)
}

/// The usual columns of things, as part of something larger.
pub fn usual<T>(of: &List<T>, rows: &[T], io: &mut Io<'_>) -> io::Result<()> {
    write(&of.usual(), rows, io)
}

/// One thing: as an object where that is asked for, else as `facts` writes it for people.
pub fn show<T: Serialize>(
    object: &T,
    name: &str,
    showing: Showing,
    io: &mut Io<'_>,
    json: bool,
    facts: impl FnOnce(&mut Io<'_>) -> io::Result<()>,
) -> Done {
    match showing.format(json) {
        Format::Json => io.json(object)?,
        Format::Yaml => io.yaml(object)?,
        Format::Name => put_line!(io.stdout, "{name}")?,
        Format::Table | Format::Wide => facts(io)?,
    }
    Ok(0)
}

fn write<T>(columns: &[&Column<T>], rows: &[T], io: &mut Io<'_>) -> io::Result<()> {
    let heading: Vec<String> = columns.iter().map(|column| column.name.to_uppercase()).collect();
    let heading: Vec<&str> = heading.iter().map(String::as_str).collect();
    let row = |of: &T| -> Vec<Cell> { columns.iter().map(|column| column.cell(of)).collect() };
    table::write(io, &heading, rows.iter().map(row).collect())
}

/// Only the columns that are asked for, for programs.
fn raw<T>(asked: &Asked<T>, rows: &[T]) -> Vec<Map<String, Value>> {
    let columns = &asked.columns;
    let row = |of: &T| columns.iter().map(|c| (c.name.to_owned(), c.raw(of))).collect();
    rows.iter().map(row).collect()
}

fn names<T>(of: &List<T>, rows: &[T], io: &mut Io<'_>) -> io::Result<()> {
    for row in rows {
        put_line!(io.stdout, "{}", (of.name)(row))?;
    }
    Ok(())
}

fn help<T>(of: &List<T>, io: &mut Io<'_>) -> io::Result<()> {
    let lines = of.help();
    let rows = lines.into_iter().map(|(name, about)| vec![Cell::from(name), Cell::from(about)]);
    table::write(io, &["COLUMN", "WHAT IT IS"], rows.collect())
}
