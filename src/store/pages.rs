//! The database's file: pages of 4 KiB, each with a checksum that is compared whenever the page is
//! read from the disk.
//!
//! redb asks for pages and believes what it gets: it compares its own checksums only when it
//! repairs. So a bit that flipped on the disk would be served as a record, hide records behind a
//! broken branch, or end in a panic. Here it is an error ([`Damage`]) that says which page it is,
//! for records, index rows, journal entries and everything that leads to them alike.
//!
//! The file begins with a block that says what it is, and two copies of redb's header, written by
//! turns, each with the number of its writing. Then come groups: one block of checksums, and the
//! pages they are of. A checksum covers where its page belongs, so that a page in the place of
//! another is none.
//!
//! Why a crash in the middle of a write does no harm: every commit for good is redb's in two
//! phases, so a page is written and synced, with its checksum, before anything leads to it; what a
//! crash tears is led to by nothing. The header alone is written in place, hence its copies: a
//! torn one leaves the one before. When a copy cannot be read, it cannot be known whether it was
//! torn or rotted later, so whoever opens the file is told ([`Pages::is_doubtful`]) and compares
//! everything.

mod damage;

pub use damage::Damage;

use super::wal::{Medium, RealFile};
use crate::base::hash::sum64;
use redb::StorageBackend;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Bytes of a page, redb's own size.
pub(super) const PAGE_BYTES: usize = 4096;
const PAGE: u64 = PAGE_BYTES as u64;
/// Checksums of a block: what fits, less one word that says nothing.
const GROUP_PAGES: u64 = PAGE / 8 - 1;
/// Blocks before the first group: what it is, and the two headers.
const FIRST_BLOCKS: u64 = 3;
/// What the file begins with.
const MAGIC: &[u8; 16] = b"grange store v1\n";
/// What a file of redb's own begins with, as earlier versions had it.
const OLD_MAGIC: &[u8; 9] = b"redb\x1A\x0A\xA9\x0D\x0A";
/// A header's copy: its length and number, and its checksum, come before it.
const HEADER_AT: usize = 24;

/// What a database's file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// It has no bytes yet.
    Empty,
    /// Pages with checksums.
    Pages,
    /// One of redb's own, without: an earlier version's.
    Old,
    /// Neither.
    Strange,
}

/// Whether a file is a database of an earlier version, which had fewer files beside it.
pub fn is_of_earlier_version(path: &std::path::Path) -> bool {
    let file = std::fs::File::open(path).ok();
    file.is_some_and(|file| kind(&RealFile(file)).is_ok_and(|kind| kind == Kind::Old))
}

/// Looks at how a file begins.
pub(super) fn kind(medium: &dyn Medium) -> io::Result<Kind> {
    let length = medium.len()?;
    if length == 0 {
        return Ok(Kind::Empty);
    }
    let mut head = [0u8; MAGIC.len()];
    let known = head.len().min(usize::try_from(length).unwrap_or(usize::MAX));
    medium.read(0, &mut head[..known])?;
    Ok(match head {
        _ if head == *MAGIC => Kind::Pages,
        // Making it was interrupted before its first sync: the name comes last.
        _ if head == [0; MAGIC.len()] && length <= FIRST_BLOCKS * PAGE => Kind::Empty,
        _ if head.starts_with(OLD_MAGIC) => Kind::Old,
        _ => Kind::Strange,
    })
}

/// Pages with checksums over a medium. Clones are the same.
#[derive(Clone)]
pub(super) struct Pages {
    shared: Arc<Shared>,
}

struct Shared {
    medium: Box<dyn Medium>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Pages that redb has, the header's included.
    length: u64,
    header: Header,
    groups: BTreeMap<u64, Group>,
}

/// The header as it was read or written last.
#[derive(Default)]
struct Header {
    bytes: Vec<u8>,
    /// How often it was written; the parity says where.
    number: u64,
    /// One of the copies could not be read.
    doubtful: bool,
}

/// The checksums of a group of pages.
struct Group {
    sums: Vec<u64>,
    /// Some are not in the file yet.
    dirty: bool,
    /// Pages that this process wrote, or read and found right: one that is not right later on has
    /// rotted.
    seen: Vec<bool>,
}

impl fmt::Debug for Pages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pages")
    }
}

/// The checksum of a page in its place.
fn sum(page: u64, bytes: &[u8]) -> u64 {
    // Never zero, which is what a page has that was never written.
    sum64(page, bytes).max(1)
}

/// In which group a page is, and as which of it.
fn place(page: u64) -> (u64, usize) {
    let number = page - 1;
    // The remainder is below 511.
    (number / GROUP_PAGES, (number % GROUP_PAGES) as usize)
}

fn group_at(group: u64) -> u64 {
    (FIRST_BLOCKS + group * (GROUP_PAGES + 1)) * PAGE
}

fn page_at(page: u64) -> u64 {
    let (group, within) = place(page);
    group_at(group) + (1 + within as u64) * PAGE
}

impl Pages {
    /// Makes what a new file begins with, or reads what one that is there begins with.
    pub fn open(medium: Box<dyn Medium>) -> io::Result<Pages> {
        if kind(medium.as_ref())? == Kind::Empty {
            return Pages::make(medium);
        }
        let length = medium.len()?;
        let header = read_header(medium.as_ref())?;
        if is_unfinished(&header) {
            // Nothing was ever committed to it. Empty at once, or as it was.
            medium.set_len(0)?;
            medium.sync()?;
            return Pages::make(medium);
        }
        let state = State { length: pages_of(length, &header), header, groups: BTreeMap::new() };
        Ok(Pages { shared: Arc::new(Shared { medium, state: Mutex::new(state) }) })
    }

    fn make(medium: Box<dyn Medium>) -> io::Result<Pages> {
        medium.set_len(FIRST_BLOCKS * PAGE)?;
        medium.sync()?;
        medium.write(0, MAGIC)?;
        medium.sync()?;
        let shared = Shared { medium, state: Mutex::default() };
        Ok(Pages { shared: Arc::new(shared) })
    }

    /// Whether a copy of the header could not be read, so that the other one may be an earlier one
    /// whose pages are in use for something else by now.
    pub fn is_doubtful(&self) -> bool {
        self.state().header.doubtful
    }

    /// Where the database's bytes are.
    pub fn medium(&self) -> &dyn Medium {
        &*self.shared.medium
    }

    /// Refuses a file that ends before the pages it was given.
    pub fn require_length(&self) -> io::Result<()> {
        // Under the lock, so that nobody makes it longer meanwhile.
        let state = self.state();
        let length = self.shared.medium.len()?;
        match length < length_of(state.length) {
            true => Err(Damage::Short { page: state.length.saturating_sub(1), length }.into()),
            false => Ok(()),
        }
    }

    /// Reads again, from the disk, pages that this process wrote or has read before, the first
    /// being `from`, at most `at_most` of them; returns where to go on, `None` at the end.
    pub fn reread(&self, from: u64, at_most: u64) -> io::Result<Option<u64>> {
        let mut page = from.max(1);
        let mut read = 0;
        let mut bytes = [0u8; PAGE_BYTES];
        while read < at_most {
            // Held for one page: nobody writes it between its bytes and its checksum.
            let mut state = self.state();
            if page >= state.length {
                return Ok(None);
            }
            let (group, within) = place(page);
            let known =
                state.groups.get(&group).map(|found| (found.seen[within], found.sums[within]));
            if let Some((true, expected)) = known {
                self.shared.medium.read(page_at(page), &mut bytes)?;
                if sum(page, &bytes) != expected {
                    return Err(Damage::Page { page, offset: page_at(page) }.into());
                }
                self.reread_sums(&mut state, group)?;
                read += 1;
            }
            page += 1;
        }
        Ok(Some(page))
    }

    /// Compares a group's checksums in the file with those that are known.
    fn reread_sums(&self, state: &mut State, group: u64) -> io::Result<()> {
        let Some(known) = state.groups.get(&group).filter(|known| !known.dirty) else {
            return Ok(());
        };
        let found = self.read_group(group)?;
        for (within, expected) in known.sums.iter().enumerate() {
            if known.seen[within] && found[within] != *expected {
                let page = group * GROUP_PAGES + within as u64 + 1;
                return Err(Damage::Page { page, offset: group_at(group) }.into());
            }
        }
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read_group(&self, group: u64) -> io::Result<Vec<u64>> {
        let at = group_at(group);
        let mut bytes = [0u8; PAGE_BYTES];
        let length = self.shared.medium.len()?;
        if at + PAGE <= length {
            self.shared.medium.read(at, &mut bytes)?;
        }
        let (words, _) = bytes.as_chunks::<8>();
        let sums = words.iter().map(|word| u64::from_le_bytes(*word));
        Ok(sums.take(GROUP_PAGES as usize).collect())
    }

    fn group<'s>(&self, state: &'s mut State, group: u64) -> io::Result<&'s mut Group> {
        match state.groups.entry(group) {
            Entry::Occupied(known) => Ok(known.into_mut()),
            Entry::Vacant(unknown) => {
                let sums = self.read_group(group)?;
                let seen = vec![false; sums.len()];
                Ok(unknown.insert(Group { sums, dirty: false, seen }))
            }
        }
    }

    fn read_page(&self, page: u64, out: &mut [u8]) -> io::Result<()> {
        let medium = &self.shared.medium;
        let offset = page_at(page);
        medium.read(offset, out).map_err(|error| self.short(page, error))?;
        let found = sum(page, out);
        let mut state = self.state();
        let (group, within) = place(page);
        let known = self.group(&mut state, group)?;
        if known.sums[within] != found {
            // It may have been written meanwhile; nobody does now.
            medium.read(offset, out)?;
            if known.sums[within] != sum(page, out) {
                return Err(Damage::Page { page, offset }.into());
            }
        }
        known.seen[within] = true;
        Ok(())
    }

    fn short(&self, page: u64, error: io::Error) -> io::Error {
        match (error.kind(), self.shared.medium.len()) {
            (io::ErrorKind::UnexpectedEof, Ok(length)) => Damage::Short { page, length }.into(),
            _ => error,
        }
    }

    fn write_page(&self, page: u64, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.state();
        self.shared.medium.write(page_at(page), bytes)?;
        let (group, within) = place(page);
        let known = self.group(&mut state, group)?;
        known.sums[within] = sum(page, bytes);
        known.seen[within] = true;
        known.dirty = true;
        Ok(())
    }

    fn write_header(&self, offset: usize, data: &[u8]) -> io::Result<()> {
        let mut state = self.state();
        let mut bytes = state.header.bytes.clone();
        let end = offset + data.len();
        bytes.resize(bytes.len().max(end), 0);
        bytes[offset..end].copy_from_slice(data);
        let number = state.header.number + 1;
        self.shared.medium.write(header_at(number), &header_copy(number, &bytes))?;
        state.header.number = number;
        state.header.bytes = bytes;
        Ok(())
    }
}

/// redb writes its name into the header last, when the rest of a new database is on the disk; it
/// never takes it out again.
fn is_unfinished(header: &Header) -> bool {
    !header.bytes.is_empty() && !header.bytes.starts_with(OLD_MAGIC)
}

/// Whether making a database was interrupted before its end: it has nothing, and is made anew.
pub(super) fn never_made(medium: &dyn Medium) -> io::Result<bool> {
    Ok(match kind(medium)? {
        Kind::Empty => true,
        Kind::Pages => is_unfinished(&read_header(medium)?),
        Kind::Old | Kind::Strange => false,
    })
}

fn header_at(number: u64) -> u64 {
    (1 + number % 2) * PAGE
}

/// Its length, its number, the checksum of all of it, and it.
fn header_copy(number: u64, bytes: &[u8]) -> Vec<u8> {
    let mut out = (bytes.len() as u64).to_le_bytes().to_vec();
    out.extend_from_slice(&number.to_le_bytes());
    out.extend_from_slice(&header_sum(number, bytes).to_le_bytes());
    out.extend_from_slice(bytes);
    out
}

fn header_sum(number: u64, bytes: &[u8]) -> u64 {
    sum64(number.rotate_left(32) ^ bytes.len() as u64, bytes)
}

/// The later copy of the header.
fn read_header(medium: &dyn Medium) -> io::Result<Header> {
    let length = medium.len()?;
    let mut found: Vec<(u64, Vec<u8>)> = Vec::new();
    let mut blank = 0;
    for block in [1, 2] {
        if (block + 1) * PAGE > length {
            continue;
        }
        let mut bytes = [0u8; PAGE_BYTES];
        medium.read(block * PAGE, &mut bytes)?;
        blank += usize::from(bytes.iter().all(|byte| *byte == 0));
        found.extend(opened_copy(&bytes).filter(|(number, _)| header_at(*number) == block * PAGE));
    }
    match found.len() {
        // A file in which redb never wrote anything.
        0 if blank == 2 => return Ok(Header::default()),
        0 => return Err(Damage::Header.into()),
        _ => {}
    }
    // The very first one has no other beside it.
    let doubtful = found.len() == 1 && !(blank == 1 && found[0].0 == 1);
    let (number, bytes) = found.into_iter().max_by_key(|(number, _)| *number).unwrap_or_default();
    Ok(Header { bytes, number, doubtful })
}

fn opened_copy(block: &[u8]) -> Option<(u64, Vec<u8>)> {
    let (words, _) = block.get(..HEADER_AT)?.as_chunks::<8>();
    let [length, number, expected] = words else { return None };
    let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
    let number = u64::from_le_bytes(*number);
    let bytes = block.get(HEADER_AT..HEADER_AT.checked_add(length)?)?;
    let right = length > 0 && header_sum(number, bytes).to_le_bytes() == *expected;
    right.then(|| (number, bytes.to_vec()))
}

/// How many pages a file of a length has.
fn pages_of(length: u64, header: &Header) -> u64 {
    if header.bytes.is_empty() {
        return 0;
    }
    let blocks = (length / PAGE).saturating_sub(FIRST_BLOCKS);
    let whole = blocks / (GROUP_PAGES + 1);
    1 + whole * GROUP_PAGES + (blocks % (GROUP_PAGES + 1)).saturating_sub(1)
}

/// How long a file with so many pages is.
fn length_of(pages: u64) -> u64 {
    if pages < 2 { FIRST_BLOCKS * PAGE } else { page_at(pages - 1) + PAGE }
}

/// The pages that bytes of redb's lie in, each with its part of them.
fn split(offset: u64, length: usize) -> io::Result<std::ops::Range<u64>> {
    if !offset.is_multiple_of(PAGE) || !length.is_multiple_of(PAGE_BYTES) {
        return Err(io::Error::other(format!("{length} bytes at {offset} are no pages")));
    }
    Ok(offset / PAGE..offset / PAGE + (length / PAGE_BYTES) as u64)
}

impl StorageBackend for Pages {
    fn len(&self) -> io::Result<u64> {
        Ok(self.state().length * PAGE)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        if offset < PAGE {
            let state = self.state();
            let from = usize::try_from(offset).map_err(io::Error::other)?;
            let part = state.header.bytes.get(from..).and_then(|rest| rest.get(..out.len()));
            out.copy_from_slice(part.ok_or_else(|| io::Error::from(Damage::Header))?);
            return Ok(());
        }
        let pages = split(offset, out.len())?;
        for (page, part) in pages.zip(out.chunks_mut(PAGE_BYTES)) {
            self.read_page(page, part)?;
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut state = self.state();
        let pages = len.div_ceil(PAGE);
        self.shared.medium.set_len(length_of(pages))?;
        if pages < state.length {
            // What lies beyond is as if it had never been written.
            let (first, within) = if pages < 2 { (0, 0) } else { place(pages) };
            state.groups.retain(|group, _| *group <= first);
            let known = self.group(&mut state, first)?;
            known.sums[within..].fill(0);
            known.seen[within..].fill(false);
            known.dirty = true;
        }
        state.length = pages;
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.state();
        let length = self.shared.medium.len()?;
        for (number, group) in state.groups.iter_mut().filter(|(_, group)| group.dirty) {
            let mut bytes: Vec<u8> = group.sums.iter().flat_map(|sum| sum.to_le_bytes()).collect();
            bytes.resize(PAGE_BYTES, 0);
            if group_at(*number) + PAGE <= length {
                self.shared.medium.write(group_at(*number), &bytes)?;
            }
            group.dirty = false;
        }
        drop(state);
        self.shared.medium.sync()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        if offset < PAGE && offset as usize + data.len() <= PAGE_BYTES - HEADER_AT {
            return self.write_header(offset as usize, data);
        }
        let pages = split(offset, data.len())?;
        for (page, part) in pages.zip(data.chunks(PAGE_BYTES)) {
            self.write_page(page, part)?;
        }
        Ok(())
    }
}
