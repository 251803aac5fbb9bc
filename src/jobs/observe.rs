//! Lists every cloud, each in a place of its own, and lets the service commit what a listing
//! proves. One that hangs or fails leaves the others as they were: it only gets older.

use crate::base::limit::LISTING_PERIOD;
use crate::base::problem::chain;
use crate::base::{Millis, Waker};
use crate::clouds::{Cloud, Verdict};
use crate::jobs::accounts::OpenAccount;
use crate::jobs::{Job, Ports, Work};
use crate::model::Actor;
use crate::service::Service;
use crate::service::clouds::accounts::listing_alert;
use crate::service::clouds::observe::{self, Look};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

/// The job.
#[derive(Default)]
pub struct Observe {
    turns: BTreeMap<String, Turn>,
}

/// When one account is listed next.
struct Turn {
    /// Up when somebody wants it listed and it was not since.
    wanted: Waker,
    /// When its last listing began, by the monotonic clock.
    begun: Option<Millis>,
    /// It was asked too often, and is not listed before this, by the monotonic clock.
    rests_until: Arc<AtomicU64>,
}

impl Job for Observe {
    fn step(&mut self, ports: &Ports) -> Work {
        let service = &ports.service;
        let now = service.clock.monotonic();
        let (mut begun, mut next) = (0, None::<Millis>);
        let accounts = ports.accounts();
        self.turns.retain(|name, _| accounts.iter().any(|account| account.name == *name));
        let count = accounts.len();
        for OpenAccount { name, cloud, listing, .. } in accounts {
            let turn = self.turns.entry(name.clone()).or_insert_with(|| Turn::new(service));
            // While the one before is under way the wish stays, and its end wakes this job.
            if turn.is_due(now) && listing.has_room() {
                turn.begin(now);
                let (service, rests_until) = (service.clone(), turn.rests_until.clone());
                listing.run(Box::new(move || {
                    let length = list(&service, &*cloud, &name);
                    let now = service.clock.monotonic();
                    rests_until.store(length.map_or(0, |l| now.saturating_add(l)), Relaxed);
                }));
                begun += 1;
            }
            next = next.into_iter().chain(turn.left(now)).min();
        }
        let note = format!("{begun} of {count} clouds are being listed anew");
        Work::done(note).by(next.map(|left| service.now().after(left)))
    }
}

impl Turn {
    fn new(service: &Service) -> Turn {
        let wanted = Waker::new();
        wanted.follow(&service.listing);
        Turn { wanted, begun: None, rests_until: Arc::default() }
    }

    /// Leaves the wish as it is.
    fn is_due(&self, now: Millis) -> bool {
        !self.rests(now) && (self.left(now).is_none() || self.wanted.is_up())
    }

    fn begin(&mut self, now: Millis) {
        self.wanted.take();
        self.begun = Some(now);
    }

    fn rests(&self, now: Millis) -> bool {
        self.rests_until.load(Relaxed) > now
    }

    /// Until its period and its rest are over; `None` when they are.
    fn left(&self, now: Millis) -> Option<Millis> {
        let period = self.begun.map_or(0, |begun| begun.saturating_add(LISTING_PERIOD));
        let over = period.max(self.rests_until.load(Relaxed));
        (over > now).then(|| over - now)
    }
}

/// Lists it once. How long it wants not to be listed, in milliseconds, where it says so.
fn list(service: &Arc<Service>, cloud: &dyn Cloud, platform: &str) -> Option<Millis> {
    let look = Look::begin(service, platform, cloud.settles_within());
    let (outcome, rest) = match cloud.list() {
        Ok(sightings) => {
            let listed = observe::listing(service, &Actor::job("observe"), look, sightings);
            (listed.map_err(|problem| chain(&problem)), None)
        }
        // A failed listing proves nothing: what was seen before only gets older.
        Err(error) => {
            let error = error.tidied();
            let rest = match error.verdict() {
                Verdict::Rest(length) => Some(length),
                _ => None,
            };
            (Err(chain(&error)), rest)
        }
    };
    let alert = outcome.err().map(|why| format!("{platform} cannot be listed: {why}"));
    if let Some(why) = &alert {
        tracing::warn!(why, "listing");
    }
    service.observed.set_alert(&listing_alert(platform), alert);
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_platform_is_listed_when_its_period_is_over_or_somebody_wants_it() {
        let mut turn = Turn { wanted: Waker::new(), begun: None, rests_until: Arc::default() };
        assert!(turn.is_due(0) && turn.left(0).is_none(), "it never was");
        turn.wanted.wake();
        turn.begin(5);
        assert!(!turn.is_due(5), "the wish is granted");
        assert_eq!(turn.left(5), Some(LISTING_PERIOD));
        assert_eq!(turn.left(4 + LISTING_PERIOD), Some(1));
        assert!(!turn.is_due(4 + LISTING_PERIOD) && turn.is_due(5 + LISTING_PERIOD));
        turn.wanted.wake();
        assert!(turn.is_due(6), "and again at once");
        turn.rests_until.store(90_000, Relaxed);
        assert!(!turn.is_due(89_999), "it asked to be left alone, whoever wants it listed");
        assert_eq!(turn.left(60_000), Some(30_000));
        assert!(turn.is_due(90_000));
    }
}
