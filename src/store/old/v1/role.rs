//! Schema 1 of roles, which had no revisions.

use crate::base::{EnvironmentId, Name, RoleId, Timestamp, UserId};
use crate::model::{Automation, Role, RoleImage};
use serde::Deserialize;

/// A role, as schema 1 has it.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
pub(in crate::store) struct RoleV1 {
    pub id: RoleId,
    pub env: EnvironmentId,
    pub name: Name,
    pub description: String,
    pub automation: Vec<Automation>,
    pub images: Vec<ImageV1>,
    pub built_in: bool,
}

impl From<RoleV1> for Role {
    fn from(old: RoleV1) -> Role {
        Role {
            id: old.id,
            env: old.env,
            name: old.name,
            description: old.description,
            automation: old.automation,
            images: old.images.into_iter().map(Into::into).collect(),
            built_in: old.built_in,
            revision: 1,
            created_by: UserId(0),
            created_at: Timestamp(0),
        }
    }
}

/// An image of it, as schema 1 has it.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
pub(in crate::store) struct ImageV1 {
    pub platform: String,
    pub cloud_image_id: String,
    pub command: Vec<String>,
}

impl From<ImageV1> for RoleImage {
    fn from(old: ImageV1) -> RoleImage {
        RoleImage {
            platform: old.platform,
            cloud_image_id: old.cloud_image_id,
            command: old.command,
        }
    }
}
