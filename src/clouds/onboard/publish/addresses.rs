//! The machine's own addresses.

use nix::ifaddrs::getifaddrs;
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr, SocketAddrV6};

/// Addresses of a machine that are listened at: one with a container network for each of sixty
/// projects has as many.
const ADDRESSES_MAX: usize = 64;

/// Where a port is open at every address of the machine, those first that others come by.
pub fn everywhere(port: u16) -> Vec<SocketAddr> {
    let mut all: Vec<SocketAddr> = own(port).into_iter().collect();
    all.sort_by_key(|at| (distance(&at.ip()), *at));
    all.truncate(ADDRESSES_MAX);
    all
}

/// The one place of an address, with the link it belongs to where that is part of it.
pub fn at(address: IpAddr, port: u16) -> SocketAddr {
    let found = own(port).into_iter().find(|at| at.ip() == address);
    found.unwrap_or_else(|| SocketAddr::new(address, port))
}

fn own(port: u16) -> BTreeSet<SocketAddr> {
    let Ok(found) = getifaddrs() else { return BTreeSet::new() };
    let mut all = BTreeSet::new();
    for address in found.filter_map(|interface| interface.address) {
        if let Some(v4) = address.as_sockaddr_in() {
            all.insert(SocketAddr::new(v4.ip().into(), port));
        } else if let Some(v6) = address.as_sockaddr_in6() {
            let scope = if v6.ip().is_unicast_link_local() { v6.scope_id() } else { 0 };
            all.insert(SocketAddrV6::new(v6.ip(), port, 0, scope).into());
        }
    }
    all
}

/// How far others come from by an address; a link's own last.
fn distance(address: &IpAddr) -> u8 {
    match address {
        IpAddr::V4(v4) if !v4.is_loopback() && !v4.is_link_local() => 0,
        IpAddr::V6(v6) if !v6.is_loopback() && !v6.is_unicast_link_local() => 1,
        address if address.is_loopback() => 2,
        _ => 3,
    }
}
