//! Schema 3 of the records that have changed since: farm roles from before roles had revisions.

use crate::base::{EnvironmentId, FarmId, FarmRoleId, Millis, Name, RoleId, Timestamp};
use crate::model::{
    Balance, FarmRole, Overrides, Policy, ReadyCheck, Revision, RolloutWish, ScalingPolicy,
    VolumeSpec,
};
use serde::Deserialize;

/// A farm role, as schema 3 has it.
#[derive(Clone, Debug, Deserialize)]
pub(in crate::store) struct FarmRoleV3 {
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
    pub policy: Policy,
    pub history: Vec<RevisionV3>,
    pub rollout_wish: RolloutWish,
    pub rollout_said: u64,
}

impl From<FarmRoleV3> for FarmRole {
    fn from(old: FarmRoleV3) -> FarmRole {
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
            policy: old.policy,
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

/// A revision of it, as schemas 2 and 3 have it.
#[derive(Clone, Debug, Deserialize)]
pub(in crate::store) struct RevisionV3 {
    pub number: u64,
    pub role: RoleId,
    pub platform: String,
    pub location: String,
    pub instance_type: String,
    pub storage: Vec<VolumeSpec>,
    pub check: Option<ReadyCheck>,
    pub left_at: Option<Timestamp>,
}

impl From<RevisionV3> for Revision {
    /// Every role was in its first revision then.
    fn from(old: RevisionV3) -> Revision {
        Revision {
            number: old.number,
            role: old.role,
            role_revision: 1,
            account: old.platform,
            location: old.location,
            instance_type: old.instance_type,
            storage: old.storage,
            check: old.check,
            role_check: None,
            setup_ms: 0,
            overrides: Overrides::default(),
            left_at: old.left_at,
        }
    }
}
