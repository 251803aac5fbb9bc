//! One published port: where it leads, where it listens, and what it carries.

use super::{addresses, datagram, stream};
use crate::clouds::publication::{Publication, PublicationKey, Published};
use crate::model::Protocol;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio::task::{AbortHandle, spawn_local};

/// A server that did not take a connection is asked last for this long: the appliance hears of it
/// later than we do.
const PASSED_OVER: Duration = Duration::from_secs(2);
/// Of what a port may carry, one client's address has at most three parts of four.
const CLIENT_SHARE: usize = 3;
const CLIENT_SHARE_PARTS: usize = 4;
/// A client that was turned away is told of for this long: the next may be let in.
const REFUSED_TOLD_FOR: Duration = Duration::from_secs(60);

/// Where a port leads, and what goes through it. Shared by everything of it on one thread.
pub struct PortTraffic {
    /// Servers that take new connections.
    servers: RefCell<Vec<SocketAddr>>,
    /// Which has the next turn.
    turn: Cell<usize>,
    /// Servers that did not take one, and when.
    failed: RefCell<BTreeMap<SocketAddr, Instant>>,
    /// When a client was turned away last because no server took it, and what one said.
    refused: RefCell<Option<(Instant, String)>>,
    /// Connections of each client's address.
    clients: RefCell<BTreeMap<IpAddr, usize>>,
    /// Connections, or clients whose datagrams are answered.
    carried: Cell<usize>,
    most: Cell<usize>,
    ended: Notify,
}

impl PortTraffic {
    fn new() -> Rc<PortTraffic> {
        Rc::new(PortTraffic {
            servers: RefCell::default(),
            turn: Cell::new(0),
            failed: RefCell::default(),
            refused: RefCell::default(),
            clients: RefCell::default(),
            carried: Cell::new(0),
            most: Cell::new(1),
            ended: Notify::new(),
        })
    }

    /// The server whose turn it is, but those that were tried already; `None` when all were.
    pub fn next(&self, tried: &[SocketAddr]) -> Option<SocketAddr> {
        let servers = self.servers.borrow();
        let turn = self.turn.get();
        self.turn.set(turn.wrapping_add(1));
        let mut failed = self.failed.borrow_mut();
        failed.retain(|server, at| servers.contains(server) && at.elapsed() < PASSED_OVER);
        let around =
            (0..servers.len()).map(|step| servers[(turn % servers.len() + step) % servers.len()]);
        let left: Vec<SocketAddr> = around.filter(|server| !tried.contains(server)).collect();
        left.iter().find(|server| !failed.contains_key(server)).or(left.first()).copied()
    }

    /// A server did not take what it was sent.
    pub fn note_failed(&self, server: SocketAddr) {
        self.failed.borrow_mut().insert(server, Instant::now());
    }

    /// A client was turned away, because this is what servers said.
    pub fn note_refused(&self, why: String) {
        *self.refused.borrow_mut() = Some((Instant::now(), why));
    }

    /// Why clients are turned away, while there are servers that should take them.
    fn refusal(&self) -> Option<String> {
        if self.is_full() {
            let most = self.most.get();
            return Some(format!("it carries {most} connections, as many as it may: others wait"));
        }
        let mut refused = self.refused.borrow_mut();
        refused.take_if(|(at, _)| at.elapsed() > REFUSED_TOLD_FOR);
        let servers = !self.servers.borrow().is_empty();
        let why = refused.as_ref().filter(|_| servers).map(|(_, why)| why);
        why.map(|why| format!("clients are turned away: {why}"))
    }

    /// Whether a server takes new connections.
    pub fn leads_to(&self, server: SocketAddr) -> bool {
        self.servers.borrow().contains(&server)
    }

    /// Whether it carries as many as it may.
    pub fn is_full(&self) -> bool {
        self.carried.get() >= self.most.get()
    }

    /// Whether nothing goes through it.
    pub fn is_idle(&self) -> bool {
        self.carried.get() == 0
    }

    /// Waits until it may carry one more.
    pub async fn room(&self) {
        while self.is_full() {
            self.ended.notified().await;
        }
    }

    /// One more, for as long as what is given lives; `None` for a client that has its share
    /// already: what it leaves idle must not keep everybody else out.
    pub fn enter(self: &Rc<PortTraffic>, client: IpAddr) -> Option<ConnectionSlot> {
        let client = client.to_canonical();
        let mut clients = self.clients.borrow_mut();
        let its = clients.entry(client).or_default();
        if *its >= (self.most.get() / CLIENT_SHARE_PARTS * CLIENT_SHARE).max(1) {
            return None;
        }
        *its += 1;
        self.carried.set(self.carried.get() + 1);
        Some(ConnectionSlot { traffic: self.clone(), client })
    }
}

/// One of the connections that a port may carry at once; free again when it is dropped.
pub struct ConnectionSlot {
    traffic: Rc<PortTraffic>,
    client: IpAddr,
}

impl Drop for ConnectionSlot {
    fn drop(&mut self) {
        let traffic = &self.traffic;
        if let Entry::Occupied(mut its) = traffic.clients.borrow_mut().entry(self.client) {
            match its.get() {
                1 => drop(its.remove()),
                many => *its.get_mut() = *many - 1,
            }
        }
        traffic.carried.set(traffic.carried.get() - 1);
        traffic.ended.notify_waiters();
    }
}

/// What listens at one address; stops when it is dropped. What it has let in goes on.
struct Listener(AbortHandle);

impl Drop for Listener {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A published port with its listeners; they stop when it is dropped, what they let in goes on.
pub struct PublishedPort {
    key: PublicationKey,
    traffic: Rc<PortTraffic>,
    listeners: BTreeMap<SocketAddr, Listener>,
    /// Where it listens, those first that others come by.
    open: Vec<SocketAddr>,
    wrong: Option<String>,
}

impl PublishedPort {
    /// One that listens nowhere yet.
    pub fn new(key: PublicationKey) -> PublishedPort {
        PublishedPort {
            key,
            traffic: PortTraffic::new(),
            listeners: BTreeMap::new(),
            open: Vec::new(),
            wrong: None,
        }
    }

    /// Takes in where it leads from now on, and how many it may carry.
    pub fn lead_to(&self, publication: &Publication, most: usize) {
        self.traffic.servers.borrow_mut().clone_from(&publication.servers);
        self.traffic.most.set(most);
        self.traffic.ended.notify_waiters();
    }

    /// What goes through it, which may go on when it is no longer published.
    pub fn traffic(&self) -> Rc<PortTraffic> {
        self.traffic.clone()
    }

    /// Listens where the machine has an address by now, and no longer where it has none.
    pub fn listen(&mut self) {
        let PublicationKey { port, address, .. } = self.key;
        let places = match address {
            None => addresses::everywhere(port),
            Some(address) => vec![addresses::at(address, port)],
        };
        self.listeners.retain(|at, listener| places.contains(at) && !listener.0.is_finished());
        let mut faults: Vec<(SocketAddr, io::Error)> = Vec::new();
        for at in &places {
            if self.listeners.contains_key(at) {
                continue;
            }
            match open(*at, self.key.protocol, &self.traffic) {
                Ok(listener) => drop(self.listeners.insert(*at, listener)),
                // One of all that is not ready yet, or is gone again, comes or goes by itself.
                Err(error) if error.kind() == ErrorKind::AddrNotAvailable && address.is_none() => {}
                Err(error) => faults.push((*at, error)),
            }
        }
        self.open = places.into_iter().filter(|at| self.listeners.contains_key(at)).collect();
        self.wrong = wrong(&faults, self.listeners.is_empty());
    }

    /// Where it is open by now, and what is wrong with the rest.
    pub fn state(&self) -> Published {
        let wrong = self.wrong.clone().or_else(|| self.traffic.refusal());
        Published { key: self.key.clone(), open: self.open.clone(), wrong }
    }
}

fn open(at: SocketAddr, protocol: Protocol, traffic: &Rc<PortTraffic>) -> io::Result<Listener> {
    let task = match protocol {
        Protocol::Tcp => {
            let listener = TcpListener::bind(at)?;
            listener.set_nonblocking(true)?;
            let listener = tokio::net::TcpListener::from_std(listener)?;
            spawn_local(stream::accept(listener, traffic.clone()))
        }
        Protocol::Udp => {
            let socket = UdpSocket::bind(at)?;
            socket.set_nonblocking(true)?;
            let socket = tokio::net::UdpSocket::from_std(socket)?;
            spawn_local(datagram::carry(Rc::new(socket), traffic.clone()))
        }
    };
    Ok(Listener(task.abort_handle()))
}

/// Why it does not listen where it should: once, where it is the same everywhere.
fn wrong(faults: &[(SocketAddr, io::Error)], everywhere: bool) -> Option<String> {
    let (first, error) = faults.first()?;
    let why = match error.kind() {
        ErrorKind::AddrInUse => "another process has it".to_owned(),
        ErrorKind::AddrNotAvailable => format!("{} is no address of this machine", first.ip()),
        ErrorKind::PermissionDenied => "only root may have it".to_owned(),
        _ => error.to_string(),
    };
    let same = faults.iter().all(|(_, other)| other.kind() == error.kind());
    if everywhere && same {
        return Some(why);
    }
    let more = match faults.len() {
        1 => String::new(),
        many => format!(" and {} more", many - 1),
    };
    Some(format!("{why} at {}{more}", first.ip()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn servers(count: u16) -> Vec<SocketAddr> {
        (1..=count).map(|port| SocketAddr::from(([127, 0, 0, 1], port))).collect()
    }

    #[test]
    fn servers_have_their_turn_and_those_that_failed_come_last() {
        let traffic = PortTraffic::new();
        assert_eq!(traffic.next(&[]), None);
        *traffic.servers.borrow_mut() = servers(3);
        let all = servers(3);
        let turns: Vec<_> = (0..6).filter_map(|_| traffic.next(&[])).collect();
        for server in &all {
            assert_eq!(turns.iter().filter(|turn| *turn == server).count(), 2, "{turns:?}");
        }
        traffic.note_failed(all[1]);
        let turns: Vec<_> = (0..6).filter_map(|_| traffic.next(&[])).collect();
        assert!(!turns.contains(&all[1]), "{turns:?}");
        assert_eq!(traffic.next(&[all[0], all[2]]), Some(all[1]), "better than none");
        assert_eq!(traffic.next(&all), None);
    }

    #[test]
    fn one_client_never_has_all_there_is() {
        let traffic = PortTraffic::new();
        traffic.most.set(8);
        let greedy = IpAddr::from([192, 0, 2, 1]);
        let mut held: Vec<_> = (0..8).filter_map(|_| traffic.enter(greedy)).collect();
        assert_eq!(held.len(), 6);
        // The same address, written otherwise.
        assert!(traffic.enter("::ffff:192.0.2.1".parse().unwrap()).is_none());
        let other = IpAddr::from([192, 0, 2, 2]);
        held.extend([traffic.enter(other).unwrap(), traffic.enter(other).unwrap()]);
        *traffic.servers.borrow_mut() = servers(1);
        assert!(traffic.refusal().unwrap().contains("carries 8 connections"));
        held.truncate(1);
        assert!(traffic.refusal().is_none() && traffic.enter(greedy).is_some());
        drop(held);
        assert!(traffic.is_idle() && traffic.clients.borrow().is_empty());
    }

    #[test]
    fn what_is_wrong_is_said_once() {
        let taken = || io::Error::from(ErrorKind::AddrInUse);
        let faults: Vec<_> = servers(2).into_iter().map(|at| (at, taken())).collect();
        assert_eq!(wrong(&faults, true).as_deref(), Some("another process has it"));
        let one = "another process has it at 127.0.0.1";
        assert_eq!(wrong(&faults[..1], false).as_deref(), Some(one));
        let many = format!("{one} and 1 more");
        assert_eq!(wrong(&faults, false), Some(many));
        assert_eq!(wrong(&[], true), None);
    }
}
