//! The lists of runs and of their servers.

use super::{Cell, Column, Get, List, Tone, minute};
use crate::wire::run::{RunServerView, RunView};

/// Commands on many servers; named as `grange run show` takes them.
pub const RUNS: List<RunView> = List { of: "runs", columns: RUN, name: |run| run.id.to_string() };

/// What came of one on its servers.
pub const RUN_SERVERS: List<RunServerView> =
    List { of: "servers of a run", columns: SERVER, name: |part| part.name.clone() };

type OfRun = Column<RunView>;
type OfServer = Column<RunServerView>;

const RUN: &[OfRun] = &[
    OfRun::new("id", "Its number", Get::Count(|run| Some(run.id))),
    OfRun::new(
        "state",
        "running, done, failed or cancelled",
        Get::Text(|run| Some(run.state.clone())),
    )
    .shown(|run| Cell(run.state.clone(), tone(&run.state))),
    OfRun::new("on", "The farms, farm roles and servers", Get::Text(|run| Some(run.what.clone()))),
    OfRun::new("since", "When it began", Get::Moment(|run| Some(run.at)))
        .shown(|run| Cell::from(minute(run.at))),
    OfRun::new("by", "Who began it", Get::Text(|run| Some(run.by.clone()))),
    OfRun::new("servers", "How many", Get::Count(|run| Some(run.servers.into()))),
    OfRun::new(
        "succeeded",
        "Ended with 0 on so many",
        Get::Count(|run| Some(run.succeeded.into())),
    ),
    OfRun::new("failed", "Failed on so many", Get::Count(|run| Some(run.failed.into()))),
    OfRun::new("command", "The command", Get::Text(|run| Some(run.command.join(" ")))),
];

const SERVER: &[OfServer] = &[
    OfServer::new("server", "What it was called", Get::Text(|part| Some(part.name.clone()))),
    OfServer::new(
        "state",
        "waiting, open, done, failed or skipped",
        Get::Text(|part| Some(part.state.clone())),
    )
    .shown(|part| Cell(part.state.clone(), tone(&part.state))),
    OfServer::new(
        "exit",
        "The command's exit code",
        Get::Number(|part| part.exit_code.map(f64::from), ""),
    )
    .shown(|part| match part.exit_code {
        Some(code) => Cell::from(code),
        None => Cell::from("-"),
    }),
    OfServer::new("why", "Why it failed or was passed over", Get::Text(|part| part.why.clone())),
];

fn tone(state: &str) -> Tone {
    match state {
        "done" => Tone::Good,
        "failed" => Tone::Bad,
        "running" | "open" => Tone::Busy,
        _ => Tone::Plain,
    }
}
