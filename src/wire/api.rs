//! API views, field for field: Scalr's `v1beta0`, and under `grange` what it has no word for. One
//! definition serves the API that writes them and the client that reads them.

pub mod appliance;
mod declare;
pub mod farms;
pub mod journal;
pub mod logs;
pub mod plans;
pub mod readings;
pub mod route;
pub mod servers;

pub use appliance::JobView;
pub use declare::{
    FarmManifestView, ManifestRequest, ManifestResult, ProposalRequest, ProposalText, ProposalView,
};
pub use farms::{PublishedView, RoleRef};

use crate::base::Millis;
use crate::model::Printed;
use crate::wire::note::NoteView;
use crate::wire::rollout::RolloutView;
use crate::wire::service::ServiceView;
use serde::{Deserialize, Serialize};

/// A single object's envelope.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct One<T> {
    /// About the request.
    #[serde(default)]
    pub meta: Meta,
    /// The object.
    pub data: T,
}

/// A list's envelope.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Many<T> {
    /// About the request.
    #[serde(default)]
    pub meta: Meta,
    /// The page.
    pub data: Vec<T>,
    /// Where the other pages are.
    #[serde(default)]
    pub pagination: Pagination,
}

/// An error's envelope.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Errors {
    /// About the request.
    #[serde(default)]
    pub meta: Meta,
    /// Every fault at once.
    pub errors: Vec<ErrorView>,
}

/// One fault.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorView {
    /// Scalr's error code, as `InvalidValue`.
    pub code: String,
    /// One sentence.
    pub message: String,
    /// The field, path or line it concerns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
}

/// About the request.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Meta {
    /// The request's id, also in the journal.
    pub request_id: String,
    /// For journal entries: the last one looked at, where the next question goes on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
    /// For journal entries after one that is too old: the first entry that is still kept. What
    /// was made of earlier ones has to be read anew.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_over: Option<u64>,
}

/// Relative addresses of other pages; null when there is one page.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Pagination {
    /// The first page.
    pub first: Option<String>,
    /// The last page.
    pub last: Option<String>,
    /// The page before.
    pub prev: Option<String>,
    /// The page after.
    pub next: Option<String>,
}

/// A reference by number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ref {
    /// Its number.
    pub id: u64,
}

/// A reference by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NameRef {
    /// Its name.
    pub id: String,
}

/// A farm.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct FarmView {
    /// Its number.
    pub id: u64,
    /// Its name.
    pub name: String,
    /// Free text.
    pub description: String,
    /// `simultaneous` or `sequential`.
    pub launch_order: String,
    /// `running`, `pending_launch`, `pending_terminate`, `terminated`, or, of one that is stopped
    /// and keeps its servers, `pending_suspend` or `suspended`.
    pub status: String,
    /// What Scalr has no word for.
    pub grange: FarmExtra,
}

/// Counts and reasons of a farm.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct FarmExtra {
    /// For `If-Match`.
    pub revision: u64,
    /// Number of the current plan; 0 before the first.
    pub plan: u64,
    /// Farm roles.
    pub farm_roles: u32,
    /// Servers that run and serve.
    pub running: u32,
    /// Servers that run and do not serve, because their check fails.
    pub unhealthy: u32,
    /// Servers that scaling wants.
    pub target: u32,
    /// Servers not confirmed gone.
    pub servers: u32,
    /// Why automation is stopped by ourselves, if it is.
    pub freeze: Option<String>,
    /// What it waits for, one line each, most important first.
    pub waiting: Vec<String>,
    /// What is held of it, one line each: `web scale, 2 h left: black friday`.
    pub holds: Vec<String>,
    /// Notes on it, the oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<NoteView>,
}

/// A farm role.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct FarmRoleView {
    /// Its number.
    pub id: u64,
    /// Its name in the farm.
    pub alias: String,
    /// The farm.
    pub farm: Ref,
    /// The role.
    pub role: RoleRef,
    /// The platform.
    pub cloud_platform: String,
    /// Where on it.
    pub cloud_location: String,
    /// The size.
    pub instance_type: NameRef,
    /// Its place in a sequential launch.
    pub launch_index: u32,
    /// Range and rules.
    pub scaling: ScalingView,
    /// What Scalr has no word for.
    pub grange: FarmRoleExtra,
}

/// Range and rules of a farm role.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ScalingView {
    /// Whether the rules apply.
    pub enabled: bool,
    /// Never fewer.
    pub min_instances: u32,
    /// Never more.
    pub max_instances: u32,
    /// The rules, by their metric's name.
    pub rules: Vec<String>,
}

/// Counts and reasons of a farm role.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct FarmRoleExtra {
    /// For `If-Match`.
    pub revision: u64,
    /// The cloud account its servers are in.
    pub account: String,
    /// Servers that scaling wants.
    pub target: u32,
    /// Servers that run and serve.
    pub running: u32,
    /// Servers that run and do not serve, because their check fails.
    pub unhealthy: u32,
    /// Servers not confirmed gone.
    pub servers: u32,
    /// Each rule in words: `CpuPercent: up above 60, down below 20, over 60 s`.
    pub rules: Vec<String>,
    /// Mount points of its data volumes.
    pub volumes: Vec<String>,
    /// Alias of the farm role it balances.
    pub balances: Option<String>,
    /// Ports of the machine that lead to its servers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub published: Vec<PublishedView>,
    /// Whether its servers reach what the machine reaches.
    pub outbound: bool,
    /// What its servers do otherwise than its role says: `environment of api: MODE`, `file /etc/x`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub overrides: Vec<String>,
    /// What it waits for.
    pub waiting: Vec<String>,
    /// What is held for it, one line each: `scale, 2 h left: black friday`.
    pub holds: Vec<String>,
    /// Notes on it, the oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<NoteView>,
    /// The rollout under way, or the one that failed.
    pub rollout: Option<Box<RolloutView>>,
}

/// A server.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ServerView {
    /// Its UUID.
    pub id: String,
    /// `web-3`.
    pub hostname: String,
    /// Its index in the farm role.
    pub index: u32,
    /// Scalr's status.
    pub status: String,
    /// The farm.
    pub farm: Ref,
    /// The farm role.
    pub farm_role: Ref,
    /// The platform.
    pub cloud_platform: String,
    /// Where on it.
    pub cloud_location: String,
    /// The platform's id for it.
    pub cloud_server_id: Option<String>,
    /// The size.
    pub instance_type: NameRef,
    /// Addresses.
    pub private_ip: Vec<String>,
    /// Addresses.
    pub public_ip: Vec<String>,
    /// Why it was launched.
    pub launch_reason: String,
    /// When, RFC 3339.
    pub launched: String,
    /// What Scalr has no word for.
    pub grange: ServerExtra,
}

/// More of a server.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ServerExtra {
    /// For `If-Match`.
    pub revision: u64,
    /// The revision of its farm role that it is made of.
    pub made_of: u64,
    /// `shop/web-3`.
    pub name: String,
    /// The farm's name.
    pub farm: String,
    /// The farm role's alias.
    pub alias: String,
    /// The cloud account it is in.
    pub account: String,
    /// When the status last changed, ms UTC.
    pub status_at: i64,
    /// Milliseconds in this status.
    pub status_age: Millis,
    /// What else is true of it: Scalr's derived states, the worst first.
    pub conditions: Vec<ConditionView>,
    /// Whether its agent is connected.
    pub agent_connected: bool,
    /// Its agent's version.
    pub agent_version: Option<String>,
    /// Why it is to go.
    pub terminate_reason: Option<String>,
    /// What it waits for.
    pub waiting: Vec<String>,
    /// What the cloud last said: `running`, `stopped`, ...; `unknown` when it has not been seen
    /// since the start.
    pub seen: String,
    /// How old that is, in milliseconds.
    pub seen_age: Option<Millis>,
    /// Notes on it, the oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<NoteView>,
    /// Last readings: `cpu_percent`, `memory_percent`, `load_1m`.
    pub latest: Vec<ReadingView>,
    /// Its services, as its agent said last.
    pub services: Vec<ServiceView>,
    /// When that was heard, ms UTC; `None` where it has said nothing since the start.
    pub services_at: Option<i64>,
}

/// One of Scalr's derived states, which its status does not tell.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConditionView {
    /// `failed`, `missing`, `rebooting` or `locked`.
    pub name: String,
    /// Why, or for how long.
    pub why: String,
}

/// The last reading of one series.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ReadingView {
    /// The series.
    pub series: String,
    /// When, ms UTC.
    pub at: i64,
    /// The value.
    pub value: f64,
}

/// One series over time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SeriesView {
    /// Its name.
    pub series: String,
    /// Moments, ms UTC.
    pub at: Vec<i64>,
    /// Values, one a moment.
    pub value: Vec<f64>,
}

/// A journal entry, for people.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EventView {
    /// Its sequence number.
    pub seq: u64,
    /// When, ms UTC.
    pub at: i64,
    /// Who: `admin`, `job:plan`, `agent:shop/web-1`.
    pub actor: String,
    /// The verb, as `server.terminate`.
    pub verb: String,
    /// What it is about: `shop`, `shop/web`, `shop/web-3`; empty when about none.
    pub about: String,
    /// One sentence.
    pub text: String,
    /// Tables it changed.
    pub tables: Vec<String>,
}

/// What `grange explain` answers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ExplainView {
    /// What it is about.
    pub about: String,
    /// One line on how it is now.
    pub now: String,
    /// The chain of causes, latest first.
    pub because: Vec<BecauseView>,
    /// What it waits for, and what happens next.
    pub waiting: Vec<String>,
    /// Notes on it, the oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<NoteView>,
}

/// One link of the chain.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct BecauseView {
    /// Journal entry.
    pub seq: u64,
    /// When, ms UTC.
    pub at: i64,
    /// One sentence.
    pub text: String,
    /// Where the chain ends: `person`, `reading`, `clock`, `sighting`, `power cut`, `agent`,
    /// `cloud` or `journal`; empty for a link between.
    pub root: String,
}

/// A plan.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PlanView {
    /// Its number; 0 while the farm has none.
    pub id: u64,
    /// The farm.
    pub farm: String,
    /// The plan before it.
    pub parent: Option<u64>,
    /// When, ms UTC.
    pub at: i64,
    /// What it changes, one line each.
    pub moves: Vec<String>,
    /// Why each thing is or is not done.
    pub report: Vec<String>,
}

/// A command for a server's agent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct CommandRequest {
    /// Program and arguments.
    pub command: Vec<String>,
    /// Killed after this long.
    pub timeout_ms: Millis,
}

/// What came of an order.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct OrderView {
    /// Its number.
    pub id: u64,
    /// `open`, `done`, `failed`, `cancelled`, `expired` or `superseded`.
    pub state: String,
    /// The command's exit code, or 128 and the number of the signal that ended it.
    pub exit_code: Option<i32>,
    /// Both outputs as text for people, or why it failed.
    pub output: String,
    /// Why it is not done; `None` where it is, or open.
    pub why: Option<String>,
    /// What the command wrote to its standard output, byte for byte; `None` where none ran, and of
    /// an agent that does not keep the two apart.
    pub stdout: Option<Printed>,
    /// What it wrote to its standard error.
    pub stderr: Option<Printed>,
    /// Bytes of both that were not kept.
    pub left_out: u64,
    /// Who wants it ended, by name.
    pub cancelled_by: Option<String>,
}

/// How the appliance is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct StatusView {
    /// Its version.
    pub version: String,
    /// Since when it runs, ms UTC.
    pub started_at: i64,
    /// Its clock, ms UTC: ages are counted from it, not from the reader's clock.
    pub now: i64,
    /// The active node's epoch.
    pub epoch: u64,
    /// Last journal entry.
    pub seq: u64,
    /// Connected agents.
    pub agents: u32,
    /// Farms.
    pub farms: u32,
    /// Servers not confirmed gone.
    pub servers: u32,
    /// Lines of its log that could not be written since it runs.
    pub lost_log_lines: u64,
    /// Alerts, one line each.
    pub alerts: Vec<String>,
    /// Ports of the machine that lead to servers of this environment, one line each.
    pub published: Vec<String>,
    /// Each background job: name and how its last run went.
    pub jobs: Vec<JobView>,
}
