//! The machine's own addresses.

use nix::ifaddrs::getifaddrs;
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::path::Path;

/// Addresses of a machine that are listened at: one with a container network for each of sixty
/// projects has as many.
const ADDRESSES_MAX: usize = 64;

/// Where a port is open at every address of the machine, those first that others come by: of the
/// links that lead out, then of other links, then of bridges, which lead to containers and to our
/// own servers.
pub fn everywhere(port: u16) -> Vec<SocketAddr> {
    let outward = outward_links();
    let mut all: Vec<(Reach, LinkKind, SocketAddr)> = own(port)
        .into_iter()
        .map(|(at, link)| (reach(&at.ip()), kind(&link, &outward), at))
        .collect();
    all.sort();
    let mut places: Vec<SocketAddr> = all.into_iter().map(|(.., at)| at).collect();
    places.dedup();
    places.truncate(ADDRESSES_MAX);
    places
}

/// The one place of an address, with the link it belongs to where that is part of it.
pub fn at(address: IpAddr, port: u16) -> SocketAddr {
    let found = own(port).into_iter().find(|(at, _)| at.ip() == address);
    found.map_or_else(|| SocketAddr::new(address, port), |(at, _)| at)
}

/// Every address with its link's name.
fn own(port: u16) -> Vec<(SocketAddr, String)> {
    let Ok(found) = getifaddrs() else { return Vec::new() };
    let mut all = Vec::new();
    for interface in found {
        let Some(address) = interface.address else { continue };
        if let Some(v4) = address.as_sockaddr_in() {
            all.push((SocketAddr::new(v4.ip().into(), port), interface.interface_name));
        } else if let Some(v6) = address.as_sockaddr_in6() {
            let scope = if v6.ip().is_unicast_link_local() { v6.scope_id() } else { 0 };
            let at = SocketAddrV6::new(v6.ip(), port, 0, scope).into();
            all.push((at, interface.interface_name));
        }
    }
    all
}

/// Who comes by an address; the most are first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Reach {
    /// Other machines.
    Machines,
    /// This one.
    Loopback,
    /// Neighbours on one link, who have to say which.
    Link,
}

fn reach(address: &IpAddr) -> Reach {
    let link_local = match address {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    };
    match address {
        address if address.is_loopback() => Reach::Loopback,
        _ if link_local => Reach::Link,
        _ => Reach::Machines,
    }
}

/// Where a link leads to; where most come from is first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum LinkKind {
    /// A default route leaves by it.
    Outward,
    /// Anywhere else.
    Other,
    /// A bridge of this machine.
    Bridge,
}

fn kind(link: &str, outward: &BTreeSet<String>) -> LinkKind {
    let bridge = Path::new("/sys/class/net").join(link).join("bridge");
    if outward.contains(link) {
        LinkKind::Outward
    } else if bridge.exists() {
        LinkKind::Bridge
    } else {
        LinkKind::Other
    }
}

/// The links by which a default route leaves.
fn outward_links() -> BTreeSet<String> {
    // Without /proc no link is preferred to another.
    let table = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    outward_in(&table("/proc/net/route"), &table("/proc/net/ipv6_route"))
}

/// By the kernel's tables for IPv4 (link, destination, ...) and IPv6 (destination, its length,
/// ..., link), see proc(5).
fn outward_in(v4: &str, v6: &str) -> BTreeSet<String> {
    let v4 = v4.lines().filter_map(|line| {
        let mut fields = line.split_whitespace();
        let link = fields.next()?;
        (fields.next() == Some("00000000")).then(|| link.to_owned())
    });
    let v6 = v6.lines().filter_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let anywhere = fields.first()?.bytes().all(|digit| digit == b'0');
        // What leads nowhere is a route of the loopback.
        let link = fields.last().filter(|link| **link != "lo")?;
        (anywhere && fields.get(1) == Some(&"00")).then(|| (*link).to_owned())
    });
    v4.chain(v6).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_with_a_default_route_lead_outward() {
        let v4 = "Iface\tDestination\tGateway\n\
            eth0\t00000000\t010200C0\n\
            docker0\t000011AC\t00000000\n";
        let zeros = "0".repeat(32);
        let v6 = format!(
            "{zeros} 00 {zeros} 00 fd000000000000000000000000000001 00000400 wan0\n\
             {zeros} 00 {zeros} 00 {zeros} ffffffff lo\n\
             fd000000000000000000000000000000 40 {zeros} 00 {zeros} 00000100 lan0\n"
        );
        let found: Vec<String> = outward_in(v4, &v6).into_iter().collect();
        assert_eq!(found, ["eth0", "wan0"]);
        assert!(outward_in("", "").is_empty());
    }

    #[test]
    fn most_come_by_a_link_that_leads_outward() {
        let outward = BTreeSet::from(["eth0".to_owned()]);
        assert!(kind("eth0", &outward) < kind("eth1", &outward));
        let reaches = ["192.0.2.1", "2001:db8::1", "127.0.0.1", "::1", "169.254.1.1", "fe80::1"]
            .map(|address| reach(&address.parse().unwrap()));
        assert!(reaches.is_sorted() && reaches[1] < reaches[2] && reaches[3] < reaches[4]);
    }
}
