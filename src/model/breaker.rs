//! A breaker: a cloud account that keeps failing, or says that it wants to be, is left alone for a
//! while, visibly.

use crate::base::limit::{BREAKER_FAILURES, BREAKER_LADDER};
use crate::base::{FarmRoleId, Millis, StepId, Timestamp};
use serde::{Deserialize, Serialize};

/// How a cloud account that failed stands. An account without one is well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Breaker {
    /// The account: the platform's name, as there is one account of each.
    pub account: String,
    /// Calls that failed in a row, as far as they speak against the account.
    pub failures: u32,
    /// What the last of them said.
    pub reason: String,
    /// When the first of them failed.
    pub since: Timestamp,
    /// No step is begun before this moment; then one is, as a trial. `None` while it is closed.
    pub open_until: Option<Timestamp>,
    /// The step that is, or was last, the trial.
    pub trial: Option<StepId>,
    /// Farm roles whose calls are among the failures.
    pub farm_roles: Vec<FarmRoleId>,
    /// Why it is open, or would be.
    pub cause: BreakerCause,
}

/// Why a cloud account is left alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BreakerCause {
    /// Calls failed in a row.
    #[default]
    Failures,
    /// It said that it was asked too often, and when to come again.
    Throttled,
    /// It does not believe who we say we are: no call will succeed until that is mended.
    Credentials,
}

impl Breaker {
    /// An account of which no call has failed yet.
    pub fn closed(account: &str, now: Timestamp) -> Breaker {
        Breaker {
            account: account.to_owned(),
            failures: 0,
            reason: String::new(),
            since: now,
            open_until: None,
            trial: None,
            farm_roles: Vec::new(),
            cause: BreakerCause::Failures,
        }
    }

    /// How long it is open after so many failures. Refused credentials are believed at once.
    pub fn length(&self) -> Millis {
        let tolerated = match self.cause {
            BreakerCause::Credentials => 1,
            BreakerCause::Failures | BreakerCause::Throttled => BREAKER_FAILURES,
        };
        let rung = self.failures.saturating_sub(tolerated) as usize;
        BREAKER_LADDER.get(rung).copied().unwrap_or(LONGEST)
    }

    /// How much longer no step is begun: 0 when one may be, as a trial, and `None` while it is
    /// closed. Longer than the ladder knows is a clock that somebody set back, and over.
    pub fn left(&self, now: Timestamp) -> Option<Millis> {
        let left = self.open_until?.since(now);
        Some(if left > LONGEST { 0 } else { left })
    }
}

const LONGEST: Millis = BREAKER_LADDER[BREAKER_LADDER.len() - 1];

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_000_000_000);

    #[test]
    fn each_failure_beyond_the_fifth_is_a_rung() {
        let length = |failures| Breaker { failures, ..Breaker::closed("onboard", NOW) }.length();
        let lengths = [5, 6, 7, 8, 9, 10, u32::MAX].map(length);
        assert_eq!(lengths, [30_000, 60_000, 120_000, 300_000, 600_000, 600_000, 600_000]);
        let locked = |failures| {
            let cause = BreakerCause::Credentials;
            Breaker { failures, cause, ..Breaker::closed("onboard", NOW) }.length()
        };
        assert_eq!([1, 2, 5, 6].map(locked), [30_000, 60_000, 600_000, 600_000]);
    }

    #[test]
    fn a_clock_set_back_keeps_nothing_open() {
        let left = |until: Option<Millis>| {
            let open_until = until.map(|length| NOW.after(length));
            Breaker { open_until, ..Breaker::closed("onboard", NOW) }.left(NOW)
        };
        assert_eq!(left(None), None);
        assert_eq!(left(Some(0)), Some(0));
        assert_eq!(left(Some(28_000)), Some(28_000));
        assert_eq!(left(Some(600_000)), Some(600_000));
        assert_eq!(left(Some(600_001)), Some(0));
    }
}
