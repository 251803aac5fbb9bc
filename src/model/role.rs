//! A role: the recipe servers are made from, and its revisions.
//!
//! A [`Role`] is what people find by its name; what it says is in its [`RoleRevision`]s, which are
//! never changed. Farm roles pin one of them, so that a changed role changes nothing that runs.

use crate::base::{EnvironmentId, Name, RoleId, Timestamp, UserId};
use crate::model::Recipe;
use serde::{Deserialize, Serialize};

/// A recipe by its name: what a server is for, and which image carries it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Role {
    /// Its number, never given to another.
    pub id: RoleId,
    /// Where it lives; built-in roles live in environment 1.
    pub env: EnvironmentId,
    /// What manifests of farms call it.
    pub name: Name,
    /// What it is for, in a few words.
    pub description: String,
    /// What Grange configures on it, in its current revision.
    pub automation: Vec<Automation>,
    /// One image per platform, in its current revision.
    pub images: Vec<RoleImage>,
    /// Shipped with the binary: an upgrade of that may bring another revision, people do not.
    pub built_in: bool,
    /// The revision that farm roles declared from now on get.
    pub revision: u64,
    /// Who made it; 0 is the appliance.
    pub created_by: UserId,
    /// When; 0 for one from before that was kept.
    pub created_at: Timestamp,
}

/// What a role says as of one revision. Immutable: another recipe is another revision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleRevision {
    /// The role it is of.
    pub role: RoleId,
    /// Where that lives.
    pub env: EnvironmentId,
    /// Counted from 1 in each role.
    pub number: u64,
    /// What Grange configures on its servers.
    pub automation: Vec<Automation>,
    /// One image per platform.
    pub images: Vec<RoleImage>,
    /// What is done on its servers.
    pub recipe: Recipe,
    /// When it was made.
    pub at: Timestamp,
    /// By whom; 0 is the appliance.
    pub by: UserId,
}

/// What Grange knows how to configure on a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Automation {
    /// HAProxy, balancing another farm role.
    Haproxy,
}

impl Automation {
    /// Each with the word people know it by, in manifests and over the API.
    pub const WORDS: [(&'static str, Automation); 1] = [("haproxy", Automation::Haproxy)];

    /// The word people know it by.
    pub fn as_str(self) -> &'static str {
        match self {
            Automation::Haproxy => "haproxy",
        }
    }
}

/// What `onboard` calls the machine's own system, which its servers see.
pub const HOST_IMAGE: &str = "host";

/// What a role is started from on one platform.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleImage {
    /// The platform.
    pub platform: String,
    /// The name of an [`Image`](crate::model::Image), or what the platform itself calls one.
    pub cloud_image_id: String,
    /// The service a server of this image runs, as a command line. The platform's own boot runs
    /// it where it can; `onboard`'s pid 1 does.
    pub command: Vec<String>,
}

impl Role {
    /// The image for a platform.
    pub fn image(&self, platform: &str) -> Option<&RoleImage> {
        self.images.iter().find(|image| image.platform == platform)
    }
}

impl RoleRevision {
    /// The image for a platform.
    pub fn image(&self, platform: &str) -> Option<&RoleImage> {
        self.images.iter().find(|image| image.platform == platform)
    }

    /// Whether both say the same.
    pub fn is_like(&self, other: &RoleRevision) -> bool {
        (&self.automation, &self.images, &self.recipe)
            == (&other.automation, &other.images, &other.recipe)
    }
}
