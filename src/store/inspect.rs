//! Looking at a store that nobody has open, as it is: for `doctor`, which changes nothing.

use super::error::{OpenError, StoreError};
use super::lock::DirectoryLock;
use super::migrations::{self, spaces};
use super::place::Place;
use super::rows::{Row, Rows, Space, Span, Tables};
use super::tables::Index;
use super::verify::{Verified, VerifyError, verify};
use super::wal::{Pending, Position, StoreOrFault, pending};
use crate::base::limit::STORE_CACHE_BYTES;
use redb::{Builder, ReadableDatabase, TableHandle};
use std::collections::BTreeSet;
use std::path::Path;

/// A store that was read, and what was found.
#[derive(Debug)]
pub struct Inspected {
    /// Whether everything agrees with everything else.
    pub verified: Result<Verified, VerifyError>,
    /// It is of an earlier version, which the next start brings up to date.
    pub earlier: bool,
    /// Commits that only its log has, because it was not closed; they were read with the rest.
    pub logged: u64,
}

/// Reads everything in the store of a state directory and compares it with everything else.
///
/// # Errors
/// As [`super::Store::open`]: somebody has it, it is a later version's, or it cannot be opened.
pub fn inspect(dir: &Path) -> Result<Inspected, OpenError> {
    let _lock = DirectoryLock::take(dir)?;
    let path = dir.join("store.redb");
    let place = Place::File(path.clone());
    let mut builder = Builder::new();
    builder.set_cache_size(STORE_CACHE_BYTES);
    if let Ok(database) = builder.open_read_only(&path) {
        let log = in_log(&place, &database)?;
        if log.records() == 0 {
            let txn = database.begin_read();
            let txn = txn.map_err(|e| StoreError::database("beginning a read", e))?;
            return look(&database, &txn, 0);
        }
    }
    // One that was not closed cleanly has to be opened to write, which is how it recovers. What
    // its log has is put into a transaction that is never committed.
    let opened = builder.open(&path);
    let database = opened.map_err(|e| StoreError::database("opening the database", e))?;
    let log = in_log(&place, &database)?;
    let txn = database.begin_write();
    let txn = txn.map_err(|e| StoreError::database("beginning to read the log", e))?;
    let tables = Tables::of(&txn);
    log.put(&tables).map_err(|stopped| match stopped {
        StoreOrFault::Store(error) => error.into(),
        StoreOrFault::Fault(fault) => place.fault(fault),
    })?;
    look(&database, &tables, log.records())
}

/// What the log has that the database has not.
fn in_log(place: &Place, database: &impl ReadableDatabase) -> Result<Pending, OpenError> {
    let position = migrations::position(database)?.unwrap_or_else(Position::fresh);
    let medium = place.log()?;
    pending(position, medium.as_deref(), None).map_err(|fault| place.fault(fault))
}

fn look(
    database: &impl ReadableDatabase,
    rows: &impl Rows,
    logged: u64,
) -> Result<Inspected, OpenError> {
    let earlier = migrations::is_earlier(database)?;
    let txn = database.begin_read().map_err(|e| StoreError::database("beginning a read", e))?;
    let tables = txn.list_tables().map_err(|e| StoreError::database("listing tables", e))?;
    let there: BTreeSet<String> = tables.map(|table| table.name().to_owned()).collect();
    let absent: Vec<Index> =
        Index::ALL.iter().copied().filter(|index| !there.contains(index.name())).collect();
    let missing: Vec<Space> = spaces().filter(|space| !there.contains(space.0)).collect();
    let verified = verify(&Earlier { rows, missing }, &absent);
    Ok(Inspected { verified, earlier, logged })
}

/// Rows of which tables that were not made yet are empty.
struct Earlier<'t, R> {
    rows: &'t R,
    missing: Vec<Space>,
}

impl<R: Rows> Rows for Earlier<'_, R> {
    fn row(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        if self.missing.contains(&space) { Ok(None) } else { self.rows.row(space, key) }
    }

    fn rows(&self, space: Space, span: &Span<'_>) -> Result<Vec<Row>, StoreError> {
        if self.missing.contains(&space) { Ok(Vec::new()) } else { self.rows.rows(space, span) }
    }

    fn len(&self, space: Space) -> Result<u64, StoreError> {
        if self.missing.contains(&space) { Ok(0) } else { self.rows.len(space) }
    }
}
