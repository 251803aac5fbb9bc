//! What farm roles do otherwise than their roles say, as far as only the role can say that it is
//! right: services are the role's, templates know its ports, and both together are within bounds.

use crate::automation::recipe::faults_of_template;
use crate::base::limit::{ROLE_ENVIRONMENT_MAX, ROLE_PARTS_MAX, ROLE_TEXT_BYTES_MAX};
use crate::base::{Name, Problem, Result};
use crate::model::{FarmRole, OnChange, Overrides, Recipe, RoleRevision};
use crate::wire::manifest::{Reading, Reference, suggest};

/// Finds what a revision of a role does not let a farm role say.
pub(super) fn look_up(
    reference: &Reference,
    role: &Name,
    revision: &RoleRevision,
    reading: &mut Reading,
) {
    let said = &reference.overrides;
    let known: Vec<&str> = revision.recipe.services.iter().map(|s| s.name.as_str()).collect();
    for (path, service) in &said.services {
        if let Some(why) = unknown_service(role, service, &known) {
            reading.add(path, why);
        }
    }
    for (path, text) in &said.templates {
        for fault in faults_of_template(path, text, &revision.recipe.ports) {
            let line = match fault.line {
                0 => String::new(),
                line => format!("in line {line} of it: "),
            };
            reading.add(path, format!("{line}{}", fault.why));
        }
    }
    let path = format!("{}.grange.overrides", reference.path);
    if let Some(why) = too_much(&revision.recipe.clone().with(&said.overrides)) {
        reading.add(&path, format!("with what role {role} says: {why}"));
    }
    if let Some(why) = ambiguous(&revision.recipe, &said.overrides) {
        reading.add(&format!("{path}.setup"), format!("role {role} {why}"));
    }
}

/// Refuses another revision of a role over which a farm role's own words cannot be laid.
pub(in crate::service) fn refuse(
    farm_role: &FarmRole,
    role: &Name,
    revision: &RoleRevision,
) -> Result<()> {
    let Overrides { environment, files, setup: _ } = &farm_role.overrides;
    let recipe = &revision.recipe;
    let known: Vec<&str> = recipe.services.iter().map(|s| s.name.as_str()).collect();
    let named = files.iter().filter_map(|file| match file.on_change.as_ref()? {
        OnChange::Reload(service) | OnChange::Restart(service) => Some(service),
    });
    let mut faults: Vec<String> = environment
        .keys()
        .chain(named)
        .filter_map(|service| unknown_service(role, service, &known))
        .collect();
    let over = Recipe { ports: recipe.ports.clone(), ..Recipe::default() };
    let over = over.with(&farm_role.overrides);
    for file in over.files.iter().filter(|file| file.template) {
        let found =
            faults_of_template(&format!("files: {}", file.path), &file.content, &over.ports);
        faults.extend(found.iter().map(ToString::to_string));
    }
    for (service, variables) in environment {
        for text in variables.values() {
            let found = faults_of_template(&format!("services: {service}"), text, &over.ports);
            faults.extend(found.iter().map(ToString::to_string));
        }
    }
    faults.extend(too_much(&recipe.clone().with(&farm_role.overrides)));
    faults.extend(ambiguous(recipe, &farm_role.overrides).map(|why| format!("the role {why}")));
    let at = format!("farmRoles[{}].grange.overrides", farm_role.alias);
    let number = revision.number;
    let problem = |why| Problem::invalid(at.clone(), format!("over revision {number}: {why}"));
    Problem::all(faults.into_iter().map(problem)).map_or(Ok(()), Err)
}

fn unknown_service(role: &Name, service: &str, known: &[&str]) -> Option<String> {
    if known.contains(&service) {
        return None;
    }
    let hint = match known.is_empty() {
        true => "it has none".to_owned(),
        false => suggest(service, known),
    };
    Some(format!("role {role} has no service {service}: {hint}"))
}

/// Why a part of setup that is laid over could be meant for several.
fn ambiguous(recipe: &Recipe, overrides: &Overrides) -> Option<String> {
    let times = |name: &str| recipe.setup.iter().filter(|part| part.name == name).count();
    let part = overrides.setup.iter().find(|part| times(&part.name) > 1)?;
    Some(format!("has {} parts of setup called {:?}", times(&part.name), part.name))
}

fn too_much(recipe: &Recipe) -> Option<String> {
    let bytes = recipe.text_bytes();
    let variables = recipe.services.iter().map(|service| service.environment.len()).max();
    let counts = [
        (recipe.files.len(), ROLE_PARTS_MAX, "files"),
        (recipe.setup.len(), ROLE_PARTS_MAX, "parts of setup"),
        (variables.unwrap_or(0), ROLE_ENVIRONMENT_MAX, "variables of one service"),
        (bytes, ROLE_TEXT_BYTES_MAX, "bytes of scripts, files and commands"),
    ];
    let (count, most, what) = counts.into_iter().find(|(count, most, _)| count > most)?;
    Some(format!("{count} {what}: at most {most}"))
}
