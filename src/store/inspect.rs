//! Looking at a store that nobody has open, as it is: for `doctor`, which changes nothing.

use super::error::{OpenError, StoreError};
use super::lock::DirectoryLock;
use super::migrations::{self, spaces};
use super::rows::{Row, Rows, Space, Span};
use super::tables::Index;
use super::verify::{Verified, VerifyError, verify};
use crate::base::limit::STORE_CACHE_BYTES;
use redb::{Builder, ReadTransaction, ReadableDatabase, TableHandle};
use std::collections::BTreeSet;
use std::path::Path;

/// A store that was read, and what was found.
#[derive(Debug)]
pub struct Inspected {
    /// Whether everything agrees with everything else.
    pub verified: Result<Verified, VerifyError>,
    /// It is of an earlier version, which the next start brings up to date.
    pub earlier: bool,
}

/// Reads everything in the store of a state directory and compares it with everything else.
///
/// # Errors
/// As [`super::Store::open`]: somebody has it, it is a later version's, or it cannot be opened.
pub fn inspect(dir: &Path) -> Result<Inspected, OpenError> {
    let _lock = DirectoryLock::take(dir)?;
    let path = dir.join("store.redb");
    let mut builder = Builder::new();
    builder.set_cache_size(STORE_CACHE_BYTES);
    match builder.open_read_only(&path) {
        Ok(database) => look(&database),
        // One that was not closed cleanly has to be opened to write, which is how it recovers.
        Err(_) => {
            let opened = builder.open(&path);
            look(&opened.map_err(|e| StoreError::database("opening the database", e))?)
        }
    }
}

fn look(database: &impl ReadableDatabase) -> Result<Inspected, OpenError> {
    let earlier = migrations::is_earlier(database)?;
    let txn = database.begin_read().map_err(|e| StoreError::database("beginning a read", e))?;
    let tables = txn.list_tables().map_err(|e| StoreError::database("listing tables", e))?;
    let there: BTreeSet<String> = tables.map(|table| table.name().to_owned()).collect();
    let absent: Vec<Index> =
        Index::ALL.iter().copied().filter(|index| !there.contains(index.name())).collect();
    let missing: Vec<Space> = spaces().filter(|space| !there.contains(space.0)).collect();
    let verified = verify(&Earlier { txn: &txn, missing }, &absent);
    Ok(Inspected { verified, earlier })
}

/// A snapshot in which tables that were not made yet are empty.
struct Earlier<'t> {
    txn: &'t ReadTransaction,
    missing: Vec<Space>,
}

impl Rows for Earlier<'_> {
    fn row(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        if self.missing.contains(&space) { Ok(None) } else { self.txn.row(space, key) }
    }

    fn rows(&self, space: Space, span: &Span<'_>) -> Result<Vec<Row>, StoreError> {
        if self.missing.contains(&space) { Ok(Vec::new()) } else { self.txn.rows(space, span) }
    }

    fn len(&self, space: Space) -> Result<u64, StoreError> {
        if self.missing.contains(&space) { Ok(0) } else { self.txn.len(space) }
    }
}
