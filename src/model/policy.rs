//! Policies of a farm role: how its servers are healed, chosen, placed and rolled over.

use crate::base::{Millis, Name};
use serde::{Deserialize, Serialize};

/// What a person may decide of how a farm role is looked after; every field has a default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// Scalr's `useScalrAgent`: whether our agent runs on its servers. Without it the platform's
    /// word and the check stand in for the agent's.
    pub agent: bool,
    /// What is done about a server that is lost or fails.
    pub heal: HealMode,
    /// Farm roles of the same farm, by alias, that must have something running before a first
    /// server of this one is launched.
    pub depends_on: Vec<Name>,
    /// How long a server must be healthy without a break before it counts as running.
    pub ready_for_ms: Millis,
    /// How long a reboot may take before the server counts as failed.
    pub reboot_timeout_ms: Millis,
    /// How long a running server's check fails before it is replaced, where it is.
    pub unhealthy_for_ms: Millis,
    /// An unhealthy server is replaced also where it has data volumes.
    pub replace_with_volumes: bool,
    /// Which server goes first when there are too many.
    pub removal: RemovalPolicy,
    /// What is done about a server that listings lack.
    pub missing: MissingPolicy,
    /// Availability zones its servers are spread over; empty leaves it to the platform.
    pub zones: Vec<String>,
    /// How scaling adds and takes away.
    pub behavior: ScalingBehavior,
    /// How a change of what servers are made of reaches those that run.
    pub rollout: RolloutPolicy,
}

impl Default for Policy {
    fn default() -> Policy {
        Policy {
            agent: true,
            heal: HealMode::Replace,
            depends_on: Vec::new(),
            ready_for_ms: 0,
            reboot_timeout_ms: 300_000,
            unhealthy_for_ms: 300_000,
            replace_with_volumes: false,
            removal: RemovalPolicy::HighestIndex,
            missing: MissingPolicy::Terminate,
            zones: Vec::new(),
            behavior: ScalingBehavior::LaunchTerminate,
            rollout: RolloutPolicy::default(),
        }
    }
}

/// What is done about a server that is lost or fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HealMode {
    /// Nothing; the report says so.
    None,
    /// Nothing but an alert.
    Alert,
    /// It is started again from its own disk, and never replaced: for pets.
    Restart,
    /// It is retired and another one takes its place.
    #[default]
    Replace,
}

/// Which server goes first when there are too many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RemovalPolicy {
    /// The one with the highest index: low indexes keep their volumes longest.
    #[default]
    HighestIndex,
    /// The one that has run longest (Scalr's habit).
    Oldest,
    /// The one that was launched last.
    Newest,
    /// The one with the lowest reading of the first scaling rule.
    LeastBusy,
    /// One of an earlier revision, then the highest index.
    PreviousRevision,
}

/// Scalr's `action_on_missing_server`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MissingPolicy {
    /// It is given up after enough complete listings without it, and healed.
    #[default]
    Terminate,
    /// It is marked missing and kept; people are alerted.
    Flag,
    /// Nothing is said or done.
    Ignore,
}

/// Scalr's `scalingBehavior`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScalingBehavior {
    /// Servers are launched and terminated.
    #[default]
    LaunchTerminate,
    /// Servers are suspended when scaled in and resumed first when scaled out.
    SuspendResume,
}

/// How a change of what servers are made of reaches those that run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RolloutPolicy {
    /// One batch at a time, or all at once.
    pub strategy: RolloutStrategy,
    /// At least this share of the target stays healthy, in percent. Below 100 one server may always
    /// be out; 100 means every one of them, and waits where that leaves no way.
    pub min_healthy_percent: u32,
    /// At most this share of the target is wanted at a time, in percent; above 100 launches first,
    /// one server at least. The declared maximum stays hard whatever this says.
    pub max_percent: u32,
    /// At most this many servers are rolled over at a time.
    pub batch: u32,
    /// Shares of the target, in percent, after which the rollout pauses.
    pub checkpoints: Vec<u32>,
    /// How long it pauses at a checkpoint; `None` until a person resumes it.
    pub checkpoint_wait_ms: Option<Millis>,
    /// So many servers of the new revision that do not get ready end the rollout.
    pub failures_max: u32,
    /// Whether a failed rollout goes straight back to the revision before.
    pub rollback: bool,
}

impl RolloutPolicy {
    /// How many of so many servers must stay healthy while others are rolled over.
    pub fn healthy_min(&self, target: u32) -> u32 {
        let percent = u64::from(self.min_healthy_percent.min(100));
        let share = u64::from(target).saturating_mul(percent).div_ceil(100);
        let share = u32::try_from(share).unwrap_or(target);
        if percent >= 100 { target } else { share.min(target.saturating_sub(1)) }
    }

    /// How many more than so many servers may be wanted while they are rolled over.
    pub fn extra_max(&self, target: u32) -> u32 {
        let percent = u64::from(self.max_percent.saturating_sub(100));
        let share = u64::from(target).saturating_mul(percent).div_ceil(100);
        u32::try_from(share).unwrap_or(u32::MAX)
    }
}

impl Default for RolloutPolicy {
    fn default() -> RolloutPolicy {
        RolloutPolicy {
            strategy: RolloutStrategy::Serial,
            min_healthy_percent: 90,
            max_percent: 110,
            batch: 1,
            checkpoints: Vec::new(),
            checkpoint_wait_ms: None,
            failures_max: 2,
            rollback: true,
        }
    }
}

/// FabulAWS's two ways to deploy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RolloutStrategy {
    /// Without downtime: a batch, its ready gate, the next batch.
    #[default]
    Serial,
    /// With a maintenance page: all at once.
    Full,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_leave_room_for_one_server() {
        let check = |min_healthy_percent, max_percent, target, healthy, extra| {
            let policy =
                RolloutPolicy { min_healthy_percent, max_percent, ..RolloutPolicy::default() };
            let found = (policy.healthy_min(target), policy.extra_max(target));
            assert_eq!(found, (healthy, extra), "{min_healthy_percent} {max_percent} {target}");
        };
        check(90, 110, 1, 0, 1);
        check(90, 110, 3, 2, 1);
        check(90, 110, 10, 9, 1);
        check(90, 110, 11, 10, 2);
        check(90, 110, 40, 36, 4);
        check(50, 100, 3, 2, 0);
        check(100, 100, 3, 3, 0);
        check(100, 200, 3, 3, 3);
        check(0, 100, 3, 0, 0);
        check(90, 110, 0, 0, 0);
    }
}
