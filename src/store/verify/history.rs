//! The journal's part: its chain, its stories, and what it says was written last.

use super::Check;
use crate::base::Seq;
use crate::base::hash::{hex, sha256};
use crate::base::problem::chain;
use crate::store::error::StoreError;
use crate::store::journal::{self, Entry};
use crate::store::rows::{Rows, Space};
use crate::store::tables::{Key, Table};
use std::collections::HashMap;

/// What stands for a record's bytes: half a SHA-256, for a million of them.
type Mark = [u8; 16];

fn mark(bytes: &[u8]) -> Mark {
    let mut mark = Mark::default();
    mark.copy_from_slice(&sha256(bytes)[..16]);
    mark
}

/// What the journal says each record was left as, and by which entry. Records last written before
/// its first entry are not in it.
#[derive(Default)]
pub(super) struct Last {
    written: HashMap<(Table, Vec<u8>), (Seq, Option<Mark>)>,
}

impl Last {
    /// Takes in an entry; what is wrong with it.
    fn take(&mut self, entry: &Entry) -> Vec<String> {
        let mut faults = Vec::new();
        // Earlier versions had entries of every table.
        for change in entry.changes.iter().filter(|change| change.table.is_journaled()) {
            let (before, after) = (change.before.as_deref(), change.after.as_deref());
            let now = (entry.seq, after.map(mark));
            let was = self.written.insert((change.table, change.key.clone()), now);
            if let Some((seq, left)) = was
                && left != before.map(mark)
            {
                faults.push(format!(
                    "journal entry {} found {} {} other than entry {seq} left it",
                    entry.seq,
                    change.table.name(),
                    hex(&change.key),
                ));
            }
        }
        faults
    }

    /// Whether a record is what was written last; it is not asked for again.
    pub fn compare(&mut self, table: Table, key: &[u8], bytes: &[u8]) -> Option<String> {
        let (seq, left) = self.written.remove(&(table, key.to_vec()))?;
        let what = match left {
            Some(left) if left == mark(bytes) => return None,
            Some(_) => "is not what",
            None => "is there, but was removed by what",
        };
        Some(format!("{} {} {what} journal entry {seq} says", table.name(), hex(key)))
    }

    /// Records the journal has and nobody compared: they are gone.
    pub fn left(self) -> Vec<String> {
        let mut lost: Vec<_> = self.written.into_iter().filter(|(_, (_, m))| m.is_some()).collect();
        lost.sort();
        let say = |((table, key), (seq, _)): ((Table, Vec<u8>), (Seq, Option<Mark>))| {
            format!("{} {} is missing, journal entry {seq} wrote it", table.name(), hex(&key))
        };
        lost.into_iter().map(say).collect()
    }
}

impl<R: Rows> Check<'_, R> {
    /// How many entries there are, the first and the last.
    pub(super) fn journal(&mut self) -> Result<(u64, Seq, Seq), StoreError> {
        let (first, mut hash) = journal::anchor(self.rows)?;
        let (mut next, mut at) = (first.0, i64::MIN);
        let (mut count, mut size, mut story_rows) = (0u64, 0u64, 0u64);
        self.each_row(Space::JOURNAL, |check, key, bytes| {
            count += 1;
            size += bytes.len() as u64;
            // What people did before the journal begins stays, outside its chain.
            if journal::number(key) < first.0 {
                return check.kept_entry(key, bytes).map(|rows| story_rows += rows);
            }
            match journal::decode(key, bytes) {
                Ok(entry) => {
                    for fault in faults(&entry, key, next, &hash, at) {
                        check.fault(fault);
                    }
                    at = at.max(entry.at.0);
                    story_rows += check.stories(&entry)?;
                    for fault in check.last.take(&entry) {
                        check.fault(fault);
                    }
                }
                Err(error) => check.fault(chain(&error)),
            }
            hash = sha256(bytes);
            next = journal::number(key) + 1;
            Ok(())
        })?;
        if count > 0 && journal::tail(self.rows).is_ok_and(|tail| tail.bytes != size) {
            self.fault(format!("the journal has {size} bytes, but counts otherwise"));
        }
        if self.rows.len(Space::SUBJECTS)? != story_rows {
            self.surplus_stories()?;
        }
        Ok((count, first, Seq(next - 1)))
    }

    /// An entry from before the journal's beginning; how many rows of stories lead to it.
    fn kept_entry(&mut self, key: &[u8], bytes: &[u8]) -> Result<u64, StoreError> {
        match journal::decode(key, bytes) {
            Ok(entry) if entry.is_of_people() && entry.seq.bytes() == key => self.stories(&entry),
            Ok(entry) => {
                self.fault(format!("journal entry {} is older than the journal", entry.seq));
                self.stories(&entry)
            }
            Err(error) => {
                self.fault(chain(&error));
                Ok(0)
            }
        }
    }

    /// Whether an entry is found by each of its subjects; how many rows that are.
    fn stories(&mut self, entry: &Entry) -> Result<u64, StoreError> {
        let mut found = 0;
        for subject in entry.stories() {
            match self.rows.row(Space::SUBJECTS, &subject.row(entry.seq))? {
                Some(_) => found += 1,
                None => self.fault(format!(
                    "journal_subjects of {subject:?} lacks journal entry {}",
                    entry.seq
                )),
            }
        }
        Ok(found)
    }

    /// Names the rows that no entry asks for.
    fn surplus_stories(&mut self) -> Result<(), StoreError> {
        self.each_row(Space::SUBJECTS, |check, row, _| {
            let seq = Seq(journal::number(&row[row.len().saturating_sub(8)..]));
            let asked = match check.rows.row(Space::JOURNAL, &seq.bytes())? {
                // One that cannot be read was told of already.
                Some(bytes) => journal::decode(&seq.bytes(), &bytes)
                    .map_or(true, |entry| entry.stories().iter().any(|s| s.row(seq) == row)),
                None => false,
            };
            if !asked {
                check.fault(format!(
                    "journal_subjects {} leads to entry {seq}, which is not of that story",
                    hex(row)
                ));
            }
            Ok(())
        })
    }
}

/// What is wrong with an entry where it stands.
fn faults(entry: &Entry, key: &[u8], next: u64, hash: &[u8; 32], at: i64) -> Vec<String> {
    if entry.seq != Seq(next) || entry.seq.bytes() != key {
        return vec![format!("journal entry {} stands where {next} should", entry.seq)];
    }
    let mut faults = Vec::new();
    if entry.previous != *hash {
        faults.push(format!("journal entry {next} does not continue the one before"));
    }
    if entry.at.0 < at {
        faults.push(format!("journal entry {next} is earlier than the one before"));
    }
    faults
}
