//! A farm role: the use of a role in a farm, with its place, size, scaling and volumes.

use crate::base::{EnvironmentId, FarmId, FarmRoleId, Millis, Name, RoleId, Timestamp};
use crate::model::{Overrides, Policy, Publish, Revision, RolloutWish, ScalingPolicy};
use serde::{Deserialize, Serialize};

/// What a person declared of one tier of a farm.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FarmRole {
    /// Its number.
    pub id: FarmRoleId,
    /// Where it lives.
    pub env: EnvironmentId,
    /// The farm.
    pub farm: FarmId,
    /// Its name in the farm; servers are `<alias>-<index>`.
    pub alias: Name,
    /// The recipe.
    pub role: RoleId,
    /// Which of the role's revisions: it stays until a person takes up another.
    pub role_revision: u64,
    /// The cloud account its servers are in, by name: `onboard`, `home`.
    pub account: String,
    /// Where on the platform.
    pub location: String,
    /// Which size, by the platform's name for it.
    pub instance_type: String,
    /// Its place in a sequential launch; lower goes first.
    pub launch_index: u32,
    /// How many servers, and when more or fewer.
    pub scaling: ScalingPolicy,
    /// Data volumes every server has; each is bound to this farm role and the server's index.
    pub storage: Vec<VolumeSpec>,
    /// For a role with a balancer automation: what it balances.
    pub balance: Option<Balance>,
    /// What makes a server ready, beyond its agent saying so; `None` for what its role says.
    pub check: Option<ReadyCheck>,
    /// What its role's revision says of that, kept here because planning sees no roles.
    pub role_check: Option<ReadyCheck>,
    /// How long all of its role's setup may take, kept here for the same reason.
    pub setup_ms: Millis,
    /// How long a server that is to go is left to finish what it is doing.
    pub drain_ms: Millis,
    /// How long from the launch step to `running` before the server counts as failed, beyond what
    /// setup may take.
    pub launch_timeout_ms: Millis,
    /// The number of what servers are made of (role with its revision, account, location, size,
    /// storage, check, overrides).
    pub revision: u64,
    /// A person asked for it to be removed: its servers go first, then the record.
    pub removed: bool,
    /// How its servers are healed, chosen, placed and rolled over.
    pub policy: Policy,
    /// Revisions left behind, the last one last, as far back as is kept.
    pub history: Vec<Revision>,
    /// What a person wants of the rollout under way.
    pub rollout_wish: RolloutWish,
    /// How often people said so: a later word than the planner remembers is news.
    pub rollout_said: u64,
    /// Ports of the machine that lead to its servers. No part of what servers are made of: a change
    /// of it rolls nothing over.
    pub publish: Vec<Publish>,
    /// Whether its servers reach what the machine reaches; where a platform keeps them in, others
    /// reach the appliance and one another. No part of what they are made of, either.
    pub outbound: bool,
    /// What its servers do otherwise than its role says.
    pub overrides: Overrides,
    /// When a person set right what its last launches may have failed for, as a variable: what
    /// failed before is tried at once.
    pub mended_at: Option<Timestamp>,
}

/// A data volume as declared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VolumeSpec {
    /// Scalr's `PersistentStorageConfiguration` is the one type there is so far.
    pub kind: String,
    /// Where the server sees it, an absolute path.
    pub mount_point: String,
    /// Its size in bytes.
    pub size_bytes: u64,
}

/// What a balancer balances.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Balance {
    /// The alias of the farm role behind it, in the same farm.
    pub farm_role: Name,
    /// The port its servers listen on.
    pub port: u16,
    /// The port clients connect to.
    pub listen_port: u16,
    /// The path a server must answer with 2xx or 3xx to get traffic.
    pub check_path: String,
}

/// A check the server's own agent makes before it says it is ready.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadyCheck {
    /// A TCP port on the server itself.
    pub port: u16,
    /// For HTTP: the path that must answer with 2xx or 3xx. Without it, a connection is enough.
    pub path: Option<String>,
}

impl FarmRole {
    /// The bounds the count is kept in, whatever scaling wants.
    pub fn bounds(&self) -> (u32, u32) {
        (self.scaling.min, self.scaling.max)
    }

    /// The check its servers have to pass: its own, else its role's.
    pub fn ready_check(&self) -> Option<&ReadyCheck> {
        self.check.as_ref().or(self.role_check.as_ref())
    }

    /// A farm role in its first revision, of one or two small servers without rules: what samples
    /// of farm roles and servers begin with.
    pub fn plain(id: FarmRoleId, farm: FarmId, alias: Name) -> FarmRole {
        FarmRole {
            id,
            env: EnvironmentId(1),
            farm,
            alias,
            role: RoleId(1),
            role_revision: 1,
            account: "simulated".into(),
            location: "here".into(),
            instance_type: "small".into(),
            launch_index: 0,
            scaling: ScalingPolicy {
                enabled: false,
                min: 1,
                max: 2,
                rules: Vec::new(),
                cooldown_up_ms: 0,
                cooldown_down_ms: 0,
            },
            storage: Vec::new(),
            balance: None,
            check: None,
            role_check: None,
            setup_ms: 0,
            drain_ms: 0,
            launch_timeout_ms: 300_000,
            revision: 1,
            removed: false,
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
