//! The way out: servers whose farm role says so reach what the machine reaches; others reach the
//! appliance and each other.
//!
//! It is a table of packet filter rules of our own, named after the appliance, loaded whole by the
//! `nft` command whenever a server comes or goes, and once in a while in case somebody took it
//! away. It speaks of our bridge alone, and goes with the last farm role that wants it and with us;
//! nobody else's rules are touched. What the machine had switched off (forwarding) is switched on,
//! noted in `<state>/outbound.json`, and switched off again when we leave.
//!
//! Names: a server asks the appliance's address on the bridge, and the publisher passes that on to
//! whomever the machine asks, as to any published port, so that a resolver on the machine's own
//! loopback is reached too, and a machine that moves to another network takes its servers along.
//!
//! Not here: IPv6, which servers have none of; an ordinary user's servers, which are processes of
//! the machine and reach what it reaches.

use super::Onboard;
use super::failure::{Doing, Failure};
use super::process::wait_until;
use super::publish::RESOLVER;
use super::record::{Isolation, read_json, remove_tree, write_json};
use crate::base::FarmRoleId;
use crate::clouds::publication::{Publication, PublicationKey, Published, ServerConnections};
use crate::model::Protocol;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How often the rules are loaded although nothing changed, and foreign ones are looked at: a
/// person who set one right wants to see it.
const LOOK_PERIOD: Duration = Duration::from_secs(10);
/// `nft` answers within a fraction of a second, even with thousands of rules.
const NFT_DEADLINE: Duration = Duration::from_secs(10);
const FORWARDING: &str = "/proc/sys/net/ipv4/ip_forward";
const NAME_PORT: u16 = 53;
/// Resolvers of the machine that are asked: glibc itself takes no more (resolv.conf(5)).
const NAMESERVERS_MAX: usize = 3;

/// What is wanted, what was done for it and what is in the way.
#[derive(Default)]
pub struct WaysOut {
    inner: Mutex<Ways>,
}

#[derive(Default)]
struct Ways {
    farm_roles: BTreeSet<FarmRoleId>,
    /// The rules as they were loaded last, and when.
    loaded: Option<(String, Instant)>,
    /// Why they could not be loaded.
    wrong: Option<String>,
    /// Why names are not resolved.
    nameless: Option<String>,
    /// Whose rules keep servers in, and when that was looked at.
    closed: Option<(Instant, Option<String>)>,
}

/// What we switched on of the machine.
#[derive(Debug, Default, Serialize, Deserialize)]
struct SwitchedOn {
    /// The machine did not forward before.
    forwarding: bool,
}

impl Onboard {
    /// Connects servers with what is outside of the machine, and not otherwise.
    pub(super) fn connect_outside(
        &self,
        wanted: &ServerConnections,
    ) -> Result<Vec<Published>, Failure> {
        let mut ports = wanted.published.clone();
        if self.isolation == Isolation::Namespaces {
            let mut ways = self.ways_out.inner.lock().unwrap_or_else(PoisonError::into_inner);
            ways.farm_roles.clone_from(&wanted.outbound);
            // Told by the notices, which are looked at all the time.
            ways.wrong = self.load(&mut ways).err().map(|failure| failure.line());
            if !ways.farm_roles.is_empty() {
                ports.extend(resolver(self.gateway()));
            }
        }
        let (executable, tag) = (&self.config.executable, &self.place.tag);
        let mut found = self.publisher.publish(&self.shelf, executable, tag, &ports)?;
        let names = found.iter().find(|one| one.key.farm_role == RESOLVER && one.wrong.is_some());
        let wrong = names.and_then(|one| one.wrong.clone());
        self.ways_out.inner.lock().unwrap_or_else(PoisonError::into_inner).nameless = wrong;
        found.retain(|one| one.key.farm_role != RESOLVER);
        Ok(found)
    }

    /// Makes the way out of a farm role's servers before one of them boots.
    pub(super) fn let_out(&self, farm_role: FarmRoleId) -> Result<(), Failure> {
        if self.isolation == Isolation::Processes {
            return Ok(());
        }
        let mut ways = self.ways_out.inner.lock().unwrap_or_else(PoisonError::into_inner);
        ways.farm_roles.insert(farm_role);
        self.load(&mut ways)
    }

    /// Takes every way out away, and switches off what we switched on.
    pub(super) fn keep_in(&self) -> Result<(), Failure> {
        let mut ways = self.ways_out.inner.lock().unwrap_or_else(PoisonError::into_inner);
        ways.farm_roles.clear();
        self.load(&mut ways)?;
        let path = self.switched_on();
        let known = read_json::<SwitchedOn>(&path).unwrap_or_default();
        if known.forwarding {
            fs::write(FORWARDING, "0").doing("switching off", FORWARDING)?;
        }
        remove_tree(&path)
    }

    /// What keeps servers in that are to have a way out.
    pub(super) fn closed_ways(&self) -> Vec<String> {
        let mut ways = self.ways_out.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if ways.farm_roles.is_empty() {
            return Vec::new();
        }
        let looked = ways.closed.as_ref().filter(|(at, _)| at.elapsed() < LOOK_PERIOD);
        let closed = match looked {
            Some((_, closed)) => closed.clone(),
            None => {
                let rules = nft(&["list", "ruleset"], "").unwrap_or_default();
                let closed = closed_by(&rules, &self.place.bridge(), &table(&self.place.tag));
                ways.closed = Some((Instant::now(), closed.clone()));
                closed
            }
        };
        let wrong = ways.wrong.as_ref().map(|why| format!("servers have no way out: {why}"));
        let nameless = ways.nameless.as_ref().map(|why| {
            let at = self.gateway();
            format!("servers with a way out resolve no names: port {NAME_PORT} of {at}: {why}")
        });
        wrong.into_iter().chain(nameless).chain(closed).collect()
    }

    /// Loads the rules where they are others than before, or not looked at for a while.
    fn load(&self, ways: &mut Ways) -> Result<(), Failure> {
        let path = self.switched_on();
        if ways.farm_roles.is_empty() {
            if ways.loaded.is_some() || path.exists() {
                nft(&["-f", "-"], &removal(&table(&self.place.tag)))?;
                ways.loaded = None;
            }
            return Ok(());
        }
        let of_them = |farm_role| ways.farm_roles.contains(&farm_role);
        let records = self.records()?;
        let out: BTreeSet<Ipv4Addr> = records
            .iter()
            .filter(|record| of_them(record.farm_role))
            .map(|record| record.address)
            .collect();
        let rules = rules(&table(&self.place.tag), &self.place.bridge(), self.gateway(), &out);
        let fresh = |(text, at): &(String, Instant)| *text == rules && at.elapsed() < LOOK_PERIOD;
        if !ways.loaded.as_ref().is_some_and(fresh) {
            if !path.exists() {
                write_json(&path, &SwitchedOn::default())?;
            }
            nft(&["-f", "-"], &rules)?;
            ways.loaded = Some((rules, Instant::now()));
        }
        self.forward()
    }

    /// Lets the machine forward, and notes that it did not.
    fn forward(&self) -> Result<(), Failure> {
        let on = fs::read_to_string(FORWARDING).doing("reading", FORWARDING)?;
        if on.trim() != "0" {
            return Ok(());
        }
        write_json(&self.switched_on(), &SwitchedOn { forwarding: true })?;
        fs::write(FORWARDING, "1").doing(
            "switching on",
            format_args!("{FORWARDING} (sysctl -w net.ipv4.ip_forward=1)"),
        )?;
        tracing::info!("switched on {FORWARDING}: servers are to have a way out");
        Ok(())
    }

    fn switched_on(&self) -> PathBuf {
        self.shelf.state.join("outbound.json")
    }
}

/// What our table is called.
pub(super) fn table(tag: &str) -> String {
    format!("grange_{tag}")
}

/// Whether a tag has a table on the machine.
pub(super) fn left_by(tag: &str) -> bool {
    let tables = nft(&["list", "tables"], "").unwrap_or_default();
    tables.lines().any(|line| line == format!("table inet {}", table(tag)))
}

/// Removes a tag's table, if there is one.
pub(super) fn remove_left(tag: &str) -> Result<(), Failure> {
    match left_by(tag) {
        true => nft(&["-f", "-"], &removal(&table(tag))).map(drop),
        false => Ok(()),
    }
}

/// The ports that servers ask names of, which lead to whomever the machine asks.
fn resolver(gateway: Ipv4Addr) -> [Publication; 2] {
    let text = fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
    let servers = nameservers(&text, gateway);
    [Protocol::Tcp, Protocol::Udp].map(|protocol| Publication {
        key: PublicationKey {
            farm_role: RESOLVER,
            port: NAME_PORT,
            protocol,
            address: Some(gateway.into()),
        },
        servers: servers.clone(),
    })
}

/// Whom the machine asks; this machine itself where nothing is said (resolv.conf(5)).
fn nameservers(text: &str, gateway: Ipv4Addr) -> Vec<SocketAddr> {
    let named = text.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        let address = (words.next() == Some("nameserver")).then(|| words.next())??;
        address.parse::<IpAddr>().ok()
    });
    // Ours passes it on to itself and round again.
    let others = named.filter(|address| *address != IpAddr::from(gateway));
    let mut all: Vec<IpAddr> = others.take(NAMESERVERS_MAX).collect();
    if all.is_empty() {
        all.push(Ipv4Addr::LOCALHOST.into());
    }
    all.into_iter().map(|address| SocketAddr::new(address, NAME_PORT)).collect()
}

/// Adding it first makes it no fault that it is not there.
fn removal(table: &str) -> String {
    format!("add table inet {table}\ndelete table inet {table}\n")
}

/// The whole table: who gets out, who asks for names, what comes back.
fn rules(table: &str, bridge: &str, gateway: Ipv4Addr, out: &BTreeSet<Ipv4Addr>) -> String {
    let members: Vec<String> = out.iter().map(ToString::to_string).collect();
    // No elements at all are written as none.
    let members = match members.as_slice() {
        [] => String::new(),
        members => format!("\n    elements = {{ {} }}", members.join(", ")),
    };
    let names = format!("ip daddr {gateway} meta l4proto {{ tcp, udp }} th dport {NAME_PORT}");
    removal(table)
        + &format!(
            r#"table inet {table} {{
  set out {{
    type ipv4_addr{members}
  }}
  chain input {{
    type filter hook input priority 0; policy accept;
    {names} iifname "{bridge}" ip saddr @out accept
    {names} iifname != "lo" reject
  }}
  chain forward {{
    type filter hook forward priority 0; policy accept;
    iifname "{bridge}" oifname "{bridge}" accept
    iifname "{bridge}" ip saddr @out accept
    iifname "{bridge}" reject
    oifname "{bridge}" ct state established,related accept
    oifname "{bridge}" drop
  }}
  chain postrouting {{
    type nat hook postrouting priority 100; policy accept;
    oifname != "{bridge}" ip saddr @out masquerade
  }}
}}
"#
        )
}

/// Whose policy drops what our servers send out, as far as its rules say: no rule of that table
/// that accepts anything names our bridge.
fn closed_by(ruleset: &str, bridge: &str, own: &str) -> Option<String> {
    let mut closed = Vec::new();
    for table in ruleset.split("\ntable ") {
        let table = table.strip_prefix("table ").unwrap_or(table);
        let name = table.lines().next().unwrap_or_default().trim_end_matches([' ', '{']);
        let ipv4 = name.starts_with("ip ") || name.starts_with("inet ");
        let drops = |line: &str| line.contains("hook forward") && line.contains("policy drop");
        let lets = |line: &str| line.contains(bridge) && line.contains("accept");
        if ipv4 && !name.ends_with(own) && table.lines().any(drops) && !table.lines().any(lets) {
            closed.push(name);
        }
    }
    (!closed.is_empty()).then(|| {
        format!(
            "servers with a way out do not get out: the packet filter drops what is forwarded \
             (table {}; Docker sets such a policy). This lets it through: iptables -I FORWARD -i \
             {bridge} -j ACCEPT; iptables -I FORWARD -o {bridge} -m conntrack --ctstate \
             RELATED,ESTABLISHED -j ACCEPT",
            closed.join(", table ")
        )
    })
}

/// Runs the command; gives what it printed.
fn nft(arguments: &[&str], input: &str) -> Result<String, Failure> {
    let mut command = Command::new("nft");
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = match command.spawn() {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(Failure::new("running nft", "no such command: apt-get install nftables"));
        }
        other => other.doing("running", "nft")?,
    };
    let said = |pipe: Option<Box<dyn Read + Send>>| {
        std::thread::spawn(move || {
            let mut text = String::new();
            // What it prints is for people, or is looked through; a part of it does for both.
            drop(pipe.map(|mut pipe| pipe.read_to_string(&mut text)));
            text
        })
    };
    let out = said(child.stdout.take().map(|pipe| Box::new(pipe) as Box<dyn Read + Send>));
    let err = said(child.stderr.take().map(|pipe| Box::new(pipe) as Box<dyn Read + Send>));
    let written = child.stdin.take().map(|mut pipe| pipe.write_all(input.as_bytes()));
    let mut ended = None;
    if !wait_until(NFT_DEADLINE, || {
        ended = child.try_wait().ok().flatten();
        ended.is_some()
    }) {
        child.kill().and_then(|()| child.wait()).doing("giving up", "nft")?;
        return Err(Failure::new("running nft", "it took too long"));
    }
    let out = out.join().unwrap_or_default();
    let err = err.join().unwrap_or_default();
    if ended.is_some_and(|status| status.success()) {
        written.transpose().doing("telling", "nft")?;
        return Ok(out);
    }
    let first = err.lines().next().unwrap_or("it failed without a word").to_owned();
    Err(Failure::new("running nft", first))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 70, 0, 1);

    #[test]
    fn whom_the_machine_asks_is_asked() {
        let check = |text: &str, expected: &[&str]| {
            let found: Vec<String> =
                nameservers(text, GATEWAY).iter().map(ToString::to_string).collect();
            assert_eq!(found, expected, "{text:?}");
        };
        check("nameserver 127.0.0.53\noptions edns0\n", &["127.0.0.53:53"]);
        check(
            "# nameserver 1.1.1.1\nsearch lan\nnameserver 192.0.2.1\nnameserver fd00::1\n",
            &["192.0.2.1:53", "[fd00::1]:53"],
        );
        check("", &["127.0.0.1:53"]);
        check("nameserver 10.70.0.1\nnameserver what\n", &["127.0.0.1:53"]);
        let many = "nameserver 192.0.2.1\n".repeat(5);
        check(&many, &["192.0.2.1:53"; 3]);
    }

    #[test]
    fn a_policy_that_drops_is_found_unless_it_lets_our_bridge_through() {
        let docker = "table ip filter {\n\tchain FORWARD {\n\t\ttype filter hook forward priority \
                      filter; policy drop;\n\t}\n}\n";
        let ours = "table inet grange_a1b2c3 {\n\tchain forward {\n\t\ttype filter hook forward \
                    priority filter; policy drop;\n\t}\n}\n";
        let check = |ruleset: &str, closed: bool| {
            let found = closed_by(ruleset, "gr-a1b2c3", "grange_a1b2c3");
            assert_eq!(found.is_some(), closed, "{ruleset}: {found:?}");
        };
        check("", false);
        check(ours, false);
        check(&format!("{ours}{docker}"), true);
        check(&format!("{docker}{ours}"), true);
        check(&docker.replace("policy drop", "policy accept"), false);
        check(&docker.replace("table ip ", "table bridge "), false);
        let rule = "policy drop;\n\t\tiifname \"gr-a1b2c3\" accept";
        check(&docker.replace("policy drop;", rule), false);
    }
}
