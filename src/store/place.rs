//! Where a store's database and its log are, and opening the two together.

use super::disk::Disk;
use super::error::{OpenError, StoreError};
use super::lock::private_file;
use super::migrations;
use super::rows::Tables;
use super::wal::{self, Medium, Pending, Position, RealFile, StoreOrFault, Wal, WalFault, pending};
use crate::base::limit::{STORE_CACHE_BYTES, STORE_LOG_BYTES, STORE_LOG_MEMORY_BYTES};
use redb::{Builder, Database, Durability};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// Where the bytes are.
pub(super) enum Place {
    /// A file, with the log in one beside it.
    File(PathBuf),
    /// A disk in memory.
    Disk(Disk),
}

impl Place {
    /// Opens the database, gives it what only its log has, and brings its format up to date.
    /// `synced` is the last record of the log that is on disk, if this process knows: one behind
    /// it was never answered well, and what reading it says is not what is on the disk.
    pub fn open(&self, synced: Option<Position>) -> Result<(Database, Wal), OpenError> {
        let mut builder = Builder::new();
        builder.set_cache_size(STORE_CACHE_BYTES);
        let opened = match self {
            Place::File(path) => {
                let file = private_file(path)?;
                // Looked at without writing first: even opening it to write leaves marks in it.
                // One that was not closed cleanly cannot be; it is looked at once it is open.
                if let Ok(database) = builder.open_read_only(path) {
                    migrations::position(&database)?;
                }
                builder.create_file(file)
            }
            Place::Disk(disk) => builder.create_with_backend(disk.clone()),
        };
        let database = opened.map_err(|e| StoreError::database("opening the database", e))?;
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
        let wal = Wal::new(medium, position, found.at);
        Ok((database, wal.map_err(|cause| self.fault(cause.into()))?))
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
        match self {
            Place::File(path) => {
                let path = log_path(path);
                match File::options().read(true).write(true).open(&path) {
                    Ok(file) => Ok(Some(Box::new(RealFile(file)))),
                    Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(None),
                    Err(cause) => Err(OpenError::File { doing: "opening", path, cause }),
                }
            }
            Place::Disk(disk) => {
                let log = disk.log();
                let there = log.len().is_ok_and(|len| len > 0);
                Ok(there.then(|| Box::new(log) as Box<dyn Medium>))
            }
        }
    }

    /// Makes an empty log of this name.
    pub fn make_log(&self, id: [u8; 16]) -> io::Result<Box<dyn Medium>> {
        match self {
            Place::File(path) => {
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
            Place::Disk(disk) => {
                let medium = disk.log();
                wal::format(&medium, id, STORE_LOG_MEMORY_BYTES)?;
                Ok(Box::new(medium))
            }
        }
    }

    /// What people know it by.
    pub fn name(&self) -> String {
        match self {
            Place::File(path) => path.display().to_string(),
            Place::Disk(_) => "the disk in memory".to_owned(),
        }
    }

    /// Free bytes where that can be known and means something.
    pub fn free(&self) -> Option<u64> {
        match self {
            Place::File(path) => {
                let found = nix::sys::statvfs::statvfs(path.as_path()).ok()?;
                Some(found.blocks_available().saturating_mul(found.fragment_size()))
            }
            Place::Disk(disk) => disk.free(),
        }
    }

    /// What is wrong with its log.
    pub fn fault(&self, fault: WalFault) -> OpenError {
        let log = match self {
            Place::File(path) => log_path(path).display().to_string(),
            Place::Disk(_) => "on the disk in memory".to_owned(),
        };
        OpenError::Log { log, fault }
    }
}

/// Where a database's log is.
fn log_path(database: &Path) -> PathBuf {
    database.with_extension("wal")
}
