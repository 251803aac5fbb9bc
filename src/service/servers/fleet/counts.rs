//! How many servers there are of each status.

use crate::model::ServerStatus;
use std::collections::BTreeMap;

/// How many servers of each status there are, of those not confirmed gone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    statuses: BTreeMap<ServerStatus, u32>,
    /// Of those that run: how many have a check that fails by the last word there is.
    unhealthy: u32,
}

impl Counts {
    /// All of them: what a maximum counts.
    pub fn total(&self) -> u32 {
        self.statuses.values().sum()
    }

    /// Those of a status.
    pub fn of(&self, status: ServerStatus) -> u32 {
        self.statuses.get(&status).copied().unwrap_or(0)
    }

    /// Those that run and whose check fails.
    pub fn unhealthy(&self) -> u32 {
        self.unhealthy
    }

    /// Those that run and whose check does not fail.
    pub fn serving(&self) -> u32 {
        self.of(ServerStatus::Running).saturating_sub(self.unhealthy)
    }

    /// One more of a status. Whether its check fails matters only while it runs.
    pub fn add(&mut self, status: ServerStatus, fails: bool) {
        *self.statuses.entry(status).or_default() += 1;
        self.unhealthy += u32::from(fails && status == ServerStatus::Running);
    }

    /// One less of a status.
    pub(super) fn take(&mut self, status: ServerStatus) {
        if let Some(count) = self.statuses.get_mut(&status) {
            *count -= 1;
            if *count == 0 {
                self.statuses.remove(&status);
            }
        }
    }

    /// All of another's too.
    pub(super) fn join(&mut self, other: &Counts) {
        for (status, count) in &other.statuses {
            *self.statuses.entry(*status).or_default() += count;
        }
    }

    /// The same, where so many are unhealthy.
    pub(super) fn with_unhealthy(self, unhealthy: u32) -> Counts {
        Counts { unhealthy, ..self }
    }
}
