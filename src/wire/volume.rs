//! Data volumes over the API.

use serde::{Deserialize, Serialize};

/// What a volume can be: a server has it; its farm role is declared and no server has it just now;
/// its farm role was removed, and finds it when it is declared again; nobody knows whose it is; it
/// is not there any more; a person wants it gone.
pub const STATUSES: [&str; 6] = ["attached", "kept", "left", "unknown", "missing", "deleting"];

/// A data volume.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct VolumeView {
    /// Its number.
    pub id: u64,
    /// `shop/web-2:/data`; of one that nobody knows, the platform and its name there.
    pub name: String,
    /// One of [`STATUSES`].
    pub status: String,
    /// The name of the farm it belongs to, which may be gone.
    pub farm: Option<String>,
    /// The alias of the farm role, which may be gone.
    pub alias: Option<String>,
    /// The index of its server.
    pub index: Option<u32>,
    /// Where the server sees it.
    pub mount_point: Option<String>,
    /// The UUID of the server that has it.
    pub server: Option<String>,
    /// Its size in bytes, as it was declared last; 0 when nobody knows.
    pub size: u64,
    /// The platform.
    pub cloud_platform: String,
    /// The cloud account it lies in.
    pub cloud_account: String,
    /// Where on it.
    pub cloud_location: String,
    /// What the platform calls it.
    pub cloud_volume_id: String,
    /// When it was first asked for, RFC 3339.
    pub created: String,
}
