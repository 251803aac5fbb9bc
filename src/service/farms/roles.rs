//! Roles: the recipes servers are made from. People make, change, copy and remove their own; those
//! that are built in come with the binary.
//!
//! What a role says is in revisions, which stay as they are. To change one changes nothing that
//! runs: farm roles pin a revision, and take up another by [`upgrade`] or by their manifest, which
//! is a rollout like any other.

mod apply;
mod built_in;
mod difference;
mod export;
mod upgrade;

pub use apply::apply;
pub(in crate::service) use built_in::ensure_built_in;
pub(in crate::service) use difference::{lines as changes, summary};
pub use export::export;
pub use upgrade::upgrade;

use crate::base::limit::{ROLE_DESCRIPTION_BYTES_MAX, ROLE_REVISIONS_MAX, ROLES_MAX};
use crate::base::text::{self, Kind};
use crate::base::{Code, Name, Problem, Result, RoleId, Timestamp, UserId};
use crate::model::{Actor, Cause, FarmRole, Permission, Recipe, Role, RoleRevision};
use crate::service::{Service, authorise, lookup, views};
use crate::store::{Author, Purpose, Reads, Tx};
use crate::wire::input::{Page, RoleFilter, RoleView, Slice};
use crate::wire::role::{RoleCloneInput, RoleInput, RoleRevisionView};
use std::collections::BTreeSet;

/// Roles that the actor's environment can use, by name.
pub fn list(
    service: &Service,
    actor: &Actor,
    filter: &RoleFilter,
    page: Page,
) -> Result<Slice<RoleView>> {
    let grant = authorise(actor, Permission::FarmsRead)?;
    service.read(&grant, |view| {
        let mut roles = lookup::all_roles(view)?;
        roles.sort_by(|a, b| a.name.cmp(&b.name));
        let wanted = |role: &Role| {
            filter.id.is_none_or(|id| id == role.id.0)
                && filter.name.as_ref().is_none_or(|name| name == role.name.as_str())
        };
        let shown = Slice::cut(roles.into_iter().filter(wanted), page);
        let items: Result<Vec<RoleView>> =
            shown.items.into_iter().map(|role| views::role(view, role)).collect();
        Ok(Slice { items: items?, total: shown.total })
    })
}

/// One role.
pub fn get(service: &Service, actor: &Actor, id: RoleId) -> Result<RoleView> {
    let grant = authorise(actor, Permission::FarmsRead)?;
    service.read(&grant, |view| views::role(view, found(view, id)?))
}

/// A role's revisions that are kept, the current one first.
pub fn revisions(
    service: &Service,
    actor: &Actor,
    id: RoleId,
    page: Page,
) -> Result<Slice<RoleRevisionView>> {
    let grant = authorise(actor, Permission::FarmsRead)?;
    service.read(&grant, |view| {
        let role = found(view, id)?;
        let uses = used_revisions(view, id)?;
        let mut shown = Vec::new();
        for revision in lookup::role_revisions(view, id)?.into_iter().rev() {
            let used = uses.iter().filter(|(number, _)| *number == revision.number);
            shown.push(RoleRevisionView {
                number: revision.number,
                current: revision.number == role.revision,
                at: revision.at.0,
                by: views::person(view, revision.by)?,
                used_by: used.map(|(_, who)| who.clone()).collect(),
                summary: difference::summary(&revision.recipe),
            });
        }
        Ok(Slice::cut(shown, page))
    })
}

/// Which revisions of a role are used, each with who does: what a farm role's servers are made of,
/// and what it declares where that is something else, as after a rollout that went back.
fn used_revisions(read: &impl Reads, id: RoleId) -> Result<Vec<(u64, String)>> {
    let mut used = Vec::new();
    for farm_role in lookup::farm_roles_with(read, id)? {
        let name = views::farm_role_name(read, &farm_role)?;
        let mut run = BTreeSet::new();
        for server in lookup::live_servers_of_farm_role(read, farm_role.id)? {
            let make = farm_role.make_of(server.revision).filter(|make| make.role == id);
            run.extend(make.map(|make| make.role_revision));
        }
        let declared = farm_role.role_revision;
        if !run.contains(&declared) {
            let note = if run.is_empty() { "" } else { " (declared, does not run)" };
            used.push((declared, format!("{name}{note}")));
        }
        used.extend(run.into_iter().map(|number| (number, name.clone())));
    }
    used.sort();
    Ok(used)
}

/// Makes a role without an image, which does nothing until its manifest says more.
pub fn create(service: &Service, actor: &Actor, input: &RoleInput) -> Result<RoleView> {
    let grant = authorise(actor, Permission::RolesManage)?;
    let (name, description) = own_fields(input)?;
    let name = name.ok_or_else(|| Problem::invalid("name", "a role needs a name"))?;
    let new =
        Role { description: description.unwrap_or_default(), ..blank(actor, name, service.now()) };
    let id = service.write(
        Author::new(&grant, "role.create", Cause::Request, Purpose::Growth),
        move |tx| {
            refuse_name(tx, &new)?;
            let role = number(tx, new)?;
            tx.text(about(&role), "is made; it does nothing yet");
            put(tx, &role, Recipe::default(), role.created_at, role.created_by)?;
            Ok(role.id)
        },
    )?;
    service.read(&grant, |view| views::role(view, found(view, id)?))
}

/// Changes a role's name or description. What farm roles refer to is its number, so that they
/// notice nothing.
pub fn update(
    service: &Service,
    actor: &Actor,
    id: RoleId,
    input: &RoleInput,
    revision: Option<u64>,
) -> Result<RoleView> {
    let grant = authorise(actor, Permission::RolesManage)?;
    let (name, description) = own_fields(input)?;
    service.write(
        Author::new(&grant, "role.update", Cause::Request, Purpose::Growth),
        move |tx| {
            let role = own(tx, id)?;
            tx.require_revision::<Role>(id, revision)?;
            let changed = Role {
                name: name.unwrap_or_else(|| role.name.clone()),
                description: description.unwrap_or_else(|| role.description.clone()),
                ..role.clone()
            };
            if changed.name != role.name {
                refuse_name(tx, &changed)?;
            }
            let text = match changed.name == role.name {
                true => "is described anew".to_owned(),
                false => format!("is called {} now", changed.name),
            };
            tx.text(about(&role), text);
            tx.put(&changed)?;
            Ok(())
        },
    )?;
    service.read(&grant, |view| views::role(view, found(view, id)?))
}

/// Copies the current revision of a role, also of one that is built in, as a role of the actor's.
pub fn clone(
    service: &Service,
    actor: &Actor,
    id: RoleId,
    input: &RoleCloneInput,
) -> Result<RoleView> {
    let grant = authorise(actor, Permission::RolesManage)?;
    let name = Name::new(&input.name).map_err(|bad| Problem::invalid("name", bad.to_string()))?;
    let blank = blank(actor, name, service.now());
    let id = service.write(
        Author::new(&grant, "role.clone", Cause::Request, Purpose::Growth),
        move |tx| {
            let from = found(tx, id)?;
            let recipe = lookup::recipe_of(tx, from.id, from.revision)?;
            let new = Role {
                description: from.description.clone(),
                automation: from.automation.clone(),
                images: from.images.clone(),
                ..blank
            };
            refuse_name(tx, &new)?;
            let role = number(tx, new)?;
            let text =
                format!("is made as a copy of role {}, revision {}", from.name, from.revision);
            tx.text(about(&role), text);
            put(tx, &role, recipe, role.created_at, role.created_by)?;
            Ok(role.id)
        },
    )?;
    service.read(&grant, |view| views::role(view, found(view, id)?))
}

/// Removes a role with all its revisions, when nothing is made of any.
pub fn remove(service: &Service, actor: &Actor, id: RoleId, revision: Option<u64>) -> Result<()> {
    let grant = authorise(actor, Permission::RolesManage)?;
    service.write(Author::new(&grant, "role.remove", Cause::Request, Purpose::Ending), move |tx| {
        let role = own(tx, id)?;
        tx.require_revision::<Role>(id, revision)?;
        refuse_used(tx, &role)?;
        tx.text(about(&role), "is removed");
        for revision in lookup::role_revisions(tx, id)? {
            tx.delete::<RoleRevision>((id, revision.number))?;
        }
        tx.delete::<Role>(id)?;
        Ok(())
    })
}

/// As the journal and people call a role, which may have the name of a farm.
fn about(role: &Role) -> String {
    format!("role {}", role.name)
}

fn found(read: &impl Reads, id: RoleId) -> Result<Role> {
    lookup::role(read, id)?.ok_or_else(|| Problem::not_found("role", id))
}

/// A role that people may change.
fn own(read: &impl Reads, id: RoleId) -> Result<Role> {
    let role = found(read, id)?;
    match role.built_in {
        false => Ok(role),
        true => {
            let name = &role.name;
            let text = format!(
                "role {name} is built in: grange role clone {name} NAME makes one of yours"
            );
            Err(Problem::new(Code::UnacceptableState, text))
        }
    }
}

/// A role of an actor's that has no image yet.
fn blank(actor: &Actor, name: Name, now: Timestamp) -> Role {
    Role {
        id: RoleId(0),
        env: actor.env,
        name,
        description: String::new(),
        automation: Vec::new(),
        images: Vec::new(),
        built_in: false,
        revision: 1,
        created_by: actor.user,
        created_at: now,
    }
}

fn own_fields(input: &RoleInput) -> Result<(Option<Name>, Option<String>)> {
    let name = input.name.as_deref().map(Name::new).transpose();
    let name = name.map_err(|bad| Problem::invalid("name", bad.to_string()));
    let described = |text: &String| {
        text::check("description", text, Kind::Line, ROLE_DESCRIPTION_BYTES_MAX)?;
        Ok(text.clone())
    };
    Problem::both(name, input.description.as_ref().map(described).transpose())
}

fn refuse_name(read: &impl Reads, role: &Role) -> Result<()> {
    if lookup::role_by_name(read, role.env, &role.name)?.is_some() {
        let text = format!("there is a role {} already", role.name);
        return Err(Problem::new(Code::UnicityViolation, text));
    }
    Ok(())
}

/// Gives a new role its number, if there is room for one.
fn number(tx: &mut Tx, role: Role) -> Result<Role> {
    if lookup::all_roles(tx)?.len() >= ROLES_MAX {
        let text = format!("there are {ROLES_MAX} roles already: remove some that nothing uses");
        return Err(Problem::new(Code::LimitExceeded, text));
    }
    Ok(Role { id: tx.next_id()?, ..role })
}

/// Writes a role with its current revision, and lets go of old ones that nothing is made of.
fn put(tx: &mut Tx, role: &Role, recipe: Recipe, at: Timestamp, by: UserId) -> Result<()> {
    tx.put(role)?;
    tx.put(&RoleRevision {
        role: role.id,
        env: role.env,
        number: role.revision,
        automation: role.automation.clone(),
        images: role.images.clone(),
        recipe,
        at,
        by,
    })?;
    let kept = lookup::role_revisions(tx, role.id)?;
    let mut over = kept.len().saturating_sub(ROLE_REVISIONS_MAX);
    if over == 0 {
        return Ok(());
    }
    let made: BTreeSet<u64> =
        lookup::all_farm_roles(tx)?.iter().flat_map(|used| revisions_in(used, role.id)).collect();
    for revision in kept {
        if over > 0 && revision.number != role.revision && !made.contains(&revision.number) {
            tx.delete::<RoleRevision>((role.id, revision.number))?;
            over -= 1;
        }
    }
    Ok(())
}

/// The revisions of a role that a farm role's servers are made of, or could go back to.
fn revisions_in(farm_role: &FarmRole, role: RoleId) -> Vec<u64> {
    let now = std::iter::once((farm_role.role, farm_role.role_revision));
    let before = farm_role.history.iter().map(|make| (make.role, make.role_revision));
    now.chain(before).filter(|(of, _)| *of == role).map(|(_, number)| number).collect()
}

/// Refuses while farm roles use a role, or servers that were made of it are there.
fn refuse_used(tx: &Tx, role: &Role) -> Result<()> {
    let mut users = BTreeSet::new();
    for farm_role in lookup::all_farm_roles(tx)? {
        if farm_role.role == role.id || has_servers_of(tx, &farm_role, role.id)? {
            users.insert(views::farm_role_name(tx, &farm_role)?);
        }
    }
    if users.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = users.iter().map(String::as_str).take(10).collect();
    let more = match users.len().saturating_sub(names.len()) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let text = format!("role {} is used by {}{more}", role.name, names.join(", "));
    Err(Problem::new(Code::ObjectInUse, text))
}

/// Whether servers are there that were made of a role which their farm role left behind.
fn has_servers_of(tx: &Tx, farm_role: &FarmRole, role: RoleId) -> Result<bool> {
    let left = farm_role.history.iter().filter(|make| make.role == role);
    let numbers: BTreeSet<u64> = left.map(|make| make.number).collect();
    if numbers.is_empty() {
        return Ok(false);
    }
    let servers = lookup::live_servers_of_farm_role(tx, farm_role.id)?;
    Ok(servers.iter().any(|server| numbers.contains(&server.revision)))
}
