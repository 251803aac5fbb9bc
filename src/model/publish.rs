//! Ports of the machine that lead to a farm role's servers.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::IpAddr;

/// A port of the machine that a farm role's servers are reached by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Publish {
    /// The port that clients connect to on the machine.
    pub port: u16,
    /// Where the servers behind it listen.
    pub to: PublishTo,
    /// The one address of the machine's it is open at; `None` for every address it has.
    pub address: Option<IpAddr>,
    /// Whether connections or datagrams are carried.
    pub protocol: Protocol,
}

/// Where the servers behind a published port listen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PublishTo {
    /// At this port, whatever their role says.
    Number(u16),
    /// At the port that their role's revision has by this name.
    Named(String),
}

/// What a published port carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Protocol {
    /// Connections, each copied both ways until both ends are done.
    Tcp,
    /// Datagrams, each client's to one server.
    Udp,
}

impl Protocol {
    /// As a manifest has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Protocol::Tcp => "tcp",
            Protocol::Udp => "udp",
        }
    }
}

impl fmt::Display for PublishTo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PublishTo::Number(port) => port.fmt(f),
            PublishTo::Named(name) => name.fmt(f),
        }
    }
}

/// The machine's side: `port 80`, `port 53/udp of 192.0.2.1`.
impl fmt::Display for Publish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "port {}", machine_port(self.port, self.protocol, self.address))
    }
}

/// What tells a port of the machine from others: `80`, `53/udp`, `80 of 192.0.2.1`.
pub fn machine_port(port: u16, protocol: Protocol, address: Option<IpAddr>) -> String {
    let protocol = match protocol {
        Protocol::Tcp => "",
        Protocol::Udp => "/udp",
    };
    let of = address.map_or_else(String::new, |address| format!(" of {address}"));
    format!("{port}{protocol}{of}")
}

impl Publish {
    /// Whether both want the same port of the machine.
    pub fn meets(&self, other: &Publish) -> bool {
        let (one, another) = (self.address, other.address);
        let same = one.zip(another).is_none_or(|(one, another)| one == another);
        same && (self.port, self.protocol) == (other.port, other.protocol)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_meet_where_a_client_could_mean_either() {
        let publish = |port: u16, protocol, address: &str| Publish {
            port,
            to: PublishTo::Number(8080),
            address: address.parse().ok(),
            protocol,
        };
        let check = |one: &Publish, other: &Publish, meet: bool| {
            assert_eq!(one.meets(other), meet, "{one} and {other}");
            assert_eq!(other.meets(one), meet, "{other} and {one}");
        };
        let everywhere = publish(80, Protocol::Tcp, "");
        check(&everywhere, &everywhere, true);
        check(&everywhere, &publish(80, Protocol::Tcp, "192.0.2.1"), true);
        check(&everywhere, &publish(80, Protocol::Udp, ""), false);
        check(&everywhere, &publish(81, Protocol::Tcp, ""), false);
        let one = publish(80, Protocol::Tcp, "192.0.2.1");
        check(&one, &publish(80, Protocol::Tcp, "192.0.2.2"), false);
        check(&one, &publish(80, Protocol::Tcp, "::1"), false);
    }
}
