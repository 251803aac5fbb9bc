//! Policies of a farm role: how its servers are healed, chosen, placed and rolled over.

use crate::base::{Millis, Name, RoleId, Timestamp};
use crate::model::{ReadyCheck, VolumeSpec};
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
    /// At least this share of the target stays healthy, in percent.
    pub min_healthy_percent: u32,
    /// At most this share of the target exists, in percent; above 100 launches first. The declared
    /// maximum of servers stays hard whatever this says.
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

impl Default for RolloutPolicy {
    fn default() -> RolloutPolicy {
        RolloutPolicy {
            strategy: RolloutStrategy::Serial,
            min_healthy_percent: 90,
            max_percent: 100,
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

/// What servers of one revision of a farm role are made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revision {
    /// Its number, counted from 1 in each farm role.
    pub number: u64,
    /// The recipe.
    pub role: RoleId,
    /// Where on the platform.
    pub location: String,
    /// Which size.
    pub instance_type: String,
    /// Data volumes of every server.
    pub storage: Vec<VolumeSpec>,
    /// What makes a server ready.
    pub check: Option<ReadyCheck>,
    /// When it was declared.
    pub at: Timestamp,
}

/// What a person wants of a rollout beyond its policy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RolloutWish {
    /// It goes on, also past the checkpoint it waits at.
    #[default]
    Go,
    /// No new batch is begun.
    Pause,
    /// It ends, and what was rolled over goes back to the revision before.
    Abort,
}

/// A rollout under way, as the planner remembers it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rollout {
    /// The revision it comes from.
    pub from: u64,
    /// The revision it goes to.
    pub to: u64,
    /// When it began.
    pub began_at: Timestamp,
    /// How it stands.
    pub state: RolloutState,
    /// When it came into that state.
    pub since: Timestamp,
    /// Servers of the new revision that did not get ready.
    pub failed: u32,
    /// Checkpoints passed.
    pub checkpoint: u32,
}

/// How a rollout stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RolloutState {
    /// Batches go on.
    Rolling,
    /// It waits at a checkpoint.
    Checkpoint,
    /// A person paused it.
    Paused,
    /// It goes back to the revision before.
    RollingBack,
    /// It failed, and stays where it is until a person says more.
    Failed,
}
