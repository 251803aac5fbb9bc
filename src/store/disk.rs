//! A disk in memory: for tests and the simulator, with the faults that real ones have.
//!
//! It holds what a state directory holds of a store: the database and the log beside it, which
//! share its space and its faults and are synced one by one.
//!
//! Clones share their bytes, so a store can be opened again on what another left behind. What
//! was not synced is lost in a [`Disk::crash`], as in a power cut that spares the last sync, or
//! kept in parts by [`Disk::crash_keeping`], as a drive does that was about to write it.

use super::wal::{Medium, SECTOR_BYTES};
use crate::base::limit::STORE_HELD_BYTES;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A disk in memory.
#[derive(Clone, Debug, Default)]
pub struct Disk {
    shared: Arc<Mutex<Platter>>,
}

#[derive(Debug, Default)]
struct Platter {
    /// By [`Part`].
    parts: [Bytes; 3],
    /// Writes and syncs that still succeed; `None` for all.
    good_operations: Option<u64>,
    /// The database's file panics: what a fault in the database itself looks like from here.
    panics: bool,
    /// Bytes it holds; `None` for any number.
    capacity: Option<u64>,
    /// Bytes less than are held for when it is full.
    unheld: u64,
    operations: u64,
}

impl Disk {
    /// An empty disk that never fails.
    pub fn new() -> Disk {
        Disk::default()
    }

    /// Lets `count` more writes and syncs succeed, and every later one fail.
    pub fn fail_after(&self, count: u64) {
        self.platter().good_operations = Some(count);
    }

    /// Lets everything succeed again.
    pub fn heal(&self) {
        self.platter().good_operations = None;
    }

    /// Lets whatever is done with the database's file panic from now on, as a fault in the
    /// database itself would.
    pub fn panic_at_the_database(&self) {
        self.platter().panics = true;
    }

    /// How many writes and syncs there have been: what [`Disk::fail_after`] counts.
    pub fn operations(&self) -> u64 {
        self.platter().operations
    }

    /// Makes it hold so many bytes and no more.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.platter().capacity = bytes;
    }

    /// Makes it hold so many bytes for when it is full, as if the others had been used already.
    #[cfg(test)]
    pub(super) fn set_held(&self, bytes: u64) {
        self.platter().unheld = STORE_HELD_BYTES.saturating_sub(bytes);
    }

    /// Bytes that are held for when it is full.
    pub(super) fn held(&self) -> u64 {
        STORE_HELD_BYTES - self.platter().unheld
    }

    /// What is used of it.
    pub fn used(&self) -> u64 {
        self.platter().used()
    }

    /// What a power cut leaves: a disk of its own with what was synced last.
    pub fn crash(&self) -> Disk {
        self.leave(|bytes| bytes.synced.clone())
    }

    /// What a power cut leaves when the drive had begun to write what was not synced: what was
    /// synced last, and of every sector written since the new or the old content, as `keep` says,
    /// which is also asked whether a file has its new length.
    pub fn crash_keeping(&self, mut keep: impl FnMut() -> bool) -> Disk {
        self.leave(|bytes| bytes.torn(&mut keep))
    }

    fn leave(&self, mut left: impl FnMut(&Bytes) -> Vec<u8>) -> Disk {
        let parts = self.platter().parts.each_ref().map(|part| {
            let bytes = left(part);
            Bytes { synced: bytes.clone(), bytes, ..Bytes::default() }
        });
        Disk { shared: Arc::new(Mutex::new(Platter { parts, ..Platter::default() })) }
    }

    /// What the log has, for tests that look at it.
    #[cfg(test)]
    pub(super) fn log_bytes(&self) -> Vec<u8> {
        self.bytes_of(Part::Log)
    }

    /// Other bytes as the log, synced.
    #[cfg(test)]
    pub(super) fn set_log_bytes(&self, bytes: Vec<u8>) {
        self.set_bytes_of(Part::Log, bytes);
    }

    /// What a file has.
    #[cfg(test)]
    pub(super) fn bytes_of(&self, part: Part) -> Vec<u8> {
        self.platter().parts[part as usize].bytes.clone()
    }

    /// Other bytes as a file, synced.
    #[cfg(test)]
    pub(super) fn set_bytes_of(&self, part: Part, bytes: Vec<u8>) {
        let synced = bytes.clone();
        let file = Bytes { bytes, synced, ..Bytes::default() };
        self.platter().parts[part as usize] = file;
    }

    /// The database's file.
    pub(super) fn database(&self) -> DiskFile {
        DiskFile(self.clone(), Part::Database)
    }

    /// The log beside the database.
    pub(super) fn log(&self) -> DiskFile {
        DiskFile(self.clone(), Part::Log)
    }

    /// The file that says how far was answered.
    pub(super) fn mark(&self) -> DiskFile {
        DiskFile(self.clone(), Part::Mark)
    }

    /// Free bytes, when it has an end.
    pub(super) fn free(&self) -> Option<u64> {
        let platter = self.platter();
        platter.capacity.map(|all| all.saturating_sub(platter.used()))
    }

    fn platter(&self) -> MutexGuard<'_, Platter> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Platter {
    fn panic_if_asked(&self, part: Part) {
        assert!(!(self.panics && matches!(part, Part::Database)), "a panic that was asked for");
    }

    fn operate(&mut self) -> io::Result<()> {
        self.operations += 1;
        match &mut self.good_operations {
            Some(0) => Err(io::Error::other("the disk does not answer")),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn used(&self) -> u64 {
        self.parts.iter().map(|part| part.bytes.len() as u64).sum()
    }
}

/// One file of the disk.
#[derive(Debug, Default)]
struct Bytes {
    bytes: Vec<u8>,
    synced: Vec<u8>,
    dirty: Vec<(usize, usize)>,
    resized: bool,
}

impl Bytes {
    fn sync(&mut self) {
        if std::mem::take(&mut self.resized) {
            self.dirty.clear();
            self.synced.clone_from(&self.bytes);
            return;
        }
        for (from, to) in self.dirty.drain(..) {
            self.synced[from..to].copy_from_slice(&self.bytes[from..to]);
        }
    }

    fn torn(&self, mut keep: impl FnMut() -> bool) -> Vec<u8> {
        let mut bytes = self.synced.clone();
        if self.resized && keep() {
            bytes.resize(self.bytes.len(), 0);
        }
        for (from, to) in &self.dirty {
            let end = (*to).min(bytes.len()).min(self.bytes.len());
            let mut at = *from;
            while at < end {
                let next = (at / SECTOR_BYTES + 1).saturating_mul(SECTOR_BYTES).min(end);
                if keep() {
                    bytes[at..next].copy_from_slice(&self.bytes[at..next]);
                }
                at = next;
            }
        }
        bytes
    }
}

/// The part of the disk between two offsets, if there is such a part.
fn span(offset: u64, len: usize, size: usize) -> io::Result<(usize, usize)> {
    let from = usize::try_from(offset).map_err(io::Error::other)?;
    match from.checked_add(len) {
        Some(to) if to <= size => Ok((from, to)),
        _ => Err(io::Error::from(io::ErrorKind::UnexpectedEof)),
    }
}

/// Which file of the disk, by its place among them.
#[derive(Clone, Copy, Debug)]
pub(super) enum Part {
    /// The database.
    Database,
    /// The log beside it.
    Log,
    /// How far was answered.
    Mark,
}

impl Disk {
    fn length(&self, part: Part) -> u64 {
        self.platter().parts[part as usize].bytes.len() as u64
    }

    fn read_part(&self, part: Part, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let platter = self.platter();
        platter.panic_if_asked(part);
        let bytes = &platter.parts[part as usize].bytes;
        let (from, to) = span(offset, out.len(), bytes.len())?;
        out.copy_from_slice(&bytes[from..to]);
        Ok(())
    }

    fn resize(&self, part: Part, len: u64) -> io::Result<()> {
        let mut platter = self.platter();
        platter.operate()?;
        let others = platter.used() - platter.parts[part as usize].bytes.len() as u64;
        if platter.capacity.is_some_and(|all| len + others > all) {
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        let part = &mut platter.parts[part as usize];
        let (len, now) = (usize::try_from(len).map_err(io::Error::other)?, part.bytes.len());
        part.bytes.truncate(len);
        // All at once: `Vec::resize` goes byte by byte where nothing is optimised, as in tests.
        part.bytes.extend_from_slice(&vec![0; len.saturating_sub(now)]);
        part.resized = true;
        Ok(())
    }

    fn sync_part(&self, part: Part) -> io::Result<()> {
        let mut platter = self.platter();
        platter.operate()?;
        platter.parts[part as usize].sync();
        Ok(())
    }

    fn write_part(&self, part: Part, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut platter = self.platter();
        platter.operate()?;
        platter.panic_if_asked(part);
        let part = &mut platter.parts[part as usize];
        let (from, to) = span(offset, data.len(), part.bytes.len())?;
        part.bytes[from..to].copy_from_slice(data);
        part.dirty.push((from, to));
        Ok(())
    }
}

/// One file of a disk.
pub(super) struct DiskFile(Disk, Part);

impl Medium for DiskFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.length(self.1))
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read_part(self.1, offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.resize(self.1, len)
    }

    fn write(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write_part(self.1, offset, bytes)
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync_part(self.1)
    }
}
