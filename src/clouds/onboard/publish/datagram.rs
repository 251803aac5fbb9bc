//! Datagrams: each client is led to a server for as long as it goes on, and answered from there.

use super::port::{ConnectionSlot, PortTraffic};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::net::UdpSocket;
use tokio::task::{AbortHandle, spawn_local};
use tokio::time::{sleep, timeout};

/// A client that neither sends nor is answered for so long is a new one when it comes back.
const IDLE_MAX: Duration = Duration::from_secs(60);
/// How often a client is looked at whose server may be gone.
const LOOK: Duration = Duration::from_secs(1);
/// When the system refuses to read (out of memory), it is tried again after this long.
const AGAIN: Duration = Duration::from_millis(100);
/// The largest datagram there is.
const DATAGRAM_MAX: usize = 64 * 1024;

/// A client and the server that its datagrams go to.
struct Session {
    server: SocketAddr,
    socket: Rc<UdpSocket>,
    /// When something went either way.
    moved: Rc<Cell<Instant>>,
    /// The task that brings the server's answers back.
    back: AbortHandle,
    _place: ConnectionSlot,
}

impl Drop for Session {
    fn drop(&mut self) {
        self.back.abort();
    }
}

type Sessions = Rc<RefCell<BTreeMap<SocketAddr, Session>>>;

/// Everybody who came in by one listener: they go when it does.
struct Clients(Sessions);

impl Drop for Clients {
    fn drop(&mut self) {
        self.0.borrow_mut().clear();
    }
}

/// Carries datagrams to servers and their answers back.
pub async fn carry(socket: Rc<UdpSocket>, traffic: Rc<PortTraffic>) {
    let clients = Clients(Sessions::default());
    let sessions = &clients.0;
    let mut datagram = vec![0; DATAGRAM_MAX];
    let mut looked = Instant::now();
    loop {
        match timeout(LOOK, socket.recv_from(&mut datagram)).await {
            Ok(Ok((count, client))) => {
                let there = to_server(sessions, client, &socket, &traffic).await;
                // One that finds no room is lost, as datagrams may be.
                drop(there.map(|there| there.try_send(&datagram[..count])));
            }
            // What an earlier one met.
            Ok(Err(error)) if error.kind() == std::io::ErrorKind::ConnectionRefused => {}
            Ok(Err(_)) => sleep(AGAIN).await,
            Err(_) => {}
        }
        if looked.elapsed() < LOOK {
            continue;
        }
        looked = Instant::now();
        let goes_on = |session: &Session| {
            traffic.leads_to(session.server) && session.moved.get().elapsed() < IDLE_MAX
        };
        sessions.borrow_mut().retain(|_, session| goes_on(session));
    }
}

/// What leads a client to its server.
async fn to_server(
    sessions: &Sessions,
    client: SocketAddr,
    socket: &Rc<UdpSocket>,
    traffic: &Rc<PortTraffic>,
) -> Option<Rc<UdpSocket>> {
    let known = |session: &Session| {
        session.moved.set(Instant::now());
        (session.server, session.socket.clone())
    };
    let known = sessions.borrow().get(&client).map(known);
    if let Some((server, there)) = known
        && traffic.leads_to(server)
    {
        return Some(there);
    }
    sessions.borrow_mut().remove(&client);
    make_room(sessions, traffic)?;
    let server = traffic.next(&[])?;
    let any: IpAddr = match server {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let there = Rc::new(UdpSocket::bind((any, 0)).await.ok()?);
    // Whether it can be sent by is only known once that was waited for.
    if there.connect(server).await.is_err() || there.writable().await.is_err() {
        traffic.note_failed(server);
        return None;
    }
    let place = traffic.enter(client.ip())?;
    let moved = Rc::new(Cell::new(Instant::now()));
    let answers = Answers { from: there.clone(), to: socket.clone(), client, moved: moved.clone() };
    let ended = (sessions.clone(), traffic.clone());
    let back = spawn_local(async move {
        let (sessions, traffic) = ended;
        answers.bring_back().await;
        // The server refused it: the client's next one goes to another.
        traffic.note_failed(server);
        sessions.borrow_mut().remove(&client);
    });
    let (back, _place) = (back.abort_handle(), place);
    let session = Session { server, socket: there.clone(), moved, back, _place };
    sessions.borrow_mut().insert(client, session);
    Some(there)
}

/// Where there are as many as may be, whoever was idle longest goes; `None` where that is none of
/// this listener's.
fn make_room(sessions: &Sessions, traffic: &PortTraffic) -> Option<()> {
    let mut sessions = sessions.borrow_mut();
    while traffic.is_full() {
        let longest = sessions.iter().min_by_key(|(_, session)| session.moved.get());
        let client = longest.map(|(client, _)| *client)?;
        sessions.remove(&client);
    }
    Some(())
}

/// What a server answers one client.
struct Answers {
    from: Rc<UdpSocket>,
    to: Rc<UdpSocket>,
    client: SocketAddr,
    moved: Rc<Cell<Instant>>,
}

impl Answers {
    /// Brings them back until the server refuses.
    async fn bring_back(self) {
        loop {
            if self.from.readable().await.is_err() {
                return;
            }
            let mut datagram = vec![0; DATAGRAM_MAX];
            match self.from.try_recv(&mut datagram) {
                Ok(count) => {
                    self.moved.set(Instant::now());
                    drop(self.to.try_send_to(&datagram[..count], self.client));
                }
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(_) => return,
            }
        }
    }
}
