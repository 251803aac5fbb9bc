//! Data volumes: Docker's own, with our labels.

use super::container::{APPLIANCE, Container};
use super::engine::Content;
use super::{Docker, filter};
use crate::clouds::volume::{VolumeMark, VolumeRequest, VolumeSighting};
use crate::clouds::{CloudError, LaunchRequest};
use serde::Deserialize;
use serde_json::json;
use std::collections::BTreeMap;

/// The label with what a volume is.
const MARK: &str = "grange.volume";

/// A volume as the engine shows it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct ShownVolume {
    pub(super) name: String,
    pub(super) labels: Option<BTreeMap<String, String>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Listed {
    volumes: Option<Vec<ShownVolume>>,
}

/// What the engine calls a volume: two appliances may use one engine, and count from one each.
pub fn name(tag: &str, cloud_volume_id: &str) -> String {
    format!("grange-{tag}-{cloud_volume_id}")
}

impl Docker {
    fn volume_name(&self, cloud_volume_id: &str) -> String {
        name(&self.appliance.tag, cloud_volume_id)
    }

    /// Finds the volumes of a launch, and makes those that may be made. One that a container has is
    /// that one's.
    pub(super) fn claim_volumes(&self, request: &LaunchRequest) -> Result<(), CloudError> {
        if request.storage.is_empty() {
            return Ok(());
        }
        let containers = self.containers(None)?;
        for volume in &request.storage {
            let name = self.volume_name(&volume.cloud_volume_id);
            let is_other =
                |one: &&Container| one.mounts(&name) && one.server() != Some(request.server);
            if let Some(other) = containers.iter().find(is_other) {
                let other = other.server().map(|id| id.to_string()).unwrap_or_default();
                let text = format!("server {other} still has the volumes of {}", request.hostname);
                return Err(CloudError::Busy(text));
            }
            self.claim_volume(volume, &name)?;
        }
        Ok(())
    }

    fn claim_volume(&self, volume: &VolumeRequest, name: &str) -> Result<(), CloudError> {
        let there = self.engine.get::<ShownVolume>(&format!("/volumes/{name}"))?;
        if there.is_some() {
            return Ok(());
        }
        if !volume.may_be_made {
            let id = &volume.cloud_volume_id;
            let text = format!("its data volume {id} is not there any more: {name}");
            return Err(CloudError::NotFound(text));
        }
        let mark = serde_json::to_string(&volume.mark).unwrap_or_default();
        let labels = json!({APPLIANCE: self.appliance.tag, MARK: mark});
        let body = json!({"Name": name, "Labels": labels});
        self.post("/volumes/create", Content::Json(&body), &[201]).map(drop)
    }

    pub(super) fn list_volumes(&self) -> Result<Vec<VolumeSighting>, CloudError> {
        let volumes = self.volumes_labelled(APPLIANCE)?;
        let containers = self.containers(None)?;
        let prefix = self.volume_name("");
        let sight = |shown: &ShownVolume| Some(self.sight_volume(shown, &prefix, &containers));
        Ok(volumes.iter().filter_map(sight).collect())
    }

    fn sight_volume(
        &self,
        shown: &ShownVolume,
        prefix: &str,
        containers: &[Container],
    ) -> VolumeSighting {
        let mark = shown.labels.as_ref().and_then(|labels| labels.get(MARK));
        let mark: Option<VolumeMark> = mark.and_then(|text| serde_json::from_str(text).ok());
        let user = containers.iter().find(|container| container.mounts(&shown.name));
        let id = shown.name.strip_prefix(prefix).unwrap_or(&shown.name);
        VolumeSighting {
            cloud_volume_id: id.to_owned(),
            mark,
            place: None,
            server: user.and_then(Container::server),
        }
    }

    pub(super) fn destroy_volume(&self, cloud_volume_id: &str) -> Result<(), CloudError> {
        self.remove_named(&self.volume_name(cloud_volume_id))
    }

    /// The volumes that have our tag as a label.
    pub(super) fn volumes_labelled(&self, label: &str) -> Result<Vec<ShownVolume>, CloudError> {
        let label = format!("{label}={}", self.appliance.tag);
        let path = format!("/volumes?filters={}", filter(&[label]));
        let listed = self.engine.get::<Listed>(&path)?;
        let missing = || CloudError::Unknown("the engine lists no volumes".to_owned());
        Ok(listed.ok_or_else(missing)?.volumes.unwrap_or_default())
    }

    /// Removes a volume by the engine's name of it; one that is not there is removed already.
    pub(super) fn remove_named(&self, name: &str) -> Result<(), CloudError> {
        let answer = self.engine.call("DELETE", &format!("/volumes/{name}"), Content::Nothing)?;
        match answer.status {
            204 | 404 => Ok(()),
            _ => Err(answer.error()),
        }
    }
}
