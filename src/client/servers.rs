//! Servers, their readings, and commands for their agents.

use crate::client::{Client, Error, Query, encode};
use crate::wire::api::{CommandRequest, OrderView, SeriesView, ServerView};
use crate::wire::input::{LockInput, NoInput, RebootInput, ServerFilter, TerminateInput};

impl Client {
    /// Every server a filter takes, by farm, farm role and index.
    pub fn servers(&self, filter: &ServerFilter) -> Result<Vec<ServerView>, Error> {
        let query = Query::default()
            .maybe("id", filter.id)
            .maybe("hostname", filter.hostname.as_deref())
            .maybe("index", filter.index)
            .maybe("status", filter.status.map(|status| status.as_str()))
            .maybe("farm", filter.farm)
            .maybe("farmRole", filter.farm_role)
            .maybe("cloudPlatform", filter.cloud_platform.as_deref())
            .maybe("cloudLocation", filter.cloud_location.as_deref())
            .maybe("cloudServerId", filter.cloud_server_id.as_deref())
            .maybe("instanceType", filter.instance_type.as_deref());
        self.all("servers/", &query)
    }

    /// One server.
    pub fn server(&self, id: &str) -> Result<ServerView, Error> {
        self.get(&format!("servers/{}/", encode(id)))
    }

    /// Asks for a server to go; with `force` without leaving it time to finish.
    pub fn server_terminate(&self, id: &str, force: bool) -> Result<ServerView, Error> {
        self.act(&format!("servers/{}/actions/terminate/", encode(id)), &TerminateInput { force })
    }

    /// Asks for a reboot; with `hard` by the cloud instead of by its own agent.
    pub fn server_reboot(&self, id: &str, hard: bool) -> Result<ServerView, Error> {
        self.act(&format!("servers/{}/actions/reboot/", encode(id)), &RebootInput { hard })
    }

    /// Puts a server to sleep.
    pub fn server_suspend(&self, id: &str) -> Result<ServerView, Error> {
        self.act(&format!("servers/{}/actions/suspend/", encode(id)), &NoInput {})
    }

    /// Wakes a server that sleeps.
    pub fn server_resume(&self, id: &str) -> Result<ServerView, Error> {
        self.act(&format!("servers/{}/actions/resume/", encode(id)), &NoInput {})
    }

    /// Locks a server against removal.
    pub fn server_lock(&self, id: &str, reason: &str) -> Result<ServerView, Error> {
        let input = LockInput { reason: reason.to_owned() };
        self.act(&format!("servers/{}/actions/lock/", encode(id)), &input)
    }

    /// Takes its lock off.
    pub fn server_unlock(&self, id: &str) -> Result<ServerView, Error> {
        self.act(&format!("servers/{}/actions/unlock/", encode(id)), &NoInput {})
    }

    /// Readings of the last minutes, of the named series or of all.
    pub fn readings(
        &self,
        id: &str,
        series: &[&str],
        minutes: u32,
    ) -> Result<Vec<SeriesView>, Error> {
        let named = (!series.is_empty()).then(|| series.join(","));
        let query = Query::default().with("minutes", minutes).maybe("series", named);
        Ok(self.list(&format!("grange/servers/{}/readings/{query}", encode(id)))?.data)
    }

    /// Orders a command run by the server's agent; the answer is the open order.
    pub fn command_run(&self, id: &str, input: &CommandRequest) -> Result<OrderView, Error> {
        self.act(&format!("grange/servers/{}/commands/", encode(id)), input)
    }

    /// An order and what came of it.
    pub fn order(&self, id: u64) -> Result<OrderView, Error> {
        self.get(&format!("grange/orders/{id}/"))
    }

    /// Wants the command ended that an order runs.
    pub fn order_cancel(&self, id: u64) -> Result<OrderView, Error> {
        self.act(&format!("grange/orders/{id}/actions/cancel/"), &NoInput {})
    }
}
