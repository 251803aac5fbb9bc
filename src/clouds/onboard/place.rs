//! Who this appliance is on the machine: its tag, its subnet, its bridge, and which address is
//! whose.
//!
//! Two appliances on one machine must not meet, so each draws a tag once, keeps it in
//! `onboard.json`, and names everything it makes after it. The subnet is a `10.x.0.0/16` that no
//! link of the machine had an address in, and no route led to, when it was chosen.

use super::failure::{Doing, Failure};
use super::init::mac;
use super::netlink::Netlink;
use super::record::{Isolation, read_json, write_json};
use crate::base::random::fill_secret;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::io;
use std::net::Ipv4Addr;
use std::path::Path;

/// The prefix length of every subnet of ours.
pub const PREFIX: u8 = 16;

/// The last two addresses are the probe's, from this number on.
const PROBES: u16 = u16::MAX - 2;

/// The appliance's place on its machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Six hexadecimal digits.
    pub tag: String,
    /// The second number of the subnet: `10.<subnet>.0.0/16`, or `127.<subnet>.0.0/16` for
    /// servers without name spaces.
    pub subnet: u8,
}

impl Place {
    /// Reads the place kept in the state directory, or finds a free one and keeps it.
    ///
    /// # Errors
    /// When the disk refuses, or no subnet is free.
    pub fn find(state: &Path, isolation: Isolation) -> Result<Place, Failure> {
        let path = state.join("onboard.json");
        match read_json::<Place>(&path) {
            Ok(place) => return Ok(place),
            Err(failure) if failure.source.kind() == io::ErrorKind::NotFound => {}
            Err(failure) => return Err(failure),
        }
        // With another tag they would be nobody's, and go on running.
        let mut servers = std::fs::read_dir(state.join("servers")).into_iter().flatten();
        if servers.next().is_some() {
            let why = "it is missing and there are servers: restore it from a backup";
            return Err(Failure::new(format!("reading {}", path.display()), why));
        }
        let mut bytes = [0u8; 4];
        fill_secret(&mut bytes);
        let taken = match isolation {
            Isolation::Namespaces => {
                let mut netlink = Netlink::open().doing("opening", "netlink")?;
                let taken = netlink.addresses().doing("listing", "addresses")?;
                (taken, netlink.routes().doing("listing", "routes")?)
            }
            Isolation::Processes => (Vec::new(), Vec::new()),
        };
        let subnet = quiet_subnet(&taken.0, &taken.1, bytes[3])
            .ok_or_else(|| Failure::new("choosing a subnet", "10.64/16 to 10.254/16 are taken"))?;
        let tag = crate::base::hash::hex(&bytes[..3]);
        let place = Place { tag, subnet };
        write_json(&path, &place)?;
        Ok(place)
    }

    /// Where agents reach the appliance.
    pub fn gateway(&self, isolation: Isolation) -> Ipv4Addr {
        match isolation {
            Isolation::Namespaces => Ipv4Addr::new(10, self.subnet, 0, 1),
            Isolation::Processes => Ipv4Addr::LOCALHOST,
        }
    }

    /// An address that no server has: the one behind the highest in use, so that one that was
    /// just given back rests longest; from the beginning when the end is reached.
    pub fn next_address(
        &self,
        isolation: Isolation,
        used: &BTreeSet<Ipv4Addr>,
        last: Option<Ipv4Addr>,
    ) -> Option<Ipv4Addr> {
        let first = match isolation {
            Isolation::Namespaces => 10,
            Isolation::Processes => 127,
        };
        let low = |ip: &Ipv4Addr| u16::from_be_bytes([ip.octets()[2], ip.octets()[3]]);
        let after = last.iter().chain(used).map(low).max().unwrap_or(1);
        let address = |number: u16| {
            let [high, low] = number.to_be_bytes();
            Ipv4Addr::new(first, self.subnet, high, low)
        };
        let turn = |step: u16| after.wrapping_add(step);
        (1..=u16::MAX)
            .map(turn)
            .filter(|number| (2..PROBES).contains(number))
            .map(address)
            .find(|candidate| !used.contains(candidate))
    }

    /// The bridge's name.
    pub fn bridge(&self) -> String {
        format!("gr-{}", self.tag)
    }

    /// The name of the machine's end of a server's link.
    pub fn link(&self, address: Ipv4Addr) -> String {
        let [.., high, low] = address.octets();
        format!("gv{}{high:02x}{low:02x}", self.tag)
    }

    /// The name of the control group that holds our servers' groups.
    pub fn group(&self) -> String {
        format!("grange-{}", self.tag)
    }

    /// Makes the bridge with its address, if it is not there.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn make_bridge(&self) -> Result<(), Failure> {
        let name = self.bridge();
        let gateway = self.gateway(Isolation::Namespaces);
        let mut netlink = Netlink::open().doing("opening", "netlink")?;
        let index = match netlink.index(&name).doing("finding", &name)? {
            Some(index) => index,
            None => {
                netlink.add_bridge(&name, mac(gateway)).doing("making", &name)?;
                let made = netlink.index(&name).doing("finding", &name)?;
                made.ok_or_else(|| Failure::new(format!("making {name}"), "it is not there"))?
            }
        };
        netlink.add_address(index, gateway, PREFIX).doing("addressing", &name)?;
        netlink.set_up(index).doing("switching on", &name)
    }

    /// Removes a link, if it is there.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn remove_link(&self, name: &str) -> Result<(), Failure> {
        let mut netlink = Netlink::open().doing("opening", "netlink")?;
        netlink.remove(name).doing("removing", name)
    }
}

/// A subnet that no route leads to. Where some route covers them all, as one of 10/8 does, one that
/// no route leads to a part of: ours is the narrower one, and so it counts.
fn quiet_subnet(addresses: &[(Ipv4Addr, u8)], routes: &[(Ipv4Addr, u8)], draw: u8) -> Option<u8> {
    let narrow: Vec<_> = routes.iter().filter(|(_, bits)| *bits >= PREFIX).copied().collect();
    let find = |routes: &[(Ipv4Addr, u8)]| free_subnet(&[addresses, routes].concat(), draw);
    find(routes).or_else(|| find(&narrow))
}

/// A second number from 64 to 254 whose subnet overlaps no address of the machine's, searched
/// from a drawn beginning.
fn free_subnet(taken: &[(Ipv4Addr, u8)], draw: u8) -> Option<u8> {
    let overlaps = |subnet: u8, (ip, prefix): &(Ipv4Addr, u8)| {
        let bits = u32::from((*prefix).min(PREFIX));
        let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
        (u32::from(*ip) ^ u32::from(Ipv4Addr::new(10, subnet, 0, 0))) & mask == 0
    };
    (0..191u16)
        .map(|step| 64 + u8::try_from((u16::from(draw) + step) % 191).unwrap_or(0))
        .find(|subnet| !taken.iter().any(|address| overlaps(*subnet, address)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subnet_in_use_is_passed_over() {
        let check = |taken: &[(&str, u8)], draw: u8, subnet: Option<u8>| {
            let taken: Vec<_> = taken.iter().map(|(ip, p)| (ip.parse().unwrap(), *p)).collect();
            assert_eq!(free_subnet(&taken, draw), subnet, "{taken:?}");
        };
        check(&[("127.0.0.1", 8)], 0, Some(64));
        check(&[("10.64.3.1", 24)], 0, Some(65));
        check(&[("10.64.0.1", 15)], 0, Some(66));
        check(&[("10.254.0.1", 16)], 190, Some(64));
        check(&[("10.1.1.1", 8)], 5, None);
    }

    #[test]
    fn a_subnet_that_a_route_leads_to_is_passed_over() {
        let check = |routes: &[(&str, u8)], draw: u8, subnet: Option<u8>| {
            let routes: Vec<_> = routes.iter().map(|(ip, p)| (ip.parse().unwrap(), *p)).collect();
            assert_eq!(quiet_subnet(&[], &routes, draw), subnet, "{routes:?}");
        };
        check(&[("10.64.0.0", 16)], 0, Some(65));
        check(&[("10.64.7.0", 24)], 0, Some(65));
        check(&[("10.64.7.1", 32)], 0, Some(65));
        check(&[("10.0.0.0", 8)], 0, Some(64));
        check(&[("10.0.0.0", 8), ("10.64.7.0", 24)], 0, Some(65));
        check(&[("10.64.0.0", 10)], 0, Some(128));
    }

    #[test]
    fn addresses_rest_before_they_are_given_again() {
        let place = Place { tag: "a1b2c3".to_owned(), subnet: 70 };
        let check = |used: &[&str], last: Option<&str>, expected: &str| {
            let used: BTreeSet<Ipv4Addr> = used.iter().map(|ip| ip.parse().unwrap()).collect();
            let last = last.map(|ip| ip.parse().unwrap());
            let next = place.next_address(Isolation::Namespaces, &used, last).unwrap();
            assert_eq!(next.to_string(), expected);
        };
        check(&[], None, "10.70.0.2");
        check(&["10.70.0.2"], None, "10.70.0.3");
        check(&["10.70.0.2"], Some("10.70.0.7"), "10.70.0.8");
        check(&["10.70.255.254"], None, "10.70.0.2");
        check(&["10.70.255.252"], None, "10.70.0.2");
        check(&["10.70.0.2", "10.70.255.254"], None, "10.70.0.3");
    }

    #[test]
    fn names_fit_the_kernels_fifteen_characters() {
        let place = Place { tag: "a1b2c3".to_owned(), subnet: 70 };
        assert_eq!(place.bridge(), "gr-a1b2c3");
        assert_eq!(place.link(Ipv4Addr::new(10, 70, 1, 255)), "gva1b2c301ff");
    }
}
