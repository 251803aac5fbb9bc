//! A role: the recipe servers are made from.

use crate::base::{EnvironmentId, Name, RoleId};
use serde::{Deserialize, Serialize};

/// A recipe: what a server is for, what runs on it, and which image carries that.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Role {
    /// Its number.
    pub id: RoleId,
    /// Where it lives; built-in roles live in environment 1.
    pub env: EnvironmentId,
    /// Its name.
    pub name: Name,
    /// One line on what it does.
    pub description: String,
    /// What Grange configures on it.
    pub automation: Vec<Automation>,
    /// One image per platform.
    pub images: Vec<Image>,
    /// Shipped with the binary: replaced on upgrade, never edited.
    pub built_in: bool,
}

/// What Grange knows how to configure on a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Automation {
    /// HAProxy, balancing another farm role.
    Haproxy,
}

/// What a platform starts a server from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// The platform.
    pub platform: String,
    /// The platform's name for it.
    pub cloud_image_id: String,
    /// The service a server of this image runs, as a command line. The platform's own boot runs
    /// it where it can; `onboard`'s pid 1 does.
    pub command: Vec<String>,
}

impl Role {
    /// The image for a platform.
    pub fn image(&self, platform: &str) -> Option<&Image> {
        self.images.iter().find(|image| image.platform == platform)
    }
}
