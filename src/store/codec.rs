//! How a value becomes bytes: one tag for its schema, then bincode. The only file that knows it.
//!
//! bincode has no evolution of its own: a field added anywhere changes the meaning of every byte
//! after it. So each value carries its schema's number first, whoever decodes looks at it, and
//! the goldens in `golden.rs` fail when a shape changes without its number. bincode also cannot
//! carry `skip_serializing_if`, `flatten` or internally tagged enums; a record that has one is
//! stored through a twin that has not.

use crate::base::limit::JOURNAL_ENTRY_BYTES_MAX;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Bytes that are no such value, or a value that has no bytes.
#[derive(Debug, thiserror::Error)]
pub enum CodecError {
    /// The value cannot be written.
    #[error("a value cannot be stored")]
    Encode(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The bytes cannot be read.
    #[error("stored bytes cannot be read")]
    Decode(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// There are no bytes at all, or fewer than the header has.
    #[error("stored bytes end after {0}")]
    Short(usize),
    /// The value ends before its bytes do.
    #[error("{0} stored bytes are left over")]
    Trailing(usize),
    /// An index row that leads nowhere.
    #[error("the index leads to no record")]
    Dangling,
    /// A schema this version does not know.
    #[error("stored with schema {found}, this version reads {known}")]
    Schema {
        /// What the bytes say.
        found: u8,
        /// What is known here.
        known: u8,
    },
}

/// Appends a value's bytes, without a tag.
pub(super) fn append<T: Serialize>(value: &T, out: &mut Vec<u8>) -> Result<(), CodecError> {
    bincode::serde::encode_into_std_write(value, out, bincode::config::standard())
        .map(|_| ())
        .map_err(|e| CodecError::Encode(Box::new(e)))
}

/// Reads a value that takes up all of the bytes.
pub(super) fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
    let config = bincode::config::standard().with_limit::<JOURNAL_ENTRY_BYTES_MAX>();
    let (value, used) = bincode::serde::decode_from_slice(bytes, config)
        .map_err(|e| CodecError::Decode(Box::new(e)))?;
    if used != bytes.len() {
        return Err(CodecError::Trailing(bytes.len() - used));
    }
    Ok(value)
}

/// Bytes of a stored record's header: its schema's number and its revision.
const HEADER_BYTES: usize = 9;

/// A stored record taken apart.
pub(super) struct Stored<'a> {
    /// The schema it was written with.
    pub schema: u8,
    /// How often it has been written.
    pub revision: u64,
    /// What is left for the record itself.
    pub payload: &'a [u8],
}

/// Takes a stored record apart.
pub(super) fn open(bytes: &[u8]) -> Result<Stored<'_>, CodecError> {
    let (Some((header, payload)), Some(schema)) =
        (bytes.split_at_checked(HEADER_BYTES), bytes.first())
    else {
        return Err(CodecError::Short(bytes.len()));
    };
    let revision = header[1..].iter().fold(0u64, |sum, byte| (sum << 8) | u64::from(*byte));
    Ok(Stored { schema: *schema, revision, payload })
}

/// Puts a stored record together.
pub(super) fn seal(schema: u8, revision: u64, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEADER_BYTES + payload.len());
    out.push(schema);
    out.extend_from_slice(&revision.to_be_bytes());
    out.extend_from_slice(payload);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_round_trip_and_leftovers_are_refused() {
        let mut bytes = Vec::new();
        append(&("web".to_owned(), 7u64, Some(1.5f64)), &mut bytes).unwrap();
        assert_eq!(bytes, [3, b'w', b'e', b'b', 7, 1, 0, 0, 0, 0, 0, 0, 0xf8, 0x3f]);
        let back: (String, u64, Option<f64>) = read(&bytes).unwrap();
        assert_eq!(back, ("web".to_owned(), 7, Some(1.5)));
        bytes.push(0);
        assert!(matches!(read::<(String, u64, Option<f64>)>(&bytes), Err(CodecError::Trailing(1))));
        let short = read::<(String, u64, Option<f64>)>(&bytes[..3]);
        assert!(matches!(short, Err(CodecError::Decode(_))));
    }

    #[test]
    fn a_length_beyond_the_limit_is_refused_before_it_is_allocated() {
        // bincode's marker for a u64 length, then a length of 2^60.
        let bytes = [253, 0, 0, 0, 0, 0, 0, 0, 0x10];
        assert!(matches!(read::<Vec<u8>>(&bytes), Err(CodecError::Decode(_))));
    }

    #[test]
    fn headers_come_apart_as_they_were_put_together() {
        let sealed = seal(3, 0x0102, b"x");
        assert_eq!(sealed, [3, 0, 0, 0, 0, 0, 0, 1, 2, b'x']);
        let stored = open(&sealed).unwrap();
        assert_eq!((stored.schema, stored.revision, stored.payload), (3, 0x0102, &b"x"[..]));
        assert!(matches!(open(&sealed[..8]), Err(CodecError::Short(8))));
    }
}
