//! An image: what servers of a platform are started from, by a name.

use crate::base::{EnvironmentId, ImageId, Name, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// An image of one platform and location. Immutable: other content has another name, and roles say
/// which.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// A UUID, as Scalr's images have.
    pub id: ImageId,
    /// Where it lives.
    pub env: EnvironmentId,
    /// What roles call it.
    pub name: Name,
    /// The platform it is on.
    pub platform: String,
    /// The location there.
    pub location: String,
    /// The platform's own id of it; of `onboard`'s the digest of what is in it.
    pub cloud_image_id: String,
    /// Its system by its own word, as `debian-12`; empty where it says nothing.
    pub os: String,
    /// What it runs on: `x86_64`.
    pub architecture: String,
    /// Bytes of all its files.
    pub bytes: u64,
    /// Files, directories and links of it, those of lower layers too.
    pub entries: u64,
    /// What it says of the program in it.
    pub defaults: ImageDefaults,
    /// When it was made known.
    pub added_at: Timestamp,
    /// Who made it known.
    pub added_by: UserId,
}

/// What an imported image says of the program in it, as container images do. A service of a role
/// takes over what it does not say itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ImageDefaults {
    /// Program and arguments; empty where it names none.
    pub command: Vec<String>,
    /// The user it runs as, by name or number; `None` for root.
    pub user: Option<String>,
    /// Variables of its environment.
    pub environment: BTreeMap<String, String>,
    /// Where it starts; `None` for `/`.
    pub directory: Option<String>,
    /// Ports it serves, as `80/tcp`.
    pub ports: Vec<String>,
}
