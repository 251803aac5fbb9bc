//! What there is one of, or a handful: this installation, and what it wants people to see.

use crate::base::Timestamp;
use crate::model::SealingKeyId;
use serde::{Deserialize, Serialize};

/// This installation of Grange; written once at the first start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Install {
    /// A random id, so that two installations are told apart: a tag on every server we launch.
    pub id: String,
    /// Which active node this is, counted from 1; a promotion adds one.
    pub epoch: u64,
    /// What the streams of ids are seeded with.
    pub seed: u64,
    /// When it was first started.
    pub created_at: Timestamp,
    /// The fingerprint of the authority that every agent trusts, 64 hexadecimal digits; empty until
    /// a version that writes it down has started.
    pub authority: String,
    /// The key that hidden values are sealed with; `None` until a version that writes it down has
    /// started with it.
    pub sealing_key: Option<SealingKeyId>,
}

/// Something a person has to see until it is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// What it is about, unique among alerts: `disk-full`, `farm-7-frozen`.
    pub key: String,
    /// One sentence.
    pub text: String,
    /// Since when.
    pub since: Timestamp,
}
