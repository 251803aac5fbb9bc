//! Farms and farm roles: what people want of them.

pub(super) mod alerts;
pub mod balancers;
pub mod images;
pub mod manifests;
pub mod members;
pub mod notes;
pub mod published;
pub mod roles;
pub mod variables;
pub mod workloads;

use crate::base::limit::FARM_DESCRIPTION_BYTES_MAX;
use crate::base::text::{self, Kind};
use crate::base::{Code, FarmId, FarmRoleId, Name, Problem, Result};
use crate::model::{
    Actor, Cause, Farm, FarmGoal, FarmRole, Grant, LaunchOrder, Permission, Server, ServerStatus,
};
use crate::service::clouds::known::AccountPlatforms;
use crate::service::servers::fleet::Counts;
use crate::service::servers::volumes;
use crate::service::{Service, authorise, lookup, views};
use crate::store::{Author, Purpose, Tx};
use crate::wire::api::{FarmRoleView, FarmView};
use crate::wire::input::{
    FarmFilter, FarmInput, FarmRoleFilter, Page, ScalingInput, Slice, TerminateInput,
};

/// Farms of the actor's environment, by name.
pub fn list(
    service: &Service,
    actor: &Actor,
    filter: &FarmFilter,
    page: Page,
) -> Result<Slice<FarmView>> {
    let grant = authorise(actor, Permission::FarmsRead)?;
    service.read(&grant, |view| {
        let mut farms: Vec<FarmView> = lookup::all_farms(view)?
            .into_iter()
            .filter(|farm| farm.env == actor.env)
            .filter(|farm| filter.id.is_none_or(|id| id == farm.id))
            .filter(|farm| filter.name.as_ref().is_none_or(|name| *name == farm.name.as_str()))
            .map(|farm| views::farm(service, view, farm))
            .collect::<Result<_>>()?;
        farms.sort_by(|a, b| a.name.cmp(&b.name));
        let wanted = |farm: &FarmView| {
            filter.launch_order.as_ref().is_none_or(|order| *order == farm.launch_order)
                && filter.status.as_ref().is_none_or(|status| *status == farm.status)
        };
        Ok(Slice::cut(farms.into_iter().filter(wanted), page))
    })
}

/// One farm.
pub fn get(service: &Service, actor: &Actor, id: FarmId) -> Result<FarmView> {
    let grant = authorise(actor, Permission::FarmsRead)?;
    shown(service, &grant, id)
}

/// What somebody gets to see who was let in, also by a verb that changed it.
fn shown(service: &Service, grant: &Grant, id: FarmId) -> Result<FarmView> {
    service.read(grant, |view| {
        let farm = lookup::farm(view, id)?.ok_or_else(|| Problem::not_found("farm", id))?;
        views::farm(service, view, farm)
    })
}

/// Declares an empty farm.
pub fn create(service: &Service, actor: &Actor, input: &FarmInput) -> Result<FarmView> {
    let grant = authorise(actor, Permission::FarmsManage)?;
    let (name, order, description) = own_fields(input)?;
    let name = name.ok_or_else(|| Problem::invalid("name", "a farm needs a name"))?;
    let (order, description) = (order.unwrap_or_default(), description.unwrap_or_default());
    let (env, user, now) = (actor.env, actor.user, service.now());
    let id = service.write(
        Author::new(&grant, "farm.create", Cause::Request, Purpose::Growth),
        move |tx| {
            if lookup::farm_by_name(tx, env, &name)?.is_some() {
                let text = format!("there is a farm {name} already");
                return Err(Problem::new(Code::UnicityViolation, text));
            }
            let id: FarmId = tx.next_id()?;
            tx.text(name.to_string(), "is declared");
            tx.put(&Farm {
                id,
                env,
                name,
                description,
                launch_order: order,
                goal: FarmGoal::Terminated,
                removed: false,
                created_at: now,
                created_by: user,
            })?;
            Ok(id)
        },
    )?;
    shown(service, &grant, id)
}

/// Name, launch order and description as far as they are given, or every fault of theirs.
fn own_fields(input: &FarmInput) -> Result<(Option<Name>, Option<LaunchOrder>, Option<String>)> {
    let name = input.name.as_deref().map(new_name).transpose();
    let order = input.launch_order.as_deref().map(launch_order).transpose();
    let ((name, order), description) =
        Problem::both(Problem::both(name, order), description(input))?;
    Ok((name, order, description))
}

/// A name that a farm may be given.
fn new_name(text: &str) -> Result<Name> {
    let name = Name::new(text).map_err(|bad| Problem::invalid("name", bad.to_string()))?;
    match name.is_like_an_id() {
        true => Err(Problem::invalid("name", "this is like the id of a server: take another")),
        false => Ok(name),
    }
}

/// What a farm is described with; it may have several lines.
fn description(input: &FarmInput) -> Result<Option<String>> {
    let Some(text) = &input.description else { return Ok(None) };
    text::check("description", text, Kind::Lines, FARM_DESCRIPTION_BYTES_MAX)?;
    Ok(Some(text.clone()))
}

/// Reads a launch order as people write it.
pub(super) fn launch_order(text: &str) -> Result<LaunchOrder> {
    match text {
        "simultaneous" => Ok(LaunchOrder::Simultaneous),
        "sequential" => Ok(LaunchOrder::Sequential),
        other => Err(Problem::invalid(
            "launchOrder",
            format!("{other:?} is not a launch order: use simultaneous or sequential"),
        )),
    }
}

/// Changes a farm's own fields.
pub fn update(
    service: &Service,
    actor: &Actor,
    id: FarmId,
    input: &FarmInput,
    revision: Option<u64>,
) -> Result<FarmView> {
    let grant = authorise(actor, Permission::FarmsManage)?;
    let (name, order, description) = own_fields(input)?;
    change(service, &grant, id, ("farm.update", Purpose::Growth), revision, move |tx, farm| {
        if let Some(name) = name.filter(|name| *name != farm.name) {
            if lookup::farm_by_name(tx, farm.env, &name)?.is_some() {
                let text = format!("there is a farm {name} already");
                return Err(Problem::new(Code::UnicityViolation, text));
            }
            volumes::rename(tx, farm.env, &farm.name, &name)?;
            farm.name = name;
        }
        if let Some(description) = description {
            farm.description = description;
        }
        if let Some(order) = order {
            farm.launch_order = order;
        }
        Ok("is changed".into())
    })?;
    shown(service, &grant, id)
}

/// Removes a farm; its servers go first.
pub fn remove(service: &Service, actor: &Actor, id: FarmId, revision: Option<u64>) -> Result<()> {
    let grant = authorise(actor, Permission::FarmsManage)?;
    change(service, &grant, id, ("farm.remove", Purpose::Ending), revision, |tx, farm| {
        refuse_locked(&lookup::live_servers_of_farm(tx, farm.id)?)?;
        farm.goal = FarmGoal::Terminated;
        farm.removed = true;
        Ok("is to be removed; its servers go first".into())
    })
}

/// Wants every farm role to have its servers.
pub fn launch(service: &Service, actor: &Actor, id: FarmId) -> Result<FarmView> {
    let grant = authorise(actor, Permission::FarmsLaunch)?;
    change(service, &grant, id, ("farm.launch", Purpose::Growth), None, |tx, farm| {
        if farm.removed {
            let text = format!("{} is being removed", farm.name);
            return Err(Problem::new(Code::UnacceptableState, text));
        }
        variables::require(tx, farm, &lookup::farm_roles_of(tx, farm.id)?)?;
        farm.goal = FarmGoal::Launched;
        Ok("is to be launched".into())
    })?;
    shown(service, &grant, id)
}

/// Wants every server shut down and kept, in reverse launch order. Nothing is healed or scaled
/// until it is started again.
pub fn suspend(service: &Service, actor: &Actor, id: FarmId) -> Result<FarmView> {
    let grant = authorise(actor, Permission::FarmsLaunch)?;
    change(service, &grant, id, ("farm.suspend", Purpose::Ending), None, |_, farm| {
        if farm.goal == FarmGoal::Terminated {
            let text = format!("{} is terminated: there is nothing to stop", farm.name);
            return Err(Problem::new(Code::UnacceptableState, text));
        }
        farm.goal = FarmGoal::Suspended;
        Ok("is to be stopped; its servers are kept".into())
    })?;
    shown(service, &grant, id)
}

/// Wants a farm that was stopped up again, in launch order.
pub fn resume(service: &Service, actor: &Actor, id: FarmId) -> Result<FarmView> {
    let grant = authorise(actor, Permission::FarmsLaunch)?;
    change(service, &grant, id, ("farm.resume", Purpose::Growth), None, |_, farm| {
        if farm.goal == FarmGoal::Terminated {
            let text = format!("{} is terminated, not stopped: launch it", farm.name);
            return Err(Problem::new(Code::UnacceptableState, text));
        }
        farm.goal = FarmGoal::Launched;
        Ok("is to be started again".into())
    })?;
    shown(service, &grant, id)
}

/// Wants no server left.
pub fn terminate(
    service: &Service,
    actor: &Actor,
    id: FarmId,
    _input: TerminateInput,
) -> Result<FarmView> {
    let grant = authorise(actor, Permission::FarmsLaunch)?;
    change(service, &grant, id, ("farm.terminate", Purpose::Ending), None, |tx, farm| {
        refuse_locked(&lookup::live_servers_of_farm(tx, farm.id)?)?;
        farm.goal = FarmGoal::Terminated;
        Ok("is to be terminated".into())
    })?;
    shown(service, &grant, id)
}

/// What is locked does not go with its farm or its farm role either: a lock that is taken off by
/// the way is none.
pub(super) fn refuse_locked(servers: &[Server]) -> Result<()> {
    let locked = servers.iter().filter(|server| server.locked && server.status.counts());
    let names: Vec<&str> = locked.map(|server| server.hostname.as_str()).collect();
    if names.is_empty() {
        return Ok(());
    }
    let text = format!("locked: {}; unlock them first", names.join(", "));
    Err(Problem::new(Code::UnacceptableState, text))
}

/// One transaction that changes one farm, with its sentence for the journal.
fn change(
    service: &Service,
    grant: &Grant,
    id: FarmId,
    (verb, purpose): (&'static str, Purpose),
    revision: Option<u64>,
    edit: impl FnOnce(&mut Tx, &mut Farm) -> Result<String> + Send + 'static,
) -> Result<()> {
    service.write(Author::new(grant, verb, Cause::Request, purpose), move |tx| {
        let found = lookup::farm(tx, id)?;
        let mut farm = found.ok_or_else(|| Problem::not_found("farm", id))?;
        tx.require_revision::<Farm>(id, revision)?;
        let sentence = edit(tx, &mut farm)?;
        tx.text(farm.name.to_string(), sentence);
        tx.put(&farm)?;
        Ok(())
    })
}

/// Farm roles of a farm, by launch index and alias.
pub fn farm_roles(
    service: &Service,
    actor: &Actor,
    farm: FarmId,
    filter: &FarmRoleFilter,
    page: Page,
) -> Result<Slice<FarmRoleView>> {
    let grant = authorise(actor, Permission::FarmsRead)?;
    service.read(&grant, |view| {
        let found = lookup::farm(view, farm)?.filter(|farm| farm.env == actor.env);
        found.ok_or_else(|| Problem::not_found("farm", farm))?;
        let mut roles = lookup::farm_roles_of(view, farm)?;
        roles.sort_by(|a, b| (a.launch_index, &a.alias).cmp(&(b.launch_index, &b.alias)));
        let platforms = AccountPlatforms::read(view)?;
        let wanted = |role: &FarmRole| {
            filter.id.is_none_or(|id| id == role.id)
                && filter.alias.as_ref().is_none_or(|alias| alias == role.alias.as_str())
                && filter.role.is_none_or(|id| id == role.role.0)
                && filter.cloud_platform.as_ref().is_none_or(|p| p == platforms.of(&role.account))
                && filter.cloud_location.as_ref().is_none_or(|l| *l == role.location)
        };
        let shown = Slice::cut(roles.into_iter().filter(wanted), page);
        let items: Result<Vec<FarmRoleView>> =
            shown.items.into_iter().map(|role| views::farm_role(service, view, role)).collect();
        Ok(Slice { items: items?, total: shown.total })
    })
}

/// One farm role.
pub fn role(service: &Service, actor: &Actor, id: FarmRoleId) -> Result<FarmRoleView> {
    let grant = authorise(actor, Permission::FarmsRead)?;
    shown_role(service, &grant, id)
}

fn shown_role(service: &Service, grant: &Grant, id: FarmRoleId) -> Result<FarmRoleView> {
    service.read(grant, |view| {
        let role = lookup::farm_role(view, id)?;
        views::farm_role(service, view, role.ok_or_else(|| Problem::not_found("farm role", id))?)
    })
}

/// Changes a farm role's range.
pub fn scale(
    service: &Service,
    actor: &Actor,
    id: FarmRoleId,
    input: &ScalingInput,
    revision: Option<u64>,
) -> Result<FarmRoleView> {
    let grant = authorise(actor, Permission::FarmsManage)?;
    let input = input.clone();
    service.write(
        Author::new(&grant, "farm-role.scale", Cause::Request, Purpose::Growth),
        move |tx| {
            let found = lookup::farm_role(tx, id)?;
            let mut role = found.ok_or_else(|| Problem::not_found("farm role", id))?;
            tx.require_revision::<FarmRole>(id, revision)?;
            let scaling = &mut role.scaling;
            scaling.enabled = input.enabled.unwrap_or(scaling.enabled);
            scaling.min = input.min_instances.unwrap_or(scaling.min);
            scaling.max = input.max_instances.unwrap_or(scaling.max);
            check_range(scaling.min, scaling.max)?;
            let farm = lookup::farm(tx, role.farm)?.map(|farm| farm.name.to_string());
            let (min, max) = role.bounds();
            let about = format!("{}/{}", farm.unwrap_or_default(), role.alias);
            tx.text(about, format!("range is {min} to {max} servers"));
            tx.put(&role)?;
            Ok(())
        },
    )?;
    shown_role(service, &grant, id)
}

fn check_range(min: u32, max: u32) -> Result<()> {
    let ceiling = crate::base::limit::FARM_ROLE_SERVERS_MAX;
    if max > ceiling {
        let text = format!("{max} is more than the {ceiling} a farm role may have");
        return Err(Problem::invalid("maxInstances", text));
    }
    if min > max {
        let text = format!("{min} is above maxInstances, {max}");
        return Err(Problem::invalid("minInstances", text));
    }
    Ok(())
}

/// A farm's status in Scalr's words, from how many servers are needed and what is there.
pub(super) fn status(farm: &Farm, counts: &Counts, needed: u32) -> &'static str {
    let (counted, running) = (counts.total(), counts.of(ServerStatus::Running));
    match farm.goal {
        FarmGoal::Suspended if counts.of(ServerStatus::Suspended) == counted => "suspended",
        FarmGoal::Suspended => "pending_suspend",
        FarmGoal::Terminated if counted == 0 => "terminated",
        FarmGoal::Terminated => "pending_terminate",
        FarmGoal::Launched if running >= needed => "running",
        FarmGoal::Launched if running > 0 => "running",
        FarmGoal::Launched => "pending_launch",
    }
}
