//! People and their bearer tokens.

use crate::base::{Name, Timestamp, TokenId, UserId};
use crate::model::Permission;
use serde::{Deserialize, Serialize};

/// A person who may come in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Their number.
    pub id: UserId,
    /// Their name.
    pub name: Name,
    /// What they may do.
    pub permissions: Vec<Permission>,
    /// Unix user ids of this machine that are this person on the unix socket.
    pub unix_ids: Vec<u32>,
    /// Since when.
    pub created_at: Timestamp,
}

/// A bearer token; only its digest is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// Its number.
    pub id: TokenId,
    /// Whose it is.
    pub user: UserId,
    /// SHA-256 of the token's text.
    pub digest: [u8; 32],
    /// What it is for.
    pub description: String,
    /// Since when.
    pub created_at: Timestamp,
    /// Until when.
    pub expires_at: Option<Timestamp>,
}
