//! Schema 2 of the records that have changed since.

use super::v3::RevisionV3;
use crate::base::{
    EnvironmentId, FarmId, FarmRoleId, Millis, Name, RoleId, ServerId, Timestamp, UserId,
};
use crate::model::{
    Balance, FarmRole, HealMode, Install, LaunchReason, MissingPolicy, Overrides, Policy,
    ReadyCheck, RemovalPolicy, RolloutPolicy, RolloutWish, ScalingBehavior, ScalingPolicy, Server,
    ServerStatus, TerminateReason, VolumeSpec,
};
use serde::Deserialize;

/// A farm role, as schema 2 has it.
#[derive(Clone, Debug, Deserialize)]
pub(in crate::store) struct FarmRoleV2 {
    pub id: FarmRoleId,
    pub env: EnvironmentId,
    pub farm: FarmId,
    pub alias: Name,
    pub role: RoleId,
    pub platform: String,
    pub location: String,
    pub instance_type: String,
    pub launch_index: u32,
    pub scaling: ScalingPolicy,
    pub storage: Vec<VolumeSpec>,
    pub balance: Option<Balance>,
    pub check: Option<ReadyCheck>,
    pub drain_ms: Millis,
    pub launch_timeout_ms: Millis,
    pub revision: u64,
    pub removed: bool,
    pub policy: PolicyV2,
    pub history: Vec<RevisionV3>,
    pub rollout_wish: RolloutWish,
    pub rollout_said: u64,
}

impl From<FarmRoleV2> for FarmRole {
    fn from(old: FarmRoleV2) -> FarmRole {
        FarmRole {
            id: old.id,
            env: old.env,
            farm: old.farm,
            alias: old.alias,
            role: old.role,
            role_revision: 1,
            account: old.platform,
            location: old.location,
            instance_type: old.instance_type,
            launch_index: old.launch_index,
            scaling: old.scaling,
            storage: old.storage,
            balance: old.balance,
            check: old.check,
            role_check: None,
            setup_ms: 0,
            drain_ms: old.drain_ms,
            launch_timeout_ms: old.launch_timeout_ms,
            revision: old.revision,
            removed: old.removed,
            policy: old.policy.into(),
            history: old.history.into_iter().map(Into::into).collect(),
            rollout_wish: old.rollout_wish,
            rollout_said: old.rollout_said,
            publish: Vec::new(),
            outbound: false,
            overrides: Overrides::default(),
            mended_at: None,
        }
    }
}

/// Its policy, as schema 2 has it.
#[derive(Clone, Debug, Deserialize)]
pub(in crate::store) struct PolicyV2 {
    pub agent: bool,
    pub heal: HealMode,
    pub depends_on: Vec<Name>,
    pub ready_for_ms: Millis,
    pub reboot_timeout_ms: Millis,
    pub removal: RemovalPolicy,
    pub missing: MissingPolicy,
    pub zones: Vec<String>,
    pub behavior: ScalingBehavior,
    pub rollout: RolloutPolicy,
}

impl From<PolicyV2> for Policy {
    /// What nobody said of unhealthy servers is what it is by default.
    fn from(old: PolicyV2) -> Policy {
        Policy {
            agent: old.agent,
            heal: old.heal,
            depends_on: old.depends_on,
            ready_for_ms: old.ready_for_ms,
            reboot_timeout_ms: old.reboot_timeout_ms,
            removal: old.removal,
            missing: old.missing,
            zones: old.zones,
            behavior: old.behavior,
            rollout: old.rollout,
            ..Policy::default()
        }
    }
}

/// A server, as schema 2 has it.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
pub(in crate::store) struct ServerV2 {
    pub id: ServerId,
    pub env: EnvironmentId,
    pub farm: FarmId,
    pub farm_role: FarmRoleId,
    pub index: u32,
    pub hostname: String,
    pub platform: String,
    pub location: String,
    pub instance_type: String,
    pub revision: u64,
    pub status: ServerStatus,
    pub cloud_server_id: Option<String>,
    pub private_ips: Vec<String>,
    pub public_ips: Vec<String>,
    pub launch_reason: LaunchReason,
    pub launched_by: UserId,
    pub created_at: Timestamp,
    pub asked_at: Option<Timestamp>,
    pub running_at: Option<Timestamp>,
    pub status_at: Timestamp,
    pub terminate_reason: Option<TerminateReason>,
    pub terminate_after: Option<Timestamp>,
    pub terminate_requested: bool,
    pub reboot_requested: bool,
    pub enrolment_digest: Option<[u8; 32]>,
    pub agent_key_digest: Option<[u8; 32]>,
    pub agent_version: Option<String>,
    pub boot_id: Option<String>,
    pub restarts: u32,
    pub agent: bool,
    pub zone: Option<String>,
    pub locked: bool,
    pub lock_reason: String,
    pub suspend_requested: bool,
    pub parked: bool,
    pub healthy_since: Option<Timestamp>,
    pub reboot_at: Option<Timestamp>,
    pub idle_at: Option<Timestamp>,
}

impl From<ServerV2> for Server {
    fn from(old: ServerV2) -> Server {
        Server {
            id: old.id,
            env: old.env,
            farm: old.farm,
            farm_role: old.farm_role,
            index: old.index,
            hostname: old.hostname,
            account: old.platform,
            location: old.location,
            instance_type: old.instance_type,
            revision: old.revision,
            status: old.status,
            cloud_server_id: old.cloud_server_id,
            private_ips: old.private_ips,
            public_ips: old.public_ips,
            launch_reason: old.launch_reason,
            launched_by: old.launched_by,
            created_at: old.created_at,
            asked_at: old.asked_at,
            running_at: old.running_at,
            status_at: old.status_at,
            terminate_reason: old.terminate_reason,
            terminate_after: old.terminate_after,
            terminate_requested: old.terminate_requested,
            reboot_requested: old.reboot_requested,
            enrolment_digest: old.enrolment_digest,
            agent_key_digest: old.agent_key_digest,
            agent_version: old.agent_version,
            boot_id: old.boot_id,
            restarts: old.restarts,
            agent: old.agent,
            zone: old.zone,
            locked: old.locked,
            lock_reason: old.lock_reason,
            suspend_requested: old.suspend_requested,
            parked: old.parked,
            healthy_since: old.healthy_since,
            reboot_at: old.reboot_at,
            idle_at: old.idle_at,
            setup_failed: None,
        }
    }
}

/// The installation, as schema 2 has it.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
pub(in crate::store) struct InstallV2 {
    pub id: String,
    pub epoch: u64,
    pub seed: u64,
    pub created_at: Timestamp,
    pub authority: String,
}

impl From<InstallV2> for Install {
    fn from(old: InstallV2) -> Install {
        let InstallV2 { id, epoch, seed, created_at, authority } = old;
        Install { id, epoch, seed, created_at, authority, sealing_key: None }
    }
}
