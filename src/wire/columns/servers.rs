//! The list of servers.

use super::{Cell, Column, Get, List, Tone};
use crate::base::Timestamp;
use crate::model::ServerStatus;
use crate::wire::api::ServerView;

/// Servers.
pub const SERVERS: List<ServerView> =
    List { of: "servers", columns: COLUMNS, name: |server| server.grange.name.clone() };

type This = Column<ServerView>;

const COLUMNS: &[This] = &[
    This::new(
        "server",
        "Its farm, farm role and index, as shop/web-3",
        Get::Text(|server| Some(server.grange.name.clone())),
    ),
    This::new(
        "status",
        "Its status; shown with what else is true of it, as locked or unhealthy",
        Get::Text(|server| Some(server.status.clone())),
    )
    .shown(status)
    .one_of(|| ServerStatus::ALL.map(ServerStatus::as_str).to_vec()),
    This::new(
        "for",
        "How long it has had this status",
        Get::Length(|server| Some(server.grange.status_age)),
    ),
    This::new("address", "The address it is reached at", Get::Text(address))
        .shown(|server| Cell::from(address(server).unwrap_or_else(|| "-".to_owned()))),
    This::new(
        "cpu",
        "How busy its processors were last, in percent",
        Get::Number(|server| reading(server, "cpu_percent"), " %"),
    ),
    This::new(
        "agent",
        "connected, away, or nothing before it was heard",
        Get::Text(|server| Some(agent(server).0).filter(|text| text != "-")),
    )
    .shown(agent)
    .one_of(|| vec!["connected", "away"]),
    This::new(
        "waiting",
        "What it waits for",
        Get::Text(|server| server.grange.waiting.first().cloned()),
    ),
    This::new("farm", "Its farm", Get::Text(|server| Some(server.grange.farm.clone()))).wide(),
    This::new("role", "Its farm role", Get::Text(|server| Some(server.grange.alias.clone())))
        .wide(),
    This::new("index", "Its number in the farm role", Get::Count(|s| Some(s.index.into()))).wide(),
    This::new("size", "Its instance type", Get::Text(|s| Some(s.instance_type.id.clone()))).wide(),
    This::new(
        "memory",
        "How much of its memory was in use last, in percent",
        Get::Number(|server| reading(server, "memory_percent"), " %"),
    )
    .wide(),
    This::new(
        "load",
        "How many tasks wanted to run last, averaged over a minute",
        Get::Number(|server| reading(server, "load_1m"), ""),
    )
    .wide(),
    This::new("cloud", "Its cloud platform", Get::Text(|s| Some(s.cloud_platform.clone()))).wide(),
    This::new("account", "Its cloud account", Get::Text(|s| Some(s.grange.account.clone()))).wide(),
    This::new("location", "Where on it", Get::Text(|s| Some(s.cloud_location.clone()))).wide(),
    This::new(
        "cloud id",
        "What the platform calls it",
        Get::Text(|server| server.cloud_server_id.clone()),
    )
    .wide(),
    This::new(
        "revision",
        "The revision of its farm role that it is made of",
        Get::Count(|server| Some(server.grange.made_of)),
    )
    .wide(),
    This::new("launched", "When it was launched", Get::Moment(launched)).wide(),
    This::new("id", "Its UUID", Get::Text(|server| Some(server.id.clone()))).wide(),
];

/// Conditions that are not as they should be.
const BAD: [&str; 8] = [
    "failed",
    "unhealthy",
    "crashLoop",
    "serviceDown",
    "reachesNone",
    "volumeMissing",
    "silent",
    "missing",
];

/// Its status, with what else is true of it.
fn status(server: &ServerView) -> Cell {
    let names: Vec<&str> = server.grange.conditions.iter().map(|c| c.name.as_str()).collect();
    let is_bad = names.iter().any(|name| BAD.contains(name));
    let tone = if is_bad { Tone::Bad } else { Tone::of_status(&server.status) };
    let words = std::iter::once(server.status.as_str()).chain(names);
    Cell(words.collect::<Vec<&str>>().join(", "), tone)
}

fn agent(server: &ServerView) -> Cell {
    match (server.grange.agent_connected, server.status.as_str()) {
        (true, _) => Cell("connected".to_owned(), Tone::Good),
        (false, "running") => Cell("away".to_owned(), Tone::Bad),
        (false, _) => Cell::from("-"),
    }
}

fn address(server: &ServerView) -> Option<String> {
    server.public_ip.first().or(server.private_ip.first()).cloned()
}

fn reading(server: &ServerView, series: &str) -> Option<f64> {
    let latest = server.grange.latest.iter().find(|reading| reading.series == series);
    latest.map(|reading| reading.value)
}

fn launched(server: &ServerView) -> Option<i64> {
    // The API says it to the millisecond, which nobody asks for here.
    let minute = server.launched.get(..16)?;
    crate::wire::moment::parse(minute, Timestamp(0)).ok().map(|at| at.0)
}
