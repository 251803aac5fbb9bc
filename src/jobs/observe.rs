//! Lists every cloud, and lets the service commit what the listing proves.

use crate::base::problem::chain;
use crate::jobs::{Job, Ports, Work};
use crate::model::Actor;
use crate::service::observe::{self, Look};

/// The job.
pub struct Observe;

impl Job for Observe {
    fn step(&mut self, ports: &Ports) -> Work {
        let service = &ports.service;
        let actor = Actor::job("observe");
        let mut failures = Vec::new();
        for (platform, cloud) in &ports.clouds {
            let look = Look::begin(service, platform, cloud.settles_within());
            let outcome = match cloud.list() {
                Ok(sightings) => observe::listing(service, &actor, look, sightings)
                    .map_err(|problem| chain(&problem)),
                // A failed listing proves nothing: what was seen before only gets older.
                Err(error) => Err(chain(&error)),
            };
            let alert = outcome.err().map(|why| format!("{platform} cannot be listed: {why}"));
            service.observed.set_alert(&format!("listing-{platform}"), alert.clone());
            failures.extend(alert);
        }
        if failures.is_empty() {
            return Work::done(format!("{} clouds listed", ports.clouds.len()));
        }
        Work { note: failures.join("; "), failed: true, next: None }
    }
}
