//! What the store knows of an image.

use crate::base::{EnvironmentId, ImageId};
use crate::model::Image;
use crate::store::tables::{Index, Record, key};

impl Record for Image {
    type Key = ImageId;
    const SCHEMA: u8 = 1;

    fn key(&self) -> ImageId {
        self.id
    }

    fn env(&self) -> Option<EnvironmentId> {
        Some(self.env)
    }

    fn indexes(&self) -> Vec<(Index, Vec<u8>)> {
        vec![(Index::ImagesByName, key::env_name(self.env, &self.name))]
    }
}
