//! Checks from outside, which stand in for a server's agent.

use super::Observed;
use super::health::Health;
use crate::base::limit::{CHECK_FAILURES_MAX, CHECK_PERIOD};
use crate::base::{Millis, ServerId, Timestamp};

/// What checks from outside found of a server without an agent.
#[derive(Clone, Default)]
pub(super) struct Check {
    pub(super) under_way: bool,
    pub(super) began: Option<Millis>,
    pub(super) failures: u32,
    pub(super) health: Health,
}

impl Observed {
    /// Whether a check of a server may begin now, which it then has.
    pub(in crate::service) fn begin_check(&self, server: ServerId, moment: Millis) -> bool {
        let mut inner = self.lock();
        let check = inner.checks.entry(server).or_default();
        let rested = check.began.is_none_or(|began| moment >= began.saturating_add(CHECK_PERIOD));
        let begins = !check.under_way && rested;
        if begins {
            (check.under_way, check.began) = (true, Some(moment));
        }
        begins
    }

    /// A check of a server ended. Says whether it changes how the server is.
    pub(in crate::service) fn end_check(
        &self,
        server: ServerId,
        found: Result<(), &str>,
        now: Timestamp,
    ) -> bool {
        let mut inner = self.lock();
        let Some(check) = inner.checks.get_mut(&server) else { return false };
        check.under_way = false;
        let (passes, before) = (found.is_ok(), check.health.passes);
        check.failures = if passes { 0 } else { check.failures.saturating_add(1) };
        // One failure may be a busy moment.
        let counts = passes || before != Some(true) || check.failures >= CHECK_FAILURES_MAX;
        let news = counts && check.health.take(passes, found.err().unwrap_or_default(), now);
        if news {
            inner.news.add(server);
        }
        news
    }

    /// Whether a server's check from outside passes; `None` before the first.
    pub fn passes_check(&self, server: ServerId) -> Option<bool> {
        self.lock().checks.get(&server).and_then(|check| check.health.passes)
    }
}
