//! What people see of a volume.

use super::who_has;
use crate::base::{FarmRoleId, Result};
use crate::model::{FarmRole, Server, Volume};
use crate::service::clouds::known;
use crate::service::{Service, lookup};
use crate::store::View;
use crate::wire::volume::VolumeView;
use std::collections::BTreeMap;

/// One volume, for people.
pub(in crate::service) fn seen(
    service: &Service,
    view: &View,
    volume: Volume,
) -> Result<VolumeView> {
    Viewer::new(service, view).view(volume)
}

/// Shows volumes, and remembers between them what it looked up of their farm roles.
pub(super) struct Viewer<'a> {
    service: &'a Service,
    view: &'a View,
    known: BTreeMap<FarmRoleId, Option<(FarmRole, Vec<Server>)>>,
}

impl<'a> Viewer<'a> {
    /// One that knows nothing yet.
    pub fn new(service: &'a Service, view: &'a View) -> Viewer<'a> {
        Viewer { service, view, known: BTreeMap::new() }
    }

    /// A volume, for people.
    pub fn view(&mut self, volume: Volume) -> Result<VolumeView> {
        let server = self.user(&volume)?;
        let declared = match &volume.owner {
            Some(owner) => self.crew(owner.farm_role)?.is_some(),
            None => false,
        };
        let status = status(self.service, &volume, server.is_some(), declared);
        let owner = volume.owner.as_ref();
        Ok(VolumeView {
            id: volume.id.0,
            name: volume.name(),
            status: status.to_owned(),
            farm: owner.map(|owner| owner.farm.to_string()),
            alias: owner.map(|owner| owner.alias.to_string()),
            index: owner.map(|owner| owner.index),
            mount_point: owner.map(|owner| owner.mount_point.clone()),
            server: server.as_ref().map(|server| server.id.to_string()),
            size: volume.size_bytes,
            cloud_platform: known::platform_of(self.view, &volume.account)?,
            cloud_account: volume.account.clone(),
            cloud_location: volume.location.clone(),
            cloud_volume_id: volume.cloud_volume_id.clone(),
            created: volume.created_at.to_string(),
        })
    }

    fn user(&mut self, volume: &Volume) -> Result<Option<Server>> {
        let Some(owner) = volume.owner.clone() else { return Ok(None) };
        let Some((role, crew)) = self.crew(owner.farm_role)? else { return Ok(None) };
        Ok(who_has(&owner, role, crew).cloned())
    }

    fn crew(&mut self, id: FarmRoleId) -> Result<Option<&(FarmRole, Vec<Server>)>> {
        if !self.known.contains_key(&id) {
            let found = match lookup::farm_role(self.view, id)? {
                Some(role) => Some((role, lookup::live_servers_of_farm_role(self.view, id)?)),
                None => None,
            };
            self.known.insert(id, found);
        }
        Ok(self.known.get(&id).and_then(Option::as_ref))
    }
}

fn status(service: &Service, volume: &Volume, used: bool, declared: bool) -> &'static str {
    let missing = service.observed.volumes.is_missing(volume);
    match (volume.delete_requested, missing, used, declared, &volume.owner) {
        (true, ..) => "deleting",
        (_, true, ..) => "missing",
        (_, _, true, ..) => "attached",
        (_, _, _, true, _) => "kept",
        (.., Some(_)) => "left",
        (.., None) => "unknown",
    }
}
