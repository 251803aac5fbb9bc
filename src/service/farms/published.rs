//! Published ports: which of the machine's ports lead to which servers just now, and how each is;
//! whose servers have a way out, and what servers of a farm call each other.
//!
//! A port leads to the servers of its farm role that run, serve and are not about to go. After a
//! start of ours nobody has said yet whether a server is well; one that ran counts as well until
//! its agent says otherwise, so that a restart turns no client away.

use crate::base::limit::NAMED_SERVERS_MAX;
use crate::base::{FarmId, FarmRoleId, Result};
use crate::clouds::publication::{
    FarmNames, NamedServer, Publication, PublicationKey, Published, ServerConnections,
};
use crate::model::{
    Farm, FarmGoal, FarmRole, Grant, Publish, PublishTo, Server, ServerStatus, machine_port,
};
use crate::service::farms::manifests::unnamed_port;
use crate::service::{Service, lookup};
use crate::store::View;
use crate::wire::api::farms::PublishedView;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

/// The key of an alert about a farm's published ports, before its number.
const ALERT: &str = "published";

/// What is wanted of the machine's ports, and what cannot be had of it.
#[derive(Debug, Default)]
pub struct WantedPorts {
    /// What each platform is to do, by its name.
    pub of_platforms: BTreeMap<String, ServerConnections>,
    /// What nobody can do.
    pub refused: Vec<Published>,
    /// What people call each farm role, and its farm.
    names: BTreeMap<FarmRoleId, (FarmId, String)>,
}

impl WantedPorts {
    /// Whether anything is published.
    pub fn is_empty(&self) -> bool {
        self.of_platforms.values().all(ServerConnections::is_empty) && self.refused.is_empty()
    }

    /// Everything a platform was to do failed for one reason.
    pub fn all_wrong(&self, platform: &str, why: &str) -> Vec<Published> {
        let wrong = |publication: &Publication| Published {
            key: publication.key.clone(),
            open: Vec::new(),
            wrong: Some(why.to_owned()),
        };
        self.of_platforms
            .get(platform)
            .into_iter()
            .flat_map(|of| &of.published)
            .map(wrong)
            .collect()
    }
}

/// Works out what is wanted as of now.
pub fn wanted(service: &Service) -> Result<WantedPorts> {
    let farms = service.observed.fleet.connected_farms(service)?;
    let naming = service.settings.publishing.iter().filter(|(_, limits)| limits.names);
    let naming: BTreeSet<&str> = naming.map(|(platform, _)| platform.as_str()).collect();
    if farms.is_empty() && naming.is_empty() {
        return Ok(WantedPorts::default());
    }
    service.read(&Grant::job("publish"), |view| {
        let mut wanted = WantedPorts::default();
        let mut before: Vec<(FarmRole, Publish)> = Vec::new();
        let found = match naming.is_empty() {
            true => farms.iter().filter_map(|id| lookup::farm(view, *id).transpose()).collect(),
            false => lookup::all_farms(view),
        };
        for farm in found? {
            let roles = lookup::farm_roles_of(view, farm.id)?;
            for platform in &naming {
                add_names(service, view, &farm, &roles, platform, &mut wanted)?;
            }
            for mut role in roles {
                // What is on its way out keeps its way out: it has something to finish.
                if role.removed || farm.removed || farm.goal != FarmGoal::Launched {
                    role.publish.clear();
                }
                add(service, view, &farm, &role, &mut before, &mut wanted)?;
            }
        }
        Ok(wanted)
    })
}

/// Adds what the servers of a farm on one platform call each other.
fn add_names(
    service: &Service,
    view: &View,
    farm: &Farm,
    roles: &[FarmRole],
    platform: &str,
    wanted: &mut WantedPorts,
) -> Result<()> {
    let mut names =
        FarmNames { farm: farm.name.to_string(), farm_roles: BTreeSet::new(), servers: Vec::new() };
    for role in roles.iter().filter(|role| role.account == platform) {
        names.farm_roles.insert(role.id);
        let mut servers = lookup::live_servers_of_farm_role(view, role.id)?;
        servers.sort_by_key(|server| (server.index, server.id));
        for server in servers.iter().filter(|server| server.status == ServerStatus::Running) {
            let address = server.address().and_then(|address| address.parse::<IpAddr>().ok());
            let Some(address) = address else { continue };
            let serves = service.observed.is_ready(server.id).then(|| role.alias.to_string());
            let hostname = server.hostname.clone();
            names.servers.push(NamedServer { address, hostname, serves });
        }
    }
    names.servers.truncate(NAMED_SERVERS_MAX);
    if !names.farm_roles.is_empty() {
        let of_platform = wanted.of_platforms.entry(platform.to_owned()).or_default();
        of_platform.names.push(names);
    }
    Ok(())
}

/// Adds what one farm role publishes. Whoever has a port first keeps it.
fn add(
    service: &Service,
    view: &View,
    farm: &Farm,
    role: &FarmRole,
    before: &mut Vec<(FarmRole, Publish)>,
    wanted: &mut WantedPorts,
) -> Result<()> {
    if role.outbound {
        let of_platform = wanted.of_platforms.entry(role.account.clone()).or_default();
        of_platform.outbound.insert(role.id);
    }
    if role.publish.is_empty() {
        return Ok(());
    }
    let name = lookup::name_in(farm.name.as_str(), role.alias.as_str());
    wanted.names.insert(role.id, (farm.id, name.clone()));
    let servers = lookup::live_servers_of_farm_role(view, role.id)?;
    for publish in &role.publish {
        let key = key(role, publish);
        let met = before.iter().find(|(_, other)| other.meets(publish));
        let wrong = match met {
            None => refused(view, role, publish)?,
            Some((first, _)) if first.env == role.env => {
                let (_, other) = &wanted.names[&first.id];
                Some(format!("it is published by {other} already"))
            }
            Some(_) => Some("it is published by a farm of another environment already".to_owned()),
        };
        if let Some(why) = wrong {
            wanted.refused.push(Published { key, open: Vec::new(), wrong: Some(why) });
            continue;
        }
        before.push((role.clone(), publish.clone()));
        let servers = behind(service, view, role, publish, &servers)?;
        let of_platform = wanted.of_platforms.entry(role.account.clone()).or_default();
        of_platform.published.push(Publication { key, servers });
    }
    Ok(())
}

fn key(role: &FarmRole, publish: &Publish) -> PublicationKey {
    let Publish { port, to: _, address, protocol } = publish.clone();
    PublicationKey { farm_role: role.id, port, protocol, address }
}

/// Why nothing can be behind a port, if nothing can: its role is one by now that has no such port.
fn refused(view: &View, role: &FarmRole, publish: &Publish) -> Result<Option<String>> {
    let Some(recipe) = lookup::role(view, role.role)? else { return Ok(None) };
    let pinned = lookup::role_revision(view, role.role, role.role_revision)?;
    Ok(pinned.and_then(|revision| unnamed_port(publish, &recipe.name, &revision)))
}

/// Where the servers behind a port take new connections. Each listens where the revision it is
/// made of says, which during a rollout is not the same of all.
fn behind(
    service: &Service,
    view: &View,
    role: &FarmRole,
    publish: &Publish,
    servers: &[Server],
) -> Result<Vec<SocketAddr>> {
    let mut ports: BTreeMap<u64, Option<u16>> = BTreeMap::new();
    let (mut all, mut ill) = (Vec::new(), Vec::new());
    for server in servers {
        if server.status != ServerStatus::Running || !service.observed.is_ready(server.id) {
            continue;
        }
        let address = server.address().and_then(|address| address.parse::<IpAddr>().ok());
        let Some(address) = address else { continue };
        let port = match (&publish.to, ports.get(&server.revision)) {
            (PublishTo::Number(port), _) => Some(*port),
            (PublishTo::Named(_), Some(known)) => *known,
            (PublishTo::Named(name), None) => {
                let port = named(view, role, server, name)?;
                ports.insert(server.revision, port);
                port
            }
        };
        // Its check passes, and yet a balancer does not reach it.
        let is_ill = service.observed.failure(server.id).is_some();
        let found = if is_ill { &mut ill } else { &mut all };
        found.extend(port.map(|port| SocketAddr::new(address, port)));
    }
    // Where balancers reach none of them it may be the balancers.
    let mut servers = if all.is_empty() { ill } else { all };
    servers.sort_unstable();
    Ok(servers)
}

/// The number of a port that a server's role calls by this name.
fn named(view: &View, role: &FarmRole, server: &Server, name: &str) -> Result<Option<u16>> {
    let Some(make) = role.make_of(server.revision) else { return Ok(None) };
    let revision = lookup::role_revision(view, make.role, make.role_revision)?;
    Ok(revision.and_then(|revision| revision.recipe.ports.get(name).copied()))
}

/// Takes in how published ports are, for people to read and for alerts.
pub fn take(service: &Service, wanted: &WantedPorts, found: Vec<Published>) {
    let mut wrong: BTreeMap<FarmId, Vec<String>> = BTreeMap::new();
    for published in &found {
        let Some(why) = &published.wrong else { continue };
        let Some((farm, name)) = wanted.names.get(&published.key.farm_role) else { continue };
        let PublicationKey { port, protocol, address, .. } = published.key;
        let port = machine_port(port, protocol, address);
        wrong.entry(*farm).or_default().push(format!("{name}: port {port}: {why}"));
    }
    let key = |farm: &FarmId| format!("{ALERT}-{farm}");
    let raised: Vec<String> = wrong.keys().map(key).collect();
    service.observed.clear_alerts(ALERT, |key| raised.iter().any(|raised| raised == key));
    for (farm, lines) in wrong {
        let text = format!("a port cannot be published: {}", lines.join("; "));
        service.observed.set_alert(&key(&farm), Some(text));
    }
    service
        .observed
        .published
        .set(wanted.of_platforms.values().flat_map(|of| &of.published), found);
}

/// Every port that leads to servers of an environment, a line each: `shop/web: port 80 to http`.
pub(in crate::service) fn lines(service: &Service, grant: &Grant) -> Result<Vec<String>> {
    let farms = service.observed.fleet.connected_farms(service)?;
    service.read(grant, |view| {
        let mut lines = Vec::new();
        for id in farms {
            let Some(farm) = lookup::farm(view, id)? else { continue };
            for role in lookup::farm_roles_of(view, id)? {
                let name = lookup::name_in(farm.name.as_str(), role.alias.as_str());
                let ports = views(service, &role).into_iter();
                lines.extend(ports.map(|port| format!("{name}: {}", port.line())));
            }
        }
        Ok(lines)
    })
}

/// What a farm role publishes, as people see it.
pub(in crate::service) fn views(service: &Service, role: &FarmRole) -> Vec<PublishedView> {
    let each = |publish: &Publish| {
        let known = service.observed.published.of(&key(role, publish));
        let (servers, published) = known.unwrap_or_default();
        let (open, wrong) = published.map_or((Vec::new(), None), |it| (it.open, it.wrong));
        PublishedView {
            port: publish.port,
            to: publish.to.to_string(),
            protocol: publish.protocol.as_str().to_owned(),
            address: publish.address.map(|address| address.to_string()),
            open: open.iter().map(ToString::to_string).collect(),
            servers: u32::try_from(servers).unwrap_or(u32::MAX),
            wrong,
        }
    };
    role.publish.iter().map(each).collect()
}
