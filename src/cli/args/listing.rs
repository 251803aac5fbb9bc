//! The options of every list, and of what shows one thing.

use super::said;
use crate::wire::columns::ask::Request;
use clap::{Args as Group, ValueEnum};

/// How things are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Table,
    /// For people, with every column.
    Wide,
    /// The API's objects.
    Json,
    /// The same as YAML.
    Yaml,
    /// One name a line, as other commands take it.
    Name,
}

/// What a list is given.
#[derive(Debug, Default, Group)]
pub struct Listing {
    /// table, wide, json, yaml or name: one name a line, as other commands take it
    #[arg(
        short,
        long,
        value_name = "FORMAT",
        conflicts_with = "json",
        hide_possible_values = true
    )]
    pub output: Option<Format>,
    /// Only those of which all this holds, as 'status=running,cpu>50'; see grange docs lists
    #[arg(long, value_name = "CONDITIONS", value_parser = said::something)]
    pub filter: Vec<String>,
    /// In the order of this column; -COLUMN for the largest first
    #[arg(long, value_name = "COLUMN", allow_hyphen_values = true,
          value_parser = said::something)]
    pub sort: Option<String>,
    /// Only these columns, as server,address; help says which there are
    #[arg(long, value_name = "COLUMNS", value_parser = said::something)]
    pub columns: Option<String>,
}

/// What shows one thing is given.
#[derive(Clone, Copy, Debug, Default, Group)]
pub struct Showing {
    /// table, json, yaml or name
    #[arg(
        short,
        long,
        value_name = "FORMAT",
        conflicts_with = "json",
        hide_possible_values = true
    )]
    pub output: Option<Format>,
}

impl Listing {
    /// How it is written; `--json` is the older word for one of them.
    pub fn format(&self, json: bool) -> Format {
        format(self.output, json)
    }

    /// Whether nothing is asked of it: neither which rows nor in which order or form.
    pub fn is_bare(&self) -> bool {
        let nothing = self.output.is_none() && self.filter.is_empty();
        nothing && self.sort.is_none() && self.columns.is_none()
    }

    /// What is asked of the list.
    pub fn request(&self) -> Request {
        Request {
            filters: self.filter.clone(),
            sort: self.sort.clone(),
            columns: self.columns.clone(),
            wide: self.output == Some(Format::Wide),
        }
    }
}

impl Showing {
    /// How it is written.
    pub fn format(&self, json: bool) -> Format {
        format(self.output, json)
    }
}

fn format(output: Option<Format>, json: bool) -> Format {
    if json { Format::Json } else { output.unwrap_or_default() }
}
