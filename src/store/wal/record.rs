//! What a log's bytes are: a sector with its name, then records, each of whole sectors.
//!
//! All numbers are big-endian. A record is `MAGIC`, its epoch and sequence number, the length of
//! its rows, a checksum over the log's name and everything else of it, the rows, and zeroes up to
//! the next sector. A row is the name of its space, its key and its value, each with its length
//! before it; a removed row has a length that no value has.

use super::position::Position;
use crate::base::hash::crc32_of;
use crate::store::journal::number;
use crate::store::rows::Written;

/// What a drive writes whole or not at all.
pub(in crate::store) const SECTOR_BYTES: usize = 512;
/// Where the first record begins.
pub(super) const START: u64 = SECTOR_BYTES as u64;
/// Bytes of a record before its rows.
pub(in crate::store) const HEAD_BYTES: usize = 32;

/// How a log begins; its last byte is the number of its format.
const LOG_MAGIC: [u8; 8] = *b"grangeL\x01";
/// How a record begins.
const MAGIC: [u8; 8] = *b"grangeR\x01";
/// The length of a value that is a removal.
const REMOVED: u32 = u32::MAX;

/// Bytes that a record takes, rows and all before them being `bytes`.
pub(super) fn padded(bytes: usize) -> u64 {
    bytes.next_multiple_of(SECTOR_BYTES) as u64
}

/// The first sector of a log.
pub(super) fn header(id: [u8; 16]) -> Vec<u8> {
    let mut out = vec![0; SECTOR_BYTES];
    out[..8].copy_from_slice(&LOG_MAGIC);
    out[8..24].copy_from_slice(&id);
    let sum = crc32_of(&[&out[..24]]);
    out[24..28].copy_from_slice(&sum.to_be_bytes());
    out
}

/// The name in a log's first sector; `None` when it is none.
pub(super) fn name(log: &[u8]) -> Option<[u8; 16]> {
    let head = log.get(..28)?;
    let sum = crc32_of(&[&head[..24]]).to_be_bytes();
    if head[..8] != LOG_MAGIC || head[24..] != sum {
        return None;
    }
    head[8..24].try_into().ok()
}

/// Appends a row to a group that is being written; the first [`HEAD_BYTES`] are left for later.
pub(in crate::store) fn push(out: &mut Vec<u8>, space: &str, key: &[u8], value: Option<&[u8]>) {
    if out.is_empty() {
        out.resize(HEAD_BYTES, 0);
    }
    // Names are our own and short; lengths are bounded by what a record and an entry may have.
    let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap_or(REMOVED);
    out.push(u8::try_from(space.len()).unwrap_or(u8::MAX));
    out.extend_from_slice(space.as_bytes());
    out.extend_from_slice(&length(key).to_be_bytes());
    out.extend_from_slice(key);
    out.extend_from_slice(&value.map_or(REMOVED, length).to_be_bytes());
    out.extend_from_slice(value.unwrap_or_default());
}

/// The bytes of a record.
pub(super) fn seal(position: Position, written: Written) -> Vec<u8> {
    let mut out = written.into_bytes();
    out.resize(out.len().max(HEAD_BYTES), 0);
    let length = u32::try_from(out.len() - HEAD_BYTES).unwrap_or(u32::MAX);
    out[..8].copy_from_slice(&MAGIC);
    out[8..16].copy_from_slice(&position.epoch.to_be_bytes());
    out[16..24].copy_from_slice(&position.seq.to_be_bytes());
    out[24..28].copy_from_slice(&length.to_be_bytes());
    let sum = checksum(position.id, &out);
    out[28..32].copy_from_slice(&sum.to_be_bytes());
    out.resize(out.len().next_multiple_of(SECTOR_BYTES), 0);
    out
}

fn checksum(id: [u8; 16], record: &[u8]) -> u32 {
    crc32_of(&[&id, &record[..28], &record[HEAD_BYTES..]])
}

/// A record that is whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) struct LogRecord<'a> {
    /// Which pass through the log it is of.
    pub epoch: u64,
    /// Which record of it.
    pub seq: u64,
    rows: &'a [u8],
    /// Where the next begins.
    pub next: usize,
}

/// The record that begins at an offset; `None` when there is none that is whole.
pub(super) fn record(log: &[u8], id: [u8; 16], at: usize) -> Option<LogRecord<'_>> {
    let bytes = log.get(at..)?;
    let head = bytes.get(..HEAD_BYTES)?;
    if head[..8] != MAGIC {
        return None;
    }
    let length = usize::try_from(number(&head[24..28])).ok()?;
    let whole = bytes.get(..HEAD_BYTES + length)?;
    if checksum(id, whole).to_be_bytes() != head[28..32] {
        return None;
    }
    Some(LogRecord {
        epoch: number(&head[8..16]),
        seq: number(&head[16..24]),
        rows: &whole[HEAD_BYTES..],
        next: at + whole.len().next_multiple_of(SECTOR_BYTES),
    })
}

/// The epoch that the first bytes of a record have, whether or not it is whole.
pub(super) fn claimed_epoch(head: &[u8; HEAD_BYTES]) -> u64 {
    number(&head[8..16])
}

/// A row as a record has it: space, key and value, which is `None` for a removal.
pub(in crate::store) type LoggedRow<'a> = (&'a str, &'a [u8], Option<&'a [u8]>);

impl<'a> LogRecord<'a> {
    /// Its rows, in the order in which they were put; `None` when its bytes are no rows.
    pub fn rows(&self) -> Option<Vec<LoggedRow<'a>>> {
        let mut left = self.rows;
        let mut rows = Vec::new();
        while !left.is_empty() {
            let (length, rest) = left.split_first()?;
            let (space, rest) = rest.split_at_checked(usize::from(*length))?;
            let (key, rest) = counted(rest)?;
            let (value, rest) = counted(rest)?;
            rows.push((std::str::from_utf8(space).ok()?, key?, value));
            left = rest;
        }
        Some(rows)
    }
}

/// Bytes with their length before them, and what follows; none of [`REMOVED`].
fn counted(bytes: &[u8]) -> Option<(Option<&[u8]>, &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    match u32::from_be_bytes(*length) {
        REMOVED => Some((None, rest)),
        length => {
            let (taken, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
            Some((Some(taken), rest))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::hash::hex;
    use crate::store::rows::{Puts, Space, Tables};
    use redb::Builder;

    const POSITION: Position = Position { id: [9; 16], epoch: 2, seq: 258, whole: false };
    const SPACE: Space = Space::META;

    /// A group as the tables hand it on.
    fn written(rows: &[(&[u8], Option<&[u8]>)]) -> Written {
        let database =
            Builder::new().create_with_backend(redb::backends::InMemoryBackend::new()).unwrap();
        let txn = database.begin_write().unwrap();
        let tables = Tables::of(&txn);
        for (key, value) in rows {
            tables.put(SPACE, key, *value).unwrap();
        }
        tables.into_written()
    }

    #[test]
    fn a_log_and_its_records_have_these_bytes() {
        let head = header([9; 16]);
        assert_eq!(hex(&head[..24]), format!("6772616e67654c01{}", "09".repeat(16)));
        assert_eq!(name(&head), Some([9; 16]));
        let bytes = seal(POSITION, written(&[(b"k", Some(b"vw")), (b"gone", None)]));
        assert_eq!(bytes.len(), SECTOR_BYTES);
        let golden = "6772616e67655201 0000000000000002 0000000000000102 00000021";
        assert_eq!(hex(&bytes[..28]), golden.replace(' ', ""));
        let rows = "046d657461 00000001 6b 00000002 7677 046d657461 00000004 676f6e65 ffffffff";
        assert_eq!(hex(&bytes[32..65]), rows.replace(' ', ""));
        assert!(bytes[65..].iter().all(|byte| *byte == 0));
        let found = record(&bytes, [9; 16], 0).unwrap();
        assert_eq!((found.epoch, found.seq, found.next), (2, 258, SECTOR_BYTES));
        let rows = found.rows().unwrap();
        assert_eq!(rows, [("meta", &b"k"[..], Some(&b"vw"[..])), ("meta", b"gone", None)]);
    }

    #[test]
    fn bytes_of_a_record_count_only_under_the_name_of_their_log() {
        let forged = seal(Position { id: [8; 16], ..POSITION }, written(&[(b"k", Some(b"v"))]));
        // Stored as a value, so that it begins at a sector of its own.
        let before = HEAD_BYTES + 1 + SPACE.0.len() + 4 + 1 + 4;
        let value = [vec![0; SECTOR_BYTES - before], forged].concat();
        let bytes = seal(POSITION, written(&[(b"k", Some(&value))]));
        assert!(bytes[SECTOR_BYTES..].starts_with(&MAGIC));
        assert!(record(&bytes, [9; 16], 0).is_some());
        assert_eq!(record(&bytes, [9; 16], SECTOR_BYTES), None);
        assert_eq!(record(&bytes, [9; 16], bytes.len()), None);
    }
}
