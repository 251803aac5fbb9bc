//! Where a store's database and its log are, and opening the two together.

use super::compact;
use super::convert::convert;
use super::disk::Disk;
use super::error::{OpenError, StoreError};
use super::guard::{guarded, let_go};
use super::journal;
use super::lock::private_file;
use super::mark::{Witness, witness};
use super::migrations;
use super::pages::{Kind, Pages, kind, never_made};
use super::rows::Tables;
use super::shadow::Shadow;
use super::wal::{
    self, FileId, Medium, Pending, Position, RealFile, StoreOrFault, Wal, WalFault, pending,
};
use crate::base::limit::{
    STORE_CACHE_BYTES, STORE_HELD_BYTES, STORE_HOLD_ABOVE_BYTES, STORE_LOG_BYTES,
    STORE_LOG_MEMORY_BYTES,
};
use nix::fcntl::posix_fallocate;
use redb::{Builder, Database, Durability, ReadableDatabase};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Where the bytes are.
pub(super) enum StoreFiles {
    /// A file, with the log in one beside it.
    File(PathBuf),
    /// A disk in memory.
    Disk(Disk),
}

/// What is allocated on a disk for when it is full.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    /// Bytes that are there.
    pub there: u64,
    /// Bytes that were given back and are to be there again before anything grows.
    pub owed: u64,
}

/// A store's parts, opened together.
pub(super) struct Opened {
    pub database: Database,
    pub wal: Wal,
    pub pages: Pages,
    /// Where it is written down how far was answered.
    pub mark: Box<dyn Medium>,
}

impl StoreFiles {
    /// Opens the database, gives it what only its log has, and brings its format up to date.
    /// `synced` is the last record of the log that is on disk, if this process knows: one behind
    /// it was never answered well, and what reading it says is not what is on the disk.
    pub fn open(&self, synced: Option<Position>) -> Result<Opened, OpenError> {
        guarded("opening the database", || Ok(self.open_unguarded(synced, true)))
            .unwrap_or_else(|damaged| Err(self.at(damaged)))
            .map_err(|error| match error {
                OpenError::Store(error) => self.at(error),
                error => error,
            })
    }

    fn open_unguarded(
        &self,
        synced: Option<Position>,
        may_compact: bool,
    ) -> Result<Opened, OpenError> {
        if let StoreFiles::File(path) = self {
            compact::sweep(path);
            self.look_first(path)?;
        }
        let pages = self.pages()?;
        let database = open_pages(&pages)?;
        let position = migrations::position(&database)?;
        let medium = self.log()?;
        // One that has no position yet has no log either: any that is there is another's.
        let known = position.unwrap_or_else(Position::fresh);
        let found = pending(known, medium.as_deref(), synced).map_err(|fault| self.fault(fault))?;
        let medium = medium.filter(|_| found.usable);
        if let Some(medium) = &medium {
            self.ready(medium.as_ref(), &found, synced.is_some())?;
        }
        self.replay(&database, &found)?;
        migrations::bring_up_to_date(&database)?;
        let position = match position {
            Some(_) => found.position,
            None => migrations::position(&database)?.unwrap_or(known),
        };
        self.ask_witness(&database, position)?;
        if synced.is_none() {
            if may_compact
                && let StoreFiles::File(path) = self
                && compact::compact(path, &database, &pages, self.free())?
            {
                let_go(database);
                return self.open_unguarded(synced, false);
            }
            self.hold();
        }
        let wal = Wal::new(medium, position, found.at);
        let wal = wal.map_err(|cause| self.fault(cause.into()))?;
        Ok(Opened { database, wal, pages, mark: self.make_mark()? })
    }

    /// Refuses what a later version wrote without writing to it, which even opening does; and
    /// gives an earlier version's file the pages it did not have.
    fn look_first(&self, path: &Path) -> Result<(), OpenError> {
        let file = private_file(path)?;
        let failed = |cause| OpenError::File { doing: "reading", path: path.to_owned(), cause };
        let file = RealFile(file);
        // Damage is met, and said, where the database is opened.
        if never_made(&file).unwrap_or(false) {
            return refuse_bereft(path);
        }
        match kind(&file).map_err(failed)? {
            Kind::Empty => Ok(()),
            Kind::Pages => {
                let shadow = Shadow::of(path).map_err(failed)?;
                let pages = Pages::open(Box::new(shadow)).map_err(StoreError::input)?;
                migrations::position(&open_pages(&pages)?).map(|_| ())
            }
            Kind::Old => convert(path),
            Kind::Strange => Err(OpenError::NoStore { path: path.to_owned() }),
        }
    }

    fn pages(&self) -> Result<Pages, OpenError> {
        let medium: Box<dyn Medium> = match self {
            StoreFiles::File(path) => Box::new(RealFile(private_file(path)?)),
            StoreFiles::Disk(disk) => Box::new(disk.database()),
        };
        Ok(Pages::open(medium).map_err(StoreError::input)?)
    }

    /// Refuses a store that lacks what somebody was told is there.
    fn ask_witness(&self, database: &Database, position: Position) -> Result<(), OpenError> {
        let medium = self.mark()?;
        let begun = database.begin_read();
        let txn = begun.map_err(|e| StoreError::database("beginning a read", e))?;
        let found = journal::tail(&txn)?.seq;
        match witness(medium.as_deref(), position.id, &txn)? {
            Witness::Lost(answered) => Err(OpenError::Lost { answered, found }),
            Witness::Silent => {
                tracing::warn!("store.mark could not be read and is made anew");
                Ok(())
            }
            Witness::Absent if found.0 > 0 => {
                tracing::info!("store.mark was not there and is made");
                Ok(())
            }
            Witness::Absent | Witness::Agrees => Ok(()),
        }
    }

    /// Where it is written down how far was answered, if it is there.
    pub fn mark(&self) -> Result<Option<Box<dyn Medium>>, OpenError> {
        match self {
            StoreFiles::File(path) => {
                if_there(path.with_extension("mark"), File::options().read(true))
            }
            StoreFiles::Disk(disk) => Ok(if_written(disk.mark())),
        }
    }

    fn make_mark(&self) -> Result<Box<dyn Medium>, OpenError> {
        Ok(match self {
            StoreFiles::File(path) => {
                Box::new(RealFile(private_file(&path.with_extension("mark"))?))
            }
            StoreFiles::Disk(disk) => Box::new(disk.mark()),
        })
    }

    /// Where damage is: which file people are to look after.
    pub fn at(&self, error: StoreError) -> OpenError {
        match error {
            StoreError::Damaged { doing, why } => {
                OpenError::Damaged { path: self.name(), doing, why }
            }
            error => OpenError::Store(error),
        }
    }

    /// Sees to it that what is read from the log now is what a later opening would read, too.
    fn ready(&self, medium: &dyn Medium, found: &Pending, failed: bool) -> Result<(), OpenError> {
        let done = match failed {
            true => wal::strike_out(medium, found.at),
            // It may be of a process that was killed before it had synced its last record.
            false if found.records() > 0 => medium.sync(),
            false => Ok(()),
        };
        done.map_err(|cause| self.fault(cause.into()))
    }

    /// Gives the database what its log has. It comes to be as it was: what was in the log alone
    /// stays in the log alone until the next commit for good, so that opening a store needs no
    /// space and may itself be interrupted at any time.
    fn replay(&self, database: &Database, found: &Pending) -> Result<(), OpenError> {
        if found.records() == 0 {
            return Ok(());
        }
        let failed = |e| StoreError::database("beginning to read the log", e);
        let mut txn = database.begin_write().map_err(failed)?;
        let tables = Tables::of(&txn);
        found.put(&tables).map_err(|stopped| match stopped {
            StoreOrFault::Store(error) => error.into(),
            StoreOrFault::Fault(fault) => self.fault(fault),
        })?;
        drop(tables);
        found.position.put(&txn)?;
        txn.set_durability(Durability::None)
            .map_err(|e| StoreError::database("reading the log", e))?;
        txn.commit().map_err(|e| StoreError::database("reading the log", e))?;
        tracing::info!("{} commits were found in the store's log", found.records());
        Ok(())
    }

    /// The log, if there is one.
    pub fn log(&self) -> Result<Option<Box<dyn Medium>>, OpenError> {
        self.log_by(File::options().read(true).write(true))
    }

    /// The log, to be looked at and nothing else.
    pub fn log_to_read(&self) -> Result<Option<Box<dyn Medium>>, OpenError> {
        self.log_by(File::options().read(true))
    }

    fn log_by(&self, options: &OpenOptions) -> Result<Option<Box<dyn Medium>>, OpenError> {
        match self {
            StoreFiles::File(path) => if_there(log_path(path), options),
            StoreFiles::Disk(disk) => Ok(if_written(disk.log())),
        }
    }

    /// Makes an empty log of this name.
    pub fn make_log(&self, id: [u8; 16]) -> io::Result<Box<dyn Medium>> {
        match self {
            StoreFiles::File(path) => {
                let (path, new) = (log_path(path), path.with_extension("wal.new"));
                let file = private_file(&new).map_err(io::Error::other)?;
                file.set_len(0)?;
                let medium = RealFile(file);
                wal::format(&medium, id, STORE_LOG_BYTES)?;
                medium.0.sync_all()?;
                std::fs::rename(&new, &path)?;
                File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()?;
                Ok(Box::new(medium))
            }
            StoreFiles::Disk(disk) => {
                let medium = disk.log();
                wal::format(&medium, id, STORE_LOG_MEMORY_BYTES)?;
                Ok(Box::new(medium))
            }
        }
    }

    /// What people know it by.
    pub fn name(&self) -> String {
        match self {
            StoreFiles::File(path) => path.display().to_string(),
            StoreFiles::Disk(_) => "the disk in memory".to_owned(),
        }
    }

    /// Free bytes where that can be known and means something.
    pub fn free(&self) -> Option<u64> {
        match self {
            StoreFiles::File(path) => {
                let found = nix::sys::statvfs::statvfs(path.as_path()).ok()?;
                Some(found.blocks_available().saturating_mul(found.fragment_size()))
            }
            StoreFiles::Disk(disk) => disk.free(),
        }
    }

    /// What is allocated for when the disk is full.
    pub fn held(&self) -> Held {
        let path = match self {
            StoreFiles::File(path) => path,
            StoreFiles::Disk(disk) => return Held { there: disk.held(), owed: 0 },
        };
        match std::fs::metadata(path.with_extension("reserve")) {
            Ok(found) => {
                // In units of 512 bytes: what is really there, not what a length says.
                let there = (found.blocks() * 512).min(STORE_HELD_BYTES);
                Held { there, owed: STORE_HELD_BYTES - there }
            }
            // A disk that was too small to hold anything owes nothing.
            Err(_) => Held { there: 0, owed: 0 },
        }
    }

    /// Allocates what is held for when the disk is full, where there is room enough for both.
    pub fn hold(&self) {
        let StoreFiles::File(path) = self else { return };
        let path = path.with_extension("reserve");
        let there = std::fs::metadata(&path).is_ok_and(|f| f.blocks() * 512 >= STORE_HELD_BYTES);
        let room = self.free().is_some_and(|free| free > STORE_HOLD_ABOVE_BYTES);
        if there || !room {
            return;
        }
        let length = i64::try_from(STORE_HELD_BYTES).unwrap_or(i64::MAX);
        let done = private_file(&path)
            .map_err(io::Error::other)
            .and_then(|file| Ok(posix_fallocate(&file, 0, length)?));
        if let Err(error) = done {
            tracing::warn!("nothing could be allocated for when the disk is full: {error}");
        }
    }

    /// Gives back what was held, for what ends something.
    pub fn release(&self) {
        let StoreFiles::File(path) = self else { return };
        let file = File::options().write(true).open(path.with_extension("reserve"));
        if let Err(error) = file.and_then(|file| file.set_len(0)) {
            tracing::warn!("what is held for a full disk could not be given back: {error}");
        }
    }

    /// Which of its files is not where it was opened, if one is not.
    pub fn away(&self, database: Option<FileId>, log: Option<FileId>) -> Option<PathBuf> {
        let StoreFiles::File(path) = self else { return None };
        let there = |path: &Path| std::fs::metadata(path).ok().map(|found| FileId::of(&found));
        let files = [(path.clone(), database), (log_path(path), log)];
        let is_away = |path: &Path, open: FileId| there(path) != Some(open);
        // One that is not open takes no writes.
        let away = files.into_iter().find(|(path, open)| open.is_some_and(|id| is_away(path, id)));
        away.map(|(path, _)| path)
    }

    /// What is wrong with its log.
    pub fn fault(&self, fault: WalFault) -> OpenError {
        let log = match self {
            StoreFiles::File(path) => log_path(path).display().to_string(),
            StoreFiles::Disk(_) => "on the disk in memory".to_owned(),
        };
        OpenError::Log { log, fault }
    }
}

/// Opens the database in its pages. One whose header may be an earlier one is compared as a whole.
pub(super) fn open_pages(pages: &Pages) -> Result<Database, StoreError> {
    let mut builder = Builder::new();
    builder.set_cache_size(STORE_CACHE_BYTES);
    let opened = builder.create_with_backend(pages.clone());
    let mut database = opened.map_err(|e| StoreError::database("opening the database", e))?;
    if pages.is_doubtful() {
        let doing = "comparing everything, since one of the two headers cannot be read";
        let whole = database.check_integrity();
        whole.map_err(|e| StoreError::database(doing, e))?;
        tracing::warn!(
            "one of the two headers of the database could not be read; the other is good"
        );
    }
    Ok(database)
}

/// Refuses to make a database where something of an earlier one is: it would be another's, and
/// empty.
fn refuse_bereft(path: &Path) -> Result<(), OpenError> {
    let left = |name: &PathBuf| std::fs::metadata(name).is_ok_and(|found| found.len() > 0);
    match [log_path(path), path.with_extension("mark")].into_iter().find(left) {
        Some(left) => Err(OpenError::Bereft { path: path.to_owned(), left }),
        None => Ok(()),
    }
}

/// Opens a file beside a database; `None` where there is none.
fn if_there(path: PathBuf, options: &OpenOptions) -> Result<Option<Box<dyn Medium>>, OpenError> {
    match options.open(&path) {
        Ok(file) => Ok(Some(Box::new(RealFile(file)))),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(cause) => Err(OpenError::File { doing: "opening", path, cause }),
    }
}

/// The same of a disk in memory, which has every file and nothing in those that were not made.
fn if_written(file: impl Medium + 'static) -> Option<Box<dyn Medium>> {
    let there = file.len().is_ok_and(|len| len > 0);
    there.then(|| Box::new(file) as Box<dyn Medium>)
}

/// Where a database's log is.
fn log_path(database: &Path) -> PathBuf {
    database.with_extension("wal")
}
