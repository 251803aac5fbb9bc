//! Rollouts over the API: which revision servers are of, and what people say of a rollout.

use serde::{Deserialize, Serialize};

/// How the rollout of a farm role stands, and the revisions it could go back to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RolloutView {
    /// Of what: `shop/web`.
    pub about: String,
    /// `none`, `rolling`, `checkpoint`, `paused`, `rolling back`, `failed` or `rolled back`.
    pub state: String,
    /// What people said last: `go`, `pause` or `abort`.
    pub wish: String,
    /// The revision it comes from; without a rollout the declared one.
    pub from: u64,
    /// The revision it goes to; without a rollout the declared one.
    pub to: u64,
    /// Servers of the wanted revision that run.
    pub ready: u32,
    /// Of how many.
    pub of: u32,
    /// New servers that did not get ready.
    pub failed: u32,
    /// So many of them end it.
    pub failures_max: u32,
    /// `serial` or `full`.
    pub strategy: String,
    /// Servers that run and were seen, of any revision.
    pub healthy: u32,
    /// So many of them stay.
    pub healthy_min: u32,
    /// At most so many are rolled over at a time.
    pub batch: u32,
    /// Percentages after which it pauses.
    pub checkpoints: Vec<u32>,
    /// Balancers show a maintenance page just now.
    pub maintenance: bool,
    /// When it began, ms UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub began_at: Option<i64>,
    /// When it came into its state, ms UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<i64>,
    /// The revision that a rollback goes to; absent where there is none, and where it has to be
    /// named since the declared one was itself declared again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<u64>,
    /// The declared revision first, then those before it, the last one first.
    pub revisions: Vec<RevisionView>,
}

impl RolloutView {
    /// The revision that servers are to be of as it stands: `ready` counts those.
    pub fn wanted(&self) -> u64 {
        match self.state.as_str() {
            "rolling back" | "rolled back" | "failed" => self.from,
            _ => self.to,
        }
    }
}

/// What servers of one revision are made of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RevisionView {
    /// Its number.
    pub number: u64,
    /// The recipe's name.
    pub role: String,
    /// In which cloud account.
    pub account: String,
    /// Where on it.
    pub location: String,
    /// Which size.
    pub instance_type: String,
    /// Servers of it that are there.
    pub servers: u32,
    /// When another was declared, ms UTC; absent for the declared one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left_at: Option<i64>,
}

/// What a person may say of a rollout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RolloutVerb {
    /// Begin no further batch.
    Pause,
    /// Go on, also past a checkpoint or a failure.
    Resume,
    /// End it, and go back to the revision before.
    Abort,
    /// Declare the revision before once more.
    Rollback,
}

impl RolloutVerb {
    /// Its name, as paths have it.
    pub fn as_str(self) -> &'static str {
        match self {
            RolloutVerb::Pause => "pause",
            RolloutVerb::Resume => "resume",
            RolloutVerb::Abort => "abort",
            RolloutVerb::Rollback => "rollback",
        }
    }
}
