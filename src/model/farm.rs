//! A farm: a named set of farm roles that are launched and terminated together.

use crate::base::{EnvironmentId, FarmId, Name, Timestamp, UserId};
use serde::{Deserialize, Serialize};

/// What a person declared of a farm.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Farm {
    /// Its number.
    pub id: FarmId,
    /// Where it lives; its name is unique there.
    pub env: EnvironmentId,
    /// Its name.
    pub name: Name,
    /// Free text.
    pub description: String,
    /// Whether farm roles wait for the ones before them.
    pub launch_order: LaunchOrder,
    /// Whether it should have servers at all.
    pub goal: FarmGoal,
    /// A person asked for it to be removed: once its servers are gone, so is the record.
    pub removed: bool,
    /// When it was declared.
    pub created_at: Timestamp,
    /// Who declared it.
    pub created_by: UserId,
}

/// What is desired of a farm as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FarmGoal {
    /// Every farm role has its servers.
    Launched,
    /// No server is left.
    Terminated,
    /// Every server it has is put to sleep; nothing is launched, healed or terminated.
    Suspended,
}

/// Scalr's `launchOrder`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LaunchOrder {
    /// All farm roles at once.
    #[default]
    Simultaneous,
    /// A farm role with nothing running waits for every farm role of a lower launch index.
    Sequential,
}
