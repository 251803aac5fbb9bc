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
use super::group::{Moment, Purpose};
use super::guard::{guarded, let_go};
use super::journal::Tail;
use super::mark::Mark;
use super::pages::Pages;
use super::place::{Held, Opened, StoreFiles};
use super::reads::View;
use super::rows::Written;
use super::wal::{Medium, Wal};
use crate::base::limit::{STORE_FLOOR_BYTES, STORE_REPORT_FLOOR_BYTES, STORE_RESERVE_BYTES};
use crate::base::problem::chain;
use crate::model::Scope;
use redb::{Database, Durability, ReadableDatabase, WriteTransaction};
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError, RwLock};

/// What there is beside the database.
struct Files {
    wal: Wal,
    pages: Pages,
    mark: Box<dyn Medium>,
}

/// A database that can be opened again.
pub(super) struct Slot {
    place: StoreFiles,
    open: RwLock<Result<Database, String>>,
    /// Only the writer has use for it.
    files: Mutex<Files>,
    /// What is wrong with the bytes on the disk, once something is: nothing is read or written
    /// from then on.
    damaged: OnceLock<(&'static str, String)>,
    /// Counts openings, so that a snapshot of an earlier one that fails does not close this one.
    generation: AtomicU64,
    /// The latest generation whose disk failed.
    failed: AtomicU64,
}

impl Slot {
    /// Opens it and brings its format up to date.
    pub fn open(place: StoreFiles) -> Result<Slot, OpenError> {
        let Opened { database, wal, pages, mark } = place.open(None)?;
        Ok(Slot {
            place,
            open: RwLock::new(Ok(database)),
            files: Mutex::new(Files { wal, pages, mark }),
            damaged: OnceLock::new(),
            generation: AtomicU64::new(1),
            failed: AtomicU64::new(0),
        })
    }

    /// A snapshot of the last commit.
    pub fn view(&self) -> Result<View, StoreError> {
        self.require_whole()?;
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        let database = open.as_ref().map_err(|why| StoreError::Closed(why.clone()))?;
        let doing = "beginning a read";
        let begin = || database.begin_read().map_err(|e| StoreError::database(doing, e));
        let generation = self.generation.load(Ordering::Acquire);
        let view =
            guarded(doing, begin).map(|txn| View { txn, generation, scope: Scope::Installation });
        view.inspect_err(|error| self.note(error, generation))
    }

    /// A transaction to write in.
    pub fn write(&self) -> Result<WriteTransaction, StoreError> {
        self.require_whole()?;
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        let database = open.as_ref().map_err(|why| StoreError::Closed(why.clone()))?;
        let doing = "beginning a write";
        guarded(doing, || database.begin_write().map_err(|e| StoreError::database(doing, e)))
    }

    /// Refuses once damage was met: what is not damaged may still be led to by what is.
    fn require_whole(&self) -> Result<(), StoreError> {
        match self.damaged.get() {
            Some((doing, why)) => Err(StoreError::Damaged { doing, why: why.clone() }),
            None => Ok(()),
        }
    }

    /// Notes what an error says of the disk: that it failed, so that the writer opens the database
    /// again, or that it has other bytes than were written, which ends all reading and writing.
    pub fn note(&self, error: &StoreError, generation: u64) {
        match error {
            StoreError::Damaged { doing, why } => {
                if self.damaged.set((*doing, why.clone())).is_ok() {
                    tracing::error!("{}", chain(error));
                }
            }
            StoreError::Database { .. } => self.mark_failed(generation),
            StoreError::Codec { .. }
            | StoreError::TooLarge { .. }
            | StoreError::Foreign { .. }
            | StoreError::Gone { .. }
            | StoreError::Full { .. }
            | StoreError::Away { .. }
            | StoreError::Closed(_) => {}
        }
    }

    /// The same of what the writer met.
    pub fn note_now(&self, error: &StoreError) {
        self.note(error, self.generation.load(Ordering::Acquire));
    }

    /// Reads pages from the disk again; see [`Pages::reread`].
    pub fn reread(&self, from: u64, at_most: u64) -> Result<Option<u64>, StoreError> {
        self.require_whole()?;
        let pages = self.files().pages.clone();
        let read = pages.reread(from, at_most).map_err(StoreError::input);
        read.inspect_err(|error| self.note_now(error))
    }

    /// Bytes of the database's file.
    pub fn file_bytes(&self) -> u64 {
        self.files().pages.medium().len().unwrap_or(0)
    }

    /// Makes a group stay, and everybody see it, in this order: whoever sees it may count on it.
    pub fn commit(
        &self,
        txn: WriteTransaction,
        written: Written,
        tail: Tail,
        survive: &dyn Fn(Moment) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut files = self.files();
        let wal = &mut files.wal;
        if wal.fits(&written) {
            log(wal, txn, written, survive)?;
        } else {
            self.make_log(wal);
            survive(Moment::BeforeCommit)?;
            let whole = !wal.is_made();
            self.make_room();
            for_good(wal, txn, whole)?;
            survive(Moment::Checkpointed)?;
        }
        let mark = Mark::of(files.wal.position().id, tail);
        if let Err(error) = mark.write(files.mark.as_ref()) {
            // A witness that is late says less, and nothing that is wrong.
            tracing::warn!("store.mark could not be written: {error}");
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
        let mut files = self.files();
        let whole = files.wal.position().whole;
        for_good(&mut files.wal, self.write()?, whole)?;
        files.mark.sync().map_err(|e| failed("waiting for store.mark to be on disk", e))
    }

    /// Looks whether others changed the files that are open, and says what was mended: where it is
    /// the log, the database gets everything for good, and the next write makes another log. Only
    /// the writer may call this, between transactions.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] where the database's file was cut.
    pub fn look(&self) -> Result<Option<&'static str>, StoreError> {
        self.require_whole()?;
        let mut files = self.files();
        files.pages.require_length().map_err(StoreError::input)?;
        if files.wal.is_as_made() {
            return Ok(None);
        }
        self.make_room();
        for_good(&mut files.wal, self.write()?, true)?;
        files.wal.let_go();
        Ok(Some(
            "store.wal was changed by somebody while it is in use: nothing is lost, and a new \
                 one is begun",
        ))
    }

    /// Whether the log has anything that the database has not for good.
    pub fn has_logged(&self) -> bool {
        self.files().wal.position().seq > 0
    }

    fn files(&self) -> MutexGuard<'_, Files> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that the disk failed somebody; the writer then opens the database again.
    pub fn mark_failed(&self, generation: u64) {
        self.failed.fetch_max(generation, Ordering::AcqRel);
    }

    /// Opens the database again if its disk failed. Only the writer may call this, between
    /// transactions: redb closes a database for good only when no write is under way.
    /// Whether it did.
    pub fn recover(&self) -> bool {
        let generation = self.generation.load(Ordering::Acquire);
        if self.failed.load(Ordering::Acquire) < generation || self.damaged.get().is_some() {
            return false;
        }
        let mut files = self.files();
        let mut open = self.open.write().unwrap_or_else(PoisonError::into_inner);
        if open.as_ref().is_err_and(|why| why == CLOSED) {
            return false;
        }
        // The old one has to let go of its file before the file can be opened.
        let_go(std::mem::replace(
            &mut *open,
            Err("its disk failed, it is being opened again".to_owned()),
        ));
        match self.place.open(Some(files.wal.synced())) {
            Ok(Opened { database, wal, pages, mark }) => {
                *open = Ok(database);
                *files = Files { wal, pages, mark };
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
        if let Err(stopped) =
            self.require_whole().and_then(|()| self.require_space(Purpose::Growth))
        {
            return Some(chain(&stopped));
        }
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        open.as_ref().err().filter(|why| *why != CLOSED).cloned()
    }

    /// Commits everything for good, after which the database can do without its log, and closes.
    pub fn close(&self) {
        let mut files = self.files();
        self.make_room();
        let closed = match (self.write(), files.wal.position().whole) {
            (Ok(txn), false) => for_good(&mut files.wal, txn, true).and_then(|()| {
                files.mark.sync().map_err(|e| failed("waiting for store.mark to be on disk", e))
            }),
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
        let mut open = self.open.write().unwrap_or_else(PoisonError::into_inner);
        let_go(std::mem::replace(&mut *open, Err(CLOSED.to_owned())));
    }

    /// Refuses when the disk is too full for what a write is for: a commit let in would end in an
    /// error, and every such error costs opening the database again.
    pub fn require_space(&self, purpose: Purpose) -> Result<(), StoreError> {
        self.require_files()?;
        let Some(free) = self.place.free() else { return Ok(()) };
        let Held { there, owed } = self.place.held();
        let refused = match purpose {
            // What is owed has to be held again first.
            Purpose::Growth => free < STORE_RESERVE_BYTES + owed,
            Purpose::Report => free + there < STORE_REPORT_FLOOR_BYTES,
            Purpose::Ending => free + there < STORE_FLOOR_BYTES,
        };
        if !refused {
            return Ok(());
        }
        Err(StoreError::Full {
            place: self.place.name(),
            free_kib: free / 1024,
            reserve_kib: STORE_RESERVE_BYTES / 1024,
        })
    }

    /// Refuses to write into files that nobody would find again: whoever was answered would lose
    /// it when the process ends.
    fn require_files(&self) -> Result<(), StoreError> {
        let (database, log) = {
            let files = self.files();
            (files.pages.medium().file(), files.wal.file())
        };
        self.place.away(database, log).map_or(Ok(()), |path| {
            Err(StoreError::Away { path: path.display().to_string(), process: std::process::id() })
        })
    }

    /// What is held for when the disk is full, and what is free; `None` where nobody can say.
    pub fn reserve(&self) -> Option<(u64, u64)> {
        Some((self.place.held().there, self.place.free()?))
    }

    /// Lends the open database and its pages, for tests.
    #[cfg(test)]
    pub fn with_database<T>(&self, lend: impl FnOnce(&Database, &Pages) -> T) -> T {
        let pages = self.files().pages.clone();
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        lend(open.as_ref().expect("it is open"), &pages)
    }

    /// Gives the commit that follows, one for good, what was held for it when there is no other
    /// space.
    fn make_room(&self) {
        if self.place.free().is_some_and(|free| free < STORE_RESERVE_BYTES) {
            self.place.release();
        }
    }

    /// Holds again what was given back, once there is space.
    pub fn hold(&self) {
        self.place.hold();
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
    commit("committing", txn)?;
    wal.applied();
    Ok(())
}

/// Commits for good, with everything that only the log has; the log starts over.
fn for_good(wal: &mut Wal, mut txn: WriteTransaction, whole: bool) -> Result<(), StoreError> {
    let position = wal.position().next_epoch(whole);
    position.put(&txn)?;
    txn.set_quick_repair(true);
    commit("committing for good", txn)?;
    wal.start_over(position);
    Ok(())
}

fn commit(doing: &'static str, txn: WriteTransaction) -> Result<(), StoreError> {
    guarded(doing, || txn.commit().map_err(|e| StoreError::database(doing, e)))
}

fn failed(doing: &'static str, cause: io::Error) -> StoreError {
    StoreError::Database { doing, cause: Box::new(cause) }
}
