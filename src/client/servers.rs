//! Servers, their readings, and commands for their agents.

use crate::client::{Client, Error, Flow};
use crate::wire::api::logs::{LOG, LOGS, LogAsked, StreamPiece};
use crate::wire::api::readings::{READINGS, ReadingsAsked};
use crate::wire::api::servers::{
    COMMAND_RUN, ORDER, ORDER_CANCEL, SERVER, SERVER_GONE, SERVER_LOCK, SERVER_REBOOT,
    SERVER_RESUME, SERVER_SUSPEND, SERVER_TERMINATE, SERVER_UNLOCK, SERVERS,
};
use crate::wire::api::{CommandRequest, OrderView, SeriesView, ServerView};
use crate::wire::input::{LockInput, NoInput, RebootInput, ServerFilter, TerminateInput};
use crate::wire::stream::LogFile;

impl Client {
    /// Every server a filter takes, by farm, farm role and index.
    pub fn servers(&self, filter: &ServerFilter) -> Result<Vec<ServerView>, Error> {
        self.rows_where(&SERVERS, &[], filter)
    }

    /// One server.
    pub fn server(&self, id: &str) -> Result<ServerView, Error> {
        self.show(&SERVER, &[&id])
    }

    /// Asks for a server to go; with `force` without leaving it time to finish.
    pub fn server_terminate(&self, id: &str, force: bool) -> Result<ServerView, Error> {
        self.ask(&SERVER_TERMINATE, &[&id], &TerminateInput { force })
    }

    /// Asks for a reboot; with `hard` by the cloud instead of by its own agent.
    pub fn server_reboot(&self, id: &str, hard: bool) -> Result<ServerView, Error> {
        self.ask(&SERVER_REBOOT, &[&id], &RebootInput { hard })
    }

    /// Says that a server is gone.
    pub fn server_gone(&self, id: &str) -> Result<ServerView, Error> {
        self.ask(&SERVER_GONE, &[&id], &NoInput {})
    }

    /// Puts a server to sleep.
    pub fn server_suspend(&self, id: &str) -> Result<ServerView, Error> {
        self.ask(&SERVER_SUSPEND, &[&id], &NoInput {})
    }

    /// Wakes a server that sleeps.
    pub fn server_resume(&self, id: &str) -> Result<ServerView, Error> {
        self.ask(&SERVER_RESUME, &[&id], &NoInput {})
    }

    /// Locks a server against removal.
    pub fn server_lock(&self, id: &str, reason: &str) -> Result<ServerView, Error> {
        self.ask(&SERVER_LOCK, &[&id], &LockInput { reason: reason.to_owned() })
    }

    /// Takes its lock off.
    pub fn server_unlock(&self, id: &str) -> Result<ServerView, Error> {
        self.ask(&SERVER_UNLOCK, &[&id], &NoInput {})
    }

    /// Readings of the last minutes, of the named series or of all.
    pub fn readings(
        &self,
        id: &str,
        series: &[&str],
        minutes: u32,
    ) -> Result<Vec<SeriesView>, Error> {
        let series = (!series.is_empty()).then(|| series.join(","));
        let asked = ReadingsAsked { series, minutes: Some(minutes.into()) };
        self.show_where(&READINGS, &[&id], &asked)
    }

    /// The logs that a server's agent keeps.
    pub fn logs(&self, id: &str) -> Result<Vec<LogFile>, Error> {
        self.show(&LOGS, &[&id])
    }

    /// What logs of a server say.
    pub fn log(&self, id: &str, asked: &LogAsked) -> Result<Flow<StreamPiece>, Error> {
        self.flow(&LOG, &[&id], asked)
    }

    /// Orders a command run by the server's agent; the answer is the open order.
    pub fn command_run(&self, id: &str, input: &CommandRequest) -> Result<OrderView, Error> {
        self.ask(&COMMAND_RUN, &[&id], input)
    }

    /// An order and what came of it.
    pub fn order(&self, id: u64) -> Result<OrderView, Error> {
        self.show(&ORDER, &[&id])
    }

    /// Wants the command ended that an order runs.
    pub fn order_cancel(&self, id: u64) -> Result<OrderView, Error> {
        self.ask(&ORDER_CANCEL, &[&id], &NoInput {})
    }
}
