//! Data volumes.

use crate::client::{Client, Error};
use crate::wire::api::servers::{VOLUME, VOLUME_DELETE, VOLUMES};
use crate::wire::input::VolumeFilter;
use crate::wire::volume::VolumeView;

impl Client {
    /// Every data volume a filter takes, by place.
    pub fn volumes(&self, filter: &VolumeFilter) -> Result<Vec<VolumeView>, Error> {
        self.rows_where(&VOLUMES, &[], filter)
    }

    /// One data volume.
    pub fn volume(&self, id: u64) -> Result<VolumeView, Error> {
        self.show(&VOLUME, &[&id])
    }

    /// Wants a data volume gone.
    pub fn volume_delete(&self, id: u64) -> Result<(), Error> {
        self.remove(&VOLUME_DELETE, &[&id])
    }
}
