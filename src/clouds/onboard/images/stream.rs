//! What archives are read through: compressed or not, bounded in bytes and in time, and summed up.

use super::failure::{ImportResult, refuse};
use crate::base::hash::Sha256;
use flate2::bufread::MultiGzDecoder;
use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::time::Instant;

/// Bytes looked at to tell what a file is.
const MAGIC_BYTES: usize = 6;
/// The compressions that people use and that are not read, with what undoes each.
const OTHERS: [(&[u8], &str, &str); 3] = [
    (&[0x28, 0xb5, 0x2f, 0xfd], "zstd", "zstd -d"),
    (&[0xfd, b'7', b'z', b'X', b'Z', 0], "xz", "xz -d"),
    (b"BZh", "bzip2", "bzip2 -d"),
];

/// How much may still be unpacked, and until when.
pub struct Budget {
    /// Unpacked bytes that are left.
    pub bytes: Cell<u64>,
    /// Nothing is read after this.
    pub until: Instant,
}

impl Budget {
    fn spend(&self, bytes: usize) -> io::Result<()> {
        if Instant::now() >= self.until {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "unpacking takes too long"));
        }
        let left = self.bytes.get().checked_sub(bytes as u64);
        let bomb = || io::Error::new(io::ErrorKind::InvalidData, "it unpacks to too many bytes");
        self.bytes.set(left.ok_or_else(bomb)?);
        Ok(())
    }
}

/// A part of a file, read from its beginning whoever else reads the file.
pub struct FileSection<'a> {
    file: &'a File,
    at: u64,
    left: u64,
}

impl<'a> FileSection<'a> {
    /// So many bytes from an offset.
    pub fn new(file: &'a File, at: u64, bytes: u64) -> FileSection<'a> {
        FileSection { file, at, left: bytes }
    }
}

impl Read for FileSection<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(into.len());
        let read = self.file.read_at(&mut into[..most], self.at)?;
        self.at += read as u64;
        self.left -= read as u64;
        Ok(read)
    }
}

/// Sums up what is read through it.
pub struct Summed<R> {
    reader: R,
    sum: Sha256,
}

impl<R> Summed<R> {
    /// Sums up `reader`.
    pub fn new(reader: R) -> Summed<R> {
        Summed { reader, sum: Sha256::default() }
    }

    /// What it read from.
    pub fn into_inner(self) -> R {
        self.reader
    }

    /// The digest of what was read.
    pub fn digest(&self) -> String {
        self.sum.clone().finish()
    }
}

impl<R: Read> Read for Summed<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(into)?;
        self.sum.update(&into[..read]);
        Ok(read)
    }
}

/// What a file holds, unpacked where it is compressed.
pub struct PlainArchive<'a> {
    inner: Packing<'a>,
    budget: &'a Budget,
}

enum Packing<'a> {
    None(Box<BufReader<Summed<FileSection<'a>>>>),
    Gzip(Box<MultiGzDecoder<BufReader<Summed<FileSection<'a>>>>>),
}

impl<'a> PlainArchive<'a> {
    /// Looks how a part of a file is compressed. `name` is what it is called in a refusal.
    pub fn open(
        file: &'a File,
        (at, bytes): (u64, u64),
        budget: &'a Budget,
        name: &str,
    ) -> ImportResult<PlainArchive<'a>> {
        let mut magic = Vec::new();
        FileSection::new(file, at, bytes.min(MAGIC_BYTES as u64)).read_to_end(&mut magic)?;
        for (begin, what, undo) in OTHERS {
            if magic.starts_with(begin) {
                let how = format!("unpack it with {undo}, or pack it with gzip");
                return refuse(format!("{name} is packed with {what}, which is not read: {how}"));
            }
        }
        let reader =
            BufReader::with_capacity(1 << 16, Summed::new(FileSection::new(file, at, bytes)));
        let inner = match magic.starts_with(&[0x1f, 0x8b]) {
            true => Packing::Gzip(Box::new(MultiGzDecoder::new(reader))),
            false => Packing::None(Box::new(reader)),
        };
        Ok(PlainArchive { inner, budget })
    }

    /// Whether it is compressed.
    pub fn is_packed(&self) -> bool {
        matches!(self.inner, Packing::Gzip(_))
    }

    /// The digest of the bytes in the file, once all were read.
    pub fn packed_digest(&self) -> String {
        match &self.inner {
            Packing::None(reader) => reader.get_ref().digest(),
            Packing::Gzip(decoder) => decoder.get_ref().get_ref().digest(),
        }
    }
}

impl Read for PlainArchive<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = match &mut self.inner {
            Packing::None(reader) => reader.read(into),
            Packing::Gzip(decoder) => decoder.read(into),
        }?;
        self.budget.spend(read)?;
        Ok(read)
    }
}
