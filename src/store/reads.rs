//! Reading records: the same questions to a snapshot and to a write under way.

use super::codec::{self, CodecError};
use super::error::StoreError;
use super::journal;
use super::records::CurrentPlan;
use super::rows::{Row, Rows, Space, Span};
use super::tables::{Index, Key, Record};
use crate::base::hash::hex;
use crate::base::{FarmId, PlanId, Seq};
use crate::model::Scope;
use redb::ReadTransaction;

/// A record and how often it has been written: what `If-Match` compares.
#[derive(Clone, Debug, PartialEq)]
pub struct Versioned<R> {
    /// 1 when it was first written.
    pub revision: u64,
    /// The record.
    pub record: R,
}

impl<R> Versioned<R> {
    /// The record alone.
    pub fn into_record(self) -> R {
        self.record
    }
}

/// One snapshot of everything, as of one commit. Short-lived: while it is there, pages that
/// later commits free are kept.
pub struct View {
    pub(super) txn: ReadTransaction,
    /// Which opening of the database it is of.
    pub(super) generation: u64,
    /// Whose records it shows.
    pub(super) scope: Scope,
}

impl View {
    /// The number of the last journal entry it shows: everything up to there is in it, and
    /// nothing after.
    pub fn last_seq(&self) -> Result<Seq, StoreError> {
        Ok(journal::tail(&self.txn)?.seq)
    }
}

/// What can be asked of a [`View`] and of a [`super::Tx`], which also sees what it wrote itself.
/// A record of another environment than the grant's is never in an answer: it is as if it were not
/// there.
#[allow(private_bounds, reason = "rows are this room's own; nobody else can have any")]
pub trait Reads: HasRows {
    /// The record under a key.
    fn get<R: Record>(&self, key: R::Key) -> Result<Option<Versioned<R>>, StoreError> {
        let key = key.bytes();
        let row = self.source().row(space::<R>(), &key)?;
        let found = row.map(|bytes| versioned::<R>(&key, &bytes)).transpose()?;
        Ok(found.filter(|found| self.scope().shows(found.record.env())))
    }

    /// Records in the order of their keys, after one of them or from the start. Where a grant shows
    /// some of them only, there may be fewer than asked for, and more after them.
    fn scan<R: Record>(
        &self,
        after: Option<R::Key>,
        at_most: usize,
    ) -> Result<Vec<Versioned<R>>, StoreError> {
        let after = after.map(|key| key.bytes());
        let span = Span { after: after.as_deref(), at_most, ..Span::prefix(&[]) };
        let rows = self.source().rows(space::<R>(), &span)?;
        let found = rows.iter().map(|(key, bytes)| versioned(key, bytes));
        Ok(self.shown(found.collect::<Result<_, StoreError>>()?))
    }

    /// Every record of a table; for tables that stay small.
    fn all<R: Record>(&self) -> Result<Vec<Versioned<R>>, StoreError> {
        self.scan(None, usize::MAX)
    }

    /// Every record whose index key begins with a prefix, in the order of index key and key.
    /// The empty prefix finds all that are in the index.
    fn by_index<R: Record>(
        &self,
        index: Index,
        prefix: &[u8],
    ) -> Result<Vec<Versioned<R>>, StoreError> {
        let rows = self.source().rows(Space(index.name()), &Span::prefix(prefix))?;
        Ok(self.shown(resolve(self.source(), index, &rows)?))
    }

    /// The same, only index keys after `after`, and so many.
    fn by_index_after<R: Record>(
        &self,
        index: Index,
        prefix: &[u8],
        after: &[u8],
        at_most: usize,
    ) -> Result<Vec<Versioned<R>>, StoreError> {
        let span = Span { after: Some(after), at_most, ..Span::prefix(prefix) };
        let rows = self.source().rows(Space(index.name()), &span)?;
        Ok(self.shown(resolve(self.source(), index, &rows)?))
    }

    /// How many records a table has, whosever they are.
    fn count<R: Record>(&self) -> Result<u64, StoreError> {
        self.source().len(space::<R>())
    }

    /// How many index keys begin with a prefix, whosever the records are.
    fn count_index(&self, index: Index, prefix: &[u8]) -> Result<usize, StoreError> {
        Ok(self.source().rows(Space(index.name()), &Span::prefix(prefix))?.len())
    }

    /// A farm's current plan.
    fn current_plan(&self, farm: FarmId) -> Result<Option<PlanId>, StoreError> {
        Ok(self.get::<CurrentPlan>(farm)?.map(|found| found.record.plan))
    }
}

/// Where the rows come from. Kept in this room, because rows are.
pub(super) trait HasRows {
    /// The rows.
    fn source(&self) -> &impl Rows;
    /// Whose records are shown.
    fn scope(&self) -> Scope;

    /// Those that are shown.
    fn shown<R: Record>(&self, mut found: Vec<Versioned<R>>) -> Vec<Versioned<R>> {
        found.retain(|found| self.scope().shows(found.record.env()));
        found
    }
}

impl HasRows for View {
    fn source(&self) -> &impl Rows {
        &self.txn
    }

    fn scope(&self) -> Scope {
        self.scope
    }
}

impl Reads for View {}

/// Where a record's table is.
pub(super) fn space<R: Record>() -> Space {
    Space(R::TABLE.name())
}

/// A record from its stored bytes.
pub(super) fn versioned<R: Record>(key: &[u8], bytes: &[u8]) -> Result<Versioned<R>, StoreError> {
    let decode = || {
        let stored = codec::open(bytes)?;
        let record = R::decode(stored.schema, stored.payload)?;
        Ok(Versioned { revision: stored.revision, record })
    };
    decode().map_err(|cause| StoreError::Codec { table: R::TABLE.name(), key: hex(key), cause })
}

/// The records that index rows lead to.
fn resolve<R: Record>(
    source: &impl Rows,
    index: Index,
    rows: &[Row],
) -> Result<Vec<Versioned<R>>, StoreError> {
    let found = source.each(space::<R>(), &mut rows.iter().map(|(_, key)| key.as_slice()))?;
    let follow = |((row, key), bytes): (&Row, &Option<Vec<u8>>)| {
        let dangling = || StoreError::Codec {
            table: index.name(),
            key: hex(row),
            cause: CodecError::Dangling,
        };
        versioned(key, bytes.as_ref().ok_or_else(dangling)?)
    };
    rows.iter().zip(&found).map(follow).collect()
}
