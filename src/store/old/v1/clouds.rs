//! Schema 1 of what the store keeps of cloud accounts.

use crate::base::{CloudAccountId, EnvironmentId, FarmRoleId, Name, StepId, Timestamp, UserId};
use crate::model::{Breaker, BreakerCause, CloudAccount};
use serde::Deserialize;
use std::collections::BTreeMap;

/// A cloud account that failed, before others could be left alone.
#[derive(Clone, Debug, Deserialize)]
pub(in crate::store) struct BreakerV1 {
    pub account: String,
    pub failures: u32,
    pub reason: String,
    pub since: Timestamp,
    pub open_until: Option<Timestamp>,
    pub trial: Option<StepId>,
    pub farm_roles: Vec<FarmRoleId>,
}

impl From<BreakerV1> for Breaker {
    fn from(old: BreakerV1) -> Breaker {
        Breaker {
            account: old.account,
            failures: old.failures,
            reason: old.reason,
            since: old.since,
            open_until: old.open_until,
            trial: old.trial,
            farm_roles: old.farm_roles,
            cause: BreakerCause::Failures,
        }
    }
}

/// A cloud account from before it could have a secret.
#[derive(Clone, Debug, Deserialize)]
pub(in crate::store) struct CloudAccountV1 {
    pub id: CloudAccountId,
    pub environments: Vec<EnvironmentId>,
    pub name: Name,
    pub platform: String,
    pub endpoint: String,
    pub options: BTreeMap<String, String>,
    pub added_at: Timestamp,
    pub added_by: UserId,
}

impl From<CloudAccountV1> for CloudAccount {
    fn from(old: CloudAccountV1) -> CloudAccount {
        CloudAccount {
            id: old.id,
            environments: old.environments,
            name: old.name,
            platform: old.platform,
            endpoint: old.endpoint,
            options: old.options,
            added_at: old.added_at,
            added_by: old.added_by,
            secret: None,
        }
    }
}
