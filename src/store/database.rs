//! The open database and its log: which of them a group is written into, and opening both again
//! after their disk failed.
//!
//! A group goes into the log, and only then, and without a promise, into the database. The first
//! one after opening a store that was closed, and one for which the log has no room, is a commit
//! of the database for good, which begins a new epoch of the log. Those also write down what lets
//! redb open at once after a crash, which would otherwise have to walk over the whole file.
//!
//! After an input or output error redb refuses everything until the database is opened anew;
//! what the failed commit left is cleaned up by that. So the database sits in a slot that the
//! writer empties and refills, while readers get a clear error in between.

use super::error::{OpenError, StoreError};
use super::group::Moment;
use super::place::Place;
use super::reads::View;
use super::rows::Written;
use super::wal::Wal;
use crate::base::limit::STORE_RESERVE_BYTES;
use crate::base::problem::chain;
use redb::{Database, Durability, ReadableDatabase, WriteTransaction};
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};

/// A database that can be opened again.
pub(super) struct Slot {
    place: Place,
    open: RwLock<Result<Database, String>>,
    /// Only the writer has use for it.
    wal: Mutex<Wal>,
    /// Counts openings, so that a snapshot of an earlier one that fails does not close this one.
    generation: AtomicU64,
    /// The latest generation whose disk failed.
    failed: AtomicU64,
}

impl Slot {
    /// Opens it and brings its format up to date.
    pub fn open(place: Place) -> Result<Slot, OpenError> {
        let (database, wal) = place.open(None)?;
        Ok(Slot {
            place,
            open: RwLock::new(Ok(database)),
            wal: Mutex::new(wal),
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

    /// Makes a group stay, and everybody see it, in this order: whoever sees it may count on it.
    pub fn commit(
        &self,
        txn: WriteTransaction,
        written: Written,
        survive: &dyn Fn(Moment) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut wal = self.wal();
        if wal.fits(&written) {
            log(&mut wal, txn, written, survive)?;
        } else {
            self.make_log(&mut wal);
            survive(Moment::BeforeCommit)?;
            let whole = !wal.is_made();
            for_good(&mut wal, txn, whole)?;
            survive(Moment::Checkpointed)?;
        }
        survive(Moment::AfterCommit)
    }

    /// Makes the log when the first write of a store needs it. Without one every commit is one of
    /// the database, which is slower and no worse.
    fn make_log(&self, wal: &mut Wal) {
        if wal.is_made() {
            return;
        }
        let made = self.place.make_log(wal.position().id);
        if let Err(error) = made.and_then(|medium| wal.use_medium(medium)) {
            tracing::warn!("the store's log cannot be made, commits are slower without: {error}");
        }
    }

    /// Commits everything for good, so that the log is not needed to open the database, but for
    /// what comes after.
    pub fn settle(&self) -> Result<(), StoreError> {
        let mut wal = self.wal();
        let whole = wal.position().whole;
        for_good(&mut wal, self.write()?, whole)
    }

    /// Whether the log has anything that the database has not for good.
    pub fn has_logged(&self) -> bool {
        self.wal().position().seq > 0
    }

    fn wal(&self) -> MutexGuard<'_, Wal> {
        self.wal.lock().unwrap_or_else(PoisonError::into_inner)
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
        let mut wal = self.wal();
        let mut open = self.open.write().unwrap_or_else(PoisonError::into_inner);
        if open.as_ref().is_err_and(|why| why == CLOSED) {
            return false;
        }
        // The old one has to let go of its file before the file can be opened.
        *open = Err("its disk failed, it is being opened again".to_owned());
        match self.place.open(Some(wal.synced())) {
            Ok((database, found)) => {
                *open = Ok(database);
                *wal = found;
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

    /// Commits everything for good, after which the database can do without its log, and closes.
    pub fn close(&self) {
        let mut wal = self.wal();
        let closed = match (self.write(), wal.position().whole) {
            (Ok(txn), false) => for_good(&mut wal, txn, true),
            // It was closed before, or its disk failed, or there is nothing to be done.
            (Err(_), _) | (Ok(_), true) => Ok(()),
        };
        if let Err(error) = closed {
            tracing::warn!("the store was closed and still needs its log: {}", chain(&error));
        }
        self.fall();
    }

    /// Lets go of it as it is.
    pub fn fall(&self) {
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

/// Writes a group into the log and then into the database.
fn log(
    wal: &mut Wal,
    mut txn: WriteTransaction,
    written: Written,
    survive: &dyn Fn(Moment) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let position = wal.position().next();
    position.put(&txn)?;
    txn.set_durability(Durability::None).map_err(|e| StoreError::database("committing", e))?;
    survive(Moment::BeforeCommit)?;
    wal.append(position, written).map_err(|e| failed("writing the log", e))?;
    survive(Moment::Logged)?;
    wal.sync(position).map_err(|e| failed("waiting for the log to be on disk", e))?;
    survive(Moment::Synced)?;
    txn.commit().map_err(|e| StoreError::database("committing", e))?;
    wal.applied();
    Ok(())
}

/// Commits for good, with everything that only the log has; the log starts over.
fn for_good(wal: &mut Wal, mut txn: WriteTransaction, whole: bool) -> Result<(), StoreError> {
    let position = wal.position().next_epoch(whole);
    position.put(&txn)?;
    txn.set_quick_repair(true);
    txn.commit().map_err(|e| StoreError::database("committing for good", e))?;
    wal.start_over(position);
    Ok(())
}

fn failed(doing: &'static str, cause: io::Error) -> StoreError {
    StoreError::Database { doing, cause: Box::new(cause) }
}
