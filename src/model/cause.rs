//! Who did it and why: what every journal entry carries.

use crate::base::{EnvironmentId, PlanId, Seq, ServerId, StepId, UserId};
use serde::{Deserialize, Serialize};

/// Through which door somebody came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Door {
    /// The appliance itself: a job.
    Appliance,
    /// The unix socket.
    Socket,
    /// HTTPS.
    Https,
    /// An agent, through the broker.
    Agent,
}

/// What a verb of `service` asks for. One name per kind of thing a person can be allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Permission {
    /// Read farms, farm roles and servers.
    FarmsRead,
    /// Declare, change and remove farms and farm roles.
    FarmsManage,
    /// Launch and terminate farms.
    FarmsLaunch,
    /// Terminate, reboot, suspend and resume servers.
    ServersManage,
    /// Read the journal, plans and reasons.
    EventsRead,
    /// Create and revoke tokens and users.
    UsersManage,
    /// Run commands on servers.
    CommandsRun,
    /// What only the appliance's own jobs may do: commit plans, outcomes, sightings, readings.
    Operate,
    /// Read what servers print: the logs of their setup, services and agent.
    LogsRead,
    /// Declare, change and remove roles: to say what servers run, so apart from farms.
    RolesManage,
    /// Import and delete images: to say what servers are started from.
    ImagesManage,
    /// Add, check, change and remove cloud accounts: to say where servers run, and as whom.
    CloudsManage,
}

/// Who is asking. Every verb of `service` takes one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// The user; 0 is the appliance.
    pub user: UserId,
    /// What the journal prints: `admin`, `job:plan`, `agent:shop/web-1`.
    pub name: String,
    /// The environment the request is about.
    pub env: EnvironmentId,
    /// How they came in.
    pub door: Door,
    /// Their address, or the peer's process id on the socket.
    pub address: String,
    /// The request's id, as the response's `meta.requestId`; empty for jobs.
    pub request: String,
    /// What they may do.
    pub permissions: Vec<Permission>,
}

impl Actor {
    /// The appliance's own job of a name, in environment 1.
    pub fn job(name: &str) -> Actor {
        Actor {
            user: UserId(0),
            name: format!("job:{name}"),
            env: EnvironmentId(1),
            door: Door::Appliance,
            address: String::new(),
            request: String::new(),
            permissions: Permission::ALL.to_vec(),
        }
    }

    /// Whether they may.
    pub fn may(&self, permission: Permission) -> bool {
        self.permissions.contains(&permission)
    }
}

impl Permission {
    /// Every permission there is.
    pub const ALL: [Permission; 12] = [
        Permission::FarmsRead,
        Permission::FarmsManage,
        Permission::FarmsLaunch,
        Permission::ServersManage,
        Permission::EventsRead,
        Permission::UsersManage,
        Permission::CommandsRun,
        Permission::Operate,
        Permission::LogsRead,
        Permission::RolesManage,
        Permission::ImagesManage,
        Permission::CloudsManage,
    ];

    /// What an administrator has: everything but what only the appliance's jobs may do.
    pub fn for_admin() -> Vec<Permission> {
        Permission::ALL.into_iter().filter(|p| *p != Permission::Operate).collect()
    }
}

/// What a journal entry came of: the link `explain` follows back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cause {
    /// A person's request, or the first start: the chain ends here.
    #[default]
    Request,
    /// A plan.
    Plan(PlanId),
    /// A step.
    Step(StepId),
    /// An earlier journal entry.
    Entry(Seq),
    /// What an agent said of its server.
    Agent(ServerId),
    /// A listing of a cloud.
    Listing,
    /// A clock.
    Clock,
}
