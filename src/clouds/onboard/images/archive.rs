//! Reading a tar archive, entry by entry: what each is and which bytes are its content.
//!
//! The fields of a header are read by the `tar` crate. How headers follow each other is read here,
//! because what they say must not decide how much memory or disk is taken: long names are bounded
//! before they are read, and no size is believed before its bytes have come. POSIX (with PAX
//! records), GNU (long names, sparse files) and the old form are read; what a PAX record says
//! beyond names, sizes, owners and times, extended attributes above all, is passed over.

use super::failure::{ImageFailure, ImportResult, refuse};
use crate::base::limit::IMAGE_DOCUMENT_BYTES_MAX;
use std::collections::BTreeMap;
use std::io::{self, Read};
use tar::{GnuExtSparseHeader, GnuSparseHeader, Header};

const BLOCK: usize = 512;
/// Parts of a sparse file that hold data; a file in more parts is none that anybody made so.
const EXTENTS_MAX: usize = 100_000;

/// One thing in an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchiveEntry {
    /// Its name as the archive has it.
    pub path: Vec<u8>,
    /// What it is.
    pub kind: ArchiveEntryKind,
    /// Permission bits, at most `0o7777`.
    pub mode: u32,
    /// The number of the user it belongs to.
    pub uid: u32,
    /// The number of the group it belongs to.
    pub gid: u32,
    /// When it was changed, in seconds since 1970.
    pub modified_s: i64,
}

/// What an entry of an archive is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ArchiveEntryKind {
    /// A regular file of so many bytes, which follow.
    File(u64),
    /// A regular file with holes.
    Sparse {
        /// Its length with its holes.
        length: u64,
        /// Where its data lie, in ascending order, as offset and length; they follow one after the
        /// other.
        extents: Vec<(u64, u64)>,
    },
    /// A directory, empty or to be filled.
    Directory,
    /// A symbolic link and its text, whatever that says.
    SymbolicLink(Vec<u8>),
    /// Another name of what has this name in the archive.
    HardLink(Vec<u8>),
    /// A device node.
    Device,
    /// A named pipe.
    Pipe,
}

/// Reads an archive from its beginning to its end mark.
pub struct ArchiveReader<R> {
    reader: R,
    /// Bytes of the current entry that were not read, without what fills its last block.
    left: u64,
    fill: u64,
    /// Where the reader is.
    at: u64,
    /// The entry that is read, for messages.
    current: String,
}

/// What headers before an entry say of it.
#[derive(Default)]
struct Ahead {
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    records: BTreeMap<String, Vec<u8>>,
}

impl<R: Read> ArchiveReader<R> {
    /// Reads from where `reader` is.
    pub fn new(reader: R) -> ArchiveReader<R> {
        ArchiveReader { reader, left: 0, fill: 0, at: 0, current: String::new() }
    }

    /// Where the content of the current entry goes on, in bytes from the beginning.
    pub fn offset(&self) -> u64 {
        self.at
    }

    /// Gives the reader back, to read what is behind the end mark.
    pub fn into_inner(self) -> R {
        self.reader
    }

    /// The next entry, past what was not read of the one before; `None` at the end mark.
    pub fn entry(&mut self) -> ImportResult<Option<ArchiveEntry>> {
        let mut ahead = Ahead::default();
        loop {
            self.pass(self.left.saturating_add(self.fill))?;
            (self.left, self.fill) = (0, 0);
            let block = self.block()?;
            if block.iter().all(|byte| *byte == 0) {
                return Ok(None);
            }
            let header = Header::from_byte_slice(&block);
            self.current = shown(&header.path_bytes());
            if !is_sound(&block) {
                return refuse(format!("at byte {}: this is no header", self.at - BLOCK as u64));
            }
            let size = unless_blank(&header.as_old().size, header.entry_size());
            let size = size.or_else(|_| refuse(format!("{}: its size is none", self.current)))?;
            match header.entry_type().as_byte() {
                b'L' => ahead.path = Some(self.long_name(size)?),
                b'K' => ahead.link = Some(self.long_name(size)?),
                b'x' | b'X' => ahead.records = self.records(size)?,
                // What it says for all entries is a comment; the name of a volume is one, too.
                b'g' | b'V' => self.begin(size),
                _ => return self.read_entry(&block, size, ahead).map(Some),
            }
        }
    }

    fn begin(&mut self, size: u64) {
        self.left = size;
        self.fill = (BLOCK as u64 - size % BLOCK as u64) % BLOCK as u64;
    }

    fn read_entry(
        &mut self,
        block: &[u8; BLOCK],
        size: u64,
        mut ahead: Ahead,
    ) -> ImportResult<ArchiveEntry> {
        let header = Header::from_byte_slice(block);
        let record = |ahead: &mut Ahead, key: &str| ahead.records.remove(key);
        let path = record(&mut ahead, "path").or(ahead.path.take());
        let path = path.unwrap_or_else(|| header.path_bytes().into_owned());
        self.current = shown(&path);
        let name = self.current.clone();
        if path.contains(&0) {
            return refuse(format!("{name}: its name has a zero in it"));
        }
        if ahead.records.keys().any(|key| key.starts_with("GNU.sparse.")) {
            let how = "make the archive with --format=gnu, or without --sparse";
            return refuse(format!("{name}: a sparse file as only GNU tar reads them: {how}"));
        }
        let link = record(&mut ahead, "linkpath").or(ahead.link.take());
        let link =
            link.unwrap_or_else(|| header.link_name_bytes().unwrap_or_default().into_owned());
        let number = |record: Option<Vec<u8>>,
                      own: io::Result<u64>,
                      what: &str|
         -> ImportResult<u64> {
            let said = match record {
                Some(text) => std::str::from_utf8(&text).ok().and_then(|text| text.parse().ok()),
                None => own.ok(),
            };
            said.map_or_else(|| refuse(format!("{name}: its {what} is no number")), Ok)
        };
        let old = header.as_old();
        let size = number(record(&mut ahead, "size"), Ok(size), "size")?;
        let uid = number(record(&mut ahead, "uid"), unless_blank(&old.uid, header.uid()), "owner")?;
        let gid = number(record(&mut ahead, "gid"), unless_blank(&old.gid, header.gid()), "group")?;
        let small = |number: u64| {
            let kept = u32::try_from(number).ok().filter(|number| *number != u32::MAX);
            kept.map_or_else(|| refuse(format!("{name}: no owner has the number {number}")), Ok)
        };
        let modified_s = match record(&mut ahead, "mtime") {
            Some(text) => whole_seconds(&text),
            None => header.mtime().ok().and_then(|at| i64::try_from(at).ok()).unwrap_or(0),
        };
        let mode = header.mode().unwrap_or(0o644) & 0o7777;
        let kind = self.kind(block, size, &path, link)?;
        Ok(ArchiveEntry { path, kind, mode, uid: small(uid)?, gid: small(gid)?, modified_s })
    }

    fn kind(
        &mut self,
        block: &[u8; BLOCK],
        size: u64,
        path: &[u8],
        link: Vec<u8>,
    ) -> ImportResult<ArchiveEntryKind> {
        let name = self.current.clone();
        let kind = Header::from_byte_slice(block).entry_type().as_byte();
        // Whatever size a link or a directory claims, nothing of it follows: so does Go read it,
        // and with it the container engines.
        Ok(match kind {
            // A directory as it was said before directories had a kind of their own.
            b'0' | 0 | b'7' if path.ends_with(b"/") => {
                self.begin(size);
                ArchiveEntryKind::Directory
            }
            b'0' | 0 | b'7' => {
                self.begin(size);
                ArchiveEntryKind::File(size)
            }
            b'S' => self.sparse(block, size)?,
            b'1' if link.is_empty() => return refuse(format!("{name}: a link to nothing")),
            b'1' => ArchiveEntryKind::HardLink(link),
            b'2' if link.is_empty() || link.len() > 4095 || link.contains(&0) => {
                return refuse(format!("{name}: what it links to is no path"));
            }
            b'2' => ArchiveEntryKind::SymbolicLink(link),
            b'3' | b'4' => ArchiveEntryKind::Device,
            b'5' => ArchiveEntryKind::Directory,
            b'6' => ArchiveEntryKind::Pipe,
            other => {
                let letter = shown(&[other]);
                return refuse(format!("{name}: entries of the kind {letter:?} are not known"));
            }
        })
    }

    /// The map of a sparse file, as GNU tar has written it for ever.
    fn sparse(&mut self, block: &[u8; BLOCK], size: u64) -> ImportResult<ArchiveEntryKind> {
        let name = self.current.clone();
        let wrong = || ImageFailure::Refused(format!("{name}: its map of holes is wrong"));
        let header = Header::from_byte_slice(block);
        let gnu = header.as_gnu().ok_or_else(wrong)?;
        let length = gnu.real_size().map_err(|_| wrong())?;
        let mut extents = Vec::new();
        let mut add = |parts: &[GnuSparseHeader]| -> ImportResult<()> {
            for part in parts.iter().filter(|part| !part.is_empty()) {
                let offset = part.offset().map_err(|_| wrong())?;
                extents.push((offset, part.length().map_err(|_| wrong())?));
            }
            if extents.len() > EXTENTS_MAX { Err(wrong()) } else { Ok(()) }
        };
        add(&gnu.sparse)?;
        let mut more = gnu.is_extended();
        while more {
            let mut map = GnuExtSparseHeader::new();
            map.as_mut_bytes().copy_from_slice(&self.block()?);
            add(map.sparse())?;
            more = map.is_extended();
        }
        let mut end = 0u64;
        let mut data = 0u64;
        for (offset, bytes) in &extents {
            let next = offset.checked_add(*bytes).filter(|next| *next <= length);
            if *offset < end {
                return Err(wrong());
            }
            end = next.ok_or_else(wrong)?;
            data += bytes;
        }
        if data != size {
            return Err(wrong());
        }
        self.begin(size);
        Ok(ArchiveEntryKind::Sparse { length, extents })
    }

    fn long_name(&mut self, size: u64) -> ImportResult<Vec<u8>> {
        let mut name = self.words(size)?;
        if let Some(end) = name.iter().position(|byte| *byte == 0) {
            name.truncate(end);
        }
        Ok(name)
    }

    /// PAX records: `length key=value\n`, with values of any bytes.
    fn records(&mut self, size: u64) -> ImportResult<BTreeMap<String, Vec<u8>>> {
        let words = self.words(size)?;
        let wrong =
            || ImageFailure::Refused(format!("{}: its PAX records are wrong", self.current));
        let mut records = BTreeMap::new();
        let mut rest = words.as_slice();
        while !rest.is_empty() {
            let space = rest.iter().position(|byte| *byte == b' ').ok_or_else(wrong)?;
            let length = std::str::from_utf8(&rest[..space]).ok();
            let length: usize = length.and_then(|text| text.parse().ok()).ok_or_else(wrong)?;
            let record = rest.get(space + 1..length).ok_or_else(wrong)?;
            let record = record.strip_suffix(b"\n").ok_or_else(wrong)?;
            let equals = record.iter().position(|byte| *byte == b'=').ok_or_else(wrong)?;
            let key = String::from_utf8_lossy(&record[..equals]).into_owned();
            records.insert(key, record[equals + 1..].to_vec());
            rest = &rest[length..];
        }
        Ok(records)
    }

    /// All of an entry that only says something of the next one.
    fn words(&mut self, size: u64) -> ImportResult<Vec<u8>> {
        if size > IMAGE_DOCUMENT_BYTES_MAX {
            return refuse(format!("{}: a name of {size} bytes", self.current));
        }
        self.begin(size);
        let mut words = Vec::new();
        self.read_to_end(&mut words)?;
        Ok(words)
    }

    fn block(&mut self) -> ImportResult<[u8; BLOCK]> {
        let mut block = [0u8; BLOCK];
        let mut filled = 0;
        while filled < BLOCK {
            let read = self.reader.read(&mut block[filled..])?;
            if read == 0 && self.at == 0 && filled == 0 {
                return refuse("it is empty");
            }
            if read == 0 {
                return refuse(format!("it ends at byte {}, without an end mark", self.at));
            }
            filled += read;
            self.at += read as u64;
        }
        Ok(block)
    }

    fn pass(&mut self, bytes: u64) -> ImportResult<()> {
        let passed = io::copy(&mut (&mut self.reader).take(bytes), &mut io::sink())?;
        self.at += passed;
        if passed < bytes {
            return refuse(format!("{}: it ends in the middle of it", self.current));
        }
        Ok(())
    }
}

/// The content of the current entry.
impl<R: Read> Read for ArchiveReader<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(into.len());
        if most == 0 {
            return Ok(0);
        }
        let read = self.reader.read(&mut into[..most])?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.left -= read as u64;
        self.at += read as u64;
        Ok(read)
    }
}

/// Whether a header has the sum it says, counted in bytes of either sign: both were done.
fn is_sound(block: &[u8; BLOCK]) -> bool {
    let Ok(said) = Header::from_byte_slice(block).cksum() else { return false };
    let blank = |(at, byte): (usize, &u8)| if (148..156).contains(&at) { b' ' } else { *byte };
    let bytes: Vec<u8> = block.iter().enumerate().map(blank).collect();
    let sum: u32 = bytes.iter().map(|byte| u32::from(*byte)).sum();
    let signed: i32 = bytes.iter().map(|byte| i32::from(byte.cast_signed())).sum();
    said == sum || i64::from(said) == i64::from(signed)
}

/// A number of a header, which is 0 where nothing is written: some writers leave fields out.
fn unless_blank(field: &[u8], read: io::Result<u64>) -> io::Result<u64> {
    let is_blank = field.iter().all(|byte| matches!(byte, 0 | b' '));
    if is_blank { Ok(0) } else { read }
}

fn whole_seconds(text: &[u8]) -> i64 {
    let text = std::str::from_utf8(text).unwrap_or_default();
    text.split('.').next().and_then(|whole| whole.parse().ok()).unwrap_or(0)
}

/// A name of an archive as people can read it.
pub fn shown(name: &[u8]) -> String {
    crate::base::text::tidy(&String::from_utf8_lossy(name), 200)
}
