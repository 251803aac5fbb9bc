//! Why a thing is as it is: the chain of causes in the journal, and what it waits for.
//!
//! The journal's entries about a thing are one half; the other is what made the engine decide,
//! which a plan's report holds. The chain ends in a person, a clock or a reading.

use crate::base::time::say;
use crate::base::{FarmId, Problem, Result, ServerId};
use crate::model::{
    Actor, Decision, Farm, FarmRole, LaunchReason, Line, Permission, Plan, Server, ServerStatus,
};
use crate::service::{Service, authorise, lookup, views};
use crate::store::{Entry, Subject, View};
use crate::wire::api::{BecauseView, ExplainView, PlanView};

/// Links of a chain at the most: a person reads it on one screen.
const LINKS_MAX: usize = 16;

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
    let now = format!(
        "{}: {} of {} servers running, {} not confirmed gone{}",
        seen.status,
        extra.running,
        extra.target,
        extra.servers,
        extra.freeze.as_ref().map(|why| format!("; frozen: {why}")).unwrap_or_default()
    );
    let entries = service.store.entries_about(Subject::Farm(farm.id), None, LINKS_MAX)?;
    Ok(ExplainView {
        about: farm.name.to_string(),
        now,
        because: links(entries),
        waiting: or_nothing(extra.waiting.clone(), "nothing: it is as declared"),
    })
}

fn role_story(service: &Service, view: &View, farm: &Farm, role: FarmRole) -> Result<ExplainView> {
    let seen = views::farm_role(service, view, role.clone())?;
    let now = format!(
        "{} of {} servers running, within {} to {}",
        seen.grange.running,
        seen.grange.target,
        seen.scaling.min_instances,
        seen.scaling.max_instances
    );
    let mut because =
        links(service.store.entries_about(Subject::FarmRole(role.id), None, LINKS_MAX / 2)?);
    because.extend(target_changes(view, farm.id, &role)?);
    because.sort_by_key(|link| std::cmp::Reverse(link.at));
    because.truncate(LINKS_MAX);
    Ok(ExplainView {
        about: format!("{}/{}", farm.name, role.alias),
        now,
        because,
        waiting: or_nothing(seen.grange.waiting, "nothing: it is as wanted"),
    })
}

/// The last decisions about a farm role's target, from the plans that made them.
fn target_changes(view: &View, farm: FarmId, role: &FarmRole) -> Result<Vec<BecauseView>> {
    let mut out = Vec::new();
    let mut next = lookup::current_plan(view, farm)?;
    for _ in 0..64 {
        let Some(plan) = next else { break };
        let lines = plan.report.iter().filter(|line| line.farm_role == Some(role.id));
        for line in lines.filter(|line| matches!(line.decision, Decision::Target { .. })) {
            let text = format!("plan {}: {}", plan.id, line.decision);
            out.push(BecauseView { seq: 0, at: plan.at.0, text });
        }
        next = match plan.parent {
            Some(parent) if out.len() < LINKS_MAX / 2 => lookup::plan(view, parent)?,
            _ => None,
        };
    }
    Ok(out)
}

fn server_story(service: &Service, view: &View, server: Server) -> Result<ExplainView> {
    let about = lookup::server_name(view, &server)?;
    let age = say(service.now().since(server.status_at));
    let why_going =
        server.terminate_reason.map(|reason| format!(" ({})", reason.say())).unwrap_or_default();
    let now = format!("{}{why_going} for {age}", server.status.as_str());
    let mut because =
        links(service.store.entries_about(Subject::Server(server.id), None, LINKS_MAX)?);
    because.extend(launch_story(service, view, &server)?);
    because.truncate(LINKS_MAX);
    let report = service.observed.report(server.farm);
    let waiting = views::waits(&report, |line| line.server == Some(server.id), false);
    let idle = match server.status {
        ServerStatus::Terminated => "nothing: it is gone",
        ServerStatus::Running => "nothing: it is wanted and running",
        _ => "its next report",
    };
    Ok(ExplainView { about, now, because, waiting: or_nothing(waiting, idle) })
}

/// Why it was launched: the plan's own words, what it replaced and why that went, who wanted the
/// farm.
fn launch_story(service: &Service, view: &View, server: &Server) -> Result<Vec<BecauseView>> {
    let mut out = Vec::new();
    if let Some(plan) = launch_plan(view, server)? {
        let own = |line: &&Line| line.server == Some(server.id);
        let role = |line: &&Line| {
            line.farm_role == Some(server.farm_role)
                && matches!(line.decision, Decision::Target { .. })
        };
        for line in plan.report.iter().filter(own).chain(plan.report.iter().filter(role)) {
            let text = format!("plan {}: {}: {}", plan.id, line.about, line.decision);
            out.push(BecauseView { seq: 0, at: plan.at.0, text });
        }
    }
    if let LaunchReason::Replacement(old) = server.launch_reason
        && let Some(old) = lookup::server(view, old)?
    {
        let name = lookup::server_name(view, &old)?;
        let why = old.terminate_reason.map(|reason| reason.say()).unwrap_or("it went");
        let text = format!("it replaces {name} ({}): {why}", &old.id.to_string()[..8]);
        out.push(BecauseView { seq: 0, at: old.status_at.0, text });
    }
    let wanted = service.store.entries_about(Subject::Farm(server.farm), None, 200)?;
    let request = wanted.into_iter().find(|entry| {
        matches!(entry.verb.as_str(), "manifest.apply" | "farm.launch" | "farm-role.scale")
            && entry.at <= server.created_at
    });
    out.extend(request.map(|entry| link(&entry)));
    Ok(out)
}

/// The plan that wanted it.
fn launch_plan(view: &View, server: &Server) -> Result<Option<Plan>> {
    let first = lookup::steps_of_server(view, server.id)?.into_iter().min_by_key(|s| s.id);
    first.map_or(Ok(None), |step| lookup::plan(view, step.plan))
}

fn links(entries: Vec<Entry>) -> Vec<BecauseView> {
    entries.iter().filter(|entry| !entry.text.is_empty()).map(link).collect()
}

fn link(entry: &Entry) -> BecauseView {
    let who = if entry.who.name.starts_with("job:") {
        String::new()
    } else {
        format!(" by {}", entry.who.name)
    };
    let text = format!("{}: {}{who}", entry.about, entry.text);
    BecauseView { seq: entry.seq.0, at: entry.at.0, text }
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
