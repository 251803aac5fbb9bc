//! Why a thing is as it is: the chain of causes in the journal, and what it waits for.
//!
//! The journal's entries about a thing are one half; the other is what made the engine decide,
//! which a plan's report holds. The chain ends in a person, a clock or a reading.

mod chain;

use crate::base::time::say;
use crate::base::{FarmId, Problem, Result, ServerId};
use crate::model::{
    Actor, Farm, FarmRole, LaunchReason, Line, Permission, Plan, Server, ServerStatus,
};
use crate::service::{Service, authorise, lookup, views};
use crate::store::{Subject, View};
use crate::wire::api::{ExplainView, PlanView};

/// Links of a chain at the most: a person reads it on one screen.
const LINKS_MAX: usize = 14;
/// Entries of a thing looked at for its story.
const LOOKED_AT_MAX: usize = 100;
/// Entries of its farm looked at for the request at the end of the chain.
const REQUESTS_LOOKED_AT_MAX: usize = 500;
/// Servers that replaced one another, in one story.
const GENERATIONS_MAX: usize = 2;

/// Explains `shop`, `shop/web`, `shop/web-3`, `web-3` where it is unique, or a server's UUID.
pub fn explain(service: &Service, actor: &Actor, what: &str) -> Result<ExplainView> {
    authorise(actor, Permission::EventsRead)?;
    service.read(|view| match find(view, actor, what)? {
        Thing::Farm(farm) => farm_story(service, view, farm),
        Thing::FarmRole(farm, role) => role_story(service, view, &farm, role),
        Thing::Server(server) => server_story(service, view, server),
    })
}

enum Thing {
    Farm(Farm),
    FarmRole(Farm, FarmRole),
    Server(Server),
}

fn find(view: &View, actor: &Actor, what: &str) -> Result<Thing> {
    if let Ok(id) = what.parse::<ServerId>() {
        let server = lookup::server(view, id)?.filter(|server| server.env == actor.env);
        return server.map(Thing::Server).ok_or_else(|| Problem::not_found("server", id));
    }
    let farms: Vec<Farm> =
        lookup::all_farms(view)?.into_iter().filter(|farm| farm.env == actor.env).collect();
    let (farm_name, rest) = what.split_once('/').unwrap_or((what, ""));
    if let Some(farm) = farms.iter().find(|farm| farm.name.as_str() == farm_name) {
        if rest.is_empty() {
            return Ok(Thing::Farm(farm.clone()));
        }
        return in_farm(view, farm, rest)?
            .ok_or_else(|| Problem::not_found("farm role or server", what));
    }
    let mut found = Vec::new();
    for farm in &farms {
        found.extend(in_farm(view, farm, what)?.map(|thing| (farm.name.to_string(), thing)));
    }
    match found.len() {
        0 => Err(Problem::not_found("farm, farm role or server named", what)),
        1 => Ok(found.remove(0).1),
        _ => {
            let names: Vec<String> = found.iter().map(|(f, _)| format!("{f}/{what}")).collect();
            let text = format!("{what} is in several farms: say {}", names.join(" or "));
            Err(Problem::invalid("what", text))
        }
    }
}

fn in_farm(view: &View, farm: &Farm, name: &str) -> Result<Option<Thing>> {
    let roles = lookup::farm_roles_of(view, farm.id)?;
    if let Some(role) = roles.into_iter().find(|role| role.alias.as_str() == name) {
        return Ok(Some(Thing::FarmRole(farm.clone(), role)));
    }
    let mut servers = lookup::servers_of_farm(view, farm.id)?;
    servers.retain(|server| server.hostname == name);
    // One that is still there before one that is gone, and of those the latest.
    servers.sort_by_key(|server| (server.status.counts(), server.created_at));
    Ok(servers.pop().map(Thing::Server))
}

fn farm_story(service: &Service, view: &View, farm: Farm) -> Result<ExplainView> {
    let seen = views::farm(service, view, farm.clone())?;
    let extra = &seen.grange;
    let leaving = extra.servers.saturating_sub(extra.running);
    let now = format!(
        "{}, {} of {} servers running{}{}",
        seen.status,
        extra.running,
        extra.target,
        if leaving > 0 { format!(", {leaving} coming or going") } else { String::new() },
        extra.freeze.as_ref().map(|why| format!("; frozen: {why}")).unwrap_or_default()
    );
    let entries = service.store.entries_about(Subject::Farm(farm.id), None, LOOKED_AT_MAX)?;
    let name = farm.name.to_string();
    let links = entries.iter().filter(|entry| !entry.text.is_empty() && !chain::is_small(entry));
    let links = links.flat_map(|entry| chain::tell(entry, &name, |_| true)).collect();
    Ok(ExplainView {
        about: name,
        now,
        because: chain::finish(links, LINKS_MAX),
        waiting: or_nothing(extra.waiting.clone(), "nothing: it is as declared"),
    })
}

fn role_story(service: &Service, view: &View, farm: &Farm, role: FarmRole) -> Result<ExplainView> {
    let seen = views::farm_role(service, view, role.clone())?;
    let now = format!(
        "{} of {} servers running, declared {} to {}",
        seen.grange.running,
        seen.grange.target,
        seen.scaling.min_instances,
        seen.scaling.max_instances
    );
    let about = format!("{}/{}", farm.name, role.alias);
    let entries = service.store.entries_about(Subject::FarmRole(role.id), None, LOOKED_AT_MAX)?;
    let links = entries.iter().filter(|entry| !entry.text.is_empty() && !chain::is_small(entry));
    let own = |whose: &str| is_of(whose, &about) || whose == farm.name.as_str();
    let links = links.flat_map(|entry| chain::tell(entry, &about, own)).collect();
    Ok(ExplainView {
        because: chain::finish(links, LINKS_MAX),
        about,
        now,
        waiting: or_nothing(seen.grange.waiting, "nothing: it is as wanted"),
    })
}

/// Whether `shop/web-3` is a server of `shop/web`, or that itself.
fn is_of(whose: &str, about: &str) -> bool {
    let Some(rest) = whose.strip_prefix(about) else { return false };
    rest.strip_prefix('-').map_or(rest.is_empty(), |index| index.parse::<u32>().is_ok())
}

fn server_story(service: &Service, view: &View, server: Server) -> Result<ExplainView> {
    let about = lookup::server_name(view, &server)?;
    let age = say(service.now().since(server.status_at));
    let why_going =
        server.terminate_reason.map(|reason| format!(" ({})", reason.say())).unwrap_or_default();
    let now = format!("{}{why_going} for {age}", server.status.as_str());
    let because = chain::finish(server_links(service, view, &server, &about)?, LINKS_MAX);
    let report = service.observed.report(server.farm);
    let waiting = views::waits(&report, |line| line.server == Some(server.id), false);
    let idle = match server.status {
        ServerStatus::Terminated => "nothing: it is gone",
        ServerStatus::Running => "nothing: it is wanted and running",
        _ => "its next report",
    };
    Ok(ExplainView { about, now, because, waiting: or_nothing(waiting, idle) })
}

/// What happened to it, why it was launched and what it replaced, down to who wanted that.
fn server_links(
    service: &Service,
    view: &View,
    server: &Server,
    about: &str,
) -> Result<Vec<chain::Link>> {
    let role_name = match lookup::farm_role(view, server.farm_role)? {
        Some(role) => {
            let farm = about.split('/').next().unwrap_or_default();
            format!("{farm}/{}", role.alias)
        }
        None => String::new(),
    };
    let entries = service.store.entries_about(Subject::Server(server.id), None, LOOKED_AT_MAX)?;
    let own = |whose: &str| whose == about || whose == role_name;
    // Commands people ran on it are no reason for how it is.
    let mut links: Vec<chain::Link> = entries
        .iter()
        .filter(|entry| !entry.text.is_empty() && entry.verb != "server.run")
        .flat_map(|entry| chain::tell(entry, about, own))
        .collect();
    links.extend(replaced(service, view, server, about)?);
    // Who wanted the farm to be so: the last request before the decision.
    let farm_name = about.split('/').next().unwrap_or_default();
    let wanted =
        service.store.entries_about(Subject::Farm(server.farm), None, REQUESTS_LOOKED_AT_MAX)?;
    let request = wanted.iter().find(|entry| {
        matches!(entry.verb.as_str(), "manifest.apply" | "farm.launch" | "farm-role.scale")
            && entry.at <= server.created_at
    });
    let concerned = |whose: &str| whose == farm_name || whose == role_name;
    links.extend(request.iter().flat_map(|entry| chain::tell(entry, about, concerned)));
    Ok(links)
}

/// Why the server went whose place this one took, and the one before that.
fn replaced(
    service: &Service,
    view: &View,
    server: &Server,
    about: &str,
) -> Result<Vec<chain::Link>> {
    let mut links = Vec::new();
    let mut reason = server.launch_reason;
    for _ in 0..GENERATIONS_MAX {
        let LaunchReason::Replacement(before) = reason else { break };
        let Some(old) = lookup::server(view, before)? else { break };
        let old_name = lookup::server_name(view, &old)?;
        let short = &old.id.to_string()[..8];
        // A replacement often takes the name as well as the place.
        let called = match old_name == about {
            true => format!("the {} before it ({short})", old.hostname),
            false => format!("{} ({short})", old.hostname),
        };
        let entries = service.store.entries_about(Subject::Server(old.id), None, LOOKED_AT_MAX)?;
        let end = entries.iter().filter(|entry| {
            let decided = matches!(entry.verb.as_str(), "plan.commit" | "observe.listing");
            entry.at > old.created_at && (decided || entry.verb == "server.terminate")
        });
        let end = end.flat_map(|entry| chain::tell(entry, &old_name, |whose| whose == old_name));
        links.extend(chain::under(&called, end.collect()));
        reason = old.launch_reason;
    }
    Ok(links)
}

fn or_nothing(waiting: Vec<String>, nothing: &str) -> Vec<String> {
    if waiting.is_empty() { vec![nothing.to_owned()] } else { waiting }
}

/// A plan, for people.
pub fn plan(service: &Service, actor: &Actor, id: crate::base::PlanId) -> Result<PlanView> {
    authorise(actor, Permission::EventsRead)?;
    service.read(|view| {
        let plan = lookup::plan(view, id)?.filter(|plan| plan.env == actor.env);
        plan_view(view, plan.ok_or_else(|| Problem::not_found("plan", id))?)
    })
}

/// A farm's current plan.
pub fn plan_of_farm(service: &Service, actor: &Actor, farm: FarmId) -> Result<PlanView> {
    authorise(actor, Permission::EventsRead)?;
    service.read(|view| {
        let found = lookup::farm(view, farm)?.filter(|farm| farm.env == actor.env);
        let found = found.ok_or_else(|| Problem::not_found("farm", farm))?;
        match lookup::current_plan(view, farm)? {
            Some(plan) => {
                let mut seen = plan_view(view, plan)?;
                // The current reasons, which a plan that changed nothing did not store.
                let report = service.observed.report(farm);
                if !report.is_empty() {
                    seen.report = report.iter().map(line).collect();
                }
                Ok(seen)
            }
            None => Ok(PlanView { farm: found.name.to_string(), ..PlanView::default() }),
        }
    })
}

fn plan_view(view: &View, plan: Plan) -> Result<PlanView> {
    let farm = lookup::farm(view, plan.farm)?.map(|f| f.name.to_string()).unwrap_or_default();
    let changes = plan.report.iter().filter(|line| line.decision.is_change());
    Ok(PlanView {
        id: plan.id.0,
        farm,
        parent: plan.parent.map(|parent| parent.0),
        at: plan.at.0,
        moves: changes.map(line).collect(),
        report: plan.report.iter().map(line).collect(),
    })
}

/// A line of a report, for people.
pub fn line(line: &Line) -> String {
    format!("{}: {}", line.about, line.decision)
}
