//! An appliance of a few lines: enrolment in memory, MQTT over plain loopback.
//!
//! Every wait has a deadline, so that a test that would hang fails instead.

use super::scratch;
use crate::agent::identity::Credentials;
use crate::agent::state::State;
use crate::agent::transport::{EnrolError, Opening, Transport, Wire};
use crate::agent::{AgentOptions, EVENTS_MAX, Event, Events, assemble, settings};
use crate::base::hash::hex;
use crate::base::{OrderId, ServerId, Timestamp, WallClock};
use crate::model::{OrderBody, Workload};
use crate::net::mqtt::{ConnectCode, Packet, Publish, Qos, decode, encode};
use crate::wire::agent::{EnrolRequest, EnrolResponse, Message, MessageBody, OrderMessage};
use crate::wire::reading::{self, Batch};
use crate::wire::topic::{self, Kind};
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;

pub const SERVER: ServerId = ServerId(0x6f1c_2a9e_0b1d_4c3e_8f00_1234_5678_90ab);
const DEADLINE: Duration = Duration::from_secs(30);

/// Runs a test on a runtime as the agent's own.
pub fn block_on(test: impl Future<Output = ()>) {
    crate::agent::runtime().unwrap().block_on(test);
}

/// Waits for something that must come.
pub async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    timeout(DEADLINE, future).await.unwrap_or_else(|_| panic!("{what} did not come"))
}

/// Waits for something that must become true.
pub async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let wait = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    soon(what, wait).await;
}

/// Reaches the appliance without TLS and remembers who asked for certificates.
#[derive(Default)]
pub struct Plain {
    pub enrolments: AtomicU32,
    pub refusals: AtomicU32,
    pub requests: Mutex<Vec<String>>,
}

impl Transport for Plain {
    fn enrol(&self, _: SocketAddr, body: &[u8], _: Duration) -> Result<Vec<u8>, EnrolError> {
        let request: EnrolRequest = serde_json::from_slice(body).unwrap();
        assert_eq!((request.server, request.token.reveal()), (SERVER, "token"));
        self.requests.lock().unwrap().push(request.csr);
        if self.refusals.load(Ordering::SeqCst) > 0 {
            self.refusals.fetch_sub(1, Ordering::SeqCst);
            return Err(EnrolError::Failed("the answer is lost".into()));
        }
        self.enrolments.fetch_add(1, Ordering::SeqCst);
        let certificate = include_str!("certificate.pem").to_owned();
        Ok(serde_json::to_vec(&EnrolResponse { v: 1, certificate }).unwrap())
    }

    fn open(&self, address: SocketAddr, credentials: Credentials) -> Opening {
        assert!(credentials.key_pem.reveal().contains("PRIVATE KEY"));
        Box::pin(async move { Ok(Box::new(TcpStream::connect(address).await?) as Box<dyn Wire>) })
    }
}

/// An appliance and one agent that is configured for it.
pub struct World {
    pub listener: Option<TcpListener>,
    pub address: SocketAddr,
    pub dir: PathBuf,
    pub transport: Arc<Plain>,
}

/// An agent that runs.
pub struct Running {
    pub events: Events,
    pub task: JoinHandle<()>,
}

impl World {
    pub async fn new(name: &str) -> World {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let dir = scratch(name);
        World { listener: Some(listener), address, dir, transport: Arc::default() }
    }

    /// Starts the agent with more user data than it needs, as `, "check": {...}`.
    pub fn start(&self, more: &str) -> Running {
        self.start_with(&[self.address], more)
    }

    pub fn start_with(&self, appliances: &[SocketAddr], more: &str) -> Running {
        let config = self.dir.join("agent.json");
        let ca = hex(&[7; 32]);
        let appliances: Vec<String> = appliances.iter().map(|a| format!("\"{a}\"")).collect();
        let appliances = appliances.join(",");
        let data = format!(
            r#"{{"v":1,"server":"{SERVER}","hostname":"web-1","appliances":[{appliances}],
            "caFingerprint":"{ca}","token":"token","intervalMs":50{more}}}"#
        );
        std::fs::write(&config, data).unwrap();
        let options = AgentOptions {
            config,
            state: self.dir.join("state"),
            run_dir: self.dir.join("run"),
            service_run_dir: self.dir.join("run"),
            address: IpAddr::from([127, 0, 0, 1]),
            home: "/".into(),
        };
        let data = settings::user_data(&options.config).unwrap();
        let (events, receiver) = mpsc::channel::<Event>(EVENTS_MAX);
        let clock = Arc::new(WallClock::new());
        let channel = (events.clone(), receiver);
        // An agent that was stopped holds its state until its last worker has ended, as its
        // process would have.
        let end = Instant::now() + DEADLINE;
        let free = || State::open(&options.state, data.server, &data.ca_fingerprint).is_ok();
        while !free() && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(5));
        }
        let agent = assemble(&options, &data, self.transport.clone(), clock, channel).unwrap();
        Running { events, task: tokio::spawn(agent.run()) }
    }

    /// The agent's next connection, up to its subscription.
    pub async fn accept(&self) -> Peer {
        let mut peer = self.accept_raw().await;
        peer.greet(ConnectCode::Accepted).await;
        let Packet::Subscribe { id, filters } = peer.packet().await else { panic!("SUBSCRIBE") };
        let wanted = [(Kind::Orders, Qos::AtLeastOnce), (Kind::Control, Qos::AtMostOnce)];
        assert_eq!(filters, wanted.map(|(kind, qos)| (topic::name(SERVER, kind), qos)));
        // As one that knows no streams answers.
        peer.send(&Packet::SubAck { id, granted: vec![Some(Qos::AtLeastOnce), None] }).await;
        peer
    }

    /// The agent's next connection, before it has said anything.
    pub async fn accept_raw(&self) -> Peer {
        let listener = self.listener.as_ref().expect("the appliance is there");
        let (stream, _) = soon("a connection", listener.accept()).await.unwrap();
        Peer { stream, pending: Vec::new(), readings: VecDeque::new(), messages: VecDeque::new() }
    }

    /// The appliance is away from here on.
    pub fn leave(&mut self) {
        self.listener = None;
    }

    /// It is back at the same address.
    pub async fn come_back(&mut self) {
        self.listener = Some(TcpListener::bind(self.address).await.unwrap());
    }
}

/// One connection, from the appliance's side.
pub struct Peer {
    stream: TcpStream,
    pending: Vec<u8>,
    readings: VecDeque<(u16, Batch)>,
    messages: VecDeque<(u16, Message)>,
}

impl Peer {
    /// Takes the CONNECT and answers it.
    pub async fn greet(&mut self, code: ConnectCode) {
        let Packet::Connect(connect) = self.packet().await else { panic!("CONNECT") };
        assert_eq!(connect.client_id, SERVER.to_string());
        assert!(connect.clean_session && connect.will.is_none() && connect.keep_alive_s == 30);
        self.send(&Packet::ConnAck { session_present: false, code }).await;
    }

    /// The next packet.
    pub async fn packet(&mut self) -> Packet {
        soon("a packet", self.read()).await.expect("the connection is open")
    }

    async fn read(&mut self) -> Option<Packet> {
        loop {
            if let Some((packet, used)) = decode(&self.pending, 1 << 20).unwrap() {
                self.pending.drain(..used);
                return Some(packet);
            }
            if self.stream.read_buf(&mut self.pending).await.unwrap() == 0 {
                return None;
            }
        }
    }

    /// Whether the agent says goodbye to the connection next, readings apart.
    pub async fn closes(&mut self) -> bool {
        loop {
            match soon("the end", self.read()).await {
                Some(Packet::Disconnect) => {}
                Some(Packet::Publish(publish)) if publish.topic.ends_with("/r") => {}
                Some(other) => panic!("{other:?} before the end"),
                None => return true,
            }
        }
    }

    pub async fn send(&mut self, packet: &Packet) {
        let mut bytes = Vec::new();
        encode(packet, &mut bytes).unwrap();
        self.stream.write_all(&bytes).await.unwrap();
    }

    pub async fn acknowledge(&mut self, id: u16) {
        self.send(&Packet::PubAck(id)).await;
    }

    async fn sort(&mut self) {
        let Packet::Publish(publish) = self.packet().await else { return };
        let id = publish.id.expect("the agent speaks QoS 1");
        match topic::parse(&publish.topic) {
            Some((SERVER, Kind::Readings)) => {
                self.readings.push_back((id, reading::decode(&publish.payload).unwrap()));
            }
            Some((SERVER, Kind::Messages)) => {
                self.messages.push_back((id, serde_json::from_slice(&publish.payload).unwrap()));
            }
            other => panic!("{other:?}"),
        }
    }

    /// The next message, unacknowledged; readings are put aside.
    pub async fn message(&mut self) -> (u16, Message) {
        while self.messages.is_empty() {
            self.sort().await;
        }
        self.messages.pop_front().unwrap()
    }

    /// The next message, acknowledged.
    pub async fn take(&mut self) -> Message {
        let (id, message) = self.message().await;
        self.acknowledge(id).await;
        message
    }

    /// The next batch of readings, acknowledged; messages are put aside.
    pub async fn batch(&mut self) -> Batch {
        while self.readings.is_empty() {
            self.sort().await;
        }
        let (id, batch) = self.readings.pop_front().unwrap();
        self.acknowledge(id).await;
        batch
    }

    /// Takes the hello that opens a connection.
    pub async fn hello(&mut self) -> Message {
        let message = self.take().await;
        assert!(matches!(message.body, MessageBody::Hello { .. }), "{message:?}");
        message
    }

    /// Gives an order and takes its acknowledgement; what comes meanwhile is put aside.
    pub async fn order(&mut self, order: u64, epoch: u64, body: OrderBody) {
        self.give(order, epoch, body, None).await;
    }

    /// Orders a role's work.
    pub async fn order_work(&mut self, order: u64, body: OrderBody, workload: Workload) {
        self.give(order, 1, body, Some(workload)).await;
    }

    async fn give(&mut self, order: u64, epoch: u64, body: OrderBody, workload: Option<Workload>) {
        let order = OrderId(order);
        let message = OrderMessage { v: 1, epoch, order, deadline: Timestamp(0), body, workload };
        let id = order.0 as u16;
        let publish = Publish {
            topic: topic::name(SERVER, Kind::Orders),
            id: Some(id),
            dup: false,
            retain: false,
            payload: serde_json::to_vec(&message).unwrap(),
        };
        self.send(&Packet::Publish(publish)).await;
    }

    /// The next result.
    pub async fn result(&mut self) -> (OrderId, Option<String>, i32, String) {
        loop {
            if let MessageBody::Result { order, error, exit_code, output, .. } =
                self.take().await.body
            {
                return (order, error, exit_code, output);
            }
        }
    }
}
