//! Bringing a store of an earlier format up to this one, at open, one step at a time.
//!
//! A format is the shape of the tables themselves; a record's own shape has its schema number
//! and is read by its `decode`. To add a format: raise [`FORMAT`], add a row to [`STEPS`] that
//! rewrites the format before it, and keep a store of that format as a test.

use super::error::{OpenError, StoreError};
use super::journal::number;
use super::rows::{Rows, Space, put_rows};
use super::tables::{Index, Table};
use redb::{Database, ReadableDatabase, TableHandle, WriteTransaction};
use std::collections::BTreeSet;

/// The format this version writes.
pub(super) const FORMAT: u64 = 1;

/// Under which name `META` has it.
const FORMAT_KEY: &[u8] = b"format";

/// Rewrites a store of one format as the next.
struct Step {
    /// The format it starts from.
    from: u64,
    /// The rewriting.
    rewrite: fn(&WriteTransaction) -> Result<(), StoreError>,
}

/// Every rewriting there is, oldest first. Format 1 is the first, so there is none yet.
const STEPS: &[Step] = &[];

/// Makes what a new store needs, or brings an old one up to date; one transaction, all or none.
pub(super) fn bring_up_to_date(database: &Database) -> Result<(), OpenError> {
    if is_current(database)? {
        return Ok(());
    }
    let mut txn =
        database.begin_write().map_err(|e| StoreError::database("beginning a migration", e))?;
    txn.set_quick_repair(true);
    for space in spaces() {
        // Opening makes it, so that no reader meets a table that is not there.
        txn.open_table(space.definition())
            .map_err(|e| StoreError::database("making a table", e))?;
    }
    let found = txn.row(Space::META, FORMAT_KEY)?.map(|value| number(&value));
    match found {
        Some(found) if found > FORMAT => {
            return Err(OpenError::Newer { found, known: FORMAT });
        }
        Some(found) => {
            for step in STEPS.iter().filter(|step| step.from >= found) {
                (step.rewrite)(&txn)?;
            }
        }
        None => {}
    }
    write_format(&txn, FORMAT)?;
    txn.commit().map_err(|e| StoreError::database("committing a migration", e))?;
    Ok(())
}

/// Whether there is nothing to do: opening a store must not need space on a full disk.
fn is_current(database: &Database) -> Result<bool, StoreError> {
    let failed = |e| StoreError::database("looking at the store's format", e);
    let txn = database.begin_read().map_err(failed)?;
    let tables = txn.list_tables().map_err(|e| StoreError::database("listing tables", e))?;
    let names: BTreeSet<String> = tables.map(|table| table.name().to_owned()).collect();
    if !spaces().all(|space| names.contains(space.0)) {
        return Ok(false);
    }
    let found = txn.row(Space::META, FORMAT_KEY)?;
    Ok(found.is_some_and(|value| number(&value) == FORMAT))
}

fn write_format(txn: &WriteTransaction, format: u64) -> Result<(), StoreError> {
    let value = format.to_be_bytes();
    put_rows(txn, Space::META, std::iter::once((FORMAT_KEY, Some(&value[..]))))
}

/// Every space of the file.
pub(super) fn spaces() -> impl Iterator<Item = Space> {
    let own = [Space::JOURNAL, Space::SUBJECTS, Space::COUNTERS, Space::META];
    let tables = Table::ALL.iter().map(|table| Space(table.name()));
    let indexes = Index::ALL.iter().map(|index| Space(index.name()));
    own.into_iter().chain(tables).chain(indexes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::disk::Disk;
    use redb::Builder;

    #[test]
    fn a_store_of_a_later_format_is_refused_and_left_alone() {
        let disk = Disk::new();
        let open = || Builder::new().create_with_backend(disk.clone()).unwrap();
        let database = open();
        bring_up_to_date(&database).unwrap();
        let txn = database.begin_write().unwrap();
        write_format(&txn, FORMAT + 1).unwrap();
        txn.commit().unwrap();
        let refused = bring_up_to_date(&database).unwrap_err();
        assert!(matches!(refused, OpenError::Newer { found: 2, known: 1 }), "{refused}");
        let txn = database.begin_write().unwrap();
        assert_eq!(txn.row(Space::META, FORMAT_KEY).unwrap(), Some(2u64.to_be_bytes().to_vec()));
    }

    #[test]
    fn there_is_a_step_from_every_earlier_format() {
        let from: Vec<u64> = STEPS.iter().map(|step| step.from).collect();
        assert_eq!(from, (1..FORMAT).collect::<Vec<u64>>());
    }
}
