//! By what the journal's entries are found: their subjects, and the environments of what they are
//! about, which say who sees them.

use super::error::StoreError;
use super::journal::{Change, Entry, Subject, anchor, decode, entry, number};
use super::rows::{Rows, Space, Span};
use crate::base::{EnvironmentId, Seq};
use crate::model::Scope;
use std::collections::BTreeSet;

/// Stands for no environment: the story of what is about the appliance itself.
pub const HOUSE: EnvironmentId = EnvironmentId(0);
/// The environment that everything was of before format 4, which says it in each entry.
const FIRST: EnvironmentId = EnvironmentId(1);

impl Entry {
    /// The stories it is found in: its subjects' and its environments'.
    pub(super) fn stories(&self) -> BTreeSet<Subject> {
        let environments = self.environments().into_iter().map(Subject::Environment);
        self.subjects.iter().copied().chain(environments).collect()
    }

    /// The environments of what it is about. An entry that says none is of the person who made it,
    /// or of the house; one from before entries said it is of the first environment, the only one
    /// there was, where it is about anything that has one.
    pub fn environments(&self) -> BTreeSet<EnvironmentId> {
        let said = self.subjects.iter().filter_map(|subject| match subject {
            Subject::Environment(env) => Some(*env),
            _ => None,
        });
        let said: BTreeSet<EnvironmentId> = said.collect();
        if !said.is_empty() {
            return said;
        }
        let has_one = |change: &Change| change.table.has_environment();
        let of_it = match self.is_of_people() {
            _ if !self.subjects.is_empty() || self.changes.iter().any(has_one) => FIRST,
            true => self.who.env,
            false => HOUSE,
        };
        BTreeSet::from([of_it])
    }

    /// The entry as a scope shows it: nothing of one that is another environment's, and of one that
    /// is of several no more than that it was there, for its sentence is about all of them.
    pub(super) fn shown_in(self, scope: Scope) -> Option<Entry> {
        let Scope::Environment(own) = scope else { return Some(self) };
        let mut environments = self.environments();
        if environments.remove(&HOUSE) && environments.is_empty() {
            return Some(self);
        }
        if !environments.remove(&own) {
            return None;
        }
        if environments.is_empty() {
            return Some(self);
        }
        let text = "the appliance did this in several environments at once".to_owned();
        let subjects = vec![Subject::Environment(own)];
        Some(Entry { about: String::new(), text, subjects, changes: Vec::new(), ..self })
    }
}

/// Entries after a number that belong to an environment or to the house, oldest first.
pub(super) fn entries_of(
    rows: &impl Rows,
    env: EnvironmentId,
    after: Seq,
    at_most: usize,
) -> Result<Vec<Entry>, StoreError> {
    let (first, _) = anchor(rows)?;
    if after.0 + 1 < first.0 {
        return Err(StoreError::Gone { first });
    }
    let mut seqs = BTreeSet::new();
    for story in [env, HOUSE].map(Subject::Environment) {
        let (prefix, start) = (story.bytes(), story.row(after));
        let span = Span { after: Some(&start), at_most, ..Span::prefix(&prefix) };
        let found = rows.rows(Space::SUBJECTS, &span)?;
        seqs.extend(found.iter().map(|(row, _)| Seq(number(&row[prefix.len()..]))));
    }
    let mut out = Vec::new();
    for seq in seqs.into_iter().take(at_most) {
        out.extend(entry(rows, seq)?);
    }
    Ok(out)
}

/// Finds every entry's stories anew, page by page: what an earlier format lacked.
pub(super) fn fill_stories(
    rows: &impl Rows,
    mut put: impl FnMut(&[u8]) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let mut after: Option<Vec<u8>> = None;
    loop {
        let span = Span { after: after.as_deref(), at_most: 64, ..Span::prefix(&[]) };
        let page = rows.rows(Space::JOURNAL, &span)?;
        for (key, bytes) in &page {
            let entry = decode(key, bytes)?;
            for story in entry.stories() {
                put(&story.row(entry.seq))?;
            }
        }
        match page.into_iter().next_back() {
            Some((key, _)) => after = Some(key),
            None => return Ok(()),
        }
    }
}
