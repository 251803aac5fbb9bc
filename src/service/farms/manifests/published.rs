//! What a manifest wants of the machine's ports and only the appliance knows: whether a platform
//! has any, who has a port already, what a role calls its own.

use crate::base::{Name, Problem, Result};
use crate::model::{FarmRole, Protocol, Publish, PublishTo, RoleRevision};
use crate::service::{PublishLimits, lookup};
use crate::store::Reads;
use crate::wire::manifest::Reading;
use std::collections::BTreeMap;

/// Finds ports that cannot be published, or are published by another farm.
pub(super) fn look_up(
    read: &impl Reads,
    limits: &BTreeMap<String, PublishLimits>,
    reading: &mut Reading,
) -> Result<()> {
    if reading.references.iter().all(|reference| reference.publish.is_empty()) {
        return Ok(());
    }
    let elsewhere = of_others(read, reading)?;
    for reference in reading.references.clone() {
        let Some(platform) = reference.platform.as_ref().filter(|_| !reference.publish.is_empty())
        else {
            continue;
        };
        let Some(limits) = limits.get(platform) else {
            let can: Vec<&str> = limits.keys().map(String::as_str).collect();
            let of = if can.is_empty() { "none here is".to_owned() } else { can.join(" or ") };
            let text = format!("servers of {platform} are not on this machine: {of}");
            reading.add(&format!("{}.grange.publish", reference.path), text);
            continue;
        };
        for (path, publish) in &reference.publish {
            let other = elsewhere.iter().find(|(_, other)| other.meets(publish));
            let text = match (limits.forbids(publish), other) {
                (Some(why), _) => why,
                (None, Some((who, _))) => format!("{publish} is published by {who} already"),
                (None, None) => continue,
            };
            reading.add(&format!("{path}.port"), text);
        }
    }
    Ok(())
}

/// What farm roles of this environment's other farms publish.
fn of_others(read: &impl Reads, reading: &Reading) -> Result<Vec<(String, Publish)>> {
    let mut all = Vec::new();
    let farms = lookup::all_farms(read)?;
    for farm in farms.iter().filter(|farm| reading.farm() != Some(&farm.name)) {
        for role in lookup::farm_roles_of(read, farm.id)?.into_iter().filter(|r| !r.removed) {
            let who = lookup::name_in(farm.name.as_str(), role.alias.as_str());
            all.extend(role.publish.into_iter().map(|publish| (who.clone(), publish)));
        }
    }
    Ok(all)
}

/// Finds ports by a name that the role's revision does not have.
pub(super) fn look_up_names(
    publish: &[(String, Publish)],
    role: &Name,
    revision: &RoleRevision,
    reading: &mut Reading,
) {
    for (path, publish) in publish {
        if let Some(why) = unnamed(publish, role, revision) {
            reading.add(&format!("{path}.to"), why);
        }
    }
}

/// Why a role's revision has no port of that name, if it has none.
pub(in crate::service) fn unnamed(
    publish: &Publish,
    role: &Name,
    revision: &RoleRevision,
) -> Option<String> {
    let PublishTo::Named(name) = &publish.to else { return None };
    let ports = &revision.recipe.ports;
    if ports.contains_key(name) {
        return None;
    }
    let known: Vec<&str> = ports.keys().map(String::as_str).collect();
    let number = revision.number;
    Some(match known.is_empty() {
        true => format!("revision {number} of role {role} names no port: write its number"),
        false => format!(
            "revision {number} of role {role} has no port {name}: there are {}",
            known.join(", ")
        ),
    })
}

/// Refuses two farm roles of one farm that want the same port, where one of them is not in the
/// file and stays.
pub(super) fn refuse_twice(farm_roles: &[FarmRole]) -> Result<()> {
    let mut before: Vec<(&FarmRole, &Publish)> = Vec::new();
    for role in farm_roles.iter().filter(|role| !role.removed) {
        for publish in &role.publish {
            let met = before.iter().find(|(_, other)| other.meets(publish));
            if let Some((first, _)) = met.filter(|(first, _)| first.id != role.id) {
                let (field, other) = ("grange.publish", &first.alias);
                let text = format!(
                    "{} and {other} both want {publish}: one that is not in the file stays, unless \
                     it is applied with --prune",
                    role.alias
                );
                return Err(Problem::invalid(format!("farmRoles[{}].{field}", role.alias), text));
            }
            before.push((role, publish));
        }
    }
    Ok(())
}

impl PublishLimits {
    /// Why the machine cannot have a port published, if it cannot.
    fn forbids(&self, publish: &Publish) -> Option<String> {
        if publish.port < self.lowest_port {
            let lowest = self.lowest_port;
            return Some(format!(
                "the appliance runs as an ordinary user, who may have ports from {lowest} on"
            ));
        }
        let met = self.own.iter().find(|(own, _)| {
            let everywhere = own.ip().is_unspecified() || publish.address.is_none();
            let same = everywhere || publish.address == Some(own.ip());
            same && own.port() == publish.port && publish.protocol == Protocol::Tcp
        });
        met.map(|(_, what)| format!("{publish} is the appliance's own: {what}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_machine_cannot_have_is_said() {
        let own = [("0.0.0.0:7443", "the API"), ("127.0.0.1:9000", "agents come in there")];
        let own = own.map(|(at, what)| (at.parse().expect("an address"), what));
        let limits = PublishLimits { lowest_port: 1024, names: false, own: own.to_vec() };
        let check = |port: u16, address: &str, protocol, expected: Option<&str>| {
            let to = PublishTo::Number(1);
            let publish = Publish { port, to, address: address.parse().ok(), protocol };
            assert_eq!(limits.forbids(&publish).as_deref(), expected);
        };
        let (tcp, udp) = (Protocol::Tcp, Protocol::Udp);
        let low = "the appliance runs as an ordinary user, who may have ports from 1024 on";
        check(1023, "", tcp, Some(low));
        check(1024, "", tcp, None);
        check(7443, "", tcp, Some("port 7443 is the appliance's own: the API"));
        check(7443, "", udp, None);
        let said = "port 7443 of 192.0.2.1 is the appliance's own: the API";
        check(7443, "192.0.2.1", tcp, Some(said));
        check(9000, "192.0.2.1", tcp, None);
        check(9000, "", tcp, Some("port 9000 is the appliance's own: agents come in there"));
    }
}
