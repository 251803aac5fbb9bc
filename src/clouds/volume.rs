//! Data volumes as platforms know them: asked for with a launch, listed, destroyed by name.

use crate::base::{EnvironmentId, FarmRoleId, ServerId};
use serde::{Deserialize, Serialize};

/// A data volume as a launch asks for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VolumeRequest {
    /// What the platform calls it. A name is given once: what has it is this volume.
    pub cloud_volume_id: String,
    /// The platform never showed it, so it is made where it is not there. One that was there
    /// and is not any more is never made anew: its data are missing, and that is to be seen.
    pub may_be_made: bool,
    /// Whose it is now.
    pub mark: VolumeMark,
}

/// What a volume carries on its platform, for whoever lost the records: its place by names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VolumeMark {
    /// The environment.
    pub env: EnvironmentId,
    /// The farm role that used it last.
    pub farm_role: FarmRoleId,
    /// The farm's name.
    pub farm: String,
    /// The farm role's alias.
    pub alias: String,
    /// The index of the server.
    pub index: u32,
    /// Where the server sees it.
    pub mount_point: String,
    /// Its size in bytes, as it was asked for.
    pub size_bytes: u64,
    /// Where on the platform it lies.
    pub location: String,
    /// Its availability zone.
    pub zone: Option<String>,
}

/// A data volume as a platform shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VolumeSighting {
    /// What the platform calls it.
    pub cloud_volume_id: String,
    /// What it carries; `None` where it carries nothing that can be read.
    pub mark: Option<VolumeMark>,
    /// Of one that was made before volumes carried marks: the farm role, the index and the
    /// position in the farm role's list.
    pub place: Option<(FarmRoleId, u32, usize)>,
    /// The server that has it.
    pub server: Option<ServerId>,
}
