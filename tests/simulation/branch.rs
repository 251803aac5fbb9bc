//! The simulated cloud as two platforms: each lists what was launched there and can be cut off
//! alone, as clouds are, so that one is heard while the other is silent.

use crate::sky::Sky;
use grange::clouds::volume::VolumeSighting;
use grange::clouds::{Applied, Cloud, CloudError, CloudStep, InstanceType};
use grange::model::Sighting;
use std::sync::Arc;

/// The platform of every run.
pub const FIRST: &str = "simulated";
/// The other one; the built-in roles have images for it.
pub const SECOND: &str = "onboard";

/// One of the platforms.
pub struct Branch {
    /// What is behind both.
    pub sky: Arc<Sky>,
    /// Its name.
    pub platform: &'static str,
}

impl Cloud for Branch {
    fn platform(&self) -> &'static str {
        self.platform
    }

    fn instance_types(&self) -> Vec<InstanceType> {
        self.sky.cloud.instance_types()
    }

    fn list(&self) -> Result<Vec<Sighting>, CloudError> {
        self.sky.list(self.platform)
    }

    fn apply(&self, step: &CloudStep) -> Result<Applied, CloudError> {
        if let CloudStep::Launch(request) = step {
            let names = request.storage.iter().map(|volume| volume.cloud_volume_id.clone());
            self.sky.homes.lock().unwrap().extend(names.map(|name| (name, self.platform)));
        }
        self.sky.apply(self.platform, step)
    }

    fn volumes(&self) -> Result<Vec<VolumeSighting>, CloudError> {
        let homes = self.sky.homes.lock().unwrap();
        let mut seen = self.sky.cloud.volumes()?;
        seen.retain(|volume| homes.get(&volume.cloud_volume_id) == Some(&self.platform));
        Ok(seen)
    }

    fn remove_volume(&self, cloud_volume_id: &str) -> Result<(), CloudError> {
        self.sky.cloud.remove_volume(cloud_volume_id)
    }

    fn wait_for_change(&self, _at_most: std::time::Duration) -> bool {
        false
    }
}
