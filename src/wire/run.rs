//! Runs over the API: a command on one server or many, and what came of it.

use crate::model::Printed;
use crate::wire::api::logs::StreamPiece;
use crate::wire::api::route::{Body, Created, NoBody, Object, Route, Rows, Shaped, Streamed};
use crate::wire::input::NoInput;
use serde::{Deserialize, Serialize};

/// Lists runs.
pub const RUNS: Route<NoBody, Rows<RunView>> =
    Route::list("/{envId}/grange/runs/", "Lists the runs that are kept, the latest first.");

/// Begins a run.
pub const RUN_START: Route<RunInput, Created<RunView>> = Route::create(
    "/{envId}/grange/runs/",
    "Runs a command on servers, farm roles or farms, a bounded number of servers at once.",
);

/// Shows a run.
pub const RUN: Route<NoBody, Object<RunView>> =
    Route::show("/{envId}/grange/runs/{runId}/", "Shows a run and how far it is.");

/// Lists the servers of a run.
pub const RUN_SERVERS: Route<NoBody, Rows<RunServerView>> = Route::list(
    "/{envId}/grange/runs/{runId}/servers/",
    "Lists what came of a run on each of its servers, with what it printed.",
);

/// Reads what a command of a run prints.
pub const RUN_OUTPUT: Route<NoBody, Streamed<StreamPiece>> = Route::stream(
    "/{envId}/grange/runs/{runId}/servers/{serverId}/output/",
    "Reads what the command of a run prints on a server, while it runs there: a line of JSON for \
     each piece.",
);

/// Cancels a run.
pub const RUN_CANCEL: Route<NoInput, Object<RunView>> = Route::act(
    "/{envId}/grange/runs/{runId}/actions/cancel/",
    "Ends a run: servers whose turn has not come are passed over, and what runs is ended.",
);

/// Body of `POST .../grange/runs/`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct RunInput {
    /// Farms (`shop`), farm roles (`shop/web`), servers (`shop/web-3`, a UUID).
    pub targets: Vec<String>,
    /// The program and its arguments.
    pub command: Vec<String>,
    /// Ended on each server after this long; 60 s where it is 0.
    pub timeout_ms: u64,
    /// On how many servers at once; 10 where it is not said.
    pub parallel: Option<u32>,
    /// On so many servers it has to end with 0 before the others follow; none where it is not said.
    pub canary: Option<u32>,
}

/// A run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RunView {
    /// Its number.
    pub id: u64,
    /// On what, in the person's words.
    pub what: String,
    /// The program and its arguments.
    pub command: Vec<String>,
    /// Who began it.
    pub by: String,
    /// When, ms UTC.
    pub at: i64,
    /// Since when nothing of it is left to do, ms UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<i64>,
    /// `running`, `done` (everywhere with 0), `failed` or `cancelled`.
    pub state: String,
    /// Ended on each server after this long.
    pub timeout_ms: u64,
    /// On how many servers at once.
    pub parallel: u32,
    /// On so many servers it has to end with 0 first.
    pub canary: u32,
    /// How many servers it is for.
    pub servers: u32,
    /// Servers whose turn has not come.
    pub waiting: u32,
    /// Servers whose agents have the order.
    pub open: u32,
    /// Servers where it ended with 0.
    pub succeeded: u32,
    /// Servers where it ended otherwise, or could not be run.
    pub failed: u32,
    /// Servers passed over, because the canary failed or it was cancelled.
    pub skipped: u32,
}

/// What came of a run on one server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RunServerView {
    /// The server's UUID.
    pub server: String,
    /// What it was called when the run began.
    pub name: String,
    /// The order of its agent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order: Option<u64>,
    /// `waiting`, `open`, `done`, `failed` or `skipped`.
    pub state: String,
    /// The command's exit code, where it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// Why it failed or was passed over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Its standard output, as much as is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stdout: Option<Printed>,
    /// Its standard error likewise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stderr: Option<Printed>,
}

impl Shaped for RunView {
    const SHAPE: &'static str = "Run";
}

impl Shaped for RunServerView {
    const SHAPE: &'static str = "RunServer";
}

impl Body for RunInput {
    const NAMED: Option<(&'static str, &'static str)> = Some(("run", "RunRequest"));
}
