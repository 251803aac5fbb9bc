//! What farm roles of a manifest refer to and only the appliance knows: accounts, sizes, roles.

use super::{overrides, pinned, published};
use crate::base::{EnvironmentId, Name, Result};
use crate::model::{Automation, FarmRole, Role};
use crate::service::clouds::known::{self, KnownAccount};
use crate::service::farms::images;
use crate::service::lookup;
use crate::store::Reads;
use crate::wire::manifest::{Reading, Reference};
use std::collections::BTreeMap;

/// Looks up what farm roles refer to, and adds what is wrong with it.
pub fn look_up(
    read: &impl Reads,
    accounts: &[KnownAccount],
    env: EnvironmentId,
    reading: &mut Reading,
) -> Result<()> {
    let farm = reading.farm().map(|farm| lookup::farm_by_name(read, env, farm)).transpose()?;
    let old = match farm.flatten() {
        Some(farm) => lookup::farm_roles_of(read, farm.id)?,
        None => Vec::new(),
    };
    for reference in reading.references.clone() {
        let at = |field: &str| format!("{}.{field}", reference.path);
        if let Some(platform) = &reference.platform {
            match known::choose(accounts, platform, reference.account.as_deref()) {
                Err((field, text)) => reading.add(&at(field), text),
                Ok(account) => {
                    reading.set_account(&reference.path, &account.name);
                    let size = reference.instance_type.as_ref();
                    if let Some(size) = size.filter(|size| !account.sizes.contains(size)) {
                        let sizes = account.sizes.join(", ");
                        let text = format!("{platform} has no size {size}: use one of {sizes}");
                        reading.add(&at("instanceType"), text);
                    }
                }
            }
        }
        let Some(name) = &reference.role else { continue };
        match lookup::role_by_name(read, env, name)? {
            None => {
                let known = lookup::all_roles(read)?;
                let known: Vec<&str> = known.iter().map(|role| role.name.as_str()).collect();
                let text = format!("no role {name}: there are {}", known.join(", "));
                reading.add(&at("role"), text);
            }
            Some(role) => {
                let old = old.iter().find(|old| Some(&old.alias) == reference.alias.as_ref());
                check_role(read, &role, old, &reference, reading)?;
            }
        }
    }
    Ok(())
}

/// Finds new farm roles whose name a server of one that is there has, or whose servers would have
/// the name of one that is there. Farm roles that are on their way out count until they are gone.
pub fn look_up_names(read: &impl Reads, env: EnvironmentId, reading: &mut Reading) -> Result<()> {
    let Some(farm) = reading.farm().cloned() else { return Ok(()) };
    let Some(farm) = lookup::farm_by_name(read, env, &farm)? else { return Ok(()) };
    let there: Vec<Name> =
        lookup::farm_roles_of(read, farm.id)?.into_iter().map(|role| role.alias).collect();
    for reference in reading.references.clone() {
        let Some(alias) = reference.alias.filter(|alias| !there.contains(alias)) else { continue };
        if let Some(other) = namesake(&alias, &there) {
            let text = format!(
                "{alias} and {other}, which farm {} has already, would share the name of a server",
                farm.name
            );
            reading.add(&format!("{}.alias", reference.path), text);
        }
    }
    Ok(())
}

/// The farm role of those that would share the name of a server with this one.
pub fn namesake<'n>(alias: &Name, there: &'n [Name]) -> Option<&'n Name> {
    let of = alias.server_of();
    there
        .iter()
        .find(|other| Some(*other) == of.as_ref() || other.server_of().as_ref() == Some(alias))
}

/// Finds availability zones that their platform does not have.
pub(super) fn look_up_zones(known: &BTreeMap<String, Vec<String>>, reading: &mut Reading) {
    for reference in reading.references.clone() {
        let Some(platform) = &reference.platform else { continue };
        let account = reference.account.as_ref().unwrap_or(platform);
        let there = known.get(account).cloned().unwrap_or_default();
        let Some(zone) = reference.zones.iter().find(|zone| !there.contains(zone)) else {
            continue;
        };
        let text = match there.is_empty() {
            true => format!("{platform} has no availability zones: remove this"),
            false => format!("{platform} has no zone {zone}: use some of {}", there.join(", ")),
        };
        reading.add(&format!("{}.grange.availabilityZones", reference.path), text);
    }
}

fn check_role(
    read: &impl Reads,
    role: &Role,
    old: Option<&FarmRole>,
    reference: &Reference,
    reading: &mut Reading,
) -> Result<()> {
    let at = |field: &str| format!("{}.{field}", reference.path);
    let name = &role.name;
    let number = pinned(reference.role_revision, role, old);
    let Some(revision) = lookup::role_revision(read, role.id, number)? else {
        let kept = lookup::role_revisions(read, role.id)?;
        let kept: Vec<String> = kept.iter().map(|kept| kept.number.to_string()).collect();
        let text = format!("role {name} has no revision {number}: there are {}", kept.join(", "));
        reading.add(&at("roleRevision"), text);
        return Ok(());
    };
    overrides::look_up(reference, name, &revision, reading);
    published::look_up_names(&reference.publish, name, &revision, reading);
    if let Some(platform) = reference.platform.as_ref().filter(|p| revision.image(p).is_none()) {
        reading.add(&at("role"), format!("role {name} has no image for {platform}"));
    }
    let platform = reference.platform.as_deref().unwrap_or_default();
    if let Some(gone) = images::gone(read, role.env, &revision, platform)? {
        reading.add(&at("role"), format!("role {name}, revision {number}: {gone}"));
    }
    let balances = revision.automation.contains(&Automation::Haproxy);
    if balances && !reference.balances {
        let text = format!("role {name} balances: say what under grange.balance");
        reading.add(&at("grange.balance"), text);
    }
    if !balances && reference.balances {
        let text = format!("role {name} is no balancer: use role haproxy, or remove this");
        reading.add(&at("grange.balance"), text);
    }
    Ok(())
}
