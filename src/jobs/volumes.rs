//! Lists the data volumes of every cloud, and destroys those that a person wants gone.

use crate::base::limit::VOLUMES_PERIOD;
use crate::base::problem::chain;
use crate::base::{Millis, VolumeId};
use crate::clouds::Cloud;
use crate::jobs::accounts::OpenAccount;
use crate::jobs::{Job, Ports, Work};
use crate::model::{Actor, Grant, Volume};
use crate::service::clouds::lease;
use crate::service::servers::volumes;
use crate::service::{Service, lookup};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The job.
#[derive(Default)]
pub struct Volumes {
    /// When each account was asked last, by the monotonic clock.
    listed: BTreeMap<String, Millis>,
    /// When each volume was last asked to go. Asking twice at once does no harm.
    asked: BTreeMap<VolumeId, Millis>,
}

impl Job for Volumes {
    fn step(&mut self, ports: &Ports) -> Work {
        let (service, now) = (&ports.service, ports.service.clock.monotonic());
        let doomed = match service.read(&Grant::job("volumes"), lookup::doomed_volumes) {
            Ok(doomed) => doomed,
            Err(problem) => return Work::failed(&problem),
        };
        self.asked.retain(|id, _| doomed.iter().any(|volume| volume.id == *id));
        let rested = |at: Option<&Millis>| at.is_none_or(|at| now - at >= VOLUMES_PERIOD);
        let accounts = ports.accounts();
        let mut removed = 0;
        for volume in doomed {
            // A place that is free again wakes this job when there is no room.
            let account = accounts.iter().find(|account| account.name == volume.account);
            let place = account.map_or(&ports.pool, |account| &account.calls);
            let may = lease::may_call(service, &volume.account).unwrap_or(false);
            if rested(self.asked.get(&volume.id)) && may && place.has_room() {
                self.asked.insert(volume.id, now);
                remove(ports, account, volume);
                removed += 1;
            }
        }
        let mut listed = 0;
        for OpenAccount { name, cloud, calls, .. } in accounts {
            if rested(self.listed.get(&name)) && calls.has_room() {
                self.listed.insert(name.clone(), now);
                let service = service.clone();
                calls.run(Box::new(move || list(&service, &*cloud, &name)));
                listed += 1;
            }
        }
        Work::done(format!("{listed} clouds are being listed, {removed} volumes destroyed"))
    }
}

fn remove(ports: &Ports, account: Option<&OpenAccount>, volume: Volume) {
    let service = ports.service.clone();
    let cloud = account.map(|account| account.cloud.clone());
    let place = account.map_or(&ports.pool, |account| &account.calls);
    place.run(Box::new(move || {
        let failure = match cloud {
            Some(cloud) => cloud.remove_volume(&volume.cloud_volume_id).err().map(|e| chain(&e)),
            None => Some(format!("there is no cloud account {} here", volume.account)),
        };
        let actor = Actor::job("volumes");
        if let Err(problem) = volumes::took_away(&service, &actor, volume.id, failure) {
            tracing::warn!(why = chain(&problem), volume = volume.id.0, "the end of a volume");
        }
    }));
}

fn list(service: &Arc<Service>, cloud: &dyn Cloud, platform: &str) {
    let outcome = match cloud.volumes() {
        Ok(seen) => volumes::take(service, &Actor::job("volumes"), platform, seen)
            .map_err(|problem| chain(&problem)),
        // It proves nothing: what was seen before only gets older.
        Err(error) => Err(chain(&error)),
    };
    let alert = outcome.err().map(|why| format!("{platform}'s volumes cannot be listed: {why}"));
    service.observed.set_alert(&format!("volumes-listing-{platform}"), alert);
}
