//! A disk in memory: for tests and the simulator, with the faults that real ones have.
//!
//! Clones share their bytes, so a store can be opened again on what another left behind. What
//! was not synced is lost in a [`Disk::crash`], as in a power cut that spares the last sync, or
//! kept in parts by [`Disk::crash_keeping`], as a drive does that was about to write it.

use redb::StorageBackend;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What a drive writes whole or not at all, in bytes.
const SECTOR: usize = 512;

/// A disk in memory.
#[derive(Clone, Debug, Default)]
pub struct Disk {
    shared: Arc<Mutex<Platter>>,
}

#[derive(Debug, Default)]
struct Platter {
    bytes: Vec<u8>,
    synced: Vec<u8>,
    dirty: Vec<(usize, usize)>,
    resized: bool,
    /// Writes and syncs that still succeed; `None` for all.
    good_operations: Option<u64>,
    /// Bytes it holds; `None` for any number.
    capacity: Option<u64>,
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

    /// How many writes and syncs there have been: what [`Disk::fail_after`] counts.
    pub fn operations(&self) -> u64 {
        self.platter().operations
    }

    /// Makes it hold so many bytes and no more.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.platter().capacity = bytes;
    }

    /// What is used of it.
    pub fn used(&self) -> u64 {
        self.platter().bytes.len() as u64
    }

    /// What a power cut leaves: a disk of its own with what was synced last.
    pub fn crash(&self) -> Disk {
        let bytes = self.platter().synced.clone();
        let left = Platter { synced: bytes.clone(), bytes, ..Platter::default() };
        Disk { shared: Arc::new(Mutex::new(left)) }
    }

    /// What a power cut leaves when the drive had begun to write what was not synced: what was
    /// synced last, and of every sector written since the new or the old content, as `keep` says,
    /// which is also asked whether the file has its new length.
    pub fn crash_keeping(&self, mut keep: impl FnMut() -> bool) -> Disk {
        let platter = self.platter();
        let mut bytes = platter.synced.clone();
        if platter.resized && keep() {
            bytes.resize(platter.bytes.len(), 0);
        }
        for (from, to) in &platter.dirty {
            let end = (*to).min(bytes.len()).min(platter.bytes.len());
            let mut at = *from;
            while at < end {
                let next = (at / SECTOR + 1).saturating_mul(SECTOR).min(end);
                if keep() {
                    bytes[at..next].copy_from_slice(&platter.bytes[at..next]);
                }
                at = next;
            }
        }
        let left = Platter { synced: bytes.clone(), bytes, ..Platter::default() };
        Disk { shared: Arc::new(Mutex::new(left)) }
    }

    /// Free bytes, when it has an end.
    pub(super) fn free(&self) -> Option<u64> {
        let platter = self.platter();
        platter.capacity.map(|all| all.saturating_sub(platter.bytes.len() as u64))
    }

    fn platter(&self) -> MutexGuard<'_, Platter> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Platter {
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
}

/// The part of the disk between two offsets, if there is such a part.
fn span(offset: u64, len: usize, size: usize) -> io::Result<(usize, usize)> {
    let from = usize::try_from(offset).map_err(io::Error::other)?;
    match from.checked_add(len) {
        Some(to) if to <= size => Ok((from, to)),
        _ => Err(io::Error::from(io::ErrorKind::UnexpectedEof)),
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.used())
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let platter = self.platter();
        let (from, to) = span(offset, out.len(), platter.bytes.len())?;
        out.copy_from_slice(&platter.bytes[from..to]);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut platter = self.platter();
        platter.operate()?;
        if platter.capacity.is_some_and(|all| len > all) {
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        platter.bytes.resize(usize::try_from(len).map_err(io::Error::other)?, 0);
        platter.resized = true;
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut platter = self.platter();
        platter.operate()?;
        platter.sync();
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut platter = self.platter();
        platter.operate()?;
        let (from, to) = span(offset, data.len(), platter.bytes.len())?;
        platter.bytes[from..to].copy_from_slice(data);
        platter.dirty.push((from, to));
        Ok(())
    }
}
