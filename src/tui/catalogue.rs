//! Nouns that are looked up more than watched: lists of roles, variables and cloud accounts, by the
//! columns that the command line shows of them.

use super::effect::Want;
use super::state::{Place, State};
use super::text::width;
use crate::wire::columns::{Cell, List};

/// One of these nouns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Noun {
    /// What servers are made of.
    Roles,
    /// Global variables of the environment.
    Variables,
    /// Accounts of cloud platforms.
    Clouds,
}

impl Noun {
    /// What a list of it is called, in `:` commands and on its page.
    pub fn name(self) -> &'static str {
        match self {
            Noun::Roles => "roles",
            Noun::Variables => "variables",
            Noun::Clouds => "clouds",
        }
    }

    /// What one of them is called.
    pub fn one(self) -> &'static str {
        match self {
            Noun::Roles => "role",
            Noun::Variables => "variable",
            Noun::Clouds => "cloud",
        }
    }

    /// What the page of one needs.
    pub fn wants(self, name: &str) -> Vec<Want> {
        let story = self.subject(name).filter(|_| self == Noun::Roles).map(Want::Explain);
        [Want::Catalogue(self)].into_iter().chain(story).collect()
    }

    /// What explains one, or what its journal entries are about; `None` where neither is.
    pub fn subject(self, name: &str) -> Option<String> {
        match self {
            Noun::Roles => Some(format!("role {name}")),
            Noun::Clouds => Some(format!("cloud {name}")),
            Noun::Variables => None,
        }
    }
}

/// A list with all its columns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Catalogue {
    /// The heading of each column, and whether a table has it.
    pub columns: Vec<(String, bool)>,
    /// What is in it, in the order of the list.
    pub entries: Vec<CatalogueEntry>,
}

/// One thing of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatalogueEntry {
    /// How it is asked for.
    pub name: String,
    /// What each column has of it.
    pub cells: Vec<Cell>,
}

impl Catalogue {
    /// Everything of a list.
    pub fn of<T>(list: &List<T>, things: &[T]) -> Catalogue {
        let columns = list.columns.iter().map(|column| (heading(column.name), !column.wide));
        let entry = |thing: &T| CatalogueEntry {
            name: (list.name)(thing),
            cells: list.columns.iter().map(|column| column.cell(thing)).collect(),
        };
        Catalogue { columns: columns.collect(), entries: things.iter().map(entry).collect() }
    }

    /// One of it by name.
    pub fn entry(&self, name: &str) -> Option<&CatalogueEntry> {
        self.entries.iter().find(|entry| entry.name == name)
    }

    /// Places of the columns that a table has.
    pub fn shown(&self) -> impl Iterator<Item = usize> + '_ {
        self.columns.iter().enumerate().filter(|(_, column)| column.1).map(|(at, _)| at)
    }

    /// Columns of the screen that a column needs for all it has.
    pub fn width_of(&self, at: usize) -> usize {
        let cells = self.entries.iter().map(|entry| width(&entry.cells[at].0));
        cells.max().unwrap_or(0).max(width(&self.columns[at].0))
    }
}

impl State {
    /// A list of roles, variables or cloud accounts, while it is here.
    pub fn catalogue(&self, noun: Noun) -> Option<&Catalogue> {
        self.data.catalogue.as_ref().filter(|(of, _)| *of == noun).map(|(_, list)| list)
    }

    /// The selected one of such a list, or the shown one.
    pub fn selected_entry(&self) -> Option<(Noun, &str)> {
        match &self.page().place {
            Place::Catalogue(noun) => {
                let at = *self.rows.shown.get(self.page().at)?;
                Some((*noun, &self.catalogue(*noun)?.entries.get(at)?.name))
            }
            Place::Entry(noun, name) => Some((*noun, name)),
            _ => None,
        }
    }
}

/// A column's name as a heading: `The last said`.
fn heading(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
