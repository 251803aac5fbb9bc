//! The last word about one server's check, and since when it fails.
//!
//! How a check that comes and goes is counted: the time it failed adds up over every time it fails
//! within [`HEALTHY_AGAIN_AFTER`] of the last, and begins anew only after it has passed for that
//! long without a break. So a server that is well for a moment now and then does not hide that it
//! is ill, and one that was ill yesterday is not punished for it.

use crate::base::Timestamp;
use crate::base::limit::{AGENT_DETAIL_BYTES_MAX, HEALTHY_AGAIN_AFTER};
use crate::base::text::tidy;
use crate::engine::input::AgentPresence;

/// What is known of a server's check; nothing to begin with.
#[derive(Clone, Debug, Default)]
pub(super) struct Health {
    /// The last word; `None` before the first.
    pub passes: Option<bool>,
    /// Since when it fails, while it does: moved forward by the time it passed between.
    failing_since: Option<Timestamp>,
    /// When it passed again, and since when it failed until then.
    mended: Option<(Timestamp, Timestamp)>,
    detail: String,
    /// Whether it ever passed.
    has_passed: bool,
    /// Whether it ever passed after it had failed.
    has_recovered: bool,
}

/// A check that fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Since when.
    pub since: Timestamp,
    /// What it saw; empty where nobody said.
    pub detail: String,
}

impl Health {
    /// Of a server that was well before anybody looked: what it fails from now on adds up.
    pub fn of_one_that_ran() -> Health {
        Health { has_passed: true, ..Health::default() }
    }

    /// Takes a word in. Says whether it is news.
    pub fn take(&mut self, passes: bool, detail: &str, now: Timestamp) -> bool {
        let news = self.passes != Some(passes);
        self.passes = Some(passes);
        if !passes && (!detail.is_empty() || self.failing_since.is_none()) {
            self.detail = tidy(detail, AGENT_DETAIL_BYTES_MAX);
        }
        match (passes, self.failing_since) {
            (true, Some(since)) => {
                // What it failed while it was getting ready is not held against it.
                self.mended = self.has_passed.then_some((now, since));
                self.failing_since = None;
                self.has_recovered = true;
            }
            (false, None) => self.failing_since = Some(self.began(now)),
            (true, None) | (false, Some(_)) => {}
        }
        self.has_passed |= passes;
        news
    }

    /// Since when a check that fails now is said to fail.
    fn began(&self, now: Timestamp) -> Timestamp {
        match self.mended {
            Some((at, since)) if now.since(at) < HEALTHY_AGAIN_AFTER => now.before(at.since(since)),
            Some(_) | None => now,
        }
    }

    /// Whether it fails by the last word there is.
    pub fn fails(&self) -> bool {
        self.failing_since.is_some()
    }

    /// Whether it failed at any time before it passed.
    pub fn was_failing(&self) -> bool {
        self.has_recovered
    }

    /// The failure, while it fails.
    pub fn failure(&self) -> Option<Failure> {
        self.failing_since.map(|since| Failure { since, detail: self.detail.clone() })
    }

    /// As decisions see it.
    pub fn presence(&self, connected: bool, since: Timestamp) -> AgentPresence {
        let (failing_since, passes) = (self.failing_since, self.passes == Some(true));
        AgentPresence { connected, since, failing_since, passes, unreached: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_it_failed_before_it_ever_passed_does_not_add_up() {
        let mut health = Health::default();
        let mut say = |passes, at| {
            health.take(passes, "GET / answers 404", Timestamp(at));
            (
                health.was_failing(),
                health.failure().map(|failure| Timestamp(at).since(failure.since)),
            )
        };
        assert_eq!(say(false, 1_000_000), (false, Some(0)));
        assert_eq!(say(true, 1_200_000), (true, None));
        assert_eq!(say(false, 1_210_000), (true, Some(0)));
    }

    #[test]
    fn a_check_that_comes_and_goes_adds_up() {
        let mut health = Health::default();
        let mut say = |passes, at| {
            let at = Timestamp(at);
            health.take(passes, "GET / answers 503", at);
            health.failure().map(|failure| at.since(failure.since))
        };
        assert_eq!(say(true, 1_000_000), None);
        assert_eq!(say(false, 1_010_000), Some(0));
        assert_eq!(say(false, 1_110_000), Some(100_000));
        assert_eq!(say(true, 1_110_000), None);
        // Well for a moment: the time it failed counts, the time it was well does not.
        assert_eq!(say(false, 1_120_000), Some(100_000));
        assert_eq!(say(true, 1_130_000), None);
        assert_eq!(say(false, 1_130_001), Some(110_000));
        assert_eq!(say(true, 1_140_000), None);
        let long = i64::try_from(HEALTHY_AGAIN_AFTER).unwrap();
        assert_eq!(say(false, 1_140_000 + long), Some(0));
    }
}
