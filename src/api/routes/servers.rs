//! Servers, their readings, and commands for their agents.

use super::Row;
use crate::api::Context;
use crate::api::answer::{Reply, value};
use crate::api::call::Call;
use crate::base::limit::{COMMAND_ARGUMENTS_MAX, READINGS_MINUTES_MAX};
use crate::base::{OrderId, Problem, Result, ServerId};
use crate::service::farms;
use crate::service::servers::{self, commands, logs};
use crate::wire::api::logs::{LOG, LOGS};
use crate::wire::api::readings::{READINGS, ReadingsAsked};
use crate::wire::api::servers::{
    COMMAND_RUN, ORDER, ORDER_CANCEL, SERVER, SERVER_GONE, SERVER_LOCK, SERVER_REBOOT,
    SERVER_RESUME, SERVER_SUSPEND, SERVER_TERMINATE, SERVER_UNLOCK, SERVERS, SERVERS_OF_FARM,
    SERVERS_OF_FARM_ROLE,
};
use crate::wire::api::{CommandRequest, OrderView, Pagination, SeriesView, ServerView};
use crate::wire::input::{Page, ServerFilter, Slice};
use std::sync::LazyLock;

/// Rows of this noun.
pub static ROWS: LazyLock<[Row; 17]> = LazyLock::new(|| {
    [
        Row::rows(&SERVERS, |on, call, filter, page| {
            servers::list(&on.service, &call.actor, &filter, page)
        }),
        Row::rows(&SERVERS_OF_FARM, list_of_farm),
        Row::rows(&SERVERS_OF_FARM_ROLE, list_of_farm_role),
        Row::show(&SERVER, |on, call, _| servers::get(&on.service, &call.actor, id(call)?)),
        Row::object(&SERVER_TERMINATE, |on, call, input| {
            servers::terminate(&on.service, &call.actor, id(call)?, input)
        }),
        Row::object(&SERVER_REBOOT, |on, call, input| {
            servers::reboot(&on.service, &call.actor, id(call)?, input)
        }),
        Row::object(&SERVER_GONE, |on, call, _| servers::gone(&on.service, &call.actor, id(call)?)),
        Row::object(&SERVER_SUSPEND, |on, call, _| {
            servers::suspend(&on.service, &call.actor, id(call)?)
        }),
        Row::object(&SERVER_RESUME, |on, call, _| {
            servers::resume(&on.service, &call.actor, id(call)?)
        }),
        Row::object(&SERVER_LOCK, |on, call, input| {
            servers::lock(&on.service, &call.actor, id(call)?, &input)
        }),
        Row::object(&SERVER_UNLOCK, |on, call, _| {
            servers::unlock(&on.service, &call.actor, id(call)?)
        }),
        Row::whole(&READINGS, readings),
        Row::gathered(
            &LOGS,
            |on, call, _| logs::list(&on.service, &call.actor, id(call)?),
            |bytes| {
                let rows = value(&logs::listed(bytes)?)?;
                Ok(Reply::Page { rows, pagination: Pagination::default() })
            },
        ),
        Row::streamed(&LOG, |on, call, asked| {
            logs::read(&on.service, &call.actor, id(call)?, &asked)
        }),
        Row::created(&COMMAND_RUN, command),
        Row::show(&ORDER, |on, call, _| commands::get(&on.service, &call.actor, order(call)?)),
        Row::object(&ORDER_CANCEL, |on, call, _| {
            commands::cancel(&on.service, &call.actor, order(call)?)
        }),
    ]
});

fn id(call: &Call) -> Result<ServerId> {
    call.param("serverId", "server")
}

fn order(call: &Call) -> Result<OrderId> {
    call.param("orderId", "order")
}

fn list_of_farm(
    on: &Context,
    call: &Call,
    filter: ServerFilter,
    page: Page,
) -> Result<Slice<ServerView>> {
    let farm = call.param("farmId", "farm")?;
    farms::get(&on.service, &call.actor, farm)?;
    let filter = ServerFilter { farm: Some(farm), ..filter };
    servers::list(&on.service, &call.actor, &filter, page)
}

fn list_of_farm_role(
    on: &Context,
    call: &Call,
    filter: ServerFilter,
    page: Page,
) -> Result<Slice<ServerView>> {
    let farm_role = call.param("farmRoleId", "farm role")?;
    farms::role(&on.service, &call.actor, farm_role)?;
    let filter = ServerFilter { farm_role: Some(farm_role), ..filter };
    servers::list(&on.service, &call.actor, &filter, page)
}

fn readings(on: &Context, call: &Call, asked: ReadingsAsked) -> Result<Vec<SeriesView>> {
    let minutes = asked.minutes.unwrap_or(30);
    if !(1..=READINGS_MINUTES_MAX).contains(&minutes) {
        let range = format!("must be from 1 to {READINGS_MINUTES_MAX}");
        return Err(Problem::invalid("minutes", range));
    }
    let names = asked.series.as_deref().into_iter().flat_map(|names| names.split(','));
    let series: Vec<String> = names.map(str::to_owned).collect();
    if series.iter().any(|name| name.trim().is_empty()) {
        let text =
            "a name is empty: write them as cpu_percent,mem_percent, or leave it out for all";
        return Err(Problem::invalid("series", text));
    }
    let from = call.now.before(minutes * 60_000);
    servers::readings(&on.service, &call.actor, id(call)?, &series, from, call.now)
}

fn command(on: &Context, call: &Call, input: CommandRequest) -> Result<OrderView> {
    if input.command.is_empty() || input.command.len() > COMMAND_ARGUMENTS_MAX {
        let range = format!("must be a program and its arguments, at most {COMMAND_ARGUMENTS_MAX}");
        return Err(Problem::invalid("command", range));
    }
    commands::run(&on.service, &call.actor, id(call)?, &input)
}
