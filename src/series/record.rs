//! What the log is made of: records that say how long they are and whether they are whole.
//!
//! ```text
//! u32   length of the payload
//! u32   CRC-32 of the payload
//! payload: u8 kind (1 rows, 2 forget), 16 bytes server id, then for rows a `wire::reading` batch
//! ```
//! Numbers are little-endian. A segment is such records after each other and nothing else; the
//! first that is not whole ends it, because a power cut leaves exactly that behind.

use crate::base::ServerId;
use crate::base::hash::crc32;
use crate::wire::reading::{self, Batch};

/// One thing the log remembers.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Record {
    /// A server sent these.
    Rows(ServerId, Batch),
    /// A server is gone; what came before is not wanted.
    Forget(ServerId),
}

const HEADER: usize = 8;
/// Longer is not ours: 64 series of 360 rows are 190 KiB.
const PAYLOAD_MAX: usize = 1024 * 1024;

/// Writes a record behind others.
pub(super) fn encode(record: &Record, out: &mut Vec<u8>) {
    let (kind, server, rest) = match record {
        Record::Rows(server, batch) => (1, server, reading::encode(batch)),
        Record::Forget(server) => (2, server, Vec::new()),
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

/// Reads the first record; `None` when it is torn, rotten or there is none. Also says how many
/// bytes it took.
pub(super) fn decode(bytes: &[u8]) -> Option<(Record, usize)> {
    let (payload, length) = unframe(bytes)?;
    let server = ServerId(u128::from_be_bytes(*payload.get(1..)?.first_chunk()?));
    let rest = payload.get(17..)?;
    let record = match payload.first()? {
        1 => Record::Rows(server, reading::decode(rest).ok()?),
        2 if rest.is_empty() => Record::Forget(server),
        _ => return None,
    };
    Some((record, length))
}
