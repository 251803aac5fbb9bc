//! A data volume: what outlives the server that writes to it.
//!
//! It is a record of its own, because nothing else lasts as long: servers come and go, a farm role
//! that is removed takes its record along, and the data stay. Whose it is says by name, so that a
//! farm role declared again under the same names finds it.

use crate::base::{EnvironmentId, FarmRoleId, Name, Timestamp, VolumeId};
use serde::{Deserialize, Serialize};

/// A data volume. Its record is written before its cloud hears of it, and removed when the cloud
/// says that it is gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Volume {
    /// Its number.
    pub id: VolumeId,
    /// Its environment: a farm of the same name in another one has nothing to do with it.
    pub env: EnvironmentId,
    /// Whose it is; `None` of one that was found on its cloud and carries no name we know.
    pub owner: Option<VolumeOwner>,
    /// The cloud account it is in, which it cannot leave.
    pub account: String,
    /// Where on it, which it cannot leave either.
    pub location: String,
    /// The availability zone; `None` where the platform has none.
    pub zone: Option<String>,
    /// What the platform calls it.
    pub cloud_volume_id: String,
    /// As it was declared last, in bytes; 0 where nobody knows.
    pub size_bytes: u64,
    /// When it was first asked for, or found.
    pub created_at: Timestamp,
    /// When its cloud first showed it; `None` until then. From then on it is never made anew:
    /// where it is missing its server does not start with an empty one.
    pub seen_at: Option<Timestamp>,
    /// A person wants it gone. No server gets it from then on.
    pub delete_requested: bool,
}

/// The place of a volume: one mount point of one index of a farm role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VolumeOwner {
    /// The farm role that used it last; it may be removed by now.
    pub farm_role: FarmRoleId,
    /// Its farm's name.
    pub farm: Name,
    /// Its alias.
    pub alias: Name,
    /// The index of the server.
    pub index: u32,
    /// Where the server sees it.
    pub mount_point: String,
}

impl Volume {
    /// `shop/web-2:/data`, or what its cloud calls it.
    pub fn name(&self) -> String {
        match &self.owner {
            Some(owner) => format!("{}:{}", owner.server(), owner.mount_point),
            None => format!("{} {}", self.account, self.cloud_volume_id),
        }
    }
}

impl VolumeOwner {
    /// The server of its place, as `shop/web-2`.
    pub fn server(&self) -> String {
        format!("{}/{}-{}", self.farm, self.alias, self.index)
    }
}
