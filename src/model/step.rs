//! A step: one change to the outside, written down before it is done.
//!
//! ```text
//! planned ──begin──> begun ──answer──> done
//!    │                 │   └─refused──> failed ──(backoff)──> a new plan's new step
//!    └─superseded      └─no answer────> unknown ──listings──> done | failed
//! ```
//! A listing that shows what was asked for ends an unknown step at once. One that does not ends it
//! after the platform had time to show it; a termination is then asked for again.

use crate::base::{EnvironmentId, FarmId, FarmRoleId, PlanId, ServerId, StepId, Timestamp};
use crate::model::Server;
use serde::{Deserialize, Serialize};

/// One change to the outside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Its number.
    pub id: StepId,
    /// Where it lives.
    pub env: EnvironmentId,
    /// The plan that wanted it.
    pub plan: PlanId,
    /// Its farm.
    pub farm: FarmId,
    /// Its farm role.
    pub farm_role: FarmRoleId,
    /// The server it is about; for a launch also the token.
    pub server: ServerId,
    /// What is to be done.
    pub kind: StepKind,
    /// How far it is.
    pub status: StepStatus,
    /// It is not begun before this moment: a drain, or the backoff after a failure.
    pub not_before: Timestamp,
    /// When it was begun.
    pub begun_at: Option<Timestamp>,
    /// When the begun call stops being waited for.
    pub deadline: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// How often it has been begun.
    pub attempts: u32,
    /// What the platform said, for people.
    pub message: String,
}

impl Step {
    /// A step that is decided and not begun.
    pub fn planned(
        id: StepId,
        plan: PlanId,
        server: &Server,
        kind: StepKind,
        not_before: Timestamp,
    ) -> Step {
        Step {
            id,
            env: server.env,
            plan,
            farm: server.farm,
            farm_role: server.farm_role,
            server: server.id,
            kind,
            status: StepStatus::Planned,
            not_before,
            begun_at: None,
            deadline: None,
            ended_at: None,
            attempts: 0,
            message: String::new(),
        }
    }
}

/// What a step does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepKind {
    /// Create the server.
    Launch,
    /// Destroy it. Its data volumes stay.
    Terminate,
    /// Put it to sleep.
    Suspend,
    /// Wake it.
    Resume,
    /// Restart a running one.
    Reboot,
    /// Start again one that stopped, from its own disk.
    Start,
    /// Shut its system down in order; its disk stays, and a start brings it back.
    Stop,
}

/// How far a step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepStatus {
    /// Decided, not begun.
    Planned,
    /// In the journal; the cloud may have heard of it.
    Begun,
    /// The cloud confirmed it.
    Done,
    /// The cloud refused it, or a listing proved that it did not happen.
    Failed,
    /// The answer was lost. Only complete listings end it.
    Unknown,
    /// A later plan no longer wants it, and it was never begun.
    Superseded,
}

impl StepKind {
    /// What a platform did once it is done.
    pub fn past(self) -> &'static str {
        match self {
            StepKind::Launch => "launched",
            StepKind::Terminate => "terminated",
            StepKind::Suspend => "suspended",
            StepKind::Resume => "resumed",
            StepKind::Reboot => "rebooted",
            StepKind::Start => "started",
            StepKind::Stop => "stopped",
        }
    }

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            StepKind::Launch => "launch",
            StepKind::Terminate => "terminate",
            StepKind::Suspend => "suspend",
            StepKind::Resume => "resume",
            StepKind::Reboot => "reboot",
            StepKind::Start => "start",
            StepKind::Stop => "stop",
        }
    }
}

impl StepStatus {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            StepStatus::Planned => "planned",
            StepStatus::Begun => "begun",
            StepStatus::Done => "done",
            StepStatus::Failed => "failed",
            StepStatus::Unknown => "unknown",
            StepStatus::Superseded => "superseded",
        }
    }

    /// Whether something may still come of it.
    pub fn is_open(self) -> bool {
        matches!(self, StepStatus::Planned | StepStatus::Begun | StepStatus::Unknown)
    }
}
