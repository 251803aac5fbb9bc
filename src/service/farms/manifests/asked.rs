//! Farm roles that templates ask for by name: each is there, and its role has the port.

use super::pinned;
use crate::automation::recipe::{AskedFarmRole, farm_roles_asked};
use crate::base::{EnvironmentId, Name, Problem, Result};
use crate::model::{Farm, FarmRole, Recipe};
use crate::service::lookup;
use crate::store::Reads;
use crate::wire::manifest::{Reading, suggest};
use std::collections::BTreeMap;

/// Ports of every farm role of a farm, by alias; `None` where its role is not known.
type FarmRolePorts = BTreeMap<String, Option<BTreeMap<String, u16>>>;

/// Finds farm roles and ports that roles of a manifest ask for and the farm would not have.
pub(super) fn look_up(read: &impl Reads, env: EnvironmentId, reading: &mut Reading) -> Result<()> {
    let Some(name) = reading.farm().cloned() else { return Ok(()) };
    let old = match lookup::farm_by_name(read, env, &name)? {
        Some(farm) => lookup::farm_roles_of(read, farm.id)?,
        None => Vec::new(),
    };
    let mut recipes = Vec::new();
    let mut known = FarmRolePorts::new();
    for reference in &reading.references {
        // An alias that cannot be read may be any.
        let Some(alias) = &reference.alias else { return Ok(()) };
        let old = old.iter().find(|old| old.alias == *alias);
        let role = reference.role.as_ref();
        let role = role.map(|role| lookup::role_by_name(read, env, role)).transpose()?.flatten();
        let revision = match role {
            Some(role) => {
                let number = pinned(reference.role_revision, &role, old);
                lookup::role_revision(read, role.id, number)?.map(|found| (role.name, found))
            }
            None => None,
        };
        let ports = revision.as_ref().map(|(_, revision)| revision.recipe.ports.clone());
        known.insert(alias.to_string(), ports);
        if let Some((role, revision)) = revision {
            let recipe = revision.recipe.with(&reference.overrides.overrides);
            recipes.push((format!("{}.role", reference.path), role, recipe));
        }
    }
    // Those that the manifest does not name stay, unless they are pruned.
    for old in old.iter().filter(|old| !old.removed) {
        if !known.contains_key(old.alias.as_str()) {
            let recipe = lookup::recipe_of(read, old.role, old.role_revision)?;
            known.insert(old.alias.to_string(), Some(recipe.ports));
        }
    }
    for (at, role, recipe) in recipes {
        for fault in faults(&recipe, &name, &known) {
            reading.add(&at, format!("role {role}, {fault}"));
        }
    }
    Ok(())
}

/// Refuses a farm whose roles would ask for farm roles or ports that it does not have. Of those
/// that are as they were only what becomes of a farm role that goes is looked at: nobody is kept
/// from mending one thing by another that was wrong before.
pub(super) fn refuse(
    read: &impl Reads,
    farm: &Farm,
    old: &[FarmRole],
    new: &[FarmRole],
) -> Result<()> {
    let mut recipes = Vec::new();
    let mut known = FarmRolePorts::new();
    let mut going: Vec<&str> = Vec::new();
    for role in new {
        if role.removed {
            going.push(role.alias.as_str());
            continue;
        }
        let recipe = lookup::recipe_of_make(read, &role.make())?;
        known.insert(role.alias.to_string(), Some(recipe.ports.clone()));
        recipes.push((role, recipe));
    }
    let mut problems = Vec::new();
    for (role, recipe) in recipes {
        let same = |old: &FarmRole| {
            let made = (old.id, old.role, old.role_revision);
            made == (role.id, role.role, role.role_revision) && old.overrides == role.overrides
        };
        let is_as_it_was = old.iter().any(same);
        let asked = farm_roles_asked(&recipe);
        let asked =
            asked.iter().filter(|asked| !is_as_it_was || going.contains(&asked.alias.as_str()));
        for fault in asked.filter_map(|asked| fault(asked, &farm.name, &known, &going)) {
            problems.push(Problem::invalid(format!("farmRoles[{}].role", role.alias), fault));
        }
    }
    Problem::all(problems).map_or(Ok(()), Err)
}

fn faults(recipe: &Recipe, farm: &Name, known: &FarmRolePorts) -> Vec<String> {
    let asked = farm_roles_asked(recipe);
    asked.iter().filter_map(|asked| fault(asked, farm, known, &[])).collect()
}

/// What is wrong with one that is asked for, of a farm where some are removed.
fn fault(
    asked: &AskedFarmRole,
    farm: &Name,
    known: &FarmRolePorts,
    going: &[&str],
) -> Option<String> {
    let AskedFarmRole { part, line, alias, field: _, port } = asked;
    if going.contains(&alias.as_str()) {
        return Some(format!(
            "{part}, line {line}: asks for farm.role('{alias}'), which is to be removed: let the \
             role do without it first"
        ));
    }
    let Some(ports) = known.get(alias) else {
        let hint = hint(alias, known.keys());
        return Some(format!(
            "{part}, line {line}: asks for farm.role('{alias}'), and farm {farm} has no farm role \
             of that alias: {hint}"
        ));
    };
    let (ports, port) = ports.as_ref().zip(port.as_ref())?;
    if ports.contains_key(port) {
        return None;
    }
    let hint = match ports.is_empty() {
        true => "its role declares none".to_owned(),
        false => hint(port, ports.keys()),
    };
    Some(format!(
        "{part}, line {line}: asks for farm.role('{alias}').ports.{port}, and {alias} has no port \
         of that name: {hint}"
    ))
}

fn hint<'k>(given: &str, known: impl Iterator<Item = &'k String>) -> String {
    suggest(given, &known.map(String::as_str).collect::<Vec<_>>())
}
