//! A secret as it is stored: sealed, so that who has the bytes has nothing.

use crate::base::hash::hex;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The number of a sealing key: the first bytes of its SHA-256, which say nothing about it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SealingKeyId(pub [u8; 8]);

impl fmt::Display for SealingKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for SealingKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealingKeyId({self})")
    }
}

/// A secret that only the store's key ring opens, and only as the field of the record that it was
/// sealed for. All of them have the same length, whatever is inside.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed {
    /// The key it was sealed with.
    pub key: SealingKeyId,
    /// The nonce, then what was sealed with its tag.
    pub bytes: Vec<u8>,
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed(with {})", self.key)
    }
}
