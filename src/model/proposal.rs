//! A signed proposal, as far as the appliance remembers it: the text itself is in a ticket.

use crate::base::{EnvironmentId, Name, ProposalId, Timestamp};
use serde::{Deserialize, Serialize};

/// A change of a farm that was proposed and signed. It can be applied once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposal {
    /// Its number.
    pub id: ProposalId,
    /// Where the farm lives.
    pub env: EnvironmentId,
    /// The farm's name; there may be no such farm yet.
    pub farm: Name,
    /// SHA-256 of the text that was signed.
    pub digest: [u8; 32],
    /// The name of who made it.
    pub made_by: String,
    /// When.
    pub made_at: Timestamp,
    /// Until when it can be applied.
    pub expires_at: Timestamp,
    /// Who applied it, if somebody did.
    pub applied: Option<Applied>,
}

/// That a proposal was applied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Applied {
    /// When.
    pub at: Timestamp,
    /// The name of who did.
    pub by: String,
}
