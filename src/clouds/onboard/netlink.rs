//! Links, addresses and routes, asked of the kernel over its own socket (rtnetlink(7)).
//!
//! A netlink socket belongs to the network name space it was opened in, for good. So a process
//! that opens one, moves to a new name space and opens another can talk to both, which is how a
//! server's pair of links is made.

use netlink_packet_core::{
    NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL, NLM_F_REPLACE, NLM_F_REQUEST, NetlinkMessage,
    NetlinkPayload,
};
use netlink_packet_route::address::{AddressAttribute, AddressMessage};
use netlink_packet_route::link::{
    InfoData, InfoKind, InfoVeth, LinkAttribute, LinkFlags, LinkInfo, LinkMessage,
};
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteProtocol, RouteScope, RouteType,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use netlink_sys::protocols::NETLINK_ROUTE;
use netlink_sys::{Socket, SocketAddr};
use std::io;
use std::net::{IpAddr, Ipv4Addr};

/// A conversation with the kernel about one network name space.
pub struct Netlink {
    socket: Socket,
    sequence: u32,
}

/// A pair of links: one end on the bridge, the other in a server's name space.
pub struct Pair<'a> {
    /// The end on the bridge.
    pub name: &'a str,
    /// The bridge's index.
    pub bridge: u32,
    /// A process in the server's name space, which gets the other end as `eth0`.
    pub peer_pid: u32,
    /// The hardware address of `eth0`.
    pub peer_mac: [u8; 6],
}

/// A link as the kernel tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Its index.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// Whether it is switched on.
    pub up: bool,
    /// The index of the bridge it is on.
    pub master: Option<u32>,
    /// Its hardware address.
    pub address: Option<Vec<u8>>,
}

impl Netlink {
    /// Opens it for the name space this thread is in.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn open() -> io::Result<Netlink> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        socket.bind_auto()?;
        socket.connect(&SocketAddr::new(0, 0))?;
        Ok(Netlink { socket, sequence: 0 })
    }

    /// The index of a link, if there is one of this name.
    ///
    /// # Errors
    /// When the kernel refuses to say.
    pub fn index(&mut self, name: &str) -> io::Result<Option<u32>> {
        let mut message = LinkMessage::default();
        message.attributes.push(LinkAttribute::IfName(name.to_owned()));
        match self.ask(RouteNetlinkMessage::GetLink(message), 0) {
            Ok(answers) => Ok(answers.iter().find_map(|answer| match answer {
                RouteNetlinkMessage::NewLink(link) => Some(link.header.index),
                _ => None,
            })),
            Err(error) if error.raw_os_error() == Some(nix::libc::ENODEV) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Makes a bridge, up, with a hardware address of its own: one without takes the lowest of
    /// its ports', which changes as servers come and go.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn add_bridge(&mut self, name: &str, mac: [u8; 6]) -> io::Result<()> {
        let mut message = LinkMessage::default();
        message.header.flags = LinkFlags::Up;
        message.header.change_mask = LinkFlags::Up;
        message.attributes = vec![
            LinkAttribute::IfName(name.to_owned()),
            LinkAttribute::Address(mac.to_vec()),
            LinkAttribute::LinkInfo(vec![LinkInfo::Kind(InfoKind::Bridge)]),
        ];
        self.ask(RouteNetlinkMessage::NewLink(message), NLM_F_CREATE | NLM_F_EXCL).map(drop)
    }

    /// Makes a pair of links.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn add_pair(&mut self, pair: &Pair<'_>) -> io::Result<()> {
        let mut peer = LinkMessage::default();
        peer.attributes = vec![
            LinkAttribute::IfName("eth0".to_owned()),
            LinkAttribute::Address(pair.peer_mac.to_vec()),
            LinkAttribute::NetNsPid(pair.peer_pid),
        ];
        let mut message = LinkMessage::default();
        message.header.flags = LinkFlags::Up;
        message.header.change_mask = LinkFlags::Up;
        message.attributes = vec![
            LinkAttribute::IfName(pair.name.to_owned()),
            LinkAttribute::Controller(pair.bridge),
            LinkAttribute::LinkInfo(vec![
                LinkInfo::Kind(InfoKind::Veth),
                LinkInfo::Data(InfoData::Veth(InfoVeth::Peer(peer))),
            ]),
        ];
        self.ask(RouteNetlinkMessage::NewLink(message), NLM_F_CREATE | NLM_F_EXCL).map(drop)
    }

    /// Switches a link on.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn set_up(&mut self, index: u32) -> io::Result<()> {
        let mut message = LinkMessage::default();
        message.header.index = index;
        message.header.flags = LinkFlags::Up;
        message.header.change_mask = LinkFlags::Up;
        self.ask(RouteNetlinkMessage::SetLink(message), 0).map(drop)
    }

    /// Removes a link; its peer goes with it. One that is not there is no error.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn remove(&mut self, name: &str) -> io::Result<()> {
        let Some(index) = self.index(name)? else { return Ok(()) };
        let mut message = LinkMessage::default();
        message.header.index = index;
        match self.ask(RouteNetlinkMessage::DelLink(message), 0) {
            Err(error) if error.raw_os_error() == Some(nix::libc::ENODEV) => Ok(()),
            other => other.map(drop),
        }
    }

    /// Gives a link an address.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn add_address(&mut self, index: u32, ip: Ipv4Addr, prefix: u8) -> io::Result<()> {
        let mut message = AddressMessage::default();
        message.header.family = AddressFamily::Inet;
        message.header.prefix_len = prefix;
        message.header.index = index;
        message.attributes = vec![
            AddressAttribute::Local(IpAddr::V4(ip)),
            AddressAttribute::Address(IpAddr::V4(ip)),
        ];
        let flags = NLM_F_CREATE | NLM_F_REPLACE;
        self.ask(RouteNetlinkMessage::NewAddress(message), flags).map(drop)
    }

    /// Sends everything else to a gateway.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn add_default_route(&mut self, gateway: Ipv4Addr) -> io::Result<()> {
        let mut message = RouteMessage::default();
        message.header = RouteHeader {
            address_family: AddressFamily::Inet,
            table: RouteHeader::RT_TABLE_MAIN,
            protocol: RouteProtocol::Static,
            scope: RouteScope::Universe,
            kind: RouteType::Unicast,
            ..RouteHeader::default()
        };
        message.attributes.push(RouteAttribute::Gateway(RouteAddress::Inet(gateway)));
        let flags = NLM_F_CREATE | NLM_F_REPLACE;
        self.ask(RouteNetlinkMessage::NewRoute(message), flags).map(drop)
    }

    /// Every link of the name space.
    ///
    /// # Errors
    /// When the kernel refuses to say.
    pub fn links(&mut self) -> io::Result<Vec<Link>> {
        let request = RouteNetlinkMessage::GetLink(LinkMessage::default());
        let answers = self.ask(request, NLM_F_DUMP)?;
        let link = |answer: &RouteNetlinkMessage| {
            let RouteNetlinkMessage::NewLink(found) = answer else { return None };
            let mut link = Link {
                index: found.header.index,
                name: String::new(),
                up: found.header.flags.contains(LinkFlags::Up),
                master: None,
                address: None,
            };
            for attribute in &found.attributes {
                match attribute {
                    LinkAttribute::IfName(name) => link.name.clone_from(name),
                    LinkAttribute::Controller(master) => link.master = Some(*master),
                    LinkAttribute::Address(address) => link.address = Some(address.clone()),
                    _ => {}
                }
            }
            Some(link)
        };
        Ok(answers.iter().filter_map(link).collect())
    }

    /// Puts a link on a bridge.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn set_master(&mut self, index: u32, bridge: u32) -> io::Result<()> {
        let mut message = LinkMessage::default();
        message.header.index = index;
        message.attributes.push(LinkAttribute::Controller(bridge));
        self.ask(RouteNetlinkMessage::SetLink(message), 0).map(drop)
    }

    /// The index of the link that the kernel sends over what is for an address.
    ///
    /// # Errors
    /// When it would not send it at all.
    pub fn route_to(&mut self, ip: Ipv4Addr) -> io::Result<Option<u32>> {
        let mut message = RouteMessage::default();
        message.header.address_family = AddressFamily::Inet;
        message.header.destination_prefix_length = 32;
        message.attributes.push(RouteAttribute::Destination(RouteAddress::Inet(ip)));
        let answers = self.ask(RouteNetlinkMessage::GetRoute(message), 0)?;
        Ok(answers.iter().find_map(|answer| {
            let RouteNetlinkMessage::NewRoute(found) = answer else { return None };
            found.attributes.iter().find_map(|attribute| match attribute {
                RouteAttribute::Oif(index) => Some(*index),
                _ => None,
            })
        }))
    }

    /// Where the routes of every table lead, default routes aside.
    ///
    /// # Errors
    /// When the kernel refuses to say.
    pub fn routes(&mut self) -> io::Result<Vec<(Ipv4Addr, u8)>> {
        let mut message = RouteMessage::default();
        message.header.address_family = AddressFamily::Inet;
        let answers = self.ask(RouteNetlinkMessage::GetRoute(message), NLM_F_DUMP)?;
        let destination = |answer: &RouteNetlinkMessage| {
            let RouteNetlinkMessage::NewRoute(found) = answer else { return None };
            let bits = found.header.destination_prefix_length;
            found.attributes.iter().find_map(|attribute| match attribute {
                RouteAttribute::Destination(RouteAddress::Inet(ip)) => Some((*ip, bits)),
                _ => None,
            })
        };
        Ok(answers.iter().filter_map(destination).collect())
    }

    /// Every IPv4 address of the name space, with its prefix length.
    ///
    /// # Errors
    /// When the kernel refuses to say.
    pub fn addresses(&mut self) -> io::Result<Vec<(Ipv4Addr, u8)>> {
        let mut message = AddressMessage::default();
        message.header.family = AddressFamily::Inet;
        let answers = self.ask(RouteNetlinkMessage::GetAddress(message), NLM_F_DUMP)?;
        let address = |answer: &RouteNetlinkMessage| {
            let RouteNetlinkMessage::NewAddress(found) = answer else { return None };
            found.attributes.iter().find_map(|attribute| match attribute {
                AddressAttribute::Local(IpAddr::V4(ip)) => Some((*ip, found.header.prefix_len)),
                _ => None,
            })
        };
        Ok(answers.iter().filter_map(address).collect())
    }

    /// One request and everything it is answered with, up to its end: an acknowledgement, the
    /// end of a dump, or an error.
    fn ask(
        &mut self,
        request: RouteNetlinkMessage,
        flags: u16,
    ) -> io::Result<Vec<RouteNetlinkMessage>> {
        self.sequence += 1;
        let mut message = NetlinkMessage::from(request);
        let dump = flags & NLM_F_DUMP == NLM_F_DUMP;
        message.header.flags = NLM_F_REQUEST | flags | if dump { 0 } else { NLM_F_ACK };
        message.header.sequence_number = self.sequence;
        message.finalize();
        let mut bytes = vec![0; message.buffer_len()];
        message.serialize(&mut bytes);
        self.socket.send(&bytes, 0)?;
        let mut answers = Vec::new();
        loop {
            let (packet, _) = self.socket.recv_from_full()?;
            let mut rest = packet.as_slice();
            while !rest.is_empty() {
                let answer = NetlinkMessage::<RouteNetlinkMessage>::deserialize(rest)
                    .map_err(io::Error::other)?;
                let length = (answer.header.length as usize).next_multiple_of(4).max(4);
                rest = rest.get(length..).unwrap_or_default();
                if answer.header.sequence_number != self.sequence {
                    continue;
                }
                match answer.payload {
                    NetlinkPayload::Error(error) if error.code.is_some() => {
                        return Err(error.to_io());
                    }
                    NetlinkPayload::Error(_) | NetlinkPayload::Done(_) => return Ok(answers),
                    NetlinkPayload::InnerMessage(inner) => answers.push(inner),
                    _ => {}
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loopback_link_is_there_and_another_is_not() {
        let mut netlink = Netlink::open().unwrap();
        assert_eq!(netlink.index("lo").unwrap(), Some(1));
        assert_eq!(netlink.index("no-such-link").unwrap(), None);
        let addresses = netlink.addresses().unwrap();
        assert!(addresses.contains(&(Ipv4Addr::LOCALHOST, 8)), "{addresses:?}");
    }
}
