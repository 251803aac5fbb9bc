//! Schema 1 of the records that have changed since: what version 0.1 stored.

mod clouds;
mod role;

pub(in crate::store) use clouds::{BreakerV1, CloudAccountV1};
#[cfg(test)]
pub(in crate::store) use role::ImageV1;
pub(in crate::store) use role::RoleV1;

use crate::base::{
    EnvironmentId, FarmId, FarmRoleId, Millis, Name, OrderId, PlanId, RoleId, ServerId, Timestamp,
    UserId,
};
use crate::model::{
    AgentCursor, Balance, Farm, FarmGoal, FarmRole, Install, LaunchOrder, LaunchReason, Line,
    Metric, Move, OrderState, Overrides, Plan, Policy, ReadyCheck, Replacement, RoleTarget,
    RolloutWish, ScalingPolicy, ScalingRule, Server, ServerStatus, StepKind, TerminateReason,
    VolumeSpec,
};
use serde::Deserialize;

/// A farm, as schema 1 has it.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
pub(in crate::store) struct FarmV1 {
    pub id: FarmId,
    pub env: EnvironmentId,
    pub name: Name,
    pub description: String,
    pub launch_order: LaunchOrder,
    pub goal: FarmGoal,
    pub removed: bool,
    pub created_at: Timestamp,
    pub created_by: UserId,
}

impl From<FarmV1> for Farm {
    fn from(old: FarmV1) -> Farm {
        Farm {
            id: old.id,
            env: old.env,
            name: old.name,
            description: old.description,
            launch_order: old.launch_order,
            goal: old.goal,
            removed: old.removed,
            created_at: old.created_at,
            created_by: old.created_by,
        }
    }
}

/// A farm role, as schema 1 has it.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
pub(in crate::store) struct FarmRoleV1 {
    pub id: FarmRoleId,
    pub env: EnvironmentId,
    pub farm: FarmId,
    pub alias: Name,
    pub role: RoleId,
    pub platform: String,
    pub location: String,
    pub instance_type: String,
    pub launch_index: u32,
    pub scaling: ScalingPolicyV1,
    pub storage: Vec<VolumeSpecV1>,
    pub balance: Option<BalanceV1>,
    pub check: Option<ReadyCheckV1>,
    pub drain_ms: Millis,
    pub launch_timeout_ms: Millis,
    pub revision: u64,
    pub removed: bool,
}

impl From<FarmRoleV1> for FarmRole {
    fn from(old: FarmRoleV1) -> FarmRole {
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
            scaling: old.scaling.into(),
            storage: old.storage.into_iter().map(Into::into).collect(),
            balance: old.balance.map(Into::into),
            check: old.check.map(Into::into),
            role_check: None,
            setup_ms: 0,
            drain_ms: old.drain_ms,
            launch_timeout_ms: old.launch_timeout_ms,
            revision: old.revision,
            removed: old.removed,
            policy: Policy::default(),
            history: Vec::new(),
            rollout_wish: RolloutWish::default(),
            rollout_said: 0,
            publish: Vec::new(),
            outbound: false,
            overrides: Overrides::default(),
            mended_at: None,
        }
    }
}

/// Its scaling, as schema 1 has it.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
pub(in crate::store) struct ScalingPolicyV1 {
    pub enabled: bool,
    pub min: u32,
    pub max: u32,
    pub rules: Vec<ScalingRuleV1>,
    pub cooldown_up_ms: Millis,
    pub cooldown_down_ms: Millis,
}

impl From<ScalingPolicyV1> for ScalingPolicy {
    fn from(old: ScalingPolicyV1) -> ScalingPolicy {
        ScalingPolicy {
            enabled: old.enabled,
            min: old.min,
            max: old.max,
            rules: old.rules.into_iter().map(Into::into).collect(),
            cooldown_up_ms: old.cooldown_up_ms,
            cooldown_down_ms: old.cooldown_down_ms,
        }
    }
}

/// A rule of it, as schema 1 has it.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
pub(in crate::store) struct ScalingRuleV1 {
    pub metric: Metric,
    pub scale_up: f64,
    pub scale_down: f64,
    pub window_ms: Millis,
}

impl From<ScalingRuleV1> for ScalingRule {
    fn from(old: ScalingRuleV1) -> ScalingRule {
        ScalingRule {
            metric: old.metric,
            scale_up: old.scale_up,
            scale_down: old.scale_down,
            window_ms: old.window_ms,
        }
    }
}

/// A volume of it, as schema 1 has it.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
pub(in crate::store) struct VolumeSpecV1 {
    pub kind: String,
    pub mount_point: String,
    pub size_bytes: u64,
}

impl From<VolumeSpecV1> for VolumeSpec {
    fn from(old: VolumeSpecV1) -> VolumeSpec {
        VolumeSpec { kind: old.kind, mount_point: old.mount_point, size_bytes: old.size_bytes }
    }
}

/// What it balances, as schema 1 has it.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
pub(in crate::store) struct BalanceV1 {
    pub farm_role: Name,
    pub port: u16,
    pub listen_port: u16,
    pub check_path: String,
}

impl From<BalanceV1> for Balance {
    fn from(old: BalanceV1) -> Balance {
        Balance {
            farm_role: old.farm_role,
            port: old.port,
            listen_port: old.listen_port,
            check_path: old.check_path,
        }
    }
}

/// How its servers are asked, as schema 1 has it.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
pub(in crate::store) struct ReadyCheckV1 {
    pub port: u16,
    pub path: Option<String>,
}

impl From<ReadyCheckV1> for ReadyCheck {
    fn from(old: ReadyCheckV1) -> ReadyCheck {
        ReadyCheck { port: old.port, path: old.path }
    }
}

/// A server, as schema 1 has it.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
pub(in crate::store) struct ServerV1 {
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
}

impl From<ServerV1> for Server {
    fn from(old: ServerV1) -> Server {
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
            agent: true,
            zone: None,
            locked: false,
            lock_reason: String::new(),
            // Nobody but a person put servers to sleep then.
            suspend_requested: matches!(
                old.status,
                ServerStatus::PendingSuspend | ServerStatus::Suspended
            ),
            parked: false,
            healthy_since: None,
            reboot_at: None,
            idle_at: None,
            setup_failed: None,
        }
    }
}

/// A plan, as schema 1 has it.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
pub(in crate::store) struct PlanV1 {
    pub id: PlanId,
    pub env: EnvironmentId,
    pub farm: FarmId,
    pub parent: Option<PlanId>,
    pub at: Timestamp,
    pub targets: Vec<RoleTargetV1>,
    pub moves: Vec<MoveV1>,
    pub report: Vec<Line>,
    pub freeze: Option<String>,
    pub cold_start: Option<Timestamp>,
}

impl From<PlanV1> for Plan {
    fn from(old: PlanV1) -> Plan {
        Plan {
            id: old.id,
            env: old.env,
            farm: old.farm,
            parent: old.parent,
            at: old.at,
            targets: old.targets.into_iter().map(Into::into).collect(),
            moves: old.moves.into_iter().map(Into::into).collect(),
            report: old.report,
            freeze: old.freeze,
            cold_start: old.cold_start,
        }
    }
}

/// A target in it, as schema 1 has it.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
pub(in crate::store) struct RoleTargetV1 {
    pub farm_role: FarmRoleId,
    pub target: u32,
    pub scaled_up_at: Option<Timestamp>,
    pub scaled_down_at: Option<Timestamp>,
    pub failed_launches: u32,
    pub retry_at: Option<Timestamp>,
    pub failed_at: Option<Timestamp>,
    pub owed: Vec<OwedV1>,
}

impl From<RoleTargetV1> for RoleTarget {
    fn from(old: RoleTargetV1) -> RoleTarget {
        RoleTarget {
            farm_role: old.farm_role,
            target: old.target,
            scaled_up_at: old.scaled_up_at,
            scaled_down_at: old.scaled_down_at,
            failed_launches: old.failed_launches,
            retry_at: old.retry_at,
            failed_at: old.failed_at,
            owed: old.owed.into_iter().map(Into::into).collect(),
            rollout: None,
            before_losses: None,
        }
    }
}

/// A replacement in it that is still to come, as schema 1 has it.
#[derive(Clone, Copy, Debug, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
pub(in crate::store) struct OwedV1 {
    pub index: u32,
    pub server: ServerId,
}

impl From<OwedV1> for Replacement {
    fn from(old: OwedV1) -> Replacement {
        Replacement { index: old.index, server: old.server, rollout: false }
    }
}

/// One thing it changes, as schema 1 has it.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
pub(in crate::store) enum MoveV1 {
    Launch { server: ServerId, farm_role: FarmRoleId, index: u32, reason: LaunchReason },
    Retire { server: ServerId, reason: TerminateReason, not_before: Timestamp },
    Act { server: ServerId, kind: StepKind, not_before: Timestamp },
    Cancel { server: ServerId },
}

impl From<MoveV1> for Move {
    fn from(old: MoveV1) -> Move {
        match old {
            // Which revision it was is on the server's record.
            MoveV1::Launch { server, farm_role, index, reason } => {
                Move::Launch { server, farm_role, index, revision: 0, zone: None, reason }
            }
            MoveV1::Retire { server, reason, not_before } => {
                Move::Retire { server, reason, not_before }
            }
            MoveV1::Act { server, kind, not_before } => Move::Act { server, kind, not_before },
            MoveV1::Cancel { server } => Move::Cancel { server },
        }
    }
}

/// An order, as schema 1 has it; its body is JSON.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
pub(in crate::store) struct OrderV1 {
    pub id: OrderId,
    pub env: EnvironmentId,
    pub server: ServerId,
    pub body: String,
    pub at: Timestamp,
    pub deadline: Timestamp,
    pub state: OrderState,
}

/// The installation, as schema 1 has it.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
pub(in crate::store) struct InstallV1 {
    pub id: String,
    pub epoch: u64,
    pub seed: u64,
    pub created_at: Timestamp,
}

impl From<InstallV1> for Install {
    fn from(old: InstallV1) -> Install {
        Install {
            id: old.id,
            epoch: old.epoch,
            seed: old.seed,
            created_at: old.created_at,
            authority: String::new(),
            sealing_key: None,
        }
    }
}

/// How far an agent was heard, as schema 1 has it.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
pub(in crate::store) struct AgentCursorV1 {
    pub server: ServerId,
    pub boot: String,
    pub seq: u64,
}

impl From<AgentCursorV1> for AgentCursor {
    /// Nobody had been told anything but its user data then.
    fn from(old: AgentCursorV1) -> AgentCursor {
        AgentCursor { server: old.server, boot: old.boot, seq: old.seq, told: None }
    }
}
