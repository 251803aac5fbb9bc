//! A write under way: reads that see it, puts that keep the indexes, the sentence it leaves.

use super::codec;
use super::error::StoreError;
use super::journal::{Change, Subject, number};
use super::reads::{HasRows, Reads, Versioned, space, versioned};
use super::records::CurrentPlan;
use super::rows::{Overlay, Puts, Rows, Space};
use super::tables::{Counter, Index, Key, Record, Table};
use crate::base::limit::RECORD_BYTES_MAX;
use crate::base::{Code, EnvironmentId, FarmId, PlanId, Problem, Timestamp, text};
use crate::model::{Farm, FarmRole, Plan, Scope, Server, Step, Volume};
use std::collections::{BTreeMap, BTreeSet};

/// One write: everything it puts is committed together with its journal entry, or not at all.
pub struct Tx<'t> {
    rows: Overlay<'t>,
    scope: Scope,
    now: Timestamp,
    touched: BTreeMap<(Table, Vec<u8>), Change>,
    /// The same of tables that are not journaled.
    unjournaled: BTreeSet<(Table, Vec<u8>)>,
    /// Whether there is an entry although no record changes.
    is_event: bool,
    subjects: BTreeSet<Subject>,
    about: String,
    text: String,
}

impl HasRows for Tx<'_> {
    fn source(&self) -> &impl Rows {
        &self.rows
    }

    fn scope(&self) -> Scope {
        self.scope
    }
}

impl Reads for Tx<'_> {}

impl<'t> Tx<'t> {
    pub(super) fn over(tables: &'t (dyn Puts + 't), now: Timestamp, scope: Scope) -> Tx<'t> {
        Tx {
            rows: Overlay::over(tables),
            scope,
            now,
            touched: BTreeMap::new(),
            unjournaled: BTreeSet::new(),
            is_event: false,
            subjects: BTreeSet::new(),
            about: String::new(),
            text: String::new(),
        }
    }

    /// The time the journal entry will carry, so that records can carry the same.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Writes a record and its index rows; returns its revision. Writing what is there already
    /// changes nothing, and nothing is what the journal then says.
    pub fn put<R: Record>(&mut self, record: &R) -> Result<u64, StoreError> {
        let key = record.key().bytes();
        self.require_own::<R>(record.env())?;
        let payload = record.encode().map_err(|cause| codec_error::<R>(&key, cause))?;
        if payload.len() > RECORD_BYTES_MAX {
            let (what, limit) = (R::TABLE.name(), RECORD_BYTES_MAX);
            return Err(StoreError::TooLarge { what, bytes: payload.len(), limit });
        }
        let original = self.rows.before(space::<R>(), &key)?;
        let original_stored = original
            .as_deref()
            .map(codec::open)
            .transpose()
            .map_err(|cause| codec_error::<R>(&key, cause))?;
        let same = match &original_stored {
            Some(old) if old.schema == R::SCHEMA => old.payload == payload.as_slice(),
            Some(old) => {
                // Of an earlier shape: what it means now is compared, not its bytes.
                let old = R::decode(old.schema, old.payload);
                old.map_err(|cause| codec_error::<R>(&key, cause))? == *record
            }
            None => false,
        };
        // A number that was not drawn (the first environment, a record from another node) must
        // not be drawn later.
        if original.is_none()
            && let Some((table, number)) = record.key().counted()
            && table == R::TABLE
            && number > self.last_number(table)?
        {
            self.set_last_number(table, number);
        }
        let revision = original_stored.map_or(1, |old| old.revision + u64::from(!same));
        let bytes = codec::seal(R::SCHEMA, revision, &payload);
        self.move_index_rows::<R>(&key, &record.indexes())?;
        self.rows.set(space::<R>(), key.clone(), Some(bytes.clone()));
        self.touch::<R>(key, original, Some(bytes), stories(record), same);
        Ok(revision)
    }

    /// Removes a record and its index rows; whether it was there.
    pub fn delete<R: Record>(&mut self, key: R::Key) -> Result<bool, StoreError> {
        if self.get::<R>(key.clone())?.is_none() {
            return Ok(false);
        }
        let key = key.bytes();
        let Some(gone) = self.move_index_rows::<R>(&key, &[])? else { return Ok(false) };
        let original = self.rows.before(space::<R>(), &key)?;
        self.rows.set(space::<R>(), key.clone(), None);
        let nothing = original.is_none();
        self.touch::<R>(key, original, None, stories(&gone.record), nothing);
        Ok(true)
    }

    /// Draws the next number of a noun; numbers are never given twice once committed.
    pub fn next_id<I: Counter>(&mut self) -> Result<I, StoreError> {
        let next = self.last_number(I::TABLE)? + 1;
        self.set_last_number(I::TABLE, next);
        Ok(I::number(next))
    }

    /// Refuses when a record is not at the revision the caller has seen; `None` does not care.
    pub fn require_revision<R: Record>(
        &self,
        key: R::Key,
        expected: Option<u64>,
    ) -> Result<(), Problem> {
        let Some(expected) = expected else { return Ok(()) };
        let found = self.get::<R>(key)?.map_or(0, |versioned| versioned.revision);
        if found == expected {
            return Ok(());
        }
        let message = match found {
            0 => format!("you have revision {expected}, but it is gone; read it again"),
            _ => format!("you have revision {expected}, it is now at {found}; read it again"),
        };
        Err(Problem::new(Code::RevisionConflict, message))
    }

    /// Makes a plan its farm's current one.
    pub fn set_current_plan(&mut self, farm: FarmId, plan: PlanId) -> Result<(), StoreError> {
        self.put(&CurrentPlan { farm, plan }).map(|_| ())
    }

    /// What the journal entry says to people: what it is about (`shop/web-3`) and one sentence.
    /// Several calls append; the first one's subject stays the entry's, and sentences about
    /// another say so. Both are escaped: whatever a person, an agent or a cloud put into one, an
    /// entry is one line and none can look like another.
    pub fn text(&mut self, about: impl Into<String>, sentence: impl AsRef<str>) {
        let about = text::escape(&about.into()).into_owned();
        if self.about.is_empty() {
            self.about.clone_from(&about);
        }
        if !self.text.is_empty() {
            self.text.push_str("; ");
        }
        if about != self.about && !about.is_empty() {
            self.text.push_str(&about);
            self.text.push_str(": ");
        }
        self.text.push_str(&text::escape(sentence.as_ref()));
    }

    /// The sentence is worth an entry although no record changes: something in the world did.
    pub fn event(&mut self) {
        self.is_event = true;
    }

    /// Whether anything that is journaled changes so far.
    pub fn has_changes(&self) -> bool {
        self.is_event || !self.touched.is_empty()
    }

    /// Counts the entry to a story no changed record belongs to, and to its environment.
    pub fn subject(&mut self, subject: Subject) -> Result<(), StoreError> {
        let env = match subject {
            Subject::Farm(id) => self.env_of::<Farm>(id)?,
            Subject::FarmRole(id) => self.env_of::<FarmRole>(id)?,
            Subject::Server(id) => self.env_of::<Server>(id)?,
            Subject::Plan(id) => self.env_of::<Plan>(id)?,
            Subject::Step(id) => self.env_of::<Step>(id)?,
            Subject::Volume(id) => self.env_of::<Volume>(id)?,
            Subject::Environment(env) => Some(env),
        };
        self.subjects.extend(env.map(Subject::Environment));
        self.subjects.insert(subject);
        Ok(())
    }

    fn env_of<R: Record>(&self, key: R::Key) -> Result<Option<EnvironmentId>, StoreError> {
        Ok(self.get::<R>(key)?.and_then(|found| found.record.env()))
    }

    /// Refuses to write what belongs to another environment than the grant's: a fault of ours,
    /// because no verb can have read it.
    fn require_own<R: Record>(&self, env: Option<EnvironmentId>) -> Result<(), StoreError> {
        match self.scope.shows(env) {
            true => Ok(()),
            false => Err(StoreError::Foreign { table: R::TABLE.name() }),
        }
    }

    fn last_number(&self, table: Table) -> Result<u64, StoreError> {
        let row = self.rows.row(Space::COUNTERS, table.name().as_bytes())?;
        Ok(row.map_or(0, |value| number(&value)))
    }

    fn set_last_number(&mut self, table: Table, number: u64) {
        let name = table.name().as_bytes().to_vec();
        self.rows.set(Space::COUNTERS, name, Some(number.to_be_bytes().to_vec()));
    }

    fn touch<R: Record>(
        &mut self,
        key: Vec<u8>,
        before: Option<Vec<u8>>,
        after: Option<Vec<u8>>,
        subjects: Vec<Subject>,
        nothing: bool,
    ) {
        if nothing {
            // Back to what it was: this write no longer changes it.
            self.rows.forget(space::<R>(), &key);
            self.unjournaled.remove(&(R::TABLE, key.clone()));
            self.touched.remove(&(R::TABLE, key));
            return;
        }
        if !R::TABLE.is_journaled() {
            self.unjournaled.insert((R::TABLE, key));
            return;
        }
        self.subjects.extend(subjects);
        let schema = after.as_ref().or(before.as_ref()).and_then(|b| b.first()).copied();
        let change = Change {
            table: R::TABLE,
            key: key.clone(),
            schema: schema.unwrap_or(R::SCHEMA),
            before,
            after,
        };
        self.touched.insert((R::TABLE, key), change);
    }

    /// Puts the index rows a record is to have and removes those it has now and is not to have;
    /// returns it as it is now. Rows that stay are not touched: each would be a page to write.
    fn move_index_rows<R: Record>(
        &mut self,
        key: &[u8],
        wanted: &[(Index, Vec<u8>)],
    ) -> Result<Option<Versioned<R>>, StoreError> {
        let stored = self.rows.row(space::<R>(), key)?;
        let current: Option<Versioned<R>> =
            stored.map(|bytes| versioned(key, &bytes)).transpose()?;
        if let Some(current) = &current {
            self.require_own::<R>(current.record.env())?;
        }
        let had = current.as_ref().map(|c| c.record.indexes()).unwrap_or_default();
        for (index, index_key) in had.iter().filter(|row| !wanted.contains(row)) {
            self.rows.set(Space(index.name()), index_row(index_key.clone(), key), None);
        }
        for (index, index_key) in wanted.iter().filter(|row| !had.contains(row)) {
            let row = index_row(index_key.clone(), key);
            self.rows.set(Space(index.name()), row, Some(key.to_vec()));
        }
        Ok(current)
    }

    /// What it comes to: `None` when nothing changed.
    pub(super) fn finish(self) -> Option<Outcome<'t>> {
        if !self.has_changes() && self.unjournaled.is_empty() {
            return None;
        }
        Some(Outcome {
            is_entry: self.has_changes(),
            unjournaled: self.unjournaled.into_iter().map(|(table, _)| table).collect(),
            rows: self.rows,
            changes: self.touched.into_values().collect(),
            subjects: self.subjects.into_iter().collect(),
            about: self.about,
            text: self.text,
        })
    }
}

/// A write that was accepted and is about to be put into its group's transaction.
pub(super) struct Outcome<'t> {
    pub rows: Overlay<'t>,
    /// Whether the journal has an entry of it.
    pub is_entry: bool,
    /// Tables that are not journaled and changed.
    pub unjournaled: Vec<Table>,
    pub changes: Vec<Change>,
    pub subjects: Vec<Subject>,
    pub about: String,
    pub text: String,
}

/// The stories that a change of a record belongs to.
fn stories<R: Record>(record: &R) -> Vec<Subject> {
    let mut stories = record.subjects();
    stories.extend(record.env().map(Subject::Environment));
    stories
}

/// An index row's key.
pub(super) fn index_row(mut index_key: Vec<u8>, key: &[u8]) -> Vec<u8> {
    index_key.extend_from_slice(key);
    index_key
}

fn codec_error<R: Record>(key: &[u8], cause: codec::CodecError) -> StoreError {
    StoreError::Codec { table: R::TABLE.name(), key: crate::base::hash::hex(key), cause }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn index_rows_end_with_the_key() {
        assert_eq!(index_row(vec![1, 2], &[3]), [1, 2, 3]);
    }
}
