//! A role's manifest: a new role, another revision of one, or nothing when it says what is there.

use super::{about, blank, difference, number, put};
use crate::automation::recipe::faults_of_template;
use crate::base::{Code, Problem, Result, RoleId, Timestamp};
use crate::clouds;
use crate::model::{Actor, Cause, Grant, Permission, Recipe, Role, RoleRevision};
use crate::service::farms::images;
use crate::service::{Service, authorise, lookup, views};
use crate::store::{Author, Purpose, Reads};
use crate::wire::manifest;
use crate::wire::manifest::role::{RoleManifest, RoleReading, read};
use crate::wire::role::{RoleApplied, RoleManifestRequest};
use std::collections::BTreeMap;

/// Makes a role or its next revision of a manifest, or with `dry_run` says what that would be.
/// Farm roles go on with the revision they have.
pub fn apply(service: &Service, actor: &Actor, input: &RoleManifestRequest) -> Result<RoleApplied> {
    let permission = if input.dry_run { Permission::FarmsRead } else { Permission::RolesManage };
    let grant = authorise(actor, permission)?;
    let manifest = checked(service, &grant, input)?;
    let (owner, now) = (actor.clone(), service.now());
    if input.dry_run {
        return service.read(&grant, |view| Ok(compose(view, &owner, &manifest, now)?.applied));
    }
    let author = Author::new(&grant, "role.apply", Cause::Request, Purpose::Growth);
    service.write(author, move |tx| {
        let Change { role, recipe, revises, mut applied } = compose(tx, &owner, &manifest, now)?;
        if applied.changes.is_empty() {
            return Ok(applied);
        }
        let role = if role.id == RoleId(0) { number(tx, role)? } else { role };
        applied.id = role.id.0;
        let said = applied.changes.join("; ");
        let what = if revises { format!("revision {}", role.revision) } else { "as it was".into() };
        tx.text(about(&role), format!("{what}: {said}"));
        match revises {
            true => put(tx, &role, recipe, now, owner.user)?,
            false => drop(tx.put(&role)?),
        }
        Ok(applied)
    })
}

/// A role as it would be.
struct Change {
    role: Role,
    recipe: Recipe,
    /// Whether that is another revision.
    revises: bool,
    applied: RoleApplied,
}

/// What a manifest makes of the role of its name, as of now.
fn compose(
    read: &impl Reads,
    actor: &Actor,
    manifest: &RoleManifest,
    now: Timestamp,
) -> Result<Change> {
    let found = lookup::role_by_name(read, actor.env, &manifest.role)?;
    let RoleManifest { role: name, description, automation, images, recipe } = manifest.clone();
    let old = found.as_ref().map(|role| lookup::role_revision(read, role.id, role.revision));
    let old = old.transpose()?.flatten();
    let mut role = found.clone().unwrap_or_else(|| blank(actor, name, now));
    let new = RoleRevision {
        role: role.id,
        env: role.env,
        number: role.revision,
        automation: automation.clone(),
        images: images.clone(),
        recipe: recipe.clone(),
        at: now,
        by: actor.user,
    };
    let mut changes = match &old {
        Some(old) => difference::lines(old, &new),
        None => vec![format!("new role, {}", difference::summary(&recipe))],
    };
    let revises = !changes.is_empty();
    if found.is_some() && role.description != description {
        changes.push("description: changed".to_owned());
    }
    role.revision += u64::from(revises && found.is_some());
    let role = Role { description, automation, images, ..role };
    let uses = views::role_uses(read, role.id)?;
    let behind = uses.iter().filter(|used| used.role_revision != role.revision);
    let behind = behind.map(|used| format!("{}: revision {}", used.farm_role, used.role_revision));
    let applied = RoleApplied {
        role: role.name.to_string(),
        id: role.id.0,
        role_revision: role.revision,
        changes,
        behind: behind.collect(),
    };
    Ok(Change { role, recipe, revises, applied })
}

/// Reads a manifest; every fault at once, those of the text and those only we can find.
fn checked(service: &Service, grant: &Grant, input: &RoleManifestRequest) -> Result<RoleManifest> {
    let sources: BTreeMap<String, String> =
        input.sources.iter().map(|source| (source.path.clone(), source.text.clone())).collect();
    let mut reading = read(&input.manifest, &sources);
    for (path, text) in reading.templates.clone() {
        for fault in faults_of_template(&path, &text, &reading.ports) {
            let line = match fault.line {
                0 => String::new(),
                line => format!("in line {line} of it: "),
            };
            reading.add(&path, format!("{line}{}", fault.why));
        }
    }
    look_up_images(service, grant, &mut reading)?;
    if let Some(name) = reading.role().cloned() {
        let env = grant.actor().env;
        let found = service.read(grant, |view| lookup::role_by_name(view, env, &name))?;
        if found.is_some_and(|role| role.built_in) {
            reading.add("role", format!("{name} is built in: take another name"));
        }
    }
    let unread = || Problem::new(Code::InvalidValue, "the manifest could not be read");
    reading.finish().map_err(|faults| manifest::problem(faults).unwrap_or_else(unread))
}

/// Finds images of platforms that are not there, and images that a platform does not have.
fn look_up_images(service: &Service, grant: &Grant, reading: &mut RoleReading) -> Result<()> {
    let platforms = &service.settings.platforms;
    for (path, image) in reading.images.clone() {
        let (platform, name) = (&image.platform, &image.cloud_image_id);
        // A role may be for a platform that nobody has an account of yet.
        if !platforms.contains_key(platform) && clouds::platform::platform(platform).is_none() {
            let more = clouds::platform::PLATFORMS.iter().map(|platform| platform.name);
            let known: Vec<&str> = platforms.keys().map(String::as_str).chain(more).collect();
            let text = format!("no platform {platform}: use {}", known.join(" or "));
            reading.add(&format!("{path}.cloudPlatform"), text);
            continue;
        }
        let env = grant.actor().env;
        let (fault, found) = service.read(grant, |view| {
            let fault = images::fault(service, view, env, &image)?;
            Ok((fault, images::of_role(view, env, &image)?))
        })?;
        let is_faulty = fault.is_some();
        if let Some(text) = fault {
            reading.add(&format!("{path}.image"), text);
        }
        let has_command = found.is_some_and(|image| !image.defaults.command.is_empty());
        if has_command || is_faulty {
            continue;
        }
        for path in reading.commandless.clone() {
            let text = format!(
                "missing: the program and its arguments, as [/usr/bin/python3, app.py]; image \
                 {name} says none"
            );
            reading.add(&path, text);
        }
    }
    Ok(())
}
