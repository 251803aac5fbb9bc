//! What the log is made of: records that say how long they are and whether they are whole.
//!
//! ```text
//! u32   length of the payload
//! u32   CRC-32 of the payload
//! payload: u8 kind (1 rows, 2 forget), 16 bytes server id, then for rows a `wire::reading` batch
//! ```
//! Numbers are little-endian. A segment is such records after each other and nothing else. One
//! that is not whole and has none behind it is what a power cut leaves; with others behind it, it
//! is what a rotten disk leaves, and costs itself alone: [`Pieces`] goes on with the next.

use crate::base::ServerId;
use crate::base::hash::crc32;
use crate::wire::reading::{self, Batch};

/// One thing the log remembers.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum LogRecord {
    /// A server sent these.
    Rows(ServerId, Batch),
    /// A server is gone; what came before is not wanted.
    Forget(ServerId),
}

const HEADER: usize = 8;
/// Longer is not ours: 64 series of 360 rows are 190 KiB.
const PAYLOAD_MAX: usize = 1024 * 1024;

/// Writes a record behind others.
pub(super) fn encode(record: &LogRecord, out: &mut Vec<u8>) {
    let (kind, server, rest) = match record {
        LogRecord::Rows(server, batch) => (1, server, reading::encode(batch)),
        LogRecord::Forget(server) => (2, server, Vec::new()),
    };
    let mut payload = vec![kind];
    payload.extend_from_slice(&server.0.to_be_bytes());
    payload.extend_from_slice(&rest);
    frame(&payload, out);
}

/// Writes a payload with its length and checksum behind others.
pub(super) fn frame(payload: &[u8], out: &mut Vec<u8>) {
    let length = u32::try_from(payload.len()).expect("payloads are bounded far below 4 GiB");
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&crc32(payload).to_le_bytes());
    out.extend_from_slice(payload);
}

/// The first payload, and how many bytes it took with its head; `None` when it is torn, rotten
/// or there is none.
pub(super) fn unframe(bytes: &[u8]) -> Option<(&[u8], usize)> {
    let length = u32::from_le_bytes(*bytes.first_chunk()?) as usize;
    let sum = u32::from_le_bytes(*bytes.get(4..)?.first_chunk()?);
    // Nothing is what a power cut may leave: zeros.
    if length == 0 || length > PAYLOAD_MAX {
        return None;
    }
    let payload = bytes.get(HEADER..HEADER + length)?;
    (crc32(payload) == sum).then_some((payload, HEADER + length))
}

/// A part of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// The payload of a whole record.
    Whole(&'a [u8]),
    /// So many bytes are no record, and there are records behind them or there may be.
    Damaged(usize),
    /// So many bytes at the end are no record.
    Torn(usize),
}

/// Takes a segment apart.
pub(super) struct Pieces<'a> {
    rest: &'a [u8],
    /// Whether a payload of this segment may begin like this; rules out nearly every place where
    /// no record begins before its checksum is looked at.
    likely: fn(&[u8]) -> bool,
    /// Bytes that may still be read for checksums of what only looks like a record.
    guesses: usize,
}

/// Bytes of [`Pieces::guesses`]: a second of checksums at the worst, whatever a disk has.
const GUESSES_MAX: usize = 256 * 1024 * 1024;

impl<'a> Pieces<'a> {
    /// The pieces of a whole segment, whose payloads begin in some way.
    pub(super) fn of(segment: &'a [u8], likely: fn(&[u8]) -> bool) -> Pieces<'a> {
        Pieces { rest: segment, likely, guesses: GUESSES_MAX }
    }

    /// Where the next whole record begins, when the first bytes are none.
    fn next_whole(&mut self) -> Option<usize> {
        // A flipped bit is usually in a payload, and then the length before it is right.
        let length = u32::from_le_bytes(*self.rest.first_chunk()?) as usize;
        let behind = self.rest.get(HEADER + length..);
        if length > 0 && behind.is_some_and(|rest| unframe(rest).is_some()) {
            return Some(HEADER + length);
        }
        (1..self.rest.len()).find(|at| self.is_whole(*at))
    }

    fn is_whole(&mut self, at: usize) -> bool {
        let here = &self.rest[at..];
        let Some(payload) = here.get(HEADER..).filter(|payload| (self.likely)(payload)) else {
            return false;
        };
        let length = here.first_chunk().map_or(0, |length| u32::from_le_bytes(*length) as usize);
        if length == 0 || length > PAYLOAD_MAX.min(payload.len()) {
            return false;
        }
        let Some(left) = self.guesses.checked_sub(length) else { return false };
        self.guesses = left;
        unframe(here).is_some()
    }
}

impl<'a> Iterator for Pieces<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        if self.rest.is_empty() {
            return None;
        }
        let (piece, length) = match unframe(self.rest) {
            Some((payload, length)) => (Piece::Whole(payload), length),
            None => match (self.next_whole(), self.rest.len()) {
                (Some(at), _) => (Piece::Damaged(at), at),
                // Guessing was given up: nobody knows what is there, so nothing is cut off.
                (None, left) if self.guesses < PAYLOAD_MAX => (Piece::Damaged(left), left),
                (None, left) => (Piece::Torn(left), left),
            },
        };
        self.rest = &self.rest[length..];
        Some(piece)
    }
}

/// Whether bytes may be the beginning of a payload of the log: its kind, and for rows the version
/// of their batch.
pub(super) fn is_likely(payload: &[u8]) -> bool {
    match payload.first() {
        Some(1) => payload.get(17) == Some(&1),
        Some(2) => true,
        Some(_) | None => false,
    }
}

/// The record of a payload; `None` when it is not one of ours.
pub(super) fn decode(payload: &[u8]) -> Option<LogRecord> {
    let server = ServerId(u128::from_be_bytes(*payload.get(1..)?.first_chunk()?));
    let rest = payload.get(17..)?;
    match payload.first()? {
        1 => Some(LogRecord::Rows(server, reading::decode(rest).ok()?)),
        2 if rest.is_empty() => Some(LogRecord::Forget(server)),
        _ => None,
    }
}
