//! The last complete listing of each platform, and how old it is.
//!
//! Ages are kept by the monotonic clock and told by the wall clock as it is now, so that somebody
//! who sets it makes nothing look older or fresher.

use super::Observed;
use crate::base::limit::LISTING_STALE_AFTER;
use crate::base::{Clock, Millis, ServerId, StepId, Timestamp};
use crate::model::{Freshness, Sighting, Step};
use std::collections::{BTreeMap, BTreeSet};

/// The last complete listings of one platform.
#[derive(Default)]
pub(super) struct Listing {
    begun: Option<Millis>,
    seen: BTreeMap<ServerId, Sighting>,
    /// Since when, and in how many listings in a row.
    pub(super) missing: BTreeMap<ServerId, (Millis, u32)>,
    /// Steps whose answer is lost, and when a listing first found them so.
    unknown: BTreeMap<StepId, Millis>,
}

/// Both clocks at one moment, to tell ages of the one by the other.
pub(super) struct ClockPair {
    now: Timestamp,
    elapsed: Millis,
}

impl ClockPair {
    pub(super) fn now(clock: &dyn Clock) -> ClockPair {
        ClockPair { now: clock.now(), elapsed: clock.monotonic() }
    }

    /// The clocks tick at different moments: rather a millisecond too old than too fresh.
    fn at(&self, then: Millis) -> Timestamp {
        self.now.before(self.elapsed.saturating_sub(then).saturating_add(1))
    }
}

impl Listing {
    pub(super) fn freshness(&self, server: ServerId, told: &ClockPair) -> Freshness {
        let Some(at) = self.begun.map(|begun| told.at(begun)) else { return Freshness::Unknown };
        if let Some(sighting) = self.seen.get(&server) {
            return Freshness::Seen { state: sighting.state, at };
        }
        match self.missing.get(&server) {
            Some((since, listings)) => {
                Freshness::Missing { since: told.at(*since), at, listings: *listings }
            }
            None => Freshness::Unknown,
        }
    }
}

impl Observed {
    /// Takes in a complete listing that began at `begun`, by the monotonic clock. `launched` are
    /// the servers of that platform whose launch was accepted before it began: those of them it
    /// lacks are missing. `awaited` are those that came where they are since the listing before:
    /// how they are shown is news of them, whatever it is. Says whether there is any news.
    pub fn record(
        &self,
        platform: &str,
        begun: Millis,
        sightings: &[Sighting],
        launched: &[ServerId],
        awaited: &[ServerId],
    ) -> bool {
        let mut inner = self.lock();
        let listing = inner.platforms.entry(platform.to_owned()).or_default();
        // After one that is too old to conclude from it is as good as the first.
        let last = listing.begun.replace(begun);
        let first = last.is_none_or(|last| begun.saturating_sub(last) >= LISTING_STALE_AFTER);
        let seen: BTreeMap<ServerId, Sighting> =
            sightings.iter().map(|s| (s.server, s.clone())).collect();
        let mut missing = BTreeMap::new();
        for server in launched.iter().filter(|id| !seen.contains_key(id)) {
            let before = listing.missing.get(server).copied();
            let (since, count) = before.unwrap_or((begun, 0));
            missing.insert(*server, (since, count.saturating_add(1)));
        }
        // A server that goes on missing matters too: the second listing without it may decide.
        let mut news: BTreeSet<ServerId> = missing.keys().chain(awaited).copied().collect();
        news.extend(
            seen.iter().filter(|(id, s)| listing.seen.get(id) != Some(s)).map(|(id, _)| id),
        );
        let unseen = |ids: &mut dyn Iterator<Item = &ServerId>| -> Vec<ServerId> {
            ids.filter(|id| !seen.contains_key(id)).copied().collect()
        };
        news.extend(unseen(&mut listing.seen.keys()));
        news.extend(unseen(&mut listing.missing.keys()));
        let changed = first || !news.is_empty();
        listing.seen = seen;
        listing.missing = missing;
        if first {
            inner.news.add_everything();
        }
        news.into_iter().for_each(|server| inner.news.add(server));
        changed
    }

    /// Forgets what was seen in a cloud account that is gone, and what was told of it.
    pub fn forget_account(&self, account: &str) {
        self.lock().platforms.remove(account);
        self.volumes.forget(account);
        self.leases.forget(account);
        for key in ["listing", "volumes-listing", "strays", "lease", "opening"] {
            self.set_alert(&format!("{key}-{account}"), None);
        }
    }

    /// When the last listing of a platform began, by the wall clock as it is now.
    pub fn listed_at(&self, clock: &dyn Clock, platform: &str) -> Option<Timestamp> {
        let told = ClockPair::now(clock);
        let begun = self.lock().platforms.get(platform)?.begun?;
        Some(told.at(begun))
    }

    /// When listings first found each of these steps unknown, by the monotonic clock; those that
    /// are not among them any more are forgotten.
    pub fn unknown_since(
        &self,
        platform: &str,
        steps: &[Step],
        now: Millis,
    ) -> BTreeMap<StepId, Millis> {
        let mut inner = self.lock();
        let listing = inner.platforms.entry(platform.to_owned()).or_default();
        let since = |step: &Step| listing.unknown.get(&step.id).copied().unwrap_or(now);
        listing.unknown = steps.iter().map(|step| (step.id, since(step))).collect();
        listing.unknown.clone()
    }

    /// Whether the last listing of each platform is recent enough to conclude from.
    pub fn fresh_platforms(&self, clock: &dyn Clock) -> BTreeMap<String, bool> {
        let elapsed = clock.monotonic();
        let inner = self.lock();
        let listings = inner.platforms.iter();
        listings
            .map(|(platform, listing)| {
                let age =
                    listing.begun.map(|begun| elapsed.saturating_sub(begun).saturating_add(1));
                (platform.clone(), age.is_some_and(|age| age <= LISTING_STALE_AFTER))
            })
            .collect()
    }

    /// When the last listing of a platform will be too old to conclude from, the first that will
    /// be, by the monotonic clock.
    pub fn next_stale(&self, elapsed: Millis) -> Option<Millis> {
        let inner = self.lock();
        let begun = inner.platforms.values().filter_map(|listing| listing.begun);
        let stale = begun.map(|begun| begun.saturating_add(LISTING_STALE_AFTER));
        stale.filter(|at| *at > elapsed).min()
    }

    /// What is known of one server. Ages are kept by the monotonic clock and told by the wall
    /// clock as it is now, so that somebody who sets it makes nothing look older or fresher.
    pub fn freshness(&self, clock: &dyn Clock, platform: &str, server: ServerId) -> Freshness {
        let told = ClockPair::now(clock);
        let inner = self.lock();
        let listing = inner.platforms.get(platform);
        listing.map_or(Freshness::Unknown, |listing| listing.freshness(server, &told))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ManualClock;

    #[test]
    fn setting_the_clock_makes_nothing_missing_for_longer() {
        let clock = ManualClock::at(Timestamp(1_000_000));
        let observed = Observed::new(&clock);
        let server = ServerId(1);
        let look = || observed.record("simulated", clock.monotonic(), &[], &[server], &[]);
        let check = |length: Millis| match observed.freshness(&clock, "simulated", server) {
            Freshness::Missing { since, at, listings: 2 } => {
                assert_eq!((clock.now().since(since), clock.now().since(at)), (length + 1, 1));
            }
            other => panic!("{other:?}"),
        };
        look();
        clock.advance(5_000);
        look();
        check(5_000);
        clock.jump_to(Timestamp(9_000_000));
        check(5_000);
        clock.jump_to(Timestamp(10));
        check(5_000);
    }
}
