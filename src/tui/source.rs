//! What the screens need of the appliance: a small blocking trait, called by workers only.

use super::catalogue::{Catalogue, Noun};
use crate::wire::account::AccountView;
use crate::wire::api::{
    EventView, ExplainView, FarmRoleView, FarmView, SeriesView, ServerView, StatusView,
};
use crate::wire::hold::HoldInput;
use crate::wire::rollout::{RolloutVerb, RolloutView};

/// What a person may do from a screen. Rights are checked by the appliance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Raise what the farm desires.
    LaunchFarm(u64),
    /// Stop every server of the farm.
    TerminateFarm(u64),
    /// Stop the farm and keep its servers.
    StopFarm(u64),
    /// Start a farm that is stopped.
    StartFarm(u64),
    /// Say this of the rollout of a farm role.
    Rollout(u64, RolloutVerb),
    /// Ask a cloud account again at once that is left alone.
    ResumeAccount(String),
    /// Remove this server; the plan may replace it.
    TerminateServer(String),
    /// Restart this server in place.
    RebootServer(String),
    /// Switch off what runs by itself, for a while.
    Hold(HoldInput),
    /// Switch it on again: on what, and which kind.
    Release(String, String),
    /// Lock this server against removal.
    LockServer(String),
    /// Take its lock off.
    UnlockServer(String),
}

/// Where the screens' data comes from. Every call may block up to the client's deadline, and an
/// error is one line for people.
pub trait Source: Send + Sync {
    /// All farms.
    fn farms(&self) -> Result<Vec<FarmView>, String>;
    /// The farm roles of one farm.
    fn farm_roles(&self, farm: u64) -> Result<Vec<FarmRoleView>, String>;
    /// The servers of one farm, or all of them.
    fn servers(&self, farm: Option<u64>) -> Result<Vec<ServerView>, String>;
    /// One server by id or by name, as `shop/web-3`.
    fn server(&self, id: &str) -> Result<ServerView, String>;
    /// The last `minutes` of some series of a server.
    fn series(&self, server: &str, names: &[&str], minutes: u32)
    -> Result<Vec<SeriesView>, String>;
    /// Journal entries after a sequence number, waiting up to `wait_ms` for the first.
    fn events(&self, after: u64, at_most: usize, wait_ms: u64) -> Result<Vec<EventView>, String>;
    /// Why something is as it is: `shop`, `shop/web` or `shop/web-3`.
    fn explain(&self, what: &str) -> Result<ExplainView, String>;
    /// The last lines that a server printed, by its name: of setup, services and its agent, each
    /// after a heading where there are several.
    fn log(&self, server: &str) -> Result<Vec<String>, String>;
    /// How the rollout of a farm role stands, and its revisions.
    fn rollout(&self, role: u64) -> Result<RolloutView, String>;
    /// Cloud accounts, and which are left alone.
    fn accounts(&self) -> Result<Vec<AccountView>, String>;
    /// All roles, variables of the environment, or cloud accounts.
    fn catalogue(&self, noun: Noun) -> Result<Catalogue, String>;
    /// How the appliance is.
    fn status(&self) -> Result<StatusView, String>;
    /// Does it, and says in one line what will happen now.
    fn act(&self, action: Action) -> Result<String, String>;
}
