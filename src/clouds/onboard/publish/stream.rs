//! Connections: let in, led to a server that takes them, copied both ways until both are done.

use super::port::{ConnectionSlot, PortTraffic};
use nix::sys::socket::{setsockopt, sockopt};
use std::cell::Cell;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::spawn_local;
use tokio::time::{sleep, timeout};

/// A server on the same machine answers at once, or it does not at all.
const CONNECT_WITHIN: Duration = Duration::from_secs(3);
/// All attempts of one client together.
const LEAD_WITHIN: Duration = Duration::from_secs(10);
/// A connection on which nothing goes either way for so long is ended.
const IDLE_MAX: Duration = Duration::from_secs(60 * 60);
/// The same once one end has said all it has to say: the other may still work on an answer, or has
/// gone without a word.
const HALF_CLOSED_MAX: Duration = Duration::from_secs(5 * 60);
/// How often that is looked at.
const IDLE_LOOK: Duration = Duration::from_secs(30);
/// When the system refuses a connection (out of files), the next is tried after this long.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);
/// What is copied at once. A connection keeps at most this much of each way, and only while whoever
/// is to have it does not take it.
const CHUNK: usize = 16 * 1024;
/// A peer that vanished without a word is found after this many seconds of silence, and as many
/// again in four questions.
const KEEPALIVE_SECONDS: u32 = 60;

/// Lets connections in, as many as there may be.
pub async fn accept(listener: TcpListener, traffic: Rc<PortTraffic>) {
    loop {
        traffic.room().await;
        match listener.accept().await {
            Ok((client, from)) => {
                if let Some(place) = traffic.enter(from.ip()) {
                    drop(spawn_local(lead(client, traffic.clone(), place)));
                }
            }
            Err(error) if is_of_one_client(&error) => {}
            Err(_) => sleep(ACCEPT_AGAIN).await,
        }
    }
}

/// The client went before it was let in.
fn is_of_one_client(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset)
}

/// Leads one client to a server; without any, it is turned away.
async fn lead(mut client: TcpStream, traffic: Rc<PortTraffic>, _place: ConnectionSlot) {
    let Some(mut server) = connect(&traffic).await else { return };
    for stream in [&client, &server] {
        // Refused only for a connection that is dead already, which the next read tells.
        drop(stream.set_nodelay(true).and_then(|()| watch_peer(stream)));
    }
    drop(copy(&mut client, &mut server).await);
}

/// Connects to the next server that takes it.
async fn connect(traffic: &PortTraffic) -> Option<TcpStream> {
    let begun = Instant::now();
    let mut tried: Vec<SocketAddr> = Vec::new();
    let mut said = None;
    while let Some(server) = traffic.next(&tried) {
        let left = LEAD_WITHIN.saturating_sub(begun.elapsed());
        if left.is_zero() {
            break;
        }
        said = match timeout(left.min(CONNECT_WITHIN), TcpStream::connect(server)).await {
            Ok(Ok(stream)) => return Some(stream),
            Ok(Err(error)) if error.kind() == ErrorKind::ConnectionRefused => {
                Some(format!("nothing listens at {server}"))
            }
            Ok(Err(error)) => Some(format!("{server}: {error}")),
            Err(_) => Some(format!("{server} does not answer")),
        };
        traffic.note_failed(server);
        tried.push(server);
    }
    if let Some(why) = said {
        traffic.note_refused(why);
    }
    None
}

/// Asks after a peer that is silent.
fn watch_peer(stream: &TcpStream) -> io::Result<()> {
    let socket = stream.as_fd();
    setsockopt(&socket, sockopt::KeepAlive, &true)?;
    setsockopt(&socket, sockopt::TcpKeepIdle, &KEEPALIVE_SECONDS)?;
    setsockopt(&socket, sockopt::TcpKeepInterval, &(KEEPALIVE_SECONDS / 4))?;
    setsockopt(&socket, sockopt::TcpKeepCount, &4)?;
    Ok(())
}

/// Copies both ways until both have ended, one failed, or nothing went for too long.
async fn copy(client: &mut TcpStream, server: &mut TcpStream) -> io::Result<()> {
    let (from_client, to_client) = client.split();
    let (from_server, to_server) = server.split();
    let moved = Cell::new(Instant::now());
    let most = Cell::new(IDLE_MAX);
    let both = async {
        let there = one_way(from_client, to_server, &moved, &most);
        let back = one_way(from_server, to_client, &moved, &most);
        tokio::try_join!(there, back).map(|_| ())
    };
    let idle = async {
        while moved.get().elapsed() < most.get() {
            sleep(IDLE_LOOK).await;
        }
    };
    tokio::select! {
        copied = both => copied,
        () = idle => Err(ErrorKind::TimedOut.into()),
    }
}

/// Copies one way to its end, and passes the end on.
async fn one_way(
    from: ReadHalf<'_>,
    mut to: WriteHalf<'_>,
    moved: &Cell<Instant>,
    most: &Cell<Duration>,
) -> io::Result<()> {
    loop {
        from.readable().await?;
        // Made anew each time, so that a connection on which nothing goes has none.
        let mut chunk = vec![0; CHUNK];
        match from.try_read(&mut chunk) {
            Ok(0) => {
                most.set(HALF_CLOSED_MAX);
                return to.shutdown().await;
            }
            Ok(count) => {
                moved.set(Instant::now());
                to.write_all(&chunk[..count]).await?;
                moved.set(Instant::now());
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
}
