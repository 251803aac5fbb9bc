//! Servers: what people may ask of one. None of it creates a server.

pub mod commands;
pub(super) mod conditions;
pub mod fleet;
pub mod logs;
pub mod ready;
pub(super) mod retiring;
pub mod volumes;

use crate::base::limit::LOCK_REASON_BYTES_MAX;
use crate::base::text::{self, Kind};
use crate::base::{Code, Problem, Result, ServerId, Timestamp};
use crate::model::{
    Actor, Cause, Effect, FarmGoal, Grant, Permission, Server, ServerEvent, ServerStatus, Step,
    StepKind, advance,
};
use crate::service::clouds::known::AccountPlatforms;
use crate::service::clouds::registry;
use crate::service::plans::steps::{say, settle_gone};
use crate::service::servers::fleet::Part;
use crate::service::{Service, authorise, lookup, views};
use crate::store::{Author, Purpose, Reads, Tx};
use crate::wire::api::{SeriesView, ServerView};
use crate::wire::input::{LockInput, Page, RebootInput, ServerFilter, Slice, TerminateInput};

/// Servers of the actor's environment, by farm, farm role and index.
pub fn list(
    service: &Service,
    actor: &Actor,
    filter: &ServerFilter,
    page: Page,
) -> Result<Slice<ServerView>> {
    let grant = authorise(actor, Permission::FarmsRead)?;
    if let Some(part) = part(actor, filter) {
        let (skip, fleet) = (page.skip(), &service.observed.fleet);
        let (ids, total) = fleet.page(service, part, skip, page.size)?;
        let items = service.read(&grant, |view| {
            let mut names = views::Names::default();
            let shown = ids.iter().map(|id| views::server_row(service, view, *id, &mut names));
            Ok(shown.collect::<Result<Vec<Option<ServerView>>>>()?.into_iter().flatten().collect())
        })?;
        return Ok(Slice { items, total });
    }
    service.read(&grant, |view| {
        let live = filter.status.is_none_or(ServerStatus::counts);
        let mut servers = match (filter.id, filter.farm_role, filter.farm) {
            (Some(id), ..) => lookup::server(view, id)?.into_iter().collect(),
            (_, Some(role), _) if live => lookup::live_servers_of_farm_role(view, role)?,
            (_, Some(role), _) => lookup::servers_of_farm_role(view, role)?,
            (_, None, Some(farm)) if live => lookup::live_servers_of_farm(view, farm)?,
            (_, None, Some(farm)) => lookup::servers_of_farm(view, farm)?,
            (_, None, None) if live => lookup::live_servers(view)?,
            (_, None, None) => lookup::all_servers(view)?,
        };
        let platforms = AccountPlatforms::read(view)?;
        servers.retain(|server| server.env == actor.env && wanted(filter, server, &platforms));
        servers.sort_by_key(|s| (s.farm, s.farm_role, s.index, s.created_at));
        let shown = Slice::cut(servers, page);
        let items: Result<Vec<ServerView>> =
            shown.items.into_iter().map(|server| views::server(service, view, server)).collect();
        Ok(Slice { items: items?, total: shown.total })
    })
}

/// What the kept order of the fleet can answer, so that a page costs its rows; `None` where records
/// have to be looked at, because more is asked of them, or of those that are gone.
fn part(actor: &Actor, filter: &ServerFilter) -> Option<Part> {
    let ServerFilter { farm, farm_role, status, .. } = *filter;
    let asked = ServerFilter { farm, farm_role, status, ..ServerFilter::default() };
    let kept = *filter == asked && status.is_none_or(ServerStatus::counts);
    kept.then_some(Part { env: actor.env, farm, farm_role, status })
}

fn wanted(filter: &ServerFilter, server: &Server, platforms: &AccountPlatforms) -> bool {
    filter.id.is_none_or(|id| id == server.id)
        && filter.hostname.as_ref().is_none_or(|name| *name == server.hostname)
        && filter.index.is_none_or(|index| index == server.index)
        && filter.status.map_or(server.status.counts(), |status| status == server.status)
        && filter.farm.is_none_or(|farm| farm == server.farm)
        && filter.farm_role.is_none_or(|role| role == server.farm_role)
        && filter.cloud_platform.as_ref().is_none_or(|p| p == platforms.of(&server.account))
        && filter.cloud_location.as_ref().is_none_or(|l| *l == server.location)
        && filter
            .cloud_server_id
            .as_ref()
            .is_none_or(|id| server.cloud_server_id.as_ref() == Some(id))
        && filter.instance_type.as_ref().is_none_or(|t| *t == server.instance_type)
}

/// One server.
pub fn get(service: &Service, actor: &Actor, id: ServerId) -> Result<ServerView> {
    let grant = authorise(actor, Permission::FarmsRead)?;
    shown(service, &grant, id)
}

/// What somebody gets to see who was let in, also by a verb that changed it.
fn shown(service: &Service, grant: &Grant, id: ServerId) -> Result<ServerView> {
    service.read(grant, |view| {
        let server = lookup::server(view, id)?;
        views::server(service, view, server.ok_or_else(|| Problem::not_found("server", id))?)
    })
}

/// Asks for a server to go; the engine replaces it if it is still wanted. With `force` it has no
/// time to finish what it does, also when it goes already.
pub fn terminate(
    service: &Service,
    actor: &Actor,
    id: ServerId,
    input: TerminateInput,
) -> Result<ServerView> {
    let force = input.force;
    let event = move |_: &Tx, _: &Server| Ok(ServerEvent::TerminateAsked { force });
    change(
        service,
        actor,
        id,
        ("server.terminate", Purpose::Ending),
        event,
        move |tx, server, now| {
            if force { retiring::force(tx, server, now) } else { Ok(()) }
        },
    )
}

/// Takes a person's word that a server is gone, where its platform can never say so: what was asked
/// of it came to nothing, and its place is free.
pub fn gone(service: &Service, actor: &Actor, id: ServerId) -> Result<ServerView> {
    let grant = authorise(actor, Permission::ServersManage)?;
    let server = service.read(&grant, |view| lookup::server(view, id))?;
    let server = server.ok_or_else(|| Problem::not_found("server", id))?;
    let steps = service.read(&grant, |view| lookup::steps_of_server(view, id))?;
    if steps.iter().any(|step| service.observed.is_calling(step.id)) {
        let text = "a call about it is under way: say it again when that is over";
        return Err(Problem::new(Code::UnacceptableState, text));
    }
    if server.status.counts() {
        registry::forget(service, actor, &server.account, id)?;
    }
    let event = |_: &Tx, _: &Server| Ok(ServerEvent::GoneAsked);
    change(service, actor, id, ("server.gone", Purpose::Ending), event, |tx, server, now| {
        settle_gone(tx, server, now)
    })
}

/// Asks for a reboot.
pub fn reboot(
    service: &Service,
    actor: &Actor,
    id: ServerId,
    _input: RebootInput,
) -> Result<ServerView> {
    let event = |_: &Tx, _: &Server| Ok(ServerEvent::RebootAsked);
    change(service, actor, id, ("server.reboot", Purpose::Growth), event, nothing_else)
}

/// Puts a server to sleep. It goes on counting as one of its farm role's servers, as Scalr's
/// `considerSuspendedServers: running` has it.
pub fn suspend(service: &Service, actor: &Actor, id: ServerId) -> Result<ServerView> {
    let event = |_: &Tx, _: &Server| Ok(ServerEvent::SuspendAsked);
    change(service, actor, id, ("server.suspend", Purpose::Ending), event, |tx, server, now| {
        ask(tx, server, StepKind::Suspend, now)
    })
}

/// Wakes a server that sleeps.
pub fn resume(service: &Service, actor: &Actor, id: ServerId) -> Result<ServerView> {
    let event = |tx: &Tx, server: &Server| {
        let farm = lookup::farm(tx, server.farm)?;
        let farm_is_stopped = farm.is_some_and(|farm| farm.goal == FarmGoal::Suspended);
        Ok(ServerEvent::ResumeAsked { farm_is_stopped })
    };
    change(service, actor, id, ("server.resume", Purpose::Growth), event, nothing_else)
}

/// Locks a server (Scalr's `disableApiTermination`): scaling, rollouts and healing do not take it
/// away, and neither do people before they unlock it. One that its platform says is gone is
/// replaced all the same.
pub fn lock(
    service: &Service,
    actor: &Actor,
    id: ServerId,
    input: &LockInput,
) -> Result<ServerView> {
    let given = !input.reason.trim().is_empty();
    let reason = match input.reason.trim() {
        "" => format!("by {}", actor.name),
        reason => format!("{reason}, by {}", actor.name),
    };
    text::check("reason", &reason, Kind::Line, LOCK_REASON_BYTES_MAX)?;
    // Who locks it once more and says nothing does not take back what was said.
    let event = move |_: &Tx, server: &Server| {
        let reason = if server.locked && !given { server.lock_reason.clone() } else { reason };
        Ok(ServerEvent::LockAsked { reason: reason.into() })
    };
    change(service, actor, id, ("server.lock", Purpose::Ending), event, nothing_else)
}

/// Takes the lock off a server.
pub fn unlock(service: &Service, actor: &Actor, id: ServerId) -> Result<ServerView> {
    let event = |_: &Tx, _: &Server| Ok(ServerEvent::UnlockAsked);
    change(service, actor, id, ("server.unlock", Purpose::Ending), event, nothing_else)
}

/// A step that a person wants of a server that exists. Never a launch: nobody provisions by hand.
fn ask(tx: &mut Tx, server: &Server, kind: StepKind, now: Timestamp) -> Result<()> {
    let plan = tx.current_plan(server.farm)?.unwrap_or_default();
    let step = Step::planned(tx.next_id()?, plan, server, kind, now);
    tx.put(&step)?;
    Ok(())
}

fn nothing_else(_: &mut Tx, _: &Server, _: Timestamp) -> Result<()> {
    Ok(())
}

/// Has what a person asks of a server happen to it, or says why it cannot; `then` writes what
/// else follows from it.
fn change(
    service: &Service,
    actor: &Actor,
    id: ServerId,
    (verb, purpose): (&'static str, Purpose),
    event: impl FnOnce(&Tx, &Server) -> Result<ServerEvent<'static>> + Send + 'static,
    then: impl FnOnce(&mut Tx, &Server, Timestamp) -> Result<()> + Send + 'static,
) -> Result<ServerView> {
    let grant = authorise(actor, Permission::ServersManage)?;
    let now = service.now();
    service.write(Author::new(&grant, verb, Cause::Request, purpose), move |tx| {
        let found = lookup::server(tx, id)?;
        let mut server = found.ok_or_else(|| Problem::not_found("server", id))?;
        let event = event(tx, &server)?;
        let effect = advance(&mut server, &event, now);
        if let Effect::Refused(why) = effect {
            return Err(Problem::new(Code::UnacceptableState, why));
        }
        then(tx, &server, now)?;
        say(tx, &server, effect)?;
        tx.put(&server)?;
        Ok(())
    })?;
    shown(service, &grant, id)
}

/// Readings of a server, one view for each series that has any. Without names: all of them.
pub fn readings(
    service: &Service,
    actor: &Actor,
    id: ServerId,
    series: &[String],
    from: Timestamp,
    to: Timestamp,
) -> Result<Vec<SeriesView>> {
    let view = get(service, actor, id)?;
    let names: Vec<String> = if series.is_empty() {
        service.series.latest(id).into_iter().map(|(name, _, _)| name).collect()
    } else {
        series.to_vec()
    };
    tracing::trace!(server = %view.grange.name, series = names.len(), "readings asked for");
    let mut out = Vec::new();
    for name in names {
        let points = service.series.window(id, &name, from, to);
        if !points.is_empty() {
            let (at, value) = points.into_iter().map(|(at, value)| (at.0, value)).unzip();
            out.push(SeriesView { series: name, at, value });
        }
    }
    Ok(out)
}
