//! The write-ahead log: a file of one size beside the database, into which each group is written
//! and synced before the database has it.
//!
//! A commit of the database scatters a score of pages over its file; one into the log is one
//! write at one place and one wait for the disk. So a group is one record here (`record.rs`): the
//! rows it puts, byte for byte. Once that is on disk the database is given the same rows in a
//! commit of which it promises nothing, and the group is answered. When the log has no room for
//! the next record, the database commits for good, with everything, that group included, and the
//! log starts over at its first byte. The same happens when the writer is idle.
//!
//! - The database itself says where it stands: its own table has a [`Position`], written with
//!   every commit. An *epoch* is one pass through the log. A commit for good begins the next, and
//!   that one commit is all there is to it: records of an earlier epoch mean nothing from then on,
//!   whether or not they are still there, so there is no second thing to write that a crash could
//!   come before.
//! - Opening (`recovery.rs`) gives the database what the log has beyond its position, and goes on
//!   behind the last record. A last record that was not written whole is of a group that nobody
//!   was answered for. One with whole records behind it is damage, and the store is not opened.
//! - Records begin at sectors, so that no sector that counts is ever written again, and their
//!   checksums cover the log's own name, which nobody outside knows: what a user has stored can
//!   not be taken for a record.
//! - A store that was closed is whole without its log; any other is not, and says so when the
//!   log is missing or another's.
//!
//! What is not here: when to write into which, which is `database.rs`, and what rows mean.

mod medium;
mod position;
mod record;
mod recovery;

pub(super) use medium::{FileId, Medium, RealFile};
pub(super) use position::Position;
pub(super) use record::{SECTOR_BYTES, push};
pub use recovery::WalFault;
pub(super) use recovery::{Pending, StoreOrFault, pending};

use super::rows::Written;
use record::{START, header, padded};
use std::io;

/// The log of an open store.
pub(super) struct Wal {
    /// Where its bytes are; `None` until the first write, and while none can be made.
    medium: Option<Box<dyn Medium>>,
    /// Where the database stands.
    position: Position,
    /// The last record that is on disk for sure.
    synced: Position,
    /// Where the next record begins.
    at: u64,
    /// Where the one behind it will, once it is on disk.
    next: u64,
    /// Where the log ends.
    end: u64,
}

impl Wal {
    /// A log whose records up to a position are in the database, the next one beginning at `at`.
    pub fn new(medium: Option<Box<dyn Medium>>, position: Position, at: u64) -> io::Result<Wal> {
        let end = medium.as_ref().map_or(Ok(0), |medium| medium.len())?;
        Ok(Wal { medium, position, synced: position, at, next: at, end })
    }

    /// Where the database stands.
    pub fn position(&self) -> Position {
        self.position
    }

    /// What tells the log's file from every other, while it is open.
    pub fn file(&self) -> Option<FileId> {
        self.medium.as_ref()?.file()
    }

    /// Whether its file is as long as it was made and begins with its name. What is neither was
    /// changed by others: what it is given it has as little as what it was given.
    pub fn is_as_made(&self) -> bool {
        let Some(medium) = &self.medium else { return true };
        let mut head = [0; SECTOR_BYTES];
        medium.len().is_ok_and(|length| length >= self.end)
            && medium.read(0, &mut head).is_ok()
            && record::name(&head) == Some(self.position.id)
    }

    /// Lets go of its file, so that the next write makes another.
    pub fn let_go(&mut self) {
        (self.medium, self.end) = (None, 0);
    }

    /// The last record that is on disk for sure: what opening again after a failure may read.
    pub fn synced(&self) -> Position {
        self.synced
    }

    /// Whether a group has room.
    pub fn fits(&self, written: &Written) -> bool {
        let Some(bytes) = written.bytes() else { return false };
        !self.position.whole && self.at + padded(bytes.len()) <= self.end
    }

    /// Whether there is a file to write into.
    pub fn is_made(&self) -> bool {
        self.medium.is_some()
    }

    /// Takes a file that was just made.
    pub fn use_medium(&mut self, medium: Box<dyn Medium>) -> io::Result<()> {
        self.end = medium.len()?;
        self.medium = Some(medium);
        Ok(())
    }

    /// Writes a group as the record of a position; not on disk yet.
    pub fn append(&mut self, position: Position, written: Written) -> io::Result<()> {
        let Some(medium) = &self.medium else { return Err(no_medium()) };
        let bytes = record::seal(position, written);
        self.next = self.at + bytes.len() as u64;
        medium.write(self.at, &bytes)
    }

    /// Waits until what was appended, the record of a position, is on disk.
    pub fn sync(&mut self, position: Position) -> io::Result<()> {
        self.medium.as_ref().ok_or_else(no_medium)?.sync()?;
        self.synced = position;
        self.at = self.next;
        Ok(())
    }

    /// The database has the last record.
    pub fn applied(&mut self) {
        self.position = self.synced;
    }

    /// The database has everything for good, as of a position that begins an epoch.
    pub fn start_over(&mut self, position: Position) {
        self.position = position;
        self.synced = position;
        self.at = START;
    }
}

fn no_medium() -> io::Error {
    io::Error::other("there is no log")
}

/// Makes sure that no record begins at an offset.
pub(super) fn strike_out(medium: &dyn Medium, at: u64) -> io::Result<()> {
    if at < medium.len()? {
        medium.write(at, &[0; SECTOR_BYTES])?;
    }
    medium.sync()
}

/// Makes a log of this size on a medium that holds nothing: its name comes last, so that one
/// that was not made whole has none.
pub(super) fn format(medium: &dyn Medium, id: [u8; 16], size: u64) -> io::Result<()> {
    // Written and not only reserved: else the first sync of each part would also have to write
    // down which blocks of the file are in use.
    let zeroes = vec![0u8; 64 * SECTOR_BYTES];
    medium.set_len(size)?;
    let mut at = 0;
    while at < size {
        let part = zeroes.len().min(usize::try_from(size - at).unwrap_or(usize::MAX));
        medium.write(at, &zeroes[..part])?;
        at += part as u64;
    }
    medium.sync()?;
    medium.write(0, &header(id))?;
    medium.sync()
}
