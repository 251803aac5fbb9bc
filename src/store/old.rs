//! Shapes that records had in released stores, frozen, and how each becomes what it is now.
//!
//! A store is not rewritten when a shape changes: its records are read as what they were written
//! as, by their schema's number, and written anew when somebody changes them. The journal keeps
//! old shapes for as long as it keeps the entry. So nothing here may ever change, except the
//! `From` that says what an old value means today.
//!
//! To freeze one more: copy the struct as it is stored (with every struct inside it that changes
//! too; enums are shared, because they only grow at their end), say what its new fields mean for
//! a value that never had them, let the record's `decode` come here, and add a store as the last
//! release writes it to `tests/fixtures`.

use super::codec::{self, CodecError};
use super::tables::Record;
use serde::de::DeserializeOwned;

pub(super) mod v1;
pub(super) mod v2;
pub(super) mod v3;
pub(super) mod v4;
pub(super) mod v5;

/// Reads a record written with the current schema or with one of five before it.
pub(super) fn decode_five<R, V1, V2, V3, V4, V5>(schema: u8, bytes: &[u8]) -> Result<R, CodecError>
where
    R: Record + From<V1> + From<V2> + From<V3> + From<V4> + From<V5>,
    V1: DeserializeOwned,
    V2: DeserializeOwned,
    V3: DeserializeOwned,
    V4: DeserializeOwned,
    V5: DeserializeOwned,
{
    match schema {
        5 => codec::read::<V5>(bytes).map(R::from),
        _ => decode_four::<R, V1, V2, V3, V4>(schema, bytes),
    }
}

/// Reads a record written with the current schema or with one of four before it.
pub(super) fn decode_four<R, V1, V2, V3, V4>(schema: u8, bytes: &[u8]) -> Result<R, CodecError>
where
    R: Record + From<V1> + From<V2> + From<V3> + From<V4>,
    V1: DeserializeOwned,
    V2: DeserializeOwned,
    V3: DeserializeOwned,
    V4: DeserializeOwned,
{
    match schema {
        4 => codec::read::<V4>(bytes).map(R::from),
        _ => decode_three::<R, V1, V2, V3>(schema, bytes),
    }
}

/// Reads a record written with the current schema or with one of three before it.
pub(super) fn decode_three<R, V1, V2, V3>(schema: u8, bytes: &[u8]) -> Result<R, CodecError>
where
    R: Record + From<V1> + From<V2> + From<V3>,
    V1: DeserializeOwned,
    V2: DeserializeOwned,
    V3: DeserializeOwned,
{
    match schema {
        2 => codec::read::<V2>(bytes).map(R::from),
        3 => codec::read::<V3>(bytes).map(R::from),
        _ => decode::<R, V1>(schema, bytes),
    }
}

/// Reads a record written with the current schema or with one of two before it.
pub(super) fn decode_two<R, V1, V2>(schema: u8, bytes: &[u8]) -> Result<R, CodecError>
where
    R: Record + From<V1> + From<V2>,
    V1: DeserializeOwned,
    V2: DeserializeOwned,
{
    match schema {
        2 => codec::read::<V2>(bytes).map(R::from),
        _ => decode::<R, V1>(schema, bytes),
    }
}

/// Reads a record written with the current schema or with schema 1.
pub(super) fn decode<R, V1>(schema: u8, bytes: &[u8]) -> Result<R, CodecError>
where
    R: Record + From<V1>,
    V1: DeserializeOwned,
{
    if schema == R::SCHEMA {
        return codec::read(bytes);
    }
    match schema {
        1 => codec::read::<V1>(bytes).map(R::from),
        found => Err(CodecError::Schema { found, known: R::SCHEMA }),
    }
}
