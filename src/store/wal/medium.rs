//! Where a log's bytes are: a file, or a disk in memory.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};

/// What tells a file from every other on this machine, by whatever name it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) struct FileId {
    device: u64,
    inode: u64,
}

impl FileId {
    /// The file that these metadata are of.
    pub fn of(found: &Metadata) -> FileId {
        FileId { device: found.dev(), inode: found.ino() }
    }
}

/// Bytes that stay once they are synced.
pub(in crate::store) trait Medium: Send + Sync {
    /// How many there are.
    fn len(&self) -> io::Result<u64>;
    /// What tells it from every other file; `None` of what is no file.
    fn file(&self) -> Option<FileId> {
        None
    }
    /// Reads from an offset.
    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()>;
    /// Makes it so long.
    fn set_len(&self, len: u64) -> io::Result<()>;
    /// Writes at an offset; not on disk before [`Medium::sync`].
    fn write(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;
    /// Waits until everything written is on disk.
    fn sync(&self) -> io::Result<()>;
}

/// A file.
pub(in crate::store) struct RealFile(pub File);

impl Medium for RealFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn file(&self) -> Option<FileId> {
        self.0.metadata().ok().map(|found| FileId::of(&found))
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read_exact_at(out, offset)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn write(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all_at(bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync_data()
    }
}
