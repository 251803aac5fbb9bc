//! The network that servers stand on, looked at and put right.
//!
//! What we made ourselves (bridge, its address, links) is put right when somebody took it away.
//! What belongs to the machine (routes, packet filters) is only looked at, and what would help is
//! said: with one packet from server to server, through two name spaces on the bridge, and one
//! connection from there to the appliance, because no reading of rules tells as surely what they
//! do.

use super::Onboard;
use super::failure::{Doing, Failure};
use super::init::{Boot, OK};
use super::netlink::{Link, Netlink};
use super::place::{PREFIX, Place};
use super::process::{Process, wait_until};
use super::record::{Isolation, ServerDirectory, ServerRecord, read_json};
use crate::clouds::InstanceType;
use crate::model::{Notice, NoticeKind};
use std::fs;
use std::io::{ErrorKind, Read};
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Between two packets from server to server, while nothing else changes.
const PROBE_PERIOD: Duration = Duration::from_secs(300);
/// While the last one did not arrive: people who set it right want to see it.
const PROBE_AGAIN: Duration = Duration::from_secs(20);
/// A probe waits 2 s for its packet; making its links takes far less.
const STAGE_DEADLINE: Duration = Duration::from_secs(10);
/// How long it is told that something was put right.
const REPAIR_TOLD_FOR: Duration = Duration::from_secs(600);
/// Servers whose route is looked at each time.
const ROUTES_MAX: usize = 64;

/// What was seen of the network last.
#[derive(Default)]
pub struct NetworkWatch {
    probe: Mutex<Option<(Instant, Option<String>)>>,
    repaired: Mutex<Option<(Instant, String)>>,
    /// Where agents come in; 0 while nobody has said.
    port: AtomicU16,
}

fn of_the_whole(kind: NoticeKind, text: String) -> Notice {
    Notice { server: None, kind, text, count: 0 }
}

impl Onboard {
    /// Everything that is not well with what servers stand on.
    pub(super) fn notices(&self) -> Vec<Notice> {
        let servers = match self.shelf.servers() {
            Ok(servers) => servers,
            // The listing tells of it.
            Err(_) => return Vec::new(),
        };
        let known: Vec<(ServerDirectory, ServerRecord)> = servers
            .into_iter()
            .filter_map(|directory| directory.record().ok().map(|record| (directory, record)))
            .collect();
        let sizes: Vec<(_, InstanceType)> = known
            .iter()
            .filter_map(|(at, record)| Some((at.id, self.size(&record.instance_type).ok()?)))
            .collect();
        let mut notices = self.memory.look(&self.cgroups, &sizes);
        let servers: Vec<_> = known.iter().map(|(at, _)| at.clone()).collect();
        notices.extend(self.disks.notices(&servers));
        let replaced = self.publisher.notice();
        notices.extend(replaced.map(|text| of_the_whole(NoticeKind::Repaired, text)));
        if self.isolation == Isolation::Namespaces {
            let (texts, repaired) = self.look_at_network(&known);
            let wrong = texts.into_iter().map(|text| of_the_whole(NoticeKind::Network, text));
            notices.extend(wrong);
            notices.extend(repaired.map(|text| of_the_whole(NoticeKind::Repaired, text)));
        }
        notices
    }

    /// Says on which port agents come in, which servers have to reach.
    pub fn watch_port(&self, port: u16) {
        self.network.port.store(port, Ordering::Relaxed);
    }

    /// What is wrong with it, and what was put right.
    fn look_at_network(
        &self,
        known: &[(ServerDirectory, ServerRecord)],
    ) -> (Vec<String>, Option<String>) {
        let mut texts = Vec::new();
        let repaired = match self.repair(known) {
            Ok(repaired) => repaired,
            Err(failure) => {
                texts.push(format!("the network cannot be put right: {}", failure.line()));
                Vec::new()
            }
        };
        let now = Instant::now();
        let mut told = self.network.repaired.lock().unwrap_or_else(PoisonError::into_inner);
        if !repaired.is_empty() {
            tracing::warn!(what = repaired.join(", "), "somebody removed it; it is put right");
            *told = Some((now, repaired.join(", ")));
        }
        told.take_if(|(at, _)| now.duration_since(*at) > REPAIR_TOLD_FOR);
        let put_right = told.as_ref().map(|(_, what)| {
            format!("somebody took away {what}; it was put right within the last 10 m")
        });
        drop(told);
        texts.extend(self.foreign_route(known));
        texts.extend(self.probe(!repaired.is_empty()));
        texts.extend(self.closed_ways());
        texts.extend(self.unnamed());
        (texts, put_right)
    }

    /// Makes again what is missing of what we made; says what.
    fn repair(&self, known: &[(ServerDirectory, ServerRecord)]) -> Result<Vec<String>, Failure> {
        let mut netlink = Netlink::open().doing("opening", "netlink")?;
        let links = netlink.links().doing("listing", "links")?;
        let name = self.place.bridge();
        let mut repaired = Vec::new();
        let bridge = links.iter().find(|link| link.name == name);
        let gateway = self.gateway();
        let addressed = netlink.addresses().doing("listing", "addresses")?;
        let addressed = addressed.contains(&(gateway, PREFIX));
        if bridge.is_none_or(|bridge| !bridge.up) || !addressed {
            self.place.make_bridge()?;
            repaired.push(match (bridge, addressed) {
                (None, _) => format!("the bridge {name}"),
                (Some(_), false) => format!("the address {gateway} of {name}"),
                (Some(_), true) => format!("{name}'s being up"),
            });
        }
        let index = netlink.index(&name).doing("finding", &name)?;
        let index =
            index.ok_or_else(|| Failure::new(format!("finding {name}"), "no such bridge"))?;
        for (directory, record) in known {
            let link = self.place.link(record.address);
            let found = links.iter().find(|other| other.name == link);
            if found.is_some_and(|found| found.up && found.master == Some(index)) {
                continue;
            }
            // What is under way makes its own link; what does not run has none.
            let Ok(_lock) = directory.lock(Duration::ZERO) else { continue };
            let Some(init) = directory.init().filter(Process::is_alive) else { continue };
            match found {
                Some(Link { index: own, .. }) => {
                    netlink.set_master(*own, index).doing("connecting", &link)?;
                    netlink.set_up(*own).doing("switching on", &link)?;
                }
                None => self.reconnect(directory, &init)?,
            }
            repaired.push(format!("the link of {}", record.hostname));
        }
        Ok(repaired)
    }

    /// Gives a running server a new pair of links.
    fn reconnect(&self, directory: &ServerDirectory, init: &Process) -> Result<(), Failure> {
        let path = directory.join("boot.json");
        let boot: Boot = read_json(&path)?;
        let pid = init.pid.to_string();
        let said = stage(&self.config.executable, &["connect", &path.display().to_string(), &pid])?;
        if said == OK {
            return Ok(());
        }
        Err(Failure::new(format!("connecting {}", boot.record.server), said))
    }

    /// Whether the machine sends what is for a server somewhere else.
    fn foreign_route(&self, known: &[(ServerDirectory, ServerRecord)]) -> Option<String> {
        let mut netlink = Netlink::open().ok()?;
        let name = self.place.bridge();
        let bridge = netlink.index(&name).ok()??;
        let first = Ipv4Addr::new(10, self.place.subnet, 0, 2);
        let mut servers = known.iter().map(|(_, record)| record.address).take(ROUTES_MAX);
        let lost = std::iter::once(first).chain(&mut servers).find_map(|address| {
            match netlink.route_to(address) {
                Ok(Some(link)) if link == bridge => None,
                Ok(link) => Some((address, link)),
                Err(error) => {
                    tracing::debug!(%address, %error, "no route");
                    Some((address, None))
                }
            }
        });
        let (address, link) = lost?;
        let links = netlink.links().unwrap_or_default();
        let over = links.iter().find(|other| Some(other.index) == link);
        let over = over.map_or("nowhere".to_owned(), |link| format!("over {}", link.name));
        Some(format!(
            "the machine sends what is for {address} {over}, not over {name}: another route covers \
             a part of 10.{}.0.0/16, so servers cannot be reached. See `ip route get {address}`, \
             and remove that route",
            self.place.subnet
        ))
    }

    /// Sends one packet from server to server, when it is time; says what is wrong.
    fn probe(&self, at_once: bool) -> Option<String> {
        let mut last = self.network.probe.lock().unwrap_or_else(PoisonError::into_inner);
        let period = |wrong: &Option<String>| match wrong {
            Some(_) => PROBE_AGAIN,
            None => PROBE_PERIOD,
        };
        if let Some((at, wrong)) = &*last
            && !at_once
            && at.elapsed() < period(wrong)
        {
            return wrong.clone();
        }
        let port = self.network.port.load(Ordering::Relaxed);
        let wrong = ask_probe(&self.config.executable, &self.place, port);
        *last = Some((Instant::now(), wrong.clone()));
        wrong
    }
}

/// What a probe from outside of an appliance finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Probed {
    /// Nothing to probe: servers have no network here, or not at the moment.
    NoNetwork,
    /// Only root may.
    NotAllowed,
    /// Everything arrives.
    Carries,
    /// What does not, and what would help.
    Wrong(String),
}

/// Probes the network of a state directory whether its appliance runs or not, through name spaces
/// made for it. `port` is where agents come in; 0 for one that is not known.
///
/// # Errors
/// When the probe cannot be made.
pub fn probe_network(state: &Path, executable: &Path, port: u16) -> Result<Probed, Failure> {
    let place = match read_json::<Place>(&state.join("onboard.json")) {
        Ok(place) => place,
        Err(failure) if failure.source.kind() == ErrorKind::NotFound => {
            return Ok(Probed::NoNetwork);
        }
        Err(failure) => return Err(failure),
    };
    let mut netlink = Netlink::open().doing("opening", "netlink")?;
    if netlink.index(&place.bridge()).doing("finding", "the bridge")?.is_none() {
        return Ok(Probed::NoNetwork);
    }
    if !nix::unistd::geteuid().is_root() {
        return Ok(Probed::NotAllowed);
    }
    Ok(ask_probe(executable, &place, port).map_or(Probed::Carries, Probed::Wrong))
}

/// Sends the packets; says what is wrong.
fn ask_probe(executable: &Path, place: &Place, port: u16) -> Option<String> {
    let (bridge, subnet) = (place.bridge(), place.subnet.to_string());
    match stage(executable, &["probe", &bridge, &subnet, &port.to_string()]) {
        Ok(said) if said == OK => None,
        Ok(said) if said == LOST => Some(advice(place)),
        Ok(said) if said == UNHEARD => Some(format!(
            "servers do not reach the appliance: a connection from a server to port {port} of \
             10.{subnet}.0.1 does not come in. The machine's packet filter keeps it out. This lets \
             it in: iptables -I INPUT -i {bridge} -j ACCEPT. Where it does not, see `nft list \
             ruleset`"
        )),
        Ok(said) => Some(format!("servers may not reach one another: {said}")),
        Err(failure) => Some(format!("servers may not reach one another: {}", failure.line())),
    }
}

/// Runs a stage of ours that has one thread; gives the line it said.
pub(super) fn stage(executable: &Path, arguments: &[&str]) -> Result<String, Failure> {
    let mut child = Command::new(executable)
        .arg("onboard-init")
        .args(arguments)
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .doing("starting", executable.display())?;
    if !wait_until(STAGE_DEADLINE, || child.try_wait().is_ok_and(|ended| ended.is_some())) {
        child.kill().and_then(|()| child.wait()).doing("giving up", arguments[0])?;
        return Err(Failure::new(arguments[0], "it took too long"));
    }
    let mut said = String::new();
    if let Some(mut output) = child.stdout.take() {
        output.read_to_string(&mut said).doing("hearing from", arguments[0])?;
    }
    Ok(said.trim().to_owned())
}

/// What a probe says whose servers reach one another and not the appliance.
pub const UNHEARD: &str = "unheard";

/// What a probe says whose packet did not arrive.
pub const LOST: &str = "lost";

/// What keeps servers from one another, and what would help: never done by ourselves, because a
/// packet filter is its owner's.
fn advice(place: &Place) -> String {
    let bridge = place.bridge();
    let filtered = fs::read_to_string("/proc/sys/net/bridge/bridge-nf-call-iptables");
    if filtered.is_ok_and(|on| on.trim() == "1") {
        return format!(
            "servers do not reach one another: the machine's packet filter drops what goes from \
             one to another over {bridge} (Docker sets such a policy). This lets it through: \
             iptables -I FORWARD -i {bridge} -o {bridge} -j ACCEPT. Where it does not, a filter \
             of bridges drops it: see `nft list ruleset`"
        );
    }
    format!(
        "servers do not reach one another: a packet over {bridge} did not arrive. A filter of \
         bridges may drop it: see `nft list ruleset`, and let through what enters and leaves by \
         {bridge}"
    )
}
