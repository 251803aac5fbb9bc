//! Giving back to the disk what a large database does not use: what ten thousand servers left
//! behind.
//!
//! redb never makes its file smaller by itself. So a start that finds a large file more than half
//! of which is free copies what is in use, row by row, into a new file beside it, which takes the
//! old one's name once it is on disk: whoever is interrupted at any time finds one or the other,
//! whole. It takes time and space by what is in use, not by what was; where either would be too
//! much, or the disk refuses, the store is opened as it is, with a word.

use super::error::StoreError;
use super::lock::private_file;
use super::pages::{PAGE_BYTES, Pages};
use super::place::open_pages;
use super::wal::RealFile;
use crate::base::limit::{STORE_COMPACT_BYTES, STORE_COMPACT_LIVE_MAX, STORE_RESERVE_BYTES};
use crate::base::problem::chain;
use redb::{Database, Durability, ReadableDatabase, ReadableTable, TableDefinition, TableHandle};
use std::fs::File;
use std::io;
use std::path::Path;

/// Where the new file is made.
fn beside(path: &Path) -> std::path::PathBuf {
    path.with_extension("redb.compact")
}

/// Removes what an interrupted compaction left.
pub(super) fn sweep(path: &Path) {
    match std::fs::remove_file(beside(path)) {
        Ok(()) => tracing::info!("a compaction of the store that was interrupted is forgotten"),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => tracing::warn!("what is left of a compaction cannot be removed: {error}"),
    }
}

/// Puts a smaller file in place of the database's, if it is worth it; whether it did. The database
/// that is open is then one of no name, and is to be opened again. `free` is what the disk has.
///
/// # Errors
/// [`StoreError::Damaged`] when what is read is not what was written: nothing was changed then.
pub(super) fn compact(
    path: &Path,
    database: &Database,
    pages: &Pages,
    free: Option<u64>,
) -> Result<bool, StoreError> {
    let before = pages.medium().len().map_err(StoreError::input)?;
    if before < STORE_COMPACT_BYTES {
        return Ok(false);
    }
    let live = live_bytes(database)?;
    if live >= before / 2 {
        return Ok(false);
    }
    let (all, used) = (before >> 20, live >> 20);
    let needed = live + live / 4 + STORE_RESERVE_BYTES;
    if live > STORE_COMPACT_LIVE_MAX {
        tracing::warn!("of the store's {all} MiB {used} are used: too much to compact at a start");
        return Ok(false);
    }
    if let Some(free) = free.filter(|free| *free < needed) {
        let (needed, free) = (needed >> 20, free >> 20);
        tracing::warn!(
            "of the store's {all} MiB {used} are used, and it is not compacted: that takes \
             {needed} MiB free on its disk, and {free} are"
        );
        return Ok(false);
    }
    let done = copy(database, &beside(path)).and_then(|()| {
        let renamed = std::fs::rename(beside(path), path);
        let synced =
            renamed.and_then(|()| File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all());
        synced.map_err(|cause| StoreError::Database { doing: "renaming", cause: Box::new(cause) })
    });
    match done {
        Ok(()) => {
            let after = std::fs::metadata(path).map_or(0, |found| found.len()) >> 20;
            tracing::info!("the store was compacted from {all} to {after} MiB");
            Ok(true)
        }
        Err(damaged @ StoreError::Damaged { .. }) => Err(damaged),
        Err(error) => {
            tracing::warn!("the store's {all} MiB stay as they are: {}", chain(&error));
            sweep(path);
            Ok(false)
        }
    }
}

/// Bytes of pages in use.
fn live_bytes(database: &Database) -> Result<u64, StoreError> {
    let failed = |e| StoreError::database("beginning to measure the store", e);
    let txn = database.begin_write().map_err(failed)?;
    let found = txn.stats().map_err(|e| StoreError::database("measuring the store", e))?;
    txn.abort().map_err(|e| StoreError::database("measuring the store", e))?;
    Ok(found.allocated_pages() * (PAGE_BYTES as u64))
}

/// Copies every table into a new file; it is on disk then.
fn copy(from: &Database, to: &Path) -> Result<(), StoreError> {
    const DOING: &str = "compacting";
    let file = private_file(to).map_err(|e| disk(DOING, io::Error::other(e)))?;
    file.set_len(0).map_err(|e| disk(DOING, e))?;
    let pages = Pages::open(Box::new(RealFile(file))).map_err(StoreError::input)?;
    let mut new = open_pages(&pages)?;
    let old = from.begin_read().map_err(|e| StoreError::database(DOING, e))?;
    let tables = old.list_tables().map_err(|e| StoreError::database(DOING, e))?;
    let names: Vec<String> = tables.map(|table| table.name().to_owned()).collect();
    let mut txn = new.begin_write().map_err(|e| StoreError::database(DOING, e))?;
    let durable = txn.set_durability(Durability::Immediate);
    durable.map_err(|e| StoreError::database(DOING, e))?;
    txn.set_quick_repair(true);
    for name in &names {
        let definition = TableDefinition::<&[u8], &[u8]>::new(name);
        let rows = old.open_table(definition).map_err(|e| StoreError::database(DOING, e))?;
        let mut copied = txn.open_table(definition).map_err(|e| StoreError::database(DOING, e))?;
        for row in rows.iter().map_err(|e| StoreError::database(DOING, e))? {
            let (key, value) = row.map_err(|e| StoreError::database(DOING, e))?;
            let put = copied.insert(key.value(), value.value());
            put.map_err(|e| StoreError::database(DOING, e))?;
        }
    }
    txn.commit().map_err(|e| StoreError::database(DOING, e))?;
    // redb doubles a file that is full, and gives back at its end what the rows did not take.
    new.compact().map_err(|e| StoreError::database(DOING, e))?;
    Ok(())
}

fn disk(doing: &'static str, cause: io::Error) -> StoreError {
    StoreError::Database { doing, cause: Box::new(cause) }
}
