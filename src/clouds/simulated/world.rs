//! The state of a simulated cloud, and what each call does to it when nothing goes wrong.

use super::Delays;
use crate::base::{Millis, ServerId};
use crate::clouds::volume::{VolumeMark, VolumeSighting};
use crate::clouds::{CloudError, CloudStep, LaunchRequest};
use crate::model::{CloudState, Sighting};
use std::collections::BTreeMap;

/// A data volume.
pub(super) struct Volume {
    pub mark: VolumeMark,
    /// What was written to it, by path.
    pub files: BTreeMap<String, String>,
}

#[derive(Default)]
pub(super) struct World {
    pub servers: BTreeMap<ServerId, Simulated>,
    /// Dead ones that listings still show, with the moment that ends.
    pub lingering: Vec<(Millis, Sighting)>,
    /// By name.
    pub volumes: BTreeMap<String, Volume>,
    launched: u64,
}

/// One server.
pub(super) struct Simulated {
    pub request: LaunchRequest,
    pub power: Power,
    pub number: u64,
    /// Listings show it from then on.
    pub listed_from: Millis,
    /// Listings leave it out although it runs.
    pub forgotten: bool,
    pub stillborn: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Power {
    /// Up at that moment.
    Booting(Millis),
    Stopped,
    Suspended,
}

impl Simulated {
    /// What it is at this moment.
    pub fn state(&self, now: Millis) -> CloudState {
        match self.power {
            Power::Booting(up_at) if now >= up_at && !self.stillborn => CloudState::Running,
            Power::Booting(_) => CloudState::Pending,
            Power::Stopped => CloudState::Stopped,
            Power::Suspended => CloudState::Suspended,
        }
    }

    /// As a listing shows it at this moment.
    pub fn sighting(&self, now: Millis) -> Sighting {
        let (high, low) = (self.number / 250 % 250, self.number % 250 + 1);
        Sighting {
            server: self.request.server,
            cloud_server_id: format!("sim-{}", self.number),
            state: self.state(now),
            private_ips: vec![format!("10.0.{high}.{low}")],
            public_ips: Vec::new(),
        }
    }
}

impl World {
    /// Carries out a step. `chance` says whether a new server is stillborn.
    pub fn apply(
        &mut self,
        step: &CloudStep,
        now: Millis,
        delays: Delays,
        appears_after: Millis,
        stillborn: bool,
    ) -> Result<(), CloudError> {
        let up = Power::Booting(now.saturating_add(delays.boot));
        match step {
            CloudStep::Launch(request) => {
                if self.servers.contains_key(&request.server) {
                    return Ok(());
                }
                self.attach_volumes(request)?;
                self.launched += 1;
                let server = Simulated {
                    request: (**request).clone(),
                    power: Power::Booting(now.saturating_add(delays.launch + delays.boot)),
                    number: self.launched,
                    listed_from: now.saturating_add(appears_after),
                    forgotten: false,
                    stillborn,
                };
                self.servers.insert(request.server, server);
                Ok(())
            }
            CloudStep::Terminate(_) => Ok(()),
            CloudStep::Suspend(id) => {
                let state = self.known(*id)?.state(now);
                match state {
                    CloudState::Running | CloudState::Suspended => {
                        self.known(*id)?.power = Power::Suspended;
                        Ok(())
                    }
                    other => Err(CloudError::Refused(format!("{id} is {other:?}, not running"))),
                }
            }
            CloudStep::Resume(id) => {
                let server = self.known(*id)?;
                match server.power {
                    Power::Suspended => server.power = Power::Booting(now),
                    Power::Booting(_) => {}
                    Power::Stopped => {
                        return Err(CloudError::Refused(format!("{id} is stopped, not suspended")));
                    }
                }
                Ok(())
            }
            CloudStep::Reboot(id) => {
                self.known(*id)?.power = up;
                Ok(())
            }
            CloudStep::Stop(id) => {
                self.known(*id)?.power = Power::Stopped;
                Ok(())
            }
            CloudStep::Start(id) => {
                let server = self.known(*id)?;
                if server.power == Power::Stopped {
                    server.power = up;
                }
                Ok(())
            }
        }
    }

    /// Finds or makes the volumes of a launch.
    fn attach_volumes(&mut self, request: &LaunchRequest) -> Result<(), CloudError> {
        for volume in &request.storage {
            let id = &volume.cloud_volume_id;
            if !volume.may_be_made && !self.volumes.contains_key(id) {
                return Err(CloudError::NotFound(format!("volume {id} is not there any more")));
            }
            if let Some(user) = self.user_of(id) {
                return Err(CloudError::Busy(format!("{user} has volume {id}")));
            }
        }
        for volume in &request.storage {
            let made = || Volume { mark: volume.mark.clone(), files: BTreeMap::new() };
            let found = self.volumes.entry(volume.cloud_volume_id.clone()).or_insert_with(made);
            found.mark = volume.mark.clone();
        }
        Ok(())
    }

    fn user_of(&self, cloud_volume_id: &str) -> Option<ServerId> {
        let has = |server: &&Simulated| {
            let mut storage = server.request.storage.iter();
            storage.any(|volume| volume.cloud_volume_id == cloud_volume_id)
        };
        self.servers.values().find(has).map(|server| server.request.server)
    }

    /// Every volume.
    pub fn volume_listing(&self) -> Vec<VolumeSighting> {
        let seen = |(id, volume): (&String, &Volume)| VolumeSighting {
            cloud_volume_id: id.clone(),
            mark: Some(volume.mark.clone()),
            place: None,
            server: self.user_of(id),
        };
        self.volumes.iter().map(seen).collect()
    }

    /// Destroys a volume.
    pub fn remove_volume(&mut self, cloud_volume_id: &str) -> Result<(), CloudError> {
        if let Some(user) = self.user_of(cloud_volume_id) {
            return Err(CloudError::Busy(format!("{user} has it")));
        }
        self.volumes.remove(cloud_volume_id);
        Ok(())
    }

    /// Removes a server; listings show it for `lingers_for` more, as it was.
    pub fn remove(&mut self, id: ServerId, now: Millis, lingers_for: Millis) {
        let Some(server) = self.servers.remove(&id) else { return };
        if lingers_for > 0 && !server.forgotten {
            self.lingering.push((now.saturating_add(lingers_for), server.sighting(now)));
        }
    }

    /// What a listing shows.
    pub fn listing(&mut self, now: Millis) -> Vec<Sighting> {
        self.lingering.retain(|(until, _)| now < *until);
        let alive = self.servers.values().filter(|s| !s.forgotten && now >= s.listed_from);
        let mut shown: Vec<Sighting> = alive.map(|s| s.sighting(now)).collect();
        for (_, ghost) in &self.lingering {
            if !shown.iter().any(|s| s.server == ghost.server) {
                shown.push(ghost.clone());
            }
        }
        shown.sort_by_key(|s| s.server);
        shown
    }

    fn known(&mut self, id: ServerId) -> Result<&mut Simulated, CloudError> {
        let missing = || CloudError::NotFound(format!("there is no server {id}"));
        self.servers.get_mut(&id).ok_or_else(missing)
    }
}
