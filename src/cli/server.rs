//! `grange server`.

use crate::base::FarmId;
use crate::base::time::say;
use crate::cli::args::{Listing, ServerVerb};
use crate::cli::{Done, Io, Stop, list as lists, log, name, note, run, table};
use crate::client::Client;
use crate::wire::api::logs::LogAsked;
use crate::wire::api::{ServerView, servers};
use crate::wire::columns::bytes;
use crate::wire::columns::servers::SERVERS;
use crate::wire::deed::Deed;
use crate::wire::input::ServerFilter;
use crate::wire::service::ServiceView;
use std::io;

/// Carries out a verb.
pub fn carry(verb: ServerVerb, client: &Client, io: &mut Io<'_>, json: bool) -> Done {
    match verb {
        ServerVerb::List { farm, listing } => list(farm.as_deref(), &listing, client, io, json),
        ServerVerb::Show { server, showing } => {
            let server = name::server(client, &server)?;
            let name = &server.grange.name;
            lists::show(&server, name, showing, io, json, |io| facts(&server, io))
        }
        ServerVerb::Terminate { server, gone: true, yes, .. } => {
            let server = name::server(client, &server)?;
            if !agreed(Deed::TerminateServer, &server, yes, io)? {
                return Ok(1);
            }
            changed(&client.server_gone(&server.id)?, "is gone", io, json)
        }
        ServerVerb::Terminate { server, force, yes, .. } => {
            let server = name::server(client, &server)?;
            if !agreed(Deed::TerminateServer, &server, yes, io)? {
                return Ok(1);
            }
            let server = client.server_terminate(&server.id, force)?;
            changed(&server, "is to go", io, json)
        }
        ServerVerb::Reboot { server, hard, yes } => {
            let server = name::server(client, &server)?;
            if !agreed(Deed::RebootServer, &server, yes, io)? {
                return Ok(1);
            }
            changed(&client.server_reboot(&server.id, hard)?, "is to reboot", io, json)
        }
        ServerVerb::Suspend { server, yes } => {
            let server = name::server(client, &server)?;
            if !agreed(Deed::SuspendServer, &server, yes, io)? {
                return Ok(1);
            }
            changed(&client.server_suspend(&server.id)?, "is to sleep", io, json)
        }
        ServerVerb::Resume { server } => {
            let server = name::server(client, &server)?;
            changed(&client.server_resume(&server.id)?, "is to wake", io, json)
        }
        ServerVerb::Lock { server, reason } => {
            let server = name::server(client, &server)?;
            changed(
                &client.server_lock(&server.id, &reason.unwrap_or_default())?,
                "is locked",
                io,
                json,
            )
        }
        ServerVerb::Unlock { server } => {
            let server = name::server(client, &server)?;
            changed(&client.server_unlock(&server.id)?, "is unlocked", io, json)
        }
        ServerVerb::Log { server, list: true, .. } => {
            log::list(&name::server(client, &server)?, client, io, json)
        }
        ServerVerb::Log { server, of, lines, follow, list: false } => {
            let asked = LogAsked { of, lines: Some(lines), follow: Some(follow) };
            log::read(&name::server(client, &server)?, &asked, client, io, json)
        }
        ServerVerb::Run { server, timeout, command } => {
            let server = name::server(client, &server)?;
            run::run(&server, timeout, command, client, io, json)
        }
        ServerVerb::Cancel { order } => run::cancel(order, client, io, json),
    }
}

fn agreed(deed: Deed, server: &ServerView, yes: bool, io: &mut Io<'_>) -> Result<bool, Stop> {
    Ok(io.agreed(deed, &server.grange.name, 0, yes)?)
}

fn changed(server: &ServerView, how: &str, io: &mut Io<'_>, json: bool) -> Done {
    if json {
        io.json(server)?;
    } else {
        put_line!(io.stdout, "server {} {how}", server.grange.name)?;
    }
    Ok(0)
}

fn list(
    farm: Option<&str>,
    listing: &Listing,
    client: &Client,
    io: &mut Io<'_>,
    json: bool,
) -> Done {
    lists::list(&SERVERS, listing, io, json, |asked| {
        let farm = farm.map(|farm| name::farm(client, farm)).transpose()?;
        let farm = farm.map(|farm| FarmId(farm.id));
        let status = asked.exactly("status").and_then(|status| status.parse().ok());
        let filter = ServerFilter { farm, status, ..ServerFilter::default() };
        Ok(client.rows_kept(&servers::SERVERS, &[], &filter, &|server| asked.takes(server))?)
    })
}

/// A time of the API without its fractions: `2026-11-21 04:36:32`.
fn when(time: &str) -> String {
    time.get(..19).unwrap_or(time).replace('T', " ")
}

fn facts(server: &ServerView, io: &mut Io<'_>) -> io::Result<()> {
    let extra = &server.grange;
    let seen = match extra.seen_age {
        Some(age) => format!("{}, {} ago", extra.seen, say(age)),
        None => extra.seen.clone(),
    };
    let agent = match (&extra.agent_version, extra.agent_connected) {
        (Some(version), true) => format!("{version}, connected"),
        (Some(version), false) => format!("{version}, away"),
        (None, _) => "not heard yet".to_owned(),
    };
    let facts = [
        ("server", extra.name.clone()),
        ("id", server.id.clone()),
        ("status", format!("{} for {}", server.status, say(extra.status_age))),
        ("platform", format!("{} {}", server.cloud_platform, server.cloud_location)),
        ("instance type", server.instance_type.id.clone()),
        ("cloud id", server.cloud_server_id.clone().unwrap_or_default()),
        ("private", server.private_ip.join(", ")),
        ("public", server.public_ip.join(", ")),
        ("launched", format!("{} ({})", when(&server.launched), server.launch_reason)),
        ("to go", extra.terminate_reason.clone().unwrap_or_default()),
        ("cloud says", seen),
        ("agent", agent),
    ];
    table::facts(io, &facts)?;
    let conditions = extra.conditions.iter().map(|c| format!("{}: {}", c.name, c.why));
    table::lines(io, "conditions", &conditions.collect::<Vec<String>>())?;
    table::lines(io, "services", &services(server))?;
    let wide = extra.latest.iter().map(|r| r.series.len()).max().unwrap_or(0);
    let readings: Vec<String> = extra
        .latest
        .iter()
        .map(|r| format!("{:<wide$}  {}", r.series, measure(&r.series, r.value)))
        .collect();
    table::lines(io, "readings", &readings)?;
    table::lines(io, "waiting", &extra.waiting)?;
    note::lines(&extra.notes, io)
}

/// Its services, a line each; of an agent that is away they are of some time ago.
fn services(server: &ServerView) -> Vec<String> {
    let extra = &server.grange;
    let wide = |of: fn(&ServiceView) -> &String| {
        extra.services.iter().map(|service| of(service).len()).max().unwrap_or(0)
    };
    let (names, states) = (wide(|service| &service.name), wide(|service| &service.state));
    let each = extra.services.iter().map(|service| {
        let ServiceView { name, state, .. } = service;
        format!("{name:<names$}  {state:<states$}  {}", service.story())
    });
    let away = !extra.agent_connected && extra.services_at.is_some();
    let away = away.then(|| "(as its agent said last, which is away)".to_owned());
    each.chain(away).collect()
}

/// A reading with the unit its name ends in.
fn measure(series: &str, value: f64) -> String {
    let base = series.split(':').next().unwrap_or(series);
    if base.ends_with("_percent") {
        format!("{value:.1} %")
    } else if base.starts_with("net_") {
        format!("{}/s", bytes(value.max(0.0) as u64))
    } else if base.ends_with("_bytes") {
        bytes(value.max(0.0) as u64)
    } else if base.ends_with("_s") {
        say((value.max(0.0) * 1000.0) as u64)
    } else if value.fract() == 0.0 {
        format!("{value:.0}")
    } else {
        format!("{value:.2}")
    }
}
