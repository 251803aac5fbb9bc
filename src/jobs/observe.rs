//! Lists every cloud, each in a place of its own, and lets the service commit what a listing
//! proves. One that hangs or fails leaves the others as they were: it only gets older.

use crate::base::limit::LISTING_PERIOD;
use crate::base::problem::chain;
use crate::base::{Millis, Waker};
use crate::clouds::Cloud;
use crate::jobs::{Job, Ports, Work};
use crate::model::Actor;
use crate::service::Service;
use crate::service::clouds::observe::{self, Look};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The job.
#[derive(Default)]
pub struct Observe {
    turns: BTreeMap<String, Turn>,
}

/// When one platform is listed next.
struct Turn {
    /// Up when somebody wants it listed and it was not since.
    wanted: Waker,
    /// When its last listing began, by the monotonic clock.
    begun: Option<Millis>,
}

impl Job for Observe {
    fn step(&mut self, ports: &Ports) -> Work {
        let service = &ports.service;
        let now = service.clock.monotonic();
        let (mut begun, mut next) = (0, None::<Millis>);
        for (platform, cloud) in &ports.clouds {
            let Some(place) = ports.listings.get(platform) else { continue };
            let turn = self.turns.entry(platform.clone()).or_insert_with(|| Turn::new(service));
            // While the one before is under way the wish stays, and its end wakes this job.
            if turn.is_due(now) && place.has_room() {
                turn.begin(now);
                let (service, cloud, name) = (service.clone(), cloud.clone(), platform.clone());
                place.run(Box::new(move || list(&service, &*cloud, &name)));
                begun += 1;
            }
            next = next.into_iter().chain(turn.left(now)).min();
        }
        let note = format!("{begun} of {} clouds are being listed anew", ports.clouds.len());
        Work::done(note).by(next.map(|left| service.now().after(left)))
    }
}

impl Turn {
    fn new(service: &Service) -> Turn {
        let wanted = Waker::new();
        wanted.follow(&service.listing);
        Turn { wanted, begun: None }
    }

    /// Leaves the wish as it is.
    fn is_due(&self, now: Millis) -> bool {
        self.left(now).is_none() || self.wanted.is_up()
    }

    fn begin(&mut self, now: Millis) {
        self.wanted.take();
        self.begun = Some(now);
    }

    /// Until its period is over; `None` when it is.
    fn left(&self, now: Millis) -> Option<Millis> {
        let over = self.begun?.saturating_add(LISTING_PERIOD);
        (over > now).then(|| over - now)
    }
}

fn list(service: &Arc<Service>, cloud: &dyn Cloud, platform: &str) {
    let look = Look::begin(service, platform, cloud.settles_within());
    let outcome = match cloud.list() {
        Ok(sightings) => observe::listing(service, &Actor::job("observe"), look, sightings)
            .map_err(|problem| chain(&problem)),
        // A failed listing proves nothing: what was seen before only gets older.
        Err(error) => Err(chain(&error)),
    };
    let alert = outcome.err().map(|why| format!("{platform} cannot be listed: {why}"));
    if let Some(why) = &alert {
        tracing::warn!(why, "listing");
    }
    service.observed.set_alert(&format!("listing-{platform}"), alert);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_platform_is_listed_when_its_period_is_over_or_somebody_wants_it() {
        let mut turn = Turn { wanted: Waker::new(), begun: None };
        assert!(turn.is_due(0) && turn.left(0).is_none(), "it never was");
        turn.wanted.wake();
        turn.begin(5);
        assert!(!turn.is_due(5), "the wish is granted");
        assert_eq!(turn.left(5), Some(LISTING_PERIOD));
        assert_eq!(turn.left(4 + LISTING_PERIOD), Some(1));
        assert!(!turn.is_due(4 + LISTING_PERIOD) && turn.is_due(5 + LISTING_PERIOD));
        turn.wanted.wake();
        assert!(turn.is_due(6), "and again at once");
    }
}
