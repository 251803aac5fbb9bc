//! The gate: listeners, and what is shared by every connection.

use super::doorway::{Bounds, HandshakeQueue, PendingHandshake};
use super::fanout::{Fanout, FanoutFigures, NotSent, RouterGone};
use super::greet::{AdmittedAgent, greet};
use super::refused::{Kind, Refused};
use super::roster::{Connections, End};
use super::session::Session;
use super::{Admission, Ingest};
use crate::base::{Millis, ServerId, limit};
use crate::net::tls::ServerConfig;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};
use tokio::time::error::Elapsed;

/// Reads from an agent's certificate (DER) which server it names and the digest of its key.
pub type Identify = fn(&[u8]) -> Option<(ServerId, [u8; 32])>;

/// What a gate needs to open.
pub struct GateConfig {
    /// Where agents come in.
    pub listen: Vec<SocketAddr>,
    /// Listeners that are bound already: whoever has to know a port before the gate opens cannot
    /// ask for a free one and hope that it stays free.
    pub bound: Vec<std::net::TcpListener>,
    /// The same, for where agents were told to come before: closed by [`Broker::close_former`].
    pub former: Vec<std::net::TcpListener>,
    /// TLS of the agents' port.
    pub tls: Arc<ServerConfig>,
    /// How a certificate is read.
    pub identify: Identify,
    /// Bounds of those that have not said who they are.
    pub bounds: Bounds,
    /// Deadline of TLS and CONNECT, or of an enrolment, in milliseconds, the wait for a turn in
    /// the doorway aside.
    pub handshake_deadline: Millis,
}

impl GateConfig {
    /// The promised bounds.
    pub fn new(listen: Vec<SocketAddr>, tls: Arc<ServerConfig>, identify: Identify) -> GateConfig {
        let handshake_deadline = limit::AGENT_HANDSHAKE_DEADLINE;
        let (bound, former, bounds) = (Vec::new(), Vec::new(), Bounds::default());
        GateConfig { listen, bound, former, tls, identify, bounds, handshake_deadline }
    }
}

/// Why a gate cannot open.
#[derive(Debug, thiserror::Error)]
pub enum GateError {
    /// An address cannot be listened on.
    #[error("listening for agents on {0}")]
    Listen(SocketAddr, #[source] std::io::Error),
    /// The order router did not start.
    #[error("starting the order router")]
    Router(#[source] RouterGone),
}

/// What every connection shares.
pub struct GateParts {
    pub(super) tls: Arc<ServerConfig>,
    pub(super) identify: Identify,
    pub(super) ingest: Arc<dyn Ingest>,
    pub(super) admission: Arc<dyn Admission>,
    pub(super) roster: Arc<Connections>,
    pub(super) refused: Refused,
    /// Publishes that were committed.
    pub(super) taken: AtomicU64,
    /// Orders written to connections.
    pub(super) orders_sent: AtomicU64,
    doorway: Arc<HandshakeQueue>,
    handshake_deadline: Duration,
}

/// The broker: a gate that is open, and orders on their way out.
pub struct Broker {
    gate: Arc<GateParts>,
    fanout: Arc<Fanout>,
    addresses: Vec<SocketAddr>,
    closing: watch::Sender<bool>,
    closing_former: watch::Sender<bool>,
    /// Ends when every task of the gate has.
    tasks: Mutex<Option<mpsc::Receiver<()>>>,
}

/// Figures of the broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Figures {
    /// Agents that are in.
    pub connected: usize,
    /// Connections that have not said who they are.
    pub handshakes: usize,
    /// Publishes committed.
    pub taken: u64,
    /// Orders written to agents.
    pub orders_sent: u64,
    /// The way of orders.
    pub fanout: FanoutFigures,
    /// What was not let through, by kind.
    pub refused: Vec<(&'static str, u64)>,
}

impl Figures {
    /// How many of one kind were not let through.
    pub fn refused(&self, kind: Kind) -> u64 {
        self.refused.iter().filter(|(name, _)| *name == kind.name()).map(|(_, n)| n).sum()
    }
}

impl Broker {
    /// Opens the gate on this runtime.
    pub fn start(
        config: GateConfig,
        ingest: Arc<dyn Ingest>,
        admission: Arc<dyn Admission>,
        runtime: &Handle,
    ) -> Result<Broker, GateError> {
        let roster = Arc::new(Connections::default());
        let enter_all = |bound: Vec<std::net::TcpListener>| {
            let enter_one = |listener: std::net::TcpListener| {
                let address = listener.local_addr().unwrap_or(SocketAddr::from(([0; 4], 0)));
                enter(listener, runtime).map_err(|e| GateError::Listen(address, e))
            };
            bound.into_iter().map(enter_one).collect::<Result<Vec<TcpListener>, GateError>>()
        };
        let mut listeners = Vec::new();
        for address in &config.listen {
            let failed = |e| GateError::Listen(*address, e);
            let listener = std::net::TcpListener::bind(address).map_err(failed)?;
            listeners.push(enter(listener, runtime).map_err(failed)?);
        }
        listeners.extend(enter_all(config.bound)?);
        let former = enter_all(config.former)?;
        let fanout = Fanout::start(roster.clone(), runtime.clone()).map_err(GateError::Router)?;
        let gate = Arc::new(GateParts {
            tls: config.tls,
            identify: config.identify,
            ingest,
            admission,
            roster,
            refused: Refused::new(),
            taken: AtomicU64::new(0),
            orders_sent: AtomicU64::new(0),
            doorway: HandshakeQueue::new(config.bounds),
            handshake_deadline: Duration::from_millis(config.handshake_deadline),
        });
        let (closing, closed) = watch::channel(false);
        let (alive, tasks) = mpsc::channel(1);
        let addresses = listeners.iter().filter_map(|l| l.local_addr().ok()).collect();
        let (closing_former, former_closed) = watch::channel(false);
        for listener in former {
            let accept = accept(
                gate.clone(),
                listener,
                closed.clone(),
                former_closed.clone(),
                alive.clone(),
            );
            runtime.spawn(accept);
        }
        for listener in listeners {
            let ends = closed.clone();
            runtime.spawn(accept(gate.clone(), listener, closed.clone(), ends, alive.clone()));
        }
        runtime.spawn(watch_router(fanout.clone(), closed, alive));
        let tasks = Mutex::new(Some(tasks));
        Ok(Broker { gate, fanout, addresses, closing, closing_former, tasks })
    }

    /// Where it listens; useful where port 0 was asked for.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Puts an order (`wire::agent::OrderMessage` as JSON) on its way to the server. It may still
    /// be lost; what it does is known from its result alone. Waits up to
    /// [`limit::ORDER_ROOM_WAIT`] for room, so it is not for async code.
    pub fn publish_order(&self, server: ServerId, order: &[u8]) -> Result<(), NotSent> {
        self.fanout.publish(server, order)
    }

    /// Tells the server's agent of a stream (`wire::stream::Control` as JSON), if it is connected
    /// and has room; false where it has not. Waits for nothing.
    pub fn tell_stream(&self, server: ServerId, control: &[u8]) -> bool {
        self.gate.roster.deliver_control(server, Arc::from(control))
    }

    /// Ends the server's connection now, and has whoever is coming in right now admitted anew.
    /// Whether there was one. Call it after [`Admission::admit`] has begun to say no.
    pub fn disconnect(&self, server: ServerId) -> bool {
        self.gate.roster.revoke(server)
    }

    /// Whether the server is connected.
    pub fn is_connected(&self, server: ServerId) -> bool {
        self.gate.roster.has(server)
    }

    /// Nobody comes in any more where only agents of before come in; who is in stays.
    pub fn close_former(&self) {
        self.closing_former.send_replace(true);
    }

    /// Everybody who is connected, in no order.
    pub fn connected(&self) -> Vec<ServerId> {
        self.gate.roster.all()
    }

    /// Figures.
    pub fn figures(&self) -> Figures {
        Figures {
            connected: self.gate.roster.count(),
            handshakes: self.gate.doorway.count(),
            taken: self.gate.taken.load(Ordering::Relaxed),
            orders_sent: self.gate.orders_sent.load(Ordering::Relaxed),
            fanout: self.fanout.figures(),
            refused: self.gate.refused.counts(),
        }
    }

    /// Closes the gate: nobody comes in, nothing more is read, what is being committed is
    /// acknowledged, then connections close. Whether all of it ended before the deadline.
    pub async fn stop(&self, deadline: Duration) -> bool {
        self.closing.send_replace(true);
        self.gate.roster.end_where(End::Stopping, |_| true);
        let tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner).take();
        let ended = match tasks {
            // Nothing is ever sent: it ends when the last task has dropped its end.
            Some(mut tasks) => tokio::time::timeout(deadline, tasks.recv()).await.is_ok(),
            None => true,
        };
        self.fanout.stop();
        ended
    }
}

/// A listener belongs to the runtime it is made in.
fn enter(listener: std::net::TcpListener, runtime: &Handle) -> std::io::Result<TcpListener> {
    listener.set_nonblocking(true)?;
    let _inside = runtime.enter();
    TcpListener::from_std(listener)
}

/// After a failed accept, usually for want of descriptors, which closing connections give back.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Lets connections in until the gate is closed, or this listener of it ends.
async fn accept(
    gate: Arc<GateParts>,
    listener: TcpListener,
    mut closed: watch::Receiver<bool>,
    mut ends: watch::Receiver<bool>,
    alive: mpsc::Sender<()>,
) {
    loop {
        let accepted = tokio::select! {
            _ = closed.wait_for(|closed| *closed) => return,
            _ = ends.wait_for(|ended| *ended) => return,
            accepted = listener.accept() => accepted,
        };
        let (socket, from) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::error!(%error, "accepting an agent's connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let Some(visit) = gate.doorway.enter(from.ip(), Instant::now()) else {
            gate.refused.note(Kind::Hurry, from, None, &"too many connections a second");
            continue;
        };
        let (gate, closed, alive) = (gate.clone(), closed.clone(), alive.clone());
        tokio::spawn(async move {
            serve(gate, socket, from, visit, closed).await;
            drop(alive);
        });
    }
}

/// One connection, from its first byte to its last. Greeting and session are boxed one after the
/// other, so that an idle agent does not carry the memory that its handshake needed.
async fn serve(
    gate: Arc<GateParts>,
    socket: TcpStream,
    from: SocketAddr,
    mut visit: PendingHandshake,
    mut closed: watch::Receiver<bool>,
) {
    let greeted = {
        let greeting = Box::pin(in_turn(&gate, socket, from));
        tokio::select! {
            guest = greeting => guest,
            _ = &mut visit.gives_way => {
                gate.refused.note(Kind::GaveWay, from, None, &"gave way to a newer connection");
                return;
            }
            _ = closed.wait_for(|closed| *closed) => return,
        }
    };
    drop((visit, closed));
    match greeted {
        Ok(Some(guest)) => {
            gate.doorway.know(from.ip(), Instant::now());
            Box::pin(Session::new(gate, guest, from).run()).await;
        }
        Ok(None) => {}
        Err(_) => gate.refused.note(Kind::Slow, from, None, &"not through in time"),
    }
}

/// Greets a connection once it has said something and its turn has come. Silence takes no turn from
/// anybody, and the deadline stands still meanwhile: a whole fleet may come at once.
async fn in_turn(
    gate: &Arc<GateParts>,
    socket: TcpStream,
    from: SocketAddr,
) -> Result<Option<AdmittedAgent>, Elapsed> {
    let (deadline, began) = (gate.handshake_deadline, Instant::now());
    let heard = tokio::time::timeout(deadline, socket.peek(&mut [0])).await?;
    let left = deadline.saturating_sub(began.elapsed());
    if matches!(heard, Ok(1..)) {
        gate.doorway.turn(from.ip()).await;
    }
    tokio::time::timeout(left, greet(gate, socket, from)).await
}

async fn watch_router(
    fanout: Arc<Fanout>,
    mut closed: watch::Receiver<bool>,
    alive: mpsc::Sender<()>,
) {
    let mut seconds = tokio::time::interval(Duration::from_secs(1));
    seconds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = closed.wait_for(|closed| *closed) => break,
            _ = seconds.tick() => fanout.watch(),
        }
    }
    drop(alive);
}
