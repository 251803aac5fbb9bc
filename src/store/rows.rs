//! Rows: bytes under bytes, in named spaces. What a snapshot and a write have in common.
//!
//! A write sees an [`Overlay`] over the transaction it shares with its group, so that a refused
//! write leaves nothing behind for the others; once accepted, its rows are put into the
//! transaction itself.

use super::error::StoreError;
use super::guard::guarded;
use super::wal;
use crate::base::limit::STORE_LOG_BYTES;
use redb::WriteTransaction;
use redb::{
    ReadOnlyTable, ReadTransaction, ReadableTable, ReadableTableMetadata, Table, TableDefinition,
};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Bound;

/// A row.
pub(super) type Row = (Vec<u8>, Vec<u8>);

/// A space of rows, which is one table of the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Space(pub &'static str);

impl Space {
    /// The journal: sequence number to entry.
    pub const JOURNAL: Space = Space("journal");
    /// Subject and sequence number to nothing.
    pub const SUBJECTS: Space = Space("journal_subjects");
    /// Table name to the last number drawn.
    pub const COUNTERS: Space = Space("counters");
    /// What the store knows of itself.
    pub const META: Space = Space("meta");

    /// How redb knows it.
    pub fn definition(self) -> TableDefinition<'static, &'static [u8], &'static [u8]> {
        TableDefinition::new(self.0)
    }
}

/// Which rows of a space: from here to the end of a prefix, in this direction, so many.
pub(super) struct Span<'a> {
    /// Rows begin with this.
    pub prefix: &'a [u8],
    /// Rows lie after this one; `None` for all.
    pub after: Option<&'a [u8]>,
    /// Rows lie before this one; `None` for all.
    pub before: Option<&'a [u8]>,
    /// Latest first.
    pub backwards: bool,
    /// At most so many rows.
    pub at_most: usize,
}

impl<'a> Span<'a> {
    /// Every row with a prefix.
    pub fn prefix(prefix: &'a [u8]) -> Span<'a> {
        Span { prefix, after: None, before: None, backwards: false, at_most: usize::MAX }
    }

    fn bounds(&self) -> (Bound<Vec<u8>>, Bound<Vec<u8>>) {
        let low = match self.after {
            Some(after) if after >= self.prefix => Bound::Excluded(after.to_vec()),
            Some(_) | None => Bound::Included(self.prefix.to_vec()),
        };
        let high = match (self.before, end_of(self.prefix)) {
            (Some(before), Bound::Excluded(end)) => Bound::Excluded(end.min(before.to_vec())),
            (Some(before), _) => Bound::Excluded(before.to_vec()),
            (None, end) => end,
        };
        (low, high)
    }
}

/// The first bytes after everything that begins with a prefix.
fn end_of(prefix: &[u8]) -> Bound<Vec<u8>> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last + 1);
            return Bound::Excluded(end);
        }
    }
    Bound::Unbounded
}

/// Whoever has rows to read.
pub(super) trait Rows {
    /// One row's value.
    fn row(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;
    /// Rows in the order of their keys.
    fn rows(&self, space: Space, span: &Span<'_>) -> Result<Vec<Row>, StoreError>;
    /// How many rows a space has.
    fn len(&self, space: Space) -> Result<u64, StoreError>;
    /// The values of several rows, in the order of these keys.
    fn each(
        &self,
        space: Space,
        keys: &mut dyn Iterator<Item = &[u8]>,
    ) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        keys.map(|key| self.row(space, key)).collect()
    }
}

fn get(
    table: &impl ReadableTable<&'static [u8], &'static [u8]>,
    key: &[u8],
) -> Result<Option<Vec<u8>>, StoreError> {
    guarded("reading a row", || {
        let found = table.get(key).map_err(|e| StoreError::database("reading a row", e))?;
        Ok(found.map(|value| value.value().to_vec()))
    })
}

fn range(
    table: &impl ReadableTable<&'static [u8], &'static [u8]>,
    span: &Span<'_>,
) -> Result<Vec<Row>, StoreError> {
    let failed = |e| StoreError::database("reading rows", e);
    let (low, high) = span.bounds();
    let bounds = (low.as_ref().map(Vec::as_slice), high.as_ref().map(Vec::as_slice));
    if empty(&bounds) {
        return Ok(Vec::new());
    }
    guarded("reading rows", || {
        let mut found = table.range::<&[u8]>(bounds).map_err(failed)?;
        let mut out = Vec::new();
        while out.len() < span.at_most {
            let next = if span.backwards { found.next_back() } else { found.next() };
            let Some(row) = next else { break };
            let (key, value) = row.map_err(failed)?;
            out.push((key.value().to_vec(), value.value().to_vec()));
        }
        Ok(out)
    })
}

/// A range that ends before it begins is an error or a panic to some; to us it has no rows.
fn empty(bounds: &(Bound<&[u8]>, Bound<&[u8]>)) -> bool {
    match bounds {
        (Bound::Excluded(low) | Bound::Included(low), Bound::Excluded(high)) => low >= high,
        _ => false,
    }
}

fn read_table(txn: &ReadTransaction, space: Space) -> Result<ReadTable, StoreError> {
    let open = || txn.open_table(space.definition());
    guarded("opening a table", || open().map_err(|e| StoreError::database("opening a table", e)))
}

fn write_table(txn: &WriteTransaction, space: Space) -> Result<RawTable<'_>, StoreError> {
    let open = || txn.open_table(space.definition());
    guarded("opening a table", || open().map_err(|e| StoreError::database("opening a table", e)))
}

fn length(table: &impl ReadableTableMetadata) -> Result<u64, StoreError> {
    guarded("counting rows", || table.len().map_err(|e| StoreError::database("counting rows", e)))
}

fn set(table: &mut RawTable<'_>, key: &[u8], value: Option<&[u8]>) -> Result<(), StoreError> {
    let doing = "writing a row";
    guarded(doing, || {
        let done = match value {
            Some(value) => table.insert(key, value).map(|_| ()),
            None => table.remove(key).map(|_| ()),
        };
        done.map_err(|e| StoreError::database(doing, e))
    })
}

impl Rows for ReadTransaction {
    fn row(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        get(&read_table(self, space)?, key)
    }

    fn rows(&self, space: Space, span: &Span<'_>) -> Result<Vec<Row>, StoreError> {
        range(&read_table(self, space)?, span)
    }

    fn len(&self, space: Space) -> Result<u64, StoreError> {
        length(&read_table(self, space)?)
    }

    fn each(
        &self,
        space: Space,
        keys: &mut dyn Iterator<Item = &[u8]>,
    ) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        // Opening a table costs as much as finding several rows in it.
        let table = read_table(self, space)?;
        keys.map(|key| get(&table, key)).collect()
    }
}

impl Rows for WriteTransaction {
    fn row(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        get(&write_table(self, space)?, key)
    }

    fn rows(&self, space: Space, span: &Span<'_>) -> Result<Vec<Row>, StoreError> {
        range(&write_table(self, space)?, span)
    }

    fn len(&self, space: Space) -> Result<u64, StoreError> {
        length(&write_table(self, space)?)
    }
}

/// A transaction whose tables stay open once they were: opening one for every row of every write
/// of a group costs as much as the row. Dropped before the transaction is committed.
///
/// Also keeps what was put, as the log is to have it.
pub(super) struct Tables<'t> {
    txn: &'t WriteTransaction,
    open: RefCell<BTreeMap<Space, RawTable<'t>>>,
    written: RefCell<Written>,
}

type RawTable<'t> = Table<'t, &'static [u8], &'static [u8]>;
type ReadTable = ReadOnlyTable<&'static [u8], &'static [u8]>;

impl<'t> Tables<'t> {
    /// None open yet.
    pub fn of(txn: &'t WriteTransaction) -> Tables<'t> {
        Tables { txn, open: RefCell::default(), written: RefCell::default() }
    }

    /// What was put, in its order; the tables are closed.
    pub fn into_written(self) -> Written {
        self.written.into_inner()
    }

    fn with<T>(
        &self,
        space: Space,
        call: impl FnOnce(&mut RawTable<'t>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut open = self.open.borrow_mut();
        if let Some(table) = open.get_mut(&space) {
            return call(table);
        }
        let table = write_table(self.txn, space)?;
        call(open.entry(space).or_insert(table))
    }
}

impl Rows for Tables<'_> {
    fn row(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.with(space, |table| get(table, key))
    }

    fn rows(&self, space: Space, span: &Span<'_>) -> Result<Vec<Row>, StoreError> {
        self.with(space, |table| range(table, span))
    }

    fn len(&self, space: Space) -> Result<u64, StoreError> {
        self.with(space, |table| length(table))
    }
}

/// Rows that were put, as a record of the log has them, as long as one can.
#[derive(Default)]
pub(super) struct Written {
    bytes: Vec<u8>,
    too_many: bool,
}

impl Written {
    /// The record's bytes, without what comes first in it; `None` when there are too many.
    pub fn bytes(&self) -> Option<&[u8]> {
        (!self.too_many).then_some(&self.bytes)
    }

    /// The same, to have.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    fn push(&mut self, space: Space, key: &[u8], value: Option<&[u8]>) {
        if self.too_many {
            return;
        }
        wal::push(&mut self.bytes, space.0, key, value);
        if self.bytes.len() as u64 > STORE_LOG_BYTES {
            *self = Written { bytes: Vec::new(), too_many: true };
        }
    }
}

/// Whoever rows can be put into.
pub(super) trait Puts: Rows {
    /// Puts a row; `None` removes it.
    fn put(&self, space: Space, key: &[u8], value: Option<&[u8]>) -> Result<(), StoreError>;
}

impl Puts for Tables<'_> {
    fn put(&self, space: Space, key: &[u8], value: Option<&[u8]>) -> Result<(), StoreError> {
        self.written.borrow_mut().push(space, key, value);
        self.with(space, |table| set(table, key, value))
    }
}

/// Puts rows into a transaction; `None` removes.
pub(super) fn put_rows<'a>(
    txn: &WriteTransaction,
    space: Space,
    rows: impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)>,
) -> Result<(), StoreError> {
    let mut table = write_table(txn, space)?;
    for (key, value) in rows {
        set(&mut table, key, value)?;
    }
    Ok(())
}

/// Rows put and removed over those of a transaction, not in it yet.
pub(super) struct Overlay<'t> {
    base: &'t (dyn Puts + 't),
    changed: BTreeMap<Space, BTreeMap<Vec<u8>, Option<Vec<u8>>>>,
}

impl<'t> Overlay<'t> {
    /// Nothing changed yet.
    pub fn over(base: &'t (dyn Puts + 't)) -> Overlay<'t> {
        Overlay { base, changed: BTreeMap::new() }
    }

    /// Puts a row, or removes it.
    pub fn set(&mut self, space: Space, key: Vec<u8>, value: Option<Vec<u8>>) {
        self.changed.entry(space).or_default().insert(key, value);
    }

    /// Forgets what was put or removed under a key.
    pub fn forget(&mut self, space: Space, key: &[u8]) {
        if let Some(rows) = self.changed.get_mut(&space) {
            rows.remove(key);
        }
    }

    /// A row as it was before this overlay.
    pub fn before(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.base.row(space, key)
    }

    /// Every changed row of a space.
    pub fn changes(&self, space: Space) -> impl Iterator<Item = (&Vec<u8>, &Option<Vec<u8>>)> {
        self.changed.get(&space).into_iter().flatten()
    }

    /// Puts everything into the transaction.
    pub fn apply(&self) -> Result<(), StoreError> {
        for (space, rows) in &self.changed {
            for (key, value) in rows {
                self.base.put(*space, key, value.as_deref())?;
            }
        }
        Ok(())
    }
}

impl Rows for Overlay<'_> {
    fn row(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        match self.changed.get(&space).and_then(|rows| rows.get(key)) {
            Some(changed) => Ok(changed.clone()),
            None => self.base.row(space, key),
        }
    }

    fn rows(&self, space: Space, span: &Span<'_>) -> Result<Vec<Row>, StoreError> {
        let Some(changed) = self.changed.get(&space) else {
            return self.base.rows(space, span);
        };
        let (low, high) = span.bounds();
        let bounds = (low.as_ref().map(Vec::as_slice), high.as_ref().map(Vec::as_slice));
        if empty(&bounds) {
            return Ok(Vec::new());
        }
        // Each removed row may hide one of the rows below, so that many more are asked for.
        let removed = changed.values().filter(|value| value.is_none()).count();
        let wider = Span { at_most: span.at_most.saturating_add(removed), ..*span };
        let mut merged: BTreeMap<Vec<u8>, Vec<u8>> =
            self.base.rows(space, &wider)?.into_iter().collect();
        for (key, value) in changed.range::<[u8], _>(bounds) {
            match value {
                Some(value) => merged.insert(key.clone(), value.clone()),
                None => merged.remove(key),
            };
        }
        let rows = merged.into_iter();
        Ok(if span.backwards {
            rows.rev().take(span.at_most).collect()
        } else {
            rows.take(span.at_most).collect()
        })
    }

    fn len(&self, space: Space) -> Result<u64, StoreError> {
        let mut len = self.base.len(space)?;
        for (key, value) in self.changes(space) {
            match (self.base.row(space, key)?, value) {
                (None, Some(_)) => len += 1,
                (Some(_), None) => len -= 1,
                (None, None) | (Some(_), Some(_)) => {}
            }
        }
        Ok(len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use proptest::prelude::*;
    use redb::Builder;
    use redb::backends::InMemoryBackend;

    const SPACE: Space = Space("test");

    /// Short keys over few letters, so that they meet.
    fn key() -> impl Strategy<Value = Vec<u8>> {
        proptest::collection::vec(prop_oneof![Just(0u8), Just(1), Just(254), Just(255)], 0..4)
    }

    type Puts = Vec<(Vec<u8>, Option<Vec<u8>>)>;

    fn puts() -> impl Strategy<Value = Puts> {
        let value = proptest::option::of(proptest::collection::vec(any::<u8>(), 0..2));
        proptest::collection::vec((key(), value), 0..20)
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            cases: 200,
            failure_persistence: None,
            ..Default::default()
        })]

        #[test]
        fn an_overlay_reads_as_if_it_had_been_put(
            below in puts(),
            above in puts(),
            prefix in key(),
            after in proptest::option::of(key()),
            before in proptest::option::of(key()),
            backwards: bool,
            at_most in prop_oneof![0usize..5, Just(usize::MAX)],
        ) {
            let database = Builder::new().create_with_backend(InMemoryBackend::new()).unwrap();
            let txn = database.begin_write().unwrap();
            let rows = below.iter().map(|(key, value)| (key.as_slice(), value.as_deref()));
            put_rows(&txn, SPACE, rows).unwrap();
            let tables = Tables::of(&txn);
            let mut overlay = Overlay::over(&tables);
            let mut model = BTreeMap::new();
            for (key, value) in below.iter().chain(&above) {
                match value {
                    Some(value) => model.insert(key.clone(), value.clone()),
                    None => model.remove(key),
                };
            }
            for (key, value) in above {
                overlay.set(SPACE, key, value);
            }
            let wanted = |key: &Vec<u8>| {
                key.starts_with(&prefix)
                    && after.as_ref().is_none_or(|after| key > after)
                    && before.as_ref().is_none_or(|before| key < before)
            };
            let mut expected: Vec<Row> = model.clone().into_iter().collect();
            expected.retain(|(key, _)| wanted(key));
            if backwards {
                expected.reverse();
            }
            expected.truncate(at_most);
            let span = Span {
                prefix: &prefix,
                after: after.as_deref(),
                before: before.as_deref(),
                backwards,
                at_most,
            };
            prop_assert_eq!(overlay.rows(SPACE, &span).unwrap(), expected.clone());
            prop_assert_eq!(overlay.len(SPACE).unwrap(), model.len() as u64);
            overlay.apply().unwrap();
            prop_assert_eq!(tables.rows(SPACE, &span).unwrap(), expected);
        }
    }

    #[test]
    fn prefixes_end_where_the_next_begins() {
        assert_eq!(end_of(&[1, 2]), Bound::Excluded(vec![1, 3]));
        assert_eq!(end_of(&[1, 255]), Bound::Excluded(vec![2]));
        assert_eq!(end_of(&[255, 255]), Bound::Unbounded);
        assert_eq!(end_of(&[]), Bound::Unbounded);
    }
}
