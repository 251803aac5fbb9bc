//! Holds: automation that a person switched off for a while.

use crate::base::{EnvironmentId, FarmId, FarmRoleId, HoldId, Timestamp, UserId};
use serde::{Deserialize, Serialize};

/// One kind of automation that is switched off for a farm or a farm role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// Its number.
    pub id: HoldId,
    /// Where it lives.
    pub env: EnvironmentId,
    /// The farm.
    pub farm: FarmId,
    /// The farm role; `None` for all of the farm's.
    pub farm_role: Option<FarmRoleId>,
    /// What is switched off.
    pub kind: HoldKind,
    /// Why, in a person's words.
    pub reason: String,
    /// Who placed it.
    pub by: UserId,
    /// When.
    pub at: Timestamp,
    /// When it ends by itself; `None` until a person releases it.
    pub until: Option<Timestamp>,
}

/// What runs by itself and can be held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HoldKind {
    /// Launching servers, for whatever reason.
    Launch,
    /// Terminating servers that no person asked to terminate.
    Terminate,
    /// Replacing and restarting what is lost or fails.
    Heal,
    /// Moving targets by scaling rules.
    Scale,
    /// Beginning another batch of a rollout.
    Rollout,
    /// Giving balancers a new file.
    Balance,
}

impl HoldKind {
    /// All there are.
    pub const ALL: [HoldKind; 6] = [
        HoldKind::Launch,
        HoldKind::Terminate,
        HoldKind::Heal,
        HoldKind::Scale,
        HoldKind::Rollout,
        HoldKind::Balance,
    ];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            HoldKind::Launch => "launch",
            HoldKind::Terminate => "terminate",
            HoldKind::Heal => "heal",
            HoldKind::Scale => "scale",
            HoldKind::Rollout => "rollout",
            HoldKind::Balance => "balance",
        }
    }
}

impl Hold {
    /// Whether it is in force for a farm role at a moment.
    pub fn covers(&self, farm_role: FarmRoleId, kind: HoldKind, now: Timestamp) -> bool {
        self.kind == kind
            && self.farm_role.is_none_or(|held| held == farm_role)
            && self.until.is_none_or(|until| until > now)
    }
}
