//! Servers, their readings, and commands for their agents.

use super::{Output, Row, Run};
use crate::api::Context;
use crate::api::answer::{Reply, value};
use crate::api::call::Call;
use crate::base::limit::{COMMAND_ARGUMENTS_MAX, READINGS_MINUTES_MAX};
use crate::base::{FarmId, FarmRoleId, Problem, Result, ServerId};
use crate::model::ServerStatus;
use crate::service::farms;
use crate::service::servers::{self, commands};
use crate::wire::api::{CommandRequest, ServerView};
use crate::wire::input::{NoInput, ServerFilter};

const FILTERS: &[&str] = &[
    "id",
    "hostname",
    "index",
    "status",
    "farm",
    "farmRole",
    "cloudPlatform",
    "cloudLocation",
    "cloudServerId",
    "instanceType",
];

/// Rows of this noun.
pub const ROWS: &[Row] = &[
    Row {
        method: "GET",
        path: "/{envId}/servers/",
        about: "Lists the servers of this environment that are not confirmed gone.",
        query: FILTERS,
        input: None,
        output: Output::Page("Server"),
        run: Run::Verb(|on, call| list(on, call, filter(call)?)),
    },
    Row {
        method: "GET",
        path: "/{envId}/farms/{farmId}/servers/",
        about: "Lists the servers of a farm.",
        query: FILTERS,
        input: None,
        output: Output::Page("Server"),
        run: Run::Verb(list_of_farm),
    },
    Row {
        method: "GET",
        path: "/{envId}/farm-roles/{farmRoleId}/servers/",
        about: "Lists the servers of a farm role.",
        query: FILTERS,
        input: None,
        output: Output::Page("Server"),
        run: Run::Verb(list_of_farm_role),
    },
    Row {
        method: "GET",
        path: "/{envId}/servers/{serverId}/",
        about: "Shows a server.",
        query: &[],
        input: None,
        output: Output::One("Server"),
        run: Run::Verb(|on, call| one(servers::get(&on.service, &call.actor, id(call)?)?)),
    },
    Row {
        method: "POST",
        path: "/{envId}/servers/{serverId}/actions/terminate/",
        about: "Asks for a server to go; it is replaced if it is still wanted.",
        query: &[],
        input: Some(("serverTerminationOptions", "ServerTerminationOptions")),
        output: Output::One("Server"),
        run: Run::Verb(|on, call| {
            one(servers::terminate(&on.service, &call.actor, id(call)?, call.input()?)?)
        }),
    },
    Row {
        method: "POST",
        path: "/{envId}/servers/{serverId}/actions/reboot/",
        about: "Asks for a reboot of a server.",
        query: &[],
        input: Some(("serverRebootOptions", "ServerRebootOptions")),
        output: Output::One("Server"),
        run: Run::Verb(|on, call| {
            one(servers::reboot(&on.service, &call.actor, id(call)?, call.input()?)?)
        }),
    },
    Row {
        method: "POST",
        path: "/{envId}/servers/{serverId}/actions/suspend/",
        about: "Puts a server to sleep.",
        query: &[],
        input: None,
        output: Output::One("Server"),
        run: Run::Verb(|on, call| {
            let NoInput {} = call.input()?;
            one(servers::suspend(&on.service, &call.actor, id(call)?)?)
        }),
    },
    Row {
        method: "POST",
        path: "/{envId}/servers/{serverId}/actions/resume/",
        about: "Wakes a server that sleeps.",
        query: &[],
        input: None,
        output: Output::One("Server"),
        run: Run::Verb(|on, call| {
            let NoInput {} = call.input()?;
            one(servers::resume(&on.service, &call.actor, id(call)?)?)
        }),
    },
    Row {
        method: "POST",
        path: "/{envId}/servers/{serverId}/actions/lock/",
        about: "Locks a server: neither scaling nor people take it away before it is unlocked.",
        query: &[],
        input: Some(("serverLockOptions", "ServerLockOptions")),
        output: Output::One("Server"),
        run: Run::Verb(|on, call| {
            one(servers::lock(&on.service, &call.actor, id(call)?, &call.input()?)?)
        }),
    },
    Row {
        method: "POST",
        path: "/{envId}/servers/{serverId}/actions/unlock/",
        about: "Takes the lock off a server.",
        query: &[],
        input: None,
        output: Output::One("Server"),
        run: Run::Verb(|on, call| {
            let NoInput {} = call.input()?;
            one(servers::unlock(&on.service, &call.actor, id(call)?)?)
        }),
    },
    Row {
        method: "GET",
        path: "/{envId}/grange/servers/{serverId}/readings/",
        about: "Shows a server's readings of the last minutes.",
        query: &["series", "minutes"],
        input: None,
        output: Output::List("Series"),
        run: Run::Verb(readings),
    },
    Row {
        method: "POST",
        path: "/{envId}/grange/servers/{serverId}/commands/",
        about: "Orders a command run by a server's agent.",
        query: &[],
        input: Some(("command", "Command")),
        output: Output::Made("Order"),
        run: Run::Verb(command),
    },
    Row {
        method: "GET",
        path: "/{envId}/grange/orders/{orderId}/",
        about: "Shows an order and what came of it.",
        query: &[],
        input: None,
        output: Output::One("Order"),
        run: Run::Verb(|on, call| {
            let order = commands::get(&on.service, &call.actor, call.param("orderId", "order")?)?;
            Ok(Reply::One(value(&order)?, None))
        }),
    },
    Row {
        method: "POST",
        path: "/{envId}/grange/orders/{orderId}/actions/cancel/",
        about: "Ends the command an order runs, with all it started; the order says when it has.",
        query: &[],
        input: None,
        output: Output::One("Order"),
        run: Run::Verb(|on, call| {
            let order =
                commands::cancel(&on.service, &call.actor, call.param("orderId", "order")?)?;
            Ok(Reply::One(value(&order)?, None))
        }),
    },
];

fn id(call: &Call) -> Result<ServerId> {
    call.param("serverId", "server")
}

fn one(view: ServerView) -> Result<Reply> {
    Ok(Reply::One(value(&view)?, Some(view.grange.revision)))
}

fn status(text: &str) -> Result<ServerStatus> {
    let names = || ServerStatus::ALL.map(ServerStatus::as_str).join(", ");
    ServerStatus::ALL
        .into_iter()
        .find(|status| status.as_str() == text)
        .ok_or_else(|| Problem::invalid("status", format!("{text:?} is none of: {}", names())))
}

fn filter(call: &Call) -> Result<ServerFilter> {
    Ok(ServerFilter {
        id: call.query("id", "a server's UUID")?,
        hostname: call.text("hostname"),
        index: call.query("index", "a number")?,
        status: call.text("status").map(|text| status(&text)).transpose()?,
        farm: call.query("farm", "a farm's number")?,
        farm_role: call.query("farmRole", "a farm role's number")?,
        cloud_platform: call.text("cloudPlatform"),
        cloud_location: call.text("cloudLocation"),
        cloud_server_id: call.text("cloudServerId"),
        instance_type: call.text("instanceType"),
    })
}

fn list(on: &Context, call: &Call, filter: ServerFilter) -> Result<Reply> {
    call.page(|page| servers::list(&on.service, &call.actor, &filter, page))
}

fn list_of_farm(on: &Context, call: &Call) -> Result<Reply> {
    let farm = call.param::<FarmId>("farmId", "farm")?;
    farms::get(&on.service, &call.actor, farm)?;
    list(on, call, ServerFilter { farm: Some(farm), ..filter(call)? })
}

fn list_of_farm_role(on: &Context, call: &Call) -> Result<Reply> {
    let farm_role = call.param::<FarmRoleId>("farmRoleId", "farm role")?;
    farms::role(&on.service, &call.actor, farm_role)?;
    list(on, call, ServerFilter { farm_role: Some(farm_role), ..filter(call)? })
}

fn readings(on: &Context, call: &Call) -> Result<Reply> {
    let minutes = call.query::<u64>("minutes", "a number of minutes")?.unwrap_or(30);
    if !(1..=READINGS_MINUTES_MAX).contains(&minutes) {
        let range = format!("must be from 1 to {READINGS_MINUTES_MAX}");
        return Err(Problem::invalid("minutes", range));
    }
    let named = call.text("series");
    let names = named.as_deref().into_iter().flat_map(|names| names.split(','));
    let series: Vec<String> = names.map(str::to_owned).collect();
    if series.iter().any(|name| name.trim().is_empty()) {
        let text =
            "a name is empty: write them as cpu_percent,mem_percent, or leave it out for all";
        return Err(Problem::invalid("series", text));
    }
    let from = call.now.before(minutes * 60_000);
    let views = servers::readings(&on.service, &call.actor, id(call)?, &series, from, call.now)?;
    Ok(Reply::Page { rows: value(&views)?, pagination: Default::default() })
}

fn command(on: &Context, call: &Call) -> Result<Reply> {
    let input = call.input::<CommandRequest>()?;
    if input.command.is_empty() || input.command.len() > COMMAND_ARGUMENTS_MAX {
        let range = format!("must be a program and its arguments, at most {COMMAND_ARGUMENTS_MAX}");
        return Err(Problem::invalid("command", range));
    }
    let order = commands::run(&on.service, &call.actor, id(call)?, &input)?;
    Ok(Reply::Made(value(&order)?, None))
}
