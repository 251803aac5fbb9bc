//! Keeps the leases of cloud accounts: each in a place of its own, so that calls that hang do not
//! lose it. An account that is removed is given up.

use crate::base::Millis;
use crate::base::limit::LEASE_PERIOD;
use crate::base::problem::chain;
use crate::clouds::Cloud;
use crate::jobs::accounts::OpenAccount;
use crate::jobs::{Job, Pool, Ports, Work};
use crate::model::Actor;
use crate::service::clouds::lease;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The job that keeps leases.
#[derive(Default)]
pub struct KeepLeases {
    kept: BTreeMap<String, Kept>,
}

/// An account whose lease is kept.
struct Kept {
    /// When its last look began, by the monotonic clock.
    begun: Option<Millis>,
    cloud: Arc<dyn Cloud>,
    place: Arc<dyn Pool>,
}

impl Job for KeepLeases {
    fn step(&mut self, ports: &Ports) -> Work {
        let service = &ports.service;
        let now = service.clock.monotonic();
        // Looks begin before accounts are read: one that changes in between is looked at again.
        let names = ports.accounts().into_iter().map(|account| account.name);
        let looks: BTreeMap<_, _> =
            names.map(|name| (name.clone(), lease::look(service, &name))).collect();
        let accounts = ports.accounts();
        self.give_up(&accounts);
        let (mut looked, mut next) = (0, None::<Millis>);
        for OpenAccount { name, cloud, lease: place, .. } in accounts {
            let Some(look) = looks.get(&name).cloned() else { continue };
            if cloud.lease().is_none() {
                service.observed.leases.set_not_kept(&name);
                continue;
            }
            let fresh = || Kept { begun: None, cloud: cloud.clone(), place: place.clone() };
            let kept = self.kept.entry(name).or_insert_with(fresh);
            if !Arc::ptr_eq(&kept.cloud, &cloud) {
                *kept = fresh();
            }
            let due = kept.begun.map_or(now, |begun| begun.saturating_add(LEASE_PERIOD));
            if due > now {
                next = next.into_iter().chain([due]).min();
            } else if place.has_room() {
                kept.begun = Some(now);
                looked += 1;
                next = next.into_iter().chain([now.saturating_add(LEASE_PERIOD)]).min();
                let (service, calls) = (service.clone(), ports.added.calls_freed.clone());
                place.run(Box::new(move || {
                    let Some(marks) = cloud.lease() else { return };
                    match lease::keep(&service, &Actor::job("lease"), &look, marks) {
                        Ok(true) => calls.wake(),
                        Ok(false) => {}
                        Err(problem) => tracing::warn!(why = chain(&problem), "a lease"),
                    }
                }));
            }
        }
        let next = next.map(|at| service.now().after(at.saturating_sub(now)));
        Work::done(format!("{looked} of {} leases are being kept", self.kept.len())).by(next)
    }
}

impl KeepLeases {
    /// Takes our marks out of accounts that are gone.
    fn give_up(&mut self, accounts: &[OpenAccount]) {
        self.kept.retain(|name, kept| {
            let stays = accounts.iter().any(|account| account.name == *name);
            if !stays && !kept.place.has_room() {
                // A look is under way, and its end wakes this job.
                return true;
            }
            if !stays {
                let (name, cloud) = (name.clone(), kept.cloud.clone());
                kept.place.run(Box::new(move || {
                    if let Some(Err(error)) = cloud.lease().map(|marks| marks.clear()) {
                        tracing::warn!(%name, %error, "marks of a removed account stay in it");
                    }
                }));
            }
            stays
        });
    }
}
