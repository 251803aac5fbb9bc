//! A second pair of eyes on the whole store: every record decodes, every index row is one a
//! record asks for and none is missing, the counters are ahead, the journal's chain is whole.

use super::error::StoreError;
use super::journal;
use super::reads::versioned;
use super::records::CurrentPlan;
use super::rows::{Row, Rows, Space, Span};
use super::tables::{Index, Key, Record, Table};
use super::tx::index_row;
use crate::base::Seq;
use crate::base::hash::{hex, sha256};
use crate::base::problem::chain;
use crate::model::{
    AgentCursor, Alert, Breaker, Farm, FarmRole, Hold, Install, Order, Plan, Role, Server, Step,
    Token, User,
};
use std::collections::{BTreeMap, BTreeSet};

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
    faults: Vec<String>,
    records: u64,
    wanted: BTreeMap<Index, BTreeSet<Row>>,
}

/// Verifies everything in one snapshot.
pub(super) fn verify(rows: &impl Rows) -> Result<Verified, VerifyError> {
    let mut check = Check { rows, faults: Vec::new(), records: 0, wanted: BTreeMap::new() };
    for table in Table::ALL {
        match table {
            Table::Farms => check.table::<Farm>()?,
            Table::FarmRoles => check.table::<FarmRole>()?,
            Table::Roles => check.table::<Role>()?,
            Table::Servers => check.table::<Server>()?,
            Table::Steps => check.table::<Step>()?,
            Table::Plans => check.table::<Plan>()?,
            Table::CurrentPlans => check.table::<CurrentPlan>()?,
            Table::Orders => check.table::<Order>()?,
            Table::AgentCursors => check.table::<AgentCursor>()?,
            Table::Users => check.table::<User>()?,
            Table::Tokens => check.table::<Token>()?,
            Table::Install => check.table::<Install>()?,
            Table::Alerts => check.table::<Alert>()?,
            Table::Holds => check.table::<Hold>()?,
            Table::Breakers => check.table::<Breaker>()?,
        }
    }
    let index_rows = check.indexes()?;
    let (entries, first, last) = check.journal()?;
    if !check.faults.is_empty() {
        return Err(VerifyError::Faults(check.faults));
    }
    Ok(Verified { records: check.records, index_rows, entries, first, last })
}

impl<R: Rows> Check<'_, R> {
    fn fault(&mut self, text: String) {
        if self.faults.len() < FAULTS_MAX {
            self.faults.push(text);
        }
    }

    /// Calls `each` with every row of a space.
    fn each_row(
        &mut self,
        space: Space,
        mut each: impl FnMut(&mut Self, &[u8], &[u8]),
    ) -> Result<(), StoreError> {
        let mut after: Option<Vec<u8>> = None;
        loop {
            let span = Span { after: after.as_deref(), at_most: PAGE, ..Span::prefix(&[]) };
            let page = self.rows.rows(space, &span)?;
            for (key, value) in &page {
                each(self, key, value);
            }
            match page.into_iter().next_back() {
                Some((key, _)) => after = Some(key),
                None => return Ok(()),
            }
        }
    }

    fn table<T: Record>(&mut self) -> Result<(), StoreError> {
        let name = T::TABLE.name();
        let mut last_key = Vec::new();
        self.each_row(Space(name), |check, key, bytes| {
            check.records += 1;
            last_key = key.to_vec();
            match versioned::<T>(key, bytes) {
                Ok(found) if found.record.key().bytes() != key => {
                    check.fault(format!("{name} {} is filed under another key", hex(key)));
                }
                Ok(found) => {
                    for (index, index_key) in found.record.indexes() {
                        let row = (index_row(index_key, key), key.to_vec());
                        check.wanted.entry(index).or_default().insert(row);
                    }
                }
                Err(error) => check.fault(chain(&error)),
            }
        })?;
        let drawn = self.rows.row(Space::COUNTERS, name.as_bytes())?;
        if let Some(drawn) = drawn
            && journal::number(&drawn) < journal::number(&last_key)
        {
            self.fault(format!("{name} has numbers that were never drawn"));
        }
        Ok(())
    }

    fn indexes(&mut self) -> Result<u64, StoreError> {
        let mut count = 0;
        for index in Index::ALL {
            let name = index.name();
            let mut wanted = self.wanted.remove(index).unwrap_or_default();
            self.each_row(Space(name), |check, key, value| {
                count += 1;
                if !wanted.remove(&(key.to_vec(), value.to_vec())) {
                    check.fault(format!("{name} {} leads to no such record", hex(key)));
                }
            })?;
            for (key, _) in wanted {
                self.fault(format!("{name} {} is missing", hex(&key)));
            }
        }
        Ok(count)
    }

    fn journal(&mut self) -> Result<(u64, Seq, Seq), StoreError> {
        let (first, mut hash) = journal::anchor(self.rows)?;
        let (mut next, mut at, mut count, mut size) = (first.0, i64::MIN, 0u64, 0u64);
        self.each_row(Space::JOURNAL, |check, key, bytes| {
            count += 1;
            size += bytes.len() as u64;
            match journal::decode(key, bytes) {
                Ok(entry) if entry.seq != Seq(next) || entry.seq.bytes() != key => {
                    check.fault(format!("journal entry {} stands where {next} should", entry.seq));
                }
                Ok(entry) if entry.previous != hash => {
                    check.fault(format!("journal entry {next} does not continue the one before"));
                }
                Ok(entry) if entry.at.0 < at => {
                    check.fault(format!("journal entry {next} is earlier than the one before"));
                }
                Ok(entry) => at = entry.at.0,
                Err(error) => check.fault(chain(&error)),
            }
            hash = sha256(bytes);
            next = journal::number(key) + 1;
        })?;
        if count > 0 && journal::tail(self.rows).is_ok_and(|tail| tail.bytes != size) {
            self.fault(format!("the journal has {size} bytes, but counts otherwise"));
        }
        Ok((count, first, Seq(next - 1)))
    }
}
