//! What a question is about: the things a person can name, those that are gone too.

use super::past::{Gone, Past};
use crate::base::name::parts;
use crate::base::{PlanId, Problem, Result, ServerId, StepId, VolumeId};
use crate::model::{Actor, Farm, FarmRole, Permission, Plan, Role, Server, Step, Volume};
use crate::service::{authorise, lookup};

/// Letters of a server's UUID that name it, as stories print them.
pub(super) const SHORT_ID: usize = 8;

/// What can be explained.
pub(super) enum Thing {
    Farm(Farm),
    FarmRole(Farm, FarmRole),
    Server(Server),
    Plan(Plan),
    Step(Step),
    Volume(Volume),
    /// The recipe, not its use in a farm.
    Role(Role),
}

/// Finds `shop`, `shop/web`, `shop/web-3`, `web-3` where it is unique, a server's UUID or its
/// first eight letters, `plan 12`, `step 34`, `volume 5` and `role my-api`.
pub(super) fn find(past: &Past, actor: &Actor, what: &str) -> Result<Thing> {
    let what = what.trim();
    let said = "say what to explain, as shop, shop/web, shop/web-3, plan 12, step 34, volume 5 or \
                role my-api";
    if what.is_empty() || (what.contains('/') && parts(what).is_err()) {
        return Err(Problem::invalid("what", said));
    }
    if let Some(name) = what.strip_prefix("role ") {
        return role(past, actor, name.trim());
    }
    if let Some(thing) = numbered(past, actor, what)? {
        return Ok(thing);
    }
    if let Ok(id) = what.parse::<ServerId>() {
        let server = past.server(id)?.filter(|server| server.env == actor.env);
        return server.map(Thing::Server).ok_or_else(|| Problem::not_found("server", id));
    }
    if let Some(thing) = known(past, actor, what)? {
        return Ok(thing);
    }
    if let Some(server) = by_short_id(past, actor, what)? {
        return Ok(Thing::Server(server));
    }
    match past.gone(actor.env, what)? {
        Some(Gone::Server(server)) => Ok(Thing::Server(server)),
        Some(Gone::Farm(farm)) => Ok(Thing::Farm(farm)),
        Some(Gone::FarmRole(role)) => {
            let farm = past.farm(role.farm)?;
            let farm = farm.ok_or_else(|| Problem::not_found("farm", role.farm))?;
            Ok(Thing::FarmRole(farm, role))
        }
        None => Err(Problem::not_found("farm, farm role or server named", what)),
    }
}

/// `role my-api`, by its name.
fn role(past: &Past, actor: &Actor, name: &str) -> Result<Thing> {
    authorise(actor, Permission::FarmsRead)?;
    let mut all = lookup::all_roles(past.view)?;
    all.retain(|role| role.name.as_str() == name);
    all.pop().map(Thing::Role).ok_or_else(|| Problem::not_found("role", name))
}

/// `plan 12`, `step 34` and `volume 5`.
fn numbered(past: &Past, actor: &Actor, what: &str) -> Result<Option<Thing>> {
    let Some((noun @ ("plan" | "step" | "volume"), number)) = what.split_once(' ') else {
        return Ok(None);
    };
    let number: u64 = number.trim().parse().map_err(|_| {
        let text = format!("{number:?} is no number: say {noun} 12");
        Problem::invalid("what", text)
    })?;
    let thing = match noun {
        "plan" => past.plan(PlanId(number))?.filter(|p| p.env == actor.env).map(Thing::Plan),
        "volume" => {
            past.volume(VolumeId(number))?.filter(|v| v.env == actor.env).map(Thing::Volume)
        }
        _ => past.step(StepId(number))?.filter(|s| s.env == actor.env).map(Thing::Step),
    };
    thing.map(Some).ok_or_else(|| Problem::not_found(noun, number))
}

/// By the names of what has a record.
fn known(past: &Past, actor: &Actor, what: &str) -> Result<Option<Thing>> {
    let farms = lookup::all_farms(past.view)?.into_iter();
    let farms: Vec<Farm> = farms.filter(|farm| farm.env == actor.env).collect();
    let (farm_name, rest) = what.split_once('/').unwrap_or((what, ""));
    if let Some(farm) = farms.iter().find(|farm| farm.name.as_str() == farm_name) {
        if rest.is_empty() {
            return Ok(Some(Thing::Farm(farm.clone())));
        }
        return in_farm(past, farm, rest);
    }
    let mut found = Vec::new();
    for farm in &farms {
        found.extend(in_farm(past, farm, what)?.map(|thing| (farm.name.to_string(), thing)));
    }
    if found.len() > 1 {
        let names: Vec<String> = found.iter().map(|(f, _)| format!("{f}/{what}")).collect();
        let text = format!("{what} is in several farms: say {}", names.join(" or "));
        return Err(Problem::invalid("what", text));
    }
    Ok(found.pop().map(|(_, thing)| thing))
}

fn in_farm(past: &Past, farm: &Farm, name: &str) -> Result<Option<Thing>> {
    let roles = lookup::farm_roles_of(past.view, farm.id)?;
    if let Some(role) = roles.into_iter().find(|role| role.alias.as_str() == name) {
        return Ok(Some(Thing::FarmRole(farm.clone(), role)));
    }
    let mut servers = lookup::servers_of_farm(past.view, farm.id)?;
    servers.retain(|server| server.hostname == name);
    // One that is still there before one that is gone, and of those the latest.
    servers.sort_by_key(|server| (server.status.counts(), server.created_at));
    Ok(servers.pop().map(Thing::Server))
}

fn by_short_id(past: &Past, actor: &Actor, what: &str) -> Result<Option<Server>> {
    if what.len() < SHORT_ID || !what.chars().all(|c| c.is_ascii_hexdigit() || c == '-') {
        return Ok(None);
    }
    let servers = lookup::all_servers(past.view)?.into_iter();
    let mut found: Vec<Server> = servers
        .filter(|server| server.env == actor.env && server.id.to_string().starts_with(what))
        .collect();
    if found.len() > 1 {
        let text = format!("{what} begins the id of {} servers: say more of it", found.len());
        return Err(Problem::invalid("what", text));
    }
    Ok(found.pop())
}
