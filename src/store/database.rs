//! The open database, and opening it again after its disk failed.
//!
//! After an input or output error redb refuses everything until the database is opened anew;
//! what the failed commit left is cleaned up by that. So the database sits in a slot that the
//! writer empties and refills, while readers get a clear error in between.

use super::disk::Disk;
use super::error::{OpenError, StoreError};
use super::lock::private_file;
use super::migrations;
use super::reads::View;
use crate::base::limit::{STORE_CACHE_BYTES, STORE_RESERVE_BYTES};
use crate::base::problem::chain;
use redb::{Builder, Database, ReadableDatabase, WriteTransaction};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};

/// Where the bytes are.
pub(super) enum Place {
    /// A file.
    File(PathBuf),
    /// A disk in memory.
    Disk(Disk),
}

/// A database that can be opened again.
pub(super) struct Slot {
    place: Place,
    open: RwLock<Result<Database, String>>,
    /// Counts openings, so that a snapshot of an earlier one that fails does not close this one.
    generation: AtomicU64,
    /// The latest generation whose disk failed.
    failed: AtomicU64,
}

impl Slot {
    /// Opens it and brings its format up to date.
    pub fn open(place: Place) -> Result<Slot, OpenError> {
        let database = place.open()?;
        Ok(Slot {
            place,
            open: RwLock::new(Ok(database)),
            generation: AtomicU64::new(1),
            failed: AtomicU64::new(0),
        })
    }

    /// A snapshot of the last commit.
    pub fn view(&self) -> Result<View, StoreError> {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        let database = open.as_ref().map_err(|why| StoreError::Closed(why.clone()))?;
        let txn = database.begin_read().map_err(|e| StoreError::database("beginning a read", e));
        let generation = self.generation.load(Ordering::Acquire);
        txn.map(|txn| View { txn, generation }).inspect_err(|_| self.mark_failed(generation))
    }

    /// A transaction to write in.
    pub fn write(&self) -> Result<WriteTransaction, StoreError> {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        let database = open.as_ref().map_err(|why| StoreError::Closed(why.clone()))?;
        database.begin_write().map_err(|e| StoreError::database("beginning a write", e))
    }

    /// Commits nothing but the state of the allocator, so that opening after a crash does not
    /// have to walk the whole file, as it has to after any later commit.
    pub fn settle(&self) -> Result<(), StoreError> {
        let mut txn = self.write()?;
        txn.set_quick_repair(true);
        txn.commit().map_err(|e| StoreError::database("committing", e))
    }

    /// Notes that the disk failed somebody; the writer then opens the database again.
    pub fn mark_failed(&self, generation: u64) {
        self.failed.fetch_max(generation, Ordering::AcqRel);
    }

    /// Notes that the disk failed the writer itself.
    pub fn mark_failed_now(&self) {
        self.mark_failed(self.generation.load(Ordering::Acquire));
    }

    /// Opens the database again if its disk failed. Only the writer may call this, between
    /// transactions: redb closes a database for good only when no write is under way.
    /// Whether it did.
    pub fn recover(&self) -> bool {
        let generation = self.generation.load(Ordering::Acquire);
        if self.failed.load(Ordering::Acquire) < generation {
            return false;
        }
        let mut open = self.open.write().unwrap_or_else(PoisonError::into_inner);
        if open.as_ref().is_err_and(|why| why == CLOSED) {
            return false;
        }
        // The old one has to let go of its file before the file can be opened.
        *open = Err("its disk failed, it is being opened again".to_owned());
        match self.place.open() {
            Ok(database) => {
                *open = Ok(database);
                self.generation.store(generation + 1, Ordering::Release);
                tracing::info!("the store was opened again after its disk had failed");
                true
            }
            Err(error) => {
                *open = Err(chain(&error));
                false
            }
        }
    }

    /// Why it takes no writes just now; `None` when it does, or was closed on purpose.
    pub fn outage(&self) -> Option<String> {
        if let Err(full) = self.require_space() {
            return Some(chain(&full));
        }
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        open.as_ref().err().filter(|why| *why != CLOSED).cloned()
    }

    /// Closes it for good.
    pub fn close(&self) {
        *self.open.write().unwrap_or_else(PoisonError::into_inner) = Err(CLOSED.to_owned());
    }

    /// Refuses when the disk is nearly full: a commit let in would end in an error, and every
    /// such error costs opening the database again.
    pub fn require_space(&self) -> Result<(), StoreError> {
        match self.place.free() {
            Some(free) if free < STORE_RESERVE_BYTES => Err(StoreError::Full {
                place: self.place.name(),
                free_kib: free / 1024,
                reserve_kib: STORE_RESERVE_BYTES / 1024,
            }),
            Some(_) | None => Ok(()),
        }
    }
}

/// Why nothing is open after [`Slot::close`].
const CLOSED: &str = "it was closed";

impl Place {
    fn open(&self) -> Result<Database, OpenError> {
        let mut builder = Builder::new();
        builder.set_cache_size(STORE_CACHE_BYTES);
        let opened = match self {
            Place::File(path) => {
                let file = private_file(path)?;
                // Looked at without writing first: even opening it to write leaves marks in it.
                // One that was not closed cleanly cannot be; it is looked at once it is open.
                if let Ok(database) = builder.open_read_only(path) {
                    migrations::is_earlier(&database)?;
                }
                builder.create_file(file)
            }
            Place::Disk(disk) => builder.create_with_backend(disk.clone()),
        };
        let database = opened.map_err(|e| StoreError::database("opening the database", e))?;
        migrations::bring_up_to_date(&database)?;
        Ok(database)
    }

    /// What people know it by.
    fn name(&self) -> String {
        match self {
            Place::File(path) => path.display().to_string(),
            Place::Disk(_) => "the disk in memory".to_owned(),
        }
    }

    /// Free bytes where that can be known and means something.
    fn free(&self) -> Option<u64> {
        match self {
            Place::File(path) => {
                let found = nix::sys::statvfs::statvfs(path.as_path()).ok()?;
                Some(found.blocks_available().saturating_mul(found.fragment_size()))
            }
            Place::Disk(disk) => disk.free(),
        }
    }
}
