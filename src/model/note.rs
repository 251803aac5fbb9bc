//! Notes: what a person leaves on a thing for whoever comes to it next.

use crate::base::{EnvironmentId, FarmId, FarmRoleId, NoteId, ServerId, Timestamp, UserId};
use serde::{Deserialize, Serialize};

/// A note on a farm, on a farm role or on a server. It changes nothing of what is done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// Its number.
    pub id: NoteId,
    /// Where it lives.
    pub env: EnvironmentId,
    /// The farm it is on, or the farm of what it is on.
    pub farm: FarmId,
    /// The farm role it is on, or the farm role of the server; `None` on a farm.
    pub farm_role: Option<FarmRoleId>,
    /// The server it is on.
    pub server: Option<ServerId>,
    /// One line, in a person's words.
    pub text: String,
    /// Who left it.
    pub by: UserId,
    /// When.
    pub at: Timestamp,
}
