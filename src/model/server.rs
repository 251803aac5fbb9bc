//! A server: its record, its lifecycle in Scalr's words, and the moves that are legal.

use crate::base::{EnvironmentId, FarmId, FarmRoleId, ServerId, Timestamp, UserId};
use crate::model::{FarmRole, Revision};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// One server, from the plan that wanted it to the confirmation that it is gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Server {
    /// Its UUID, which is its launch token and its tag on the cloud.
    pub id: ServerId,
    /// Where it lives.
    pub env: EnvironmentId,
    /// Its farm.
    pub farm: FarmId,
    /// Its farm role.
    pub farm_role: FarmRoleId,
    /// Its index in the farm role, from 1; unique among servers not confirmed gone.
    pub index: u32,
    /// `<alias>-<index>`, as people say it.
    pub hostname: String,
    /// The cloud account it is in, by name.
    pub account: String,
    /// Where on the platform.
    pub location: String,
    /// Its size.
    pub instance_type: String,
    /// The farm role's revision it was made from.
    pub revision: u64,
    /// Where it is in its life.
    pub status: ServerStatus,
    /// The platform's own id for it, once it has one.
    pub cloud_server_id: Option<String>,
    /// Addresses that reach it from the appliance's own network.
    pub private_ips: Vec<String>,
    /// Addresses that reach it from anywhere.
    pub public_ips: Vec<String>,
    /// Why it was launched.
    pub launch_reason: LaunchReason,
    /// Who or what wanted it: a user, or the appliance (0).
    pub launched_by: UserId,
    /// When the plan wanted it.
    pub created_at: Timestamp,
    /// When the cloud was first asked for it; from then on it counts against max until it is
    /// confirmed gone, and `None` means that the cloud never heard of it.
    pub asked_at: Option<Timestamp>,
    /// When it first ran.
    pub running_at: Option<Timestamp>,
    /// When it last changed status.
    pub status_at: Timestamp,
    /// Why it is to go, once it is.
    pub terminate_reason: Option<TerminateReason>,
    /// It is not terminated before this moment, so that it may finish what it does.
    pub terminate_after: Option<Timestamp>,
    /// A person asked for it to go.
    pub terminate_requested: bool,
    /// A person asked for a reboot, and it has not begun yet.
    pub reboot_requested: bool,
    /// Digest of the one-time enrolment token its user data carries.
    pub enrolment_digest: Option<[u8; 32]>,
    /// Digest of the public key its agent enrolled with; the same key may enrol again.
    pub agent_key_digest: Option<[u8; 32]>,
    /// The agent's version, once it said hello.
    pub agent_version: Option<String>,
    /// The boot its agent last reported, so that a reboot is told from a reconnect.
    pub boot_id: Option<String>,
    /// Times it was started again instead of replaced, since it last ran for long.
    pub restarts: u32,
    /// Our agent runs on it (Scalr's `useScalrAgent`), as its farm role said when it was wanted.
    pub agent: bool,
    /// The availability zone it was asked for in; `None` leaves it to the platform.
    pub zone: Option<String>,
    /// Neither scaling nor a rollout may remove it, and people have to unlock it first.
    pub locked: bool,
    /// Why it is locked and who said so, in a person's words; empty when it is not.
    pub lock_reason: String,
    /// A person put it to sleep: only a person wakes it.
    pub suspend_requested: bool,
    /// Scaling put it to sleep, or is about to: it is not one of those the target asks for, but
    /// it counts against max, and scaling wakes it before it launches another.
    pub parked: bool,
    /// Since when it is healthy without a break; what the ready gate looks at.
    pub healthy_since: Option<Timestamp>,
    /// When its reboot began; `None` when none is under way.
    pub reboot_at: Option<Timestamp>,
    /// When it said, in its present retirement, that nothing is left to finish: its grace ends
    /// early then.
    pub idle_at: Option<Timestamp>,
    /// Why its role's work could not be done on it, in its agent's words; it never gets ready then.
    pub setup_failed: Option<String>,
}

impl Server {
    /// A server as a plan wants it, of which no cloud has heard yet.
    pub fn wanted(
        id: ServerId,
        role: &FarmRole,
        index: u32,
        reason: LaunchReason,
        by: UserId,
        now: Timestamp,
    ) -> Server {
        Server {
            id,
            env: role.env,
            farm: role.farm,
            farm_role: role.id,
            index,
            hostname: format!("{}-{index}", role.alias),
            account: role.account.clone(),
            location: role.location.clone(),
            instance_type: role.instance_type.clone(),
            revision: role.revision,
            status: ServerStatus::PendingLaunch,
            cloud_server_id: None,
            private_ips: Vec::new(),
            public_ips: Vec::new(),
            launch_reason: reason,
            launched_by: by,
            created_at: now,
            asked_at: None,
            running_at: None,
            status_at: now,
            terminate_reason: None,
            terminate_after: None,
            terminate_requested: false,
            reboot_requested: false,
            enrolment_digest: None,
            agent_key_digest: None,
            agent_version: None,
            boot_id: None,
            restarts: 0,
            agent: role.policy.agent,
            zone: None,
            locked: false,
            lock_reason: String::new(),
            suspend_requested: false,
            parked: false,
            healthy_since: None,
            reboot_at: None,
            idle_at: None,
            setup_failed: None,
        }
    }

    /// The same server, made as a revision of its farm role says.
    pub fn made_as(self, make: &Revision) -> Server {
        Server {
            account: make.account.clone(),
            location: make.location.clone(),
            instance_type: make.instance_type.clone(),
            revision: make.number,
            ..self
        }
    }
}

impl Server {
    /// Whether it serves or will: what the target is compared with.
    pub fn is_wanted(&self) -> bool {
        self.status.is_wanted() && !self.parked
    }

    /// The address that others of its site reach it at: a private one before one from anywhere.
    pub fn address(&self) -> Option<&String> {
        self.private_ips.first().or(self.public_ips.first())
    }

    /// Whether it is to go, for good or because scaling does not need it now: until the step that
    /// ends it begins, it has time to finish what it does.
    pub fn is_draining(&self) -> bool {
        match self.status {
            ServerStatus::PendingTerminate => true,
            ServerStatus::PendingSuspend => self.parked,
            ServerStatus::PendingLaunch
            | ServerStatus::Pending
            | ServerStatus::Initializing
            | ServerStatus::Running
            | ServerStatus::Suspended
            | ServerStatus::Resuming
            | ServerStatus::Terminated
            | ServerStatus::Importing
            | ServerStatus::Temporary => false,
        }
    }
}

/// Scalr's server statuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServerStatus {
    /// Planned; its launch step has not been accepted by the cloud.
    PendingLaunch,
    /// The cloud accepted; its agent has not been heard.
    Pending,
    /// Its agent is there and getting it ready.
    Initializing,
    /// Ready.
    Running,
    /// To be suspended.
    PendingSuspend,
    /// Asleep.
    Suspended,
    /// Waking up, or being started again.
    Resuming,
    /// To go; may still be finishing what it does.
    PendingTerminate,
    /// Confirmed gone.
    Terminated,
    /// Not launched by us, being taken over.
    Importing,
    /// For a task of ours, not for a farm.
    Temporary,
}

impl fmt::Display for ServerStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// No status has this name.
#[derive(Debug)]
pub struct NoSuchStatus;

impl FromStr for ServerStatus {
    type Err = NoSuchStatus;

    fn from_str(name: &str) -> Result<ServerStatus, NoSuchStatus> {
        ServerStatus::ALL.into_iter().find(|status| status.as_str() == name).ok_or(NoSuchStatus)
    }
}

impl ServerStatus {
    /// All of them in the order of a life.
    pub const ALL: [ServerStatus; 11] = [
        ServerStatus::PendingLaunch,
        ServerStatus::Pending,
        ServerStatus::Initializing,
        ServerStatus::Running,
        ServerStatus::PendingSuspend,
        ServerStatus::Suspended,
        ServerStatus::Resuming,
        ServerStatus::PendingTerminate,
        ServerStatus::Terminated,
        ServerStatus::Importing,
        ServerStatus::Temporary,
    ];

    /// Scalr's lower-case name.
    pub fn as_str(self) -> &'static str {
        match self {
            ServerStatus::PendingLaunch => "pending_launch",
            ServerStatus::Pending => "pending",
            ServerStatus::Initializing => "initializing",
            ServerStatus::Running => "running",
            ServerStatus::PendingSuspend => "pending_suspend",
            ServerStatus::Suspended => "suspended",
            ServerStatus::Resuming => "resuming",
            ServerStatus::PendingTerminate => "pending_terminate",
            ServerStatus::Terminated => "terminated",
            ServerStatus::Importing => "importing",
            ServerStatus::Temporary => "temporary",
        }
    }

    /// Whether it counts against max: everything not confirmed gone does (law 1).
    pub fn counts(self) -> bool {
        self != ServerStatus::Terminated
    }

    /// Whether it is on its way up, asked for and not running yet.
    pub fn gets_ready(self) -> bool {
        matches!(self, ServerStatus::Pending | ServerStatus::Initializing | ServerStatus::Resuming)
    }

    /// Whether it serves or will: what the target is compared with. One that a person put to
    /// sleep keeps its place (Scalr's `considerSuspendedServers: running`), or it would be replaced
    /// at once and be one too many when it wakes.
    pub fn is_wanted(self) -> bool {
        match self {
            ServerStatus::PendingLaunch
            | ServerStatus::Pending
            | ServerStatus::Initializing
            | ServerStatus::Running
            | ServerStatus::PendingSuspend
            | ServerStatus::Suspended
            | ServerStatus::Resuming => true,
            ServerStatus::PendingTerminate
            | ServerStatus::Terminated
            | ServerStatus::Importing
            | ServerStatus::Temporary => false,
        }
    }
}

/// Why a server was launched, in Scalr's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LaunchReason {
    /// The farm was launched, or its minimum was raised.
    FarmLaunched,
    /// Scaling wanted more.
    ScalingUp,
    /// Another server was lost, failed or terminated by a person.
    Replacement(ServerId),
    /// A rollout takes another server's place with one of the new revision.
    Rollout(ServerId),
}

/// Why a server is to go, in Scalr's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TerminateReason {
    /// Scaling wanted fewer, or the maximum was lowered.
    ScalingDown,
    /// A person asked for this server to go.
    Manual,
    /// The farm was terminated.
    FarmTerminated,
    /// The farm role was removed.
    RoleRemoved,
    /// The platform says it stopped or failed.
    Crashed,
    /// It did not get ready in time.
    LaunchTimeout,
    /// The platform would not launch it.
    LaunchFailed,
    /// A rollout gave its place to a server of another revision.
    Rollout,
    /// Its check failed for too long.
    Unhealthy,
    /// Its role's setup, a file of it or a service failed before it was ready.
    SetupFailed,
}

impl LaunchReason {
    /// The server whose place a rollout gave it.
    pub fn rolls_over(self) -> Option<ServerId> {
        match self {
            LaunchReason::Rollout(old) => Some(old),
            LaunchReason::FarmLaunched | LaunchReason::ScalingUp | LaunchReason::Replacement(_) => {
                None
            }
        }
    }

    /// One phrase for people.
    pub fn say(&self) -> &'static str {
        match self {
            LaunchReason::FarmLaunched => "farm launched",
            LaunchReason::ScalingUp => "scaling up",
            LaunchReason::Replacement(_) => "replacement",
            LaunchReason::Rollout(_) => "rollout",
        }
    }
}

impl TerminateReason {
    /// Whether people asked for it: for this server, its farm role or its farm to go.
    pub fn is_asked(self) -> bool {
        match self {
            TerminateReason::Manual
            | TerminateReason::FarmTerminated
            | TerminateReason::RoleRemoved => true,
            TerminateReason::ScalingDown
            | TerminateReason::Crashed
            | TerminateReason::LaunchTimeout
            | TerminateReason::LaunchFailed
            | TerminateReason::Rollout
            | TerminateReason::Unhealthy
            | TerminateReason::SetupFailed => false,
        }
    }

    /// One phrase for people.
    pub fn say(self) -> &'static str {
        match self {
            TerminateReason::ScalingDown => "scaling down",
            TerminateReason::Manual => "terminated by a person",
            TerminateReason::FarmTerminated => "farm terminated",
            TerminateReason::RoleRemoved => "farm role removed",
            TerminateReason::Crashed => "crashed",
            TerminateReason::LaunchTimeout => "not ready in time",
            TerminateReason::LaunchFailed => "launch failed",
            TerminateReason::Rollout => "another revision takes its place",
            TerminateReason::Unhealthy => "unhealthy",
            TerminateReason::SetupFailed => "its setup failed",
        }
    }
}
