//! The pace: how many steps begin per minute for each cloud account.
//!
//! A bucket for each account, filled by the monotonic clock, so that setting the time of day makes
//! nobody wait longer or shorter. Each step takes one from it as it begins. The last tenth is for
//! terminating what people asked to go: it never waits behind a thousand launches. What is in the
//! buckets is forgotten by a restart, which begins with full ones.

use crate::base::Millis;
use crate::engine::input::Paced;
use crate::model::{Server, Step, StepKind, TerminateReason};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// One step in a bucket's units: it gains the steps per minute of them each millisecond.
const STEP: u64 = 60_000;

/// The buckets of all accounts.
pub struct Pace {
    per_minute: u32,
    buckets: Mutex<BTreeMap<String, Bucket>>,
}

#[derive(Clone, Copy)]
struct Bucket {
    holds: u64,
    at: Millis,
}

/// Whom a step is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// What the engine wants.
    Usual,
    /// A server goes because people asked for that.
    Person,
}

impl Priority {
    /// The claim of a step.
    pub fn of(step: &Step, server: &Server) -> Priority {
        let asked = server.terminate_requested
            || server.terminate_reason.is_some_and(TerminateReason::is_asked);
        match step.kind {
            StepKind::Terminate if asked => Priority::Person,
            StepKind::Terminate
            | StepKind::Launch
            | StepKind::Suspend
            | StepKind::Resume
            | StepKind::Reboot
            | StepKind::Start
            | StepKind::Stop => Priority::Usual,
        }
    }
}

impl Pace {
    /// Full buckets: so many steps at once, then so many a minute; at least one.
    pub fn new(per_minute: u32) -> Pace {
        Pace { per_minute: per_minute.max(1), buckets: Mutex::new(BTreeMap::new()) }
    }

    /// Steps per minute.
    pub fn per_minute(&self) -> u32 {
        self.per_minute
    }

    /// Takes one step out of an account's bucket, if it holds one for this claim.
    pub fn take(&self, account: &str, claim: Priority, elapsed: Millis) -> bool {
        let mut buckets = self.lock();
        let full = Bucket { holds: self.most(), at: elapsed };
        let bucket = buckets.entry(account.to_owned()).or_insert(full);
        *bucket = self.filled(*bucket, elapsed);
        let there = bucket.holds >= STEP.saturating_add(self.kept(claim));
        if there {
            bucket.holds -= STEP;
        }
        there
    }

    /// How many steps may begin at once.
    pub fn room(&self, account: &str, claim: Priority, elapsed: Millis) -> u64 {
        self.holds(account, elapsed).saturating_sub(self.kept(claim)) / STEP
    }

    /// How long until a step may begin; 0 when one may now.
    pub fn left(&self, account: &str, claim: Priority, elapsed: Millis) -> Millis {
        let needed = STEP.saturating_add(self.kept(claim));
        needed.saturating_sub(self.holds(account, elapsed)).div_ceil(u64::from(self.per_minute))
    }

    /// The accounts whose usual steps have to wait.
    pub fn waits(&self, elapsed: Millis) -> BTreeMap<String, Paced> {
        let accounts: Vec<String> = self.lock().keys().cloned().collect();
        let wait = |account: String| {
            let left = self.left(&account, Priority::Usual, elapsed);
            (left > 0).then_some((account, Paced { per_minute: self.per_minute, left }))
        };
        accounts.into_iter().filter_map(wait).collect()
    }

    fn holds(&self, account: &str, elapsed: Millis) -> u64 {
        let bucket = self.lock().get(account).copied();
        bucket.map_or(self.most(), |bucket| self.filled(bucket, elapsed).holds)
    }

    fn filled(&self, bucket: Bucket, elapsed: Millis) -> Bucket {
        let gained = elapsed.saturating_sub(bucket.at).saturating_mul(self.per_minute.into());
        let holds = bucket.holds.saturating_add(gained).min(self.most());
        Bucket { holds, at: bucket.at.max(elapsed) }
    }

    /// A minute's worth, and what is kept for those that people asked for.
    fn most(&self) -> u64 {
        u64::from(self.per_minute) * STEP + self.kept(Priority::Usual)
    }

    /// What this claim may not touch: a tenth of a minute's worth, at least one.
    fn kept(&self, claim: Priority) -> u64 {
        match claim {
            Priority::Usual => u64::from((self.per_minute / 10).max(1)) * STEP,
            Priority::Person => 0,
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Bucket>> {
        // Every change under this lock is one assignment, so a panic elsewhere leaves it whole.
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(pace: &Pace, claim: Priority, elapsed: Millis) -> usize {
        (0..10_000).take_while(|_| pace.take("onboard", claim, elapsed)).count()
    }

    #[test]
    fn a_burst_begins_and_then_the_pace_holds() {
        let pace = Pace::new(600);
        assert_eq!(taken(&pace, Priority::Usual, 5_000), 600);
        assert_eq!(pace.left("onboard", Priority::Usual, 5_000), 100);
        assert_eq!(pace.waits(5_000)["onboard"], Paced { per_minute: 600, left: 100 });
        assert_eq!(taken(&pace, Priority::Usual, 5_099), 0);
        assert_eq!(taken(&pace, Priority::Usual, 5_100), 1);
        assert_eq!(taken(&pace, Priority::Usual, 15_100), 100);
        assert_eq!(taken(&pace, Priority::Usual, 9_000_000), 600);
        assert_eq!(pace.waits(9_000_100), BTreeMap::new());
    }

    #[test]
    fn accounts_do_not_wait_for_one_another() {
        let pace = Pace::new(6);
        assert_eq!(taken(&pace, Priority::Usual, 0), 6);
        assert!(pace.take("elsewhere", Priority::Usual, 0));
        assert_eq!(pace.room("elsewhere", Priority::Usual, 0), 5);
        assert_eq!(pace.room("onboard", Priority::Usual, 0), 0);
        assert_eq!(pace.room("never used", Priority::Usual, 0), 6);
    }

    #[test]
    fn what_people_asked_for_goes_before_a_thousand_launches() {
        let pace = Pace::new(600);
        assert_eq!(taken(&pace, Priority::Usual, 0), 600);
        assert_eq!(pace.left("onboard", Priority::Person, 0), 0);
        assert_eq!(taken(&pace, Priority::Person, 0), 60);
        // The next ones are theirs too: the others wait until the last tenth is back.
        assert_eq!(taken(&pace, Priority::Usual, 1_000), 0);
        assert_eq!(taken(&pace, Priority::Person, 1_000), 10);
        assert_eq!(pace.left("onboard", Priority::Usual, 1_000), 6_100);
    }

    #[test]
    fn the_slowest_and_the_fastest_pace_are_paces_too() {
        let slow = Pace::new(0);
        assert_eq!(taken(&slow, Priority::Usual, 0), 1);
        assert_eq!(slow.left("onboard", Priority::Usual, 0), 60_000);
        assert_eq!(taken(&slow, Priority::Person, 0), 1);
        assert_eq!(taken(&Pace::new(u32::MAX), Priority::Usual, 0), 10_000);
    }
}
