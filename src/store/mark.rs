//! How far was answered: a small file beside the log that says which journal entry was the last
//! one somebody was told of, with the hash of its bytes.
//!
//! A log that was cut at the end of a record looks like one that ends there. So after each group
//! is on disk, and before anybody is told, its last entry is written here; a store that does not
//! have that entry when it is opened has lost something, and is refused. The file is written
//! without waiting for the disk, which costs a few microseconds. After a process was killed it
//! says exactly what was answered; after a power cut it may say an earlier entry (the kernel
//! writes it out within half a minute, and it is synced whenever the store is settled or closed),
//! never a later one.
//!
//! It is a witness and nothing else: without it a store is whole, and it is made anew, with a word.

use super::error::StoreError;
use super::journal::{self, Tail, number};
use super::rows::Rows;
use super::wal::Medium;
use crate::base::Seq;
use crate::base::hash::{sha256, sum64};
use std::io;

const MAGIC: &[u8; 8] = b"grangemk";
const BYTES: usize = 72;

/// The last entry that somebody was told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    /// Which store's; the name of its log.
    pub id: [u8; 16],
    /// The entry's number; 0 before the first.
    pub seq: Seq,
    /// The hash of its bytes.
    pub hash: [u8; 32],
}

/// What a mark says of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Witness {
    /// The store has what it should.
    Agrees,
    /// It cannot be read, or is another store's: it says nothing.
    Silent,
    /// There is none.
    Absent,
    /// The store has lost what was answered, up to this entry.
    Lost(Seq),
}

impl Mark {
    /// Of a store with such an end of its journal.
    pub fn of(id: [u8; 16], tail: Tail) -> Mark {
        Mark { id, seq: tail.seq, hash: tail.hash }
    }

    fn bytes(&self) -> [u8; BYTES] {
        let mut out = [0; BYTES];
        out[..8].copy_from_slice(MAGIC);
        out[8..24].copy_from_slice(&self.id);
        out[24..32].copy_from_slice(&self.seq.0.to_be_bytes());
        out[32..64].copy_from_slice(&self.hash);
        let sum = sum64(0, &out[..64]);
        out[64..].copy_from_slice(&sum.to_be_bytes());
        out
    }

    fn from_bytes(bytes: &[u8; BYTES]) -> Option<Mark> {
        let mut mark = Mark { id: [0; 16], seq: Seq(number(&bytes[24..32])), hash: [0; 32] };
        mark.id.copy_from_slice(&bytes[8..24]);
        mark.hash.copy_from_slice(&bytes[32..64]);
        (mark.bytes() == *bytes).then_some(mark)
    }

    /// Writes it down, without waiting.
    pub fn write(&self, medium: &dyn Medium) -> io::Result<()> {
        if medium.len()? != BYTES as u64 {
            medium.set_len(BYTES as u64)?;
        }
        medium.write(0, &self.bytes())
    }
}

/// Whether a file is a mark that can be read.
pub fn is_mark(path: &std::path::Path) -> bool {
    let bytes = std::fs::read(path).ok().and_then(|bytes| <[u8; BYTES]>::try_from(bytes).ok());
    bytes.and_then(|bytes| Mark::from_bytes(&bytes)).is_some()
}

/// Asks the mark of a store that is about to be opened, or only looked at.
pub(super) fn witness(
    medium: Option<&dyn Medium>,
    id: [u8; 16],
    rows: &impl Rows,
) -> Result<Witness, StoreError> {
    let Some(medium) = medium else { return Ok(Witness::Absent) };
    let mut bytes = [0; BYTES];
    let read = medium.read(0, &mut bytes);
    let Some(mark) = read.ok().and_then(|()| Mark::from_bytes(&bytes)) else {
        return Ok(Witness::Silent);
    };
    if mark.id != id {
        return Ok(Witness::Silent);
    }
    let tail = journal::tail(rows)?;
    if mark.seq > tail.seq {
        return Ok(Witness::Lost(mark.seq));
    }
    Ok(match journal::bytes_of(rows, mark.seq)? {
        Some(bytes) if sha256(&bytes) != mark.hash => Witness::Lost(mark.seq),
        // Trimmed since, or before the first.
        Some(_) | None => Witness::Agrees,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_read_as_it_was_written_and_no_other_way() {
        let mark = Mark { id: [7; 16], seq: Seq(300), hash: [9; 32] };
        let bytes = mark.bytes();
        assert_eq!(Mark::from_bytes(&bytes), Some(mark));
        for bit in 0..BYTES * 8 {
            let mut flipped = bytes;
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Mark::from_bytes(&flipped), None, "bit {bit}");
        }
    }
}
