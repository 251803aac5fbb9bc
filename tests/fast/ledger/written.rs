//! What the journal says was written: each entry with who, why, about what and for whose stories,
//! and of each record the fields that differ.

use super::tree::{self, Tree};
use grange::base::{EnvironmentId, Seq};
use grange::model::Grant;
use grange::service::Service;
use grange::store::{Change, Entry, Record, Subject, Table, Visit};
use std::collections::BTreeMap;
use std::fmt::Write;

/// A line of a golden.
const COLUMNS: usize = 110;

/// The last entry of the journal.
pub fn last(service: &Service) -> Seq {
    service.store.last_seq()
}

/// What a golden told already: what is like it is told by what differs.
#[derive(Default)]
pub struct Known {
    /// The first new record of each table.
    first: BTreeMap<Table, Tree>,
    /// The last answer of each type.
    last: BTreeMap<String, Tree>,
}

/// Every entry after one, field by field.
pub fn since(service: &Service, after: Seq, known: &mut Known) -> String {
    let mut told = String::new();
    for entry in service.store.entries(&Grant::job("test"), after, 1_000).unwrap() {
        tell(&mut told, &entry, known);
    }
    told
}

fn tell(told: &mut String, entry: &Entry, known: &mut Known) {
    let who = &entry.who;
    let words = |value: &dyn std::fmt::Debug| tree::read(&format!("{value:#?}")).words();
    let cause = words(&entry.cause);
    writeln!(told, "* {} by {} ({:?}) of {cause}", entry.verb, who.name, who.door).unwrap();
    writeln!(told, "  {:?}: {}", entry.about, entry.text).unwrap();
    // All that the ledger is about is of the first environment, so it is checked and not told.
    let env = Subject::Environment(EnvironmentId(1));
    let others: Vec<&Subject> = entry.subjects.iter().filter(|about| **about != env).collect();
    let has_one = entry.subjects.len() > others.len();
    assert!(has_one || others.is_empty(), "{}: it says no environment", entry.verb);
    let subjects: Vec<String> = others.into_iter().map(|about| words(about)).collect();
    writeln!(told, "  for {}", subjects.join(", ")).unwrap();
    for change in &entry.changes {
        tell_change(told, change, known);
    }
}

fn tell_change(told: &mut String, change: &Change, known: &mut Known) {
    let (sign, but, told_of) = match sides(change) {
        (None, Some(is)) => match known.first.get(&change.table) {
            Some(first) => ("+ ", " as the first, but", is.beside(first)),
            None => {
                known.first.insert(change.table, is.clone());
                ("+ ", "", is.parts())
            }
        },
        (Some(was), Some(is)) => ("", "", was.changes(&is)),
        (Some(was), None) => ("- ", "", was.parts().into_iter().take(1).collect()),
        (None, None) => ("", "", Vec::new()),
    };
    let mut lines = String::new();
    wrap(&mut lines, "    ", &told_of);
    writeln!(told, "  {sign}{:?}{but}: {}", change.table, lines.trim()).unwrap();
}

fn wrap(told: &mut String, margin: &str, items: &[String]) {
    let mut line = String::new();
    for item in items {
        if !line.is_empty() && line.len() + item.len() > COLUMNS {
            writeln!(told, "{margin}{line}").unwrap();
            line.clear();
        }
        line += if line.is_empty() { "" } else { ", " };
        line += item;
    }
    if !line.is_empty() {
        writeln!(told, "{margin}{line}").unwrap();
    }
}

fn sides(change: &Change) -> (Option<Tree>, Option<Tree>) {
    struct Sides<'a>(&'a Change);
    impl Visit for Sides<'_> {
        type Out = (Option<Tree>, Option<Tree>);

        fn visit<R: Record>(&mut self) -> (Option<Tree>, Option<Tree>) {
            let tell = |record: R| tree::read(&format!("{record:#?}"));
            let before = self.0.before::<R>().unwrap().map(|it| it.record);
            let after = self.0.after::<R>().unwrap().map(|it| it.record);
            (before.map(tell), after.map(tell))
        }
    }
    change.table.visit(&mut Sides(change))
}

/// The answer of a verb.
pub fn answer(told: &mut String, answer: &str, known: &mut Known) {
    let tree = tree::read(answer);
    let before = known.last.insert(tree.name().to_owned(), tree.clone());
    match (&tree, before) {
        (Tree::Many(_, '[', _), _) => {
            tree.parts().iter().for_each(|part| writeln!(told, "= {part}").unwrap());
        }
        (_, Some(before)) if tree.is_like(&before) => {
            let mut lines = String::new();
            wrap(&mut lines, "= ", &before.changes(&tree));
            writeln!(told, "= {} as the one before, but", tree.name()).unwrap();
            told.push_str(&lines);
        }
        _ => {
            let mut lines = String::new();
            wrap(&mut lines, "= ", &tree.parts());
            writeln!(told, "= {} {}", tree.name(), lines.trim_start_matches(['=', ' ']).trim_end())
                .unwrap();
        }
    }
}
