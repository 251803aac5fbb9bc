//! Checks from outside, which stand in for a server's agent.

use super::Observed;
use super::health::Health;
use crate::base::limit::{CHECK_FAILURES_MAX, CHECK_PERIOD};
use crate::base::{Millis, ServerId, Timestamp};
use std::collections::BTreeSet;

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
    fn is_due(&self, moment: Millis) -> bool {
        let rested = self.began.is_none_or(|began| moment >= began.saturating_add(CHECK_PERIOD));
        !self.under_way && rested
    }
}

impl Observed {
    /// These are all that are checked from outside. What was found of any other is nobody's word
    /// any more: its farm role has no check now, or it sleeps. Says whether that changes how one
    /// is.
    pub(in crate::service) fn keep_checks(&self, checked: &[ServerId]) -> bool {
        let checked: BTreeSet<ServerId> = checked.iter().copied().collect();
        let mut inner = self.lock();
        let known = inner.checks.iter().filter(|(id, _)| !checked.contains(id));
        let dropped: Vec<ServerId> =
            known.filter(|(_, check)| check.health.passes.is_some()).map(|(id, _)| *id).collect();
        for server in &dropped {
            // One under way ends as of one that was never checked, and is dropped next time.
            if let Some(check) = inner.checks.get_mut(server) {
                (check.failures, check.health) = (0, Health::default());
            }
            inner.note_health(*server);
            inner.news.add(*server);
        }
        inner.checks.retain(|id, check| checked.contains(id) || check.under_way);
        !dropped.is_empty()
    }

    /// Those of some servers whose check may begin now.
    pub(in crate::service) fn due_for_check(
        &self,
        servers: Vec<ServerId>,
        moment: Millis,
    ) -> Vec<ServerId> {
        let inner = self.lock();
        let is_due = |id: &ServerId| inner.checks.get(id).is_none_or(|check| check.is_due(moment));
        servers.into_iter().filter(is_due).collect()
    }

    /// Whether a check of a server may begin now, which it then has.
    pub(in crate::service) fn begin_check(&self, server: ServerId, moment: Millis) -> bool {
        let mut inner = self.lock();
        let check = inner.checks.entry(server).or_default();
        let begins = check.is_due(moment);
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
        inner.note_health(server);
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
