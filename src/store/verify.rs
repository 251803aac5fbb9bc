//! A second pair of eyes on the whole store: every record decodes and is what the journal says
//! was written last, every index row is one a record asks for and none is missing, the counters
//! are ahead, the journal's chain is whole and its stories are complete.
//!
//! Each fault names its table and key in a line of its own. What an older version wrote is
//! checked as this version reads it.

mod history;

use super::error::StoreError;
use super::journal;
use super::reads::versioned;
use super::rows::{Rows, Space, Span};
use super::tables::{Index, Key, Record, Table, Visit};
use super::tx::index_row;
use crate::base::Seq;
use crate::base::hash::hex;
use crate::base::problem::chain;
use history::Last;
use std::collections::BTreeMap;

/// Rows read at a time.
const PAGE: usize = 256;
/// Faults told at most; the rest is more of the same.
const FAULTS_MAX: usize = 100;

/// What was read and found right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Records of all tables.
    pub records: u64,
    /// Rows of all indexes.
    pub index_rows: u64,
    /// Journal entries.
    pub entries: u64,
    /// The first of them.
    pub first: Seq,
    /// The last of them; 0 when there is none.
    pub last: Seq,
}

/// The store could not be read, or does not agree with itself.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// It could not be read.
    #[error("reading the store")]
    Store(#[from] StoreError),
    /// It does not agree with itself; each fault as one line, the first hundred of them.
    #[error("the store has {} faults: {}", .0.len(), .0.join("; "))]
    Faults(Vec<String>),
}

struct Check<'r, R: Rows> {
    rows: &'r R,
    /// Indexes that are not there yet, because the store is of an earlier version.
    absent: &'r [Index],
    faults: Vec<String>,
    records: u64,
    /// What was written last to each record, as the journal has it.
    last: Last,
    /// The rows each index should have, with the record each leads to.
    wanted: BTreeMap<Index, BTreeMap<Vec<u8>, Vec<u8>>>,
}

/// Verifies everything in one snapshot, except indexes that are not there.
pub(super) fn verify(rows: &impl Rows, absent: &[Index]) -> Result<Verified, VerifyError> {
    let mut check = Check {
        rows,
        absent,
        faults: Vec::new(),
        records: 0,
        last: Last::default(),
        wanted: BTreeMap::new(),
    };
    let (entries, first, last) = check.journal()?;
    for table in Table::ALL {
        table.visit(&mut check)?;
    }
    check.lost();
    let index_rows = check.indexes()?;
    if !check.faults.is_empty() {
        return Err(VerifyError::Faults(check.faults));
    }
    Ok(Verified { records: check.records, index_rows, entries, first, last })
}

impl<S: Rows> Visit for Check<'_, S> {
    type Out = Result<(), StoreError>;

    fn visit<R: Record>(&mut self) -> Result<(), StoreError> {
        self.table::<R>()
    }
}

impl<S: Rows> Check<'_, S> {
    fn fault(&mut self, text: String) {
        if self.faults.len() < FAULTS_MAX {
            self.faults.push(text);
        }
    }

    /// Calls `each` with every row of a space.
    fn each_row(
        &mut self,
        space: Space,
        mut each: impl FnMut(&mut Self, &[u8], &[u8]) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut after: Option<Vec<u8>> = None;
        loop {
            let span = Span { after: after.as_deref(), at_most: PAGE, ..Span::prefix(&[]) };
            let page = self.rows.rows(space, &span)?;
            for (key, value) in &page {
                each(self, key, value)?;
            }
            match page.into_iter().next_back() {
                Some((key, _)) => after = Some(key),
                None => return Ok(()),
            }
        }
    }

    fn table<R: Record>(&mut self) -> Result<(), StoreError> {
        let name = R::TABLE.name();
        let mut last_key = Vec::new();
        self.each_row(Space(name), |check, key, bytes| {
            check.records += 1;
            last_key = key.to_vec();
            if let Some(fault) = check.last.compare(R::TABLE, key, bytes) {
                check.fault(fault);
            }
            match versioned::<R>(key, bytes) {
                Ok(found) if found.record.key().bytes() != key => {
                    check.fault(format!("{name} {} is filed under another key", hex(key)));
                }
                Ok(found) => {
                    for (index, index_key) in found.record.indexes() {
                        let row = index_row(index_key, key);
                        check.wanted.entry(index).or_default().insert(row, key.to_vec());
                    }
                }
                Err(error) => check.fault(chain(&error)),
            }
            Ok(())
        })?;
        let drawn = self.rows.row(Space::COUNTERS, name.as_bytes())?;
        if let Some(drawn) = drawn
            && journal::number(&drawn) < journal::number(&last_key)
        {
            self.fault(format!("{name} has numbers that were never drawn"));
        }
        Ok(())
    }

    /// Records that the journal says are there, and are not.
    fn lost(&mut self) {
        for fault in std::mem::take(&mut self.last).left() {
            self.fault(fault);
        }
    }

    fn indexes(&mut self) -> Result<u64, StoreError> {
        let mut count = 0;
        for index in Index::ALL.iter().filter(|index| !self.absent.contains(index)) {
            let name = index.name();
            let mut wanted = self.wanted.remove(index).unwrap_or_default();
            self.each_row(Space(name), |check, key, value| {
                count += 1;
                match wanted.remove(key) {
                    Some(record) if record == value => {}
                    Some(record) => check.fault(format!(
                        "{name} {} leads to {}, not to {}",
                        hex(key),
                        hex(value),
                        hex(&record)
                    )),
                    None => check.fault(format!(
                        "{name} {} leads to {}: there is no such record, or it does not ask for it",
                        hex(key),
                        hex(value)
                    )),
                }
                Ok(())
            })?;
            for (key, record) in wanted {
                self.fault(format!("{name} {} is missing, for {}", hex(&key), hex(&record)));
            }
        }
        Ok(count)
    }
}
