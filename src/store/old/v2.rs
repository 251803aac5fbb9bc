//! Schema 2 of the records that have changed since.

use super::v3::RevisionV3;
use crate::base::{EnvironmentId, FarmId, FarmRoleId, Millis, Name, RoleId};
use crate::model::{
    Balance, FarmRole, HealMode, MissingPolicy, Policy, ReadyCheck, RemovalPolicy, RolloutPolicy,
    RolloutWish, ScalingBehavior, ScalingPolicy, VolumeSpec,
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
            platform: old.platform,
            location: old.location,
            instance_type: old.instance_type,
            launch_index: old.launch_index,
            scaling: old.scaling,
            storage: old.storage,
            balance: old.balance,
            check: old.check,
            role_check: None,
            drain_ms: old.drain_ms,
            launch_timeout_ms: old.launch_timeout_ms,
            revision: old.revision,
            removed: old.removed,
            policy: old.policy.into(),
            history: old.history.into_iter().map(Into::into).collect(),
            rollout_wish: old.rollout_wish,
            rollout_said: old.rollout_said,
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
