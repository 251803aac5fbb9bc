//! What servers print: the logs that their agents keep, read while they are written.
//!
//! The logs are on the servers; nothing of them is kept here, and no reading of them is journaled.
//! Reading them is a permission of its own: programs print what is nobody's business.

use crate::base::limit::{LOG_LINES_MAX, LOG_NAME_BYTES_MAX};
use crate::base::text::{self, Kind};
use crate::base::{Code, Problem, Result, ServerId};
use crate::model::{Actor, Permission};
use crate::service::agents::streams::StreamReader;
use crate::service::{Service, authorise, lookup};
use crate::wire::api::logs::LogAsked;
use crate::wire::stream::{LogFile, Source};

/// How many of a log's last lines are read where nobody says.
const LINES: u64 = 100;

/// Opens what says which logs a server has; [`listed`] understands it.
pub fn list(service: &Service, actor: &Actor, id: ServerId) -> Result<StreamReader> {
    open(service, actor, id, Source::Logs)
}

/// Opens logs of a server.
pub fn read(
    service: &Service,
    actor: &Actor,
    id: ServerId,
    asked: &LogAsked,
) -> Result<StreamReader> {
    let lines = asked.lines.unwrap_or(LINES);
    let counted = match lines <= LOG_LINES_MAX {
        true => Ok(u32::try_from(lines).unwrap_or(u32::MAX)),
        false => {
            let text = format!("at most {LOG_LINES_MAX} lines, not {lines}");
            Err(Problem::invalid("lines", text))
        }
    };
    let named = match asked.of.as_deref() {
        Some("") => {
            let text = "say setup, agent or the name of a service, or leave it out for all";
            Err(Problem::invalid("of", text))
        }
        Some(of) => text::check("of", of, Kind::Word, LOG_NAME_BYTES_MAX),
        None => Ok(()),
    };
    let ((), lines) = Problem::both(named, counted)?;
    let follow = asked.follow.unwrap_or(false);
    open(service, actor, id, Source::Log { of: asked.of.clone(), lines, follow })
}

fn open(service: &Service, actor: &Actor, id: ServerId, source: Source) -> Result<StreamReader> {
    let grant = authorise(actor, Permission::LogsRead)?;
    let (server, name) = service.read(&grant, |view| {
        let server = lookup::server(view, id)?.ok_or_else(|| Problem::not_found("server", id))?;
        let name = lookup::server_name(view, &server)?;
        Ok((server, name))
    })?;
    let status = server.status.as_str();
    let refused = |why: &str| {
        let text = format!("{name} is {status}: {why}");
        Err(Problem::new(Code::UnacceptableState, text))
    };
    if !server.status.counts() {
        return refused("its logs went with it");
    }
    if !server.agent {
        return refused("no agent of ours runs there to read its logs");
    }
    if !service.observed.agent(id).is_some_and(|agent| agent.connected) {
        return refused("its agent is not connected just now");
    }
    service.streams.open(id, actor.user, &name, source)
}

/// The logs that an agent listed.
pub fn listed(bytes: &[u8]) -> Result<Vec<LogFile>> {
    let logs: Vec<LogFile> = serde_json::from_slice(bytes).map_err(|_| {
        Problem::new(Code::ServiceUnavailable, "the agent listed its logs in no known way")
    })?;
    Ok(logs.into_iter().map(LogFile::tidied).collect())
}
