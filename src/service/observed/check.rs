//! Checks from outside, which stand in for a server's agent.

use super::health::Health;
use crate::base::Millis;
use crate::base::limit::CHECK_PERIOD;

/// What checks from outside found of a server without an agent.
#[derive(Clone, Default)]
pub(super) struct Check {
    pub(super) under_way: bool,
    pub(super) began: Option<Millis>,
    pub(super) failures: u32,
    pub(super) health: Health,
}

impl Check {
    /// Whether it may begin now: each check once at a time, and then not for a while.
    pub(super) fn is_due(&self, moment: Millis) -> bool {
        let rested = self.began.is_none_or(|began| moment >= began.saturating_add(CHECK_PERIOD));
        !self.under_way && rested
    }
}
