//! Data volumes.

use crate::client::{Client, Error, Query};
use crate::wire::input::{NoInput, VolumeFilter};
use crate::wire::volume::VolumeView;

impl Client {
    /// Every data volume a filter takes, by place.
    pub fn volumes(&self, filter: &VolumeFilter) -> Result<Vec<VolumeView>, Error> {
        let query = Query::default()
            .maybe("id", filter.id)
            .maybe("farm", filter.farm.as_deref())
            .maybe("farmRole", filter.alias.as_deref())
            .maybe("index", filter.index)
            .maybe("cloudPlatform", filter.cloud_platform.as_deref())
            .maybe("status", filter.status.as_deref());
        self.all("grange/volumes/", &query)
    }

    /// One data volume.
    pub fn volume(&self, id: u64) -> Result<VolumeView, Error> {
        self.get(&format!("grange/volumes/{id}/"))
    }

    /// Wants a data volume gone.
    pub fn volume_delete(&self, id: u64) -> Result<(), Error> {
        self.change("DELETE", &format!("grange/volumes/{id}/"), &NoInput {}, None).map(|_| ())
    }
}
