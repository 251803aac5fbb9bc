//! A gate with certificates of its own, a fake commit behind it, and agents that speak MQTT.

use grange::base::limit::AGENT_ORDER_BYTES_MAX;
use grange::base::{Clock, ServerId, Timestamp, WallClock};
use grange::broker::{Admission, Bounds, Broker, GateConfig, Ingest, Later, Refusal};
use grange::net::mqtt::{Connect, ConnectCode, Packet, Publish, Qos, decode, encode};
use grange::net::tls::{
    Alpn, ClientConfig, ClientStream, DeviceKey, Identity, Names, Serving, Trust, agents_port,
    client_config, connect,
};
use grange::pki::{Authority, identify, request_key_digest, server_identity};
use grange::wire::topic::{self, Kind};
use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

/// Nothing here should take this long.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Waits until something holds.
pub async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < PATIENCE, "waiting until {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Waits for something, but not for ever.
pub async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(value) => value,
        Err(_) => panic!("waited too long for {what}"),
    }
}

/// The house behind the gate: remembers what it was told, admits whom it knows.
#[derive(Default)]
pub struct Behind {
    pub authority: Option<Arc<Authority>>,
    pub messages: Mutex<Vec<(ServerId, Vec<u8>)>>,
    pub readings: Mutex<HashMap<ServerId, u64>>,
    pub connects: AtomicU64,
    pub disconnects: Mutex<HashMap<ServerId, u64>>,
    pub keys: Mutex<HashMap<ServerId, [u8; 32]>>,
    pub revoked: Mutex<HashSet<ServerId>>,
    /// While set, no commit ends.
    pub stalled: AtomicBool,
    /// While set, nothing can be taken now.
    pub not_now: AtomicBool,
}

impl Behind {
    pub fn heard(&self) -> Vec<(ServerId, Vec<u8>)> {
        self.messages.lock().unwrap().clone()
    }

    pub fn disconnects_of(&self, server: ServerId) -> u64 {
        self.disconnects.lock().unwrap().get(&server).copied().unwrap_or(0)
    }

    pub fn readings_of(&self, server: ServerId) -> u64 {
        self.readings.lock().unwrap().get(&server).copied().unwrap_or(0)
    }

    fn count(&self, what: &Mutex<HashMap<ServerId, u64>>, server: ServerId) {
        // Those of the soak come by the hundred thousand, and memory is what it looks at.
        if server.0 >> 64 != 1 {
            *what.lock().unwrap().entry(server).or_default() += 1;
        }
    }
}

/// The fake's two faces; one lock a face, as in the house itself.
#[derive(Clone)]
pub struct Face(pub Arc<Behind>);

impl Face {
    async fn commit(self) -> Result<(), Refusal> {
        while self.0.stalled.load(Ordering::SeqCst) {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        match self.0.not_now.load(Ordering::SeqCst) {
            true => Err(Refusal::Later("the disk is full".into())),
            false => Ok(()),
        }
    }
}

impl Ingest for Face {
    fn readings(&self, from: ServerId, _: Vec<u8>) -> Later<Result<(), Refusal>> {
        let face = self.clone();
        Box::pin(async move {
            face.clone().commit().await?;
            face.0.count(&face.0.readings, from);
            Ok(())
        })
    }

    fn message(&self, from: ServerId, json: Vec<u8>) -> Later<Result<(), Refusal>> {
        let face = self.clone();
        Box::pin(async move {
            face.clone().commit().await?;
            if json == b"nonsense" {
                return Err(Refusal::Never("nonsense".into()));
            }
            assert_ne!(json, b"panic", "asked to");
            face.0.messages.lock().unwrap().push((from, json));
            Ok(())
        })
    }

    fn frame(&self, from: ServerId, frame: &[u8]) -> Result<(), String> {
        if frame == b"too much" {
            return Err("more than it was granted".to_owned());
        }
        self.0.messages.lock().unwrap().push((from, frame.to_vec()));
        Ok(())
    }

    fn connected(&self, _: ServerId, _: SocketAddr) {
        self.0.connects.fetch_add(1, Ordering::SeqCst);
    }

    fn disconnected(&self, server: ServerId) {
        self.0.count(&self.0.disconnects, server);
    }
}

impl Admission for Face {
    fn admit(&self, server: ServerId, key: [u8; 32]) -> Later<Result<(), Refusal>> {
        let known = self.0.keys.lock().unwrap().get(&server) == Some(&key)
            && !self.0.revoked.lock().unwrap().contains(&server);
        Box::pin(
            async move { if known { Ok(()) } else { Err(Refusal::Never("not admitted".into())) } },
        )
    }

    fn enrol(
        &self,
        server: ServerId,
        token: String,
        csr: String,
    ) -> Later<Result<String, Refusal>> {
        let face = self.clone();
        Box::pin(async move {
            let refused = |why: &str| Err(Refusal::Never(why.to_owned()));
            if token != "good" {
                return refused("unknown token");
            }
            let Ok(key) = request_key_digest(&csr) else { return refused("bad request") };
            if *face.0.keys.lock().unwrap().entry(server).or_insert(key) != key {
                return refused("another key");
            }
            let authority = face.0.authority.clone().unwrap();
            Ok(authority.sign_agent(server, &csr, now()).unwrap().chain_pem)
        })
    }
}

pub fn now() -> Timestamp {
    WallClock::new().now()
}

/// A gate, what is behind it, and how to reach it.
pub struct Rig {
    pub broker: Broker,
    pub behind: Arc<Behind>,
    pub authority: Arc<Authority>,
    pub address: SocketAddr,
    keys: PathBuf,
}

impl Drop for Rig {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.keys).ok();
    }
}

/// An authority in a directory of its own.
pub fn authority() -> (PathBuf, Arc<Authority>) {
    let name = format!("grange-gate-{}", &grange::base::random::secret_text()[..16]);
    let keys = std::env::temp_dir().join(name);
    let authority = Authority::open(&keys, now()).unwrap();
    (keys, Arc::new(authority))
}

/// A gate on a free port, before whatever it is given.
pub fn gate(
    keys: &Path,
    authority: &Authority,
    ingest: Arc<dyn Ingest>,
    admission: Arc<dyn Admission>,
    set: impl FnOnce(&mut GateConfig),
) -> Broker {
    let names = ["127.0.0.1".to_owned()];
    let shown = server_identity(authority, keys, &names, now()).unwrap();
    let serving = Serving::new(Identity::from_pem(&shown.chain_pem, &shown.key_pem).unwrap());
    let tls = agents_port(serving, authority.certificate_pem()).unwrap();
    let listen = vec!["127.0.0.1:0".parse().unwrap()];
    let mut config = GateConfig::new(listen, tls, |der| identify(der).ok());
    set(&mut config);
    Broker::start(config, ingest, admission, &tokio::runtime::Handle::current()).unwrap()
}

/// How to dial a gate as somebody, or as nobody, for MQTT.
pub fn dialling(authority: &Authority, identity: Option<&Identity>) -> Arc<ClientConfig> {
    let trust = Trust::Fingerprint(authority.fingerprint());
    client_config(&trust, Names::Any, identity, Alpn::Mqtt).unwrap()
}

impl Rig {
    pub fn new(bounds: Bounds, handshake_deadline: u64) -> Rig {
        let (keys, authority) = authority();
        let behind = Arc::new(Behind { authority: Some(authority.clone()), ..Behind::default() });
        let face = Arc::new(Face(behind.clone()));
        let broker = gate(&keys, &authority, face.clone(), face, |config| {
            config.bounds = bounds;
            config.handshake_deadline = handshake_deadline;
        });
        let address = broker.addresses()[0];
        Rig { broker, behind, authority, address, keys }
    }

    /// Gives a server a key and a certificate, as if it had enrolled.
    pub fn enrolled(&self, server: ServerId) -> Identity {
        let (identity, key) = signed(&self.authority, server);
        self.behind.keys.lock().unwrap().insert(server, key);
        identity
    }

    /// How to dial this gate as somebody, or as nobody.
    pub fn dialling(&self, identity: Option<&Identity>, alpn: Alpn) -> Arc<ClientConfig> {
        let trust = Trust::Fingerprint(self.authority.fingerprint());
        client_config(&trust, Names::Any, identity, alpn).unwrap()
    }

    /// An agent that is in and has subscribed to its orders.
    pub async fn agent(&self, server: ServerId) -> Agent {
        let identity = self.enrolled(server);
        let mut agent = self.dial(server, Some(&identity), "127.0.0.1").await.unwrap();
        agent.come_in().await;
        agent
    }

    /// TLS from a loopback address of one's own; `None` when it is refused.
    pub async fn dial(
        &self,
        server: ServerId,
        identity: Option<&Identity>,
        from: &str,
    ) -> Option<Agent> {
        dial(self.address, &self.dialling(identity, Alpn::Mqtt), server, from).await
    }
}

/// TLS from one of the loopback addresses; `None` when it is refused.
pub async fn dial(
    to: SocketAddr,
    config: &Arc<ClientConfig>,
    server: ServerId,
    from: &str,
) -> Option<Agent> {
    let socket = open(to, from).await?;
    let stream = connect(config, socket, "127.0.0.1").await.ok()?;
    let process = "one".to_owned();
    Some(Agent { server, process, stream, inbox: Vec::new(), last_id: 0 })
}

/// A certificate of an authority for a server, and its key's digest.
pub fn signed(authority: &Authority, server: ServerId) -> (Identity, [u8; 32]) {
    let key = DeviceKey::generate().unwrap();
    let chain = authority.sign_agent(server, &key.request_pem().unwrap(), now()).unwrap();
    (Identity::from_pem(&chain.chain_pem, &key.to_pem()).unwrap(), key.digest())
}

/// A TCP connection from one of the loopback addresses.
pub async fn open(to: SocketAddr, from: &str) -> Option<TcpStream> {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_nodelay(true).unwrap();
    socket.bind(SocketAddr::new(from.parse::<IpAddr>().unwrap(), 0)).ok()?;
    socket.connect(to).await.ok()
}

/// The agent's end of a connection.
pub struct Agent {
    pub server: ServerId,
    /// The process it says it is; the same for all of a test unless it says otherwise.
    pub process: String,
    pub stream: ClientStream,
    inbox: Vec<u8>,
    last_id: u16,
}

impl Agent {
    pub fn connect_packet(&self) -> Connect {
        Connect {
            client_id: self.server.to_string(),
            keep_alive_s: 30,
            clean_session: true,
            will: None,
            user_name: Some(self.process.clone()),
            password: None,
        }
    }

    /// CONNECT and the code that answers it; `None` when the gate hangs up instead.
    pub async fn connect_as(&mut self, packet: Connect) -> Option<ConnectCode> {
        self.send(&Packet::Connect(packet)).await;
        match self.receive().await? {
            Packet::ConnAck { session_present: false, code } => Some(code),
            other => panic!("{other:?}"),
        }
    }

    /// CONNECT and SUBSCRIBE, as an agent does.
    pub async fn come_in(&mut self) {
        let code = self.connect_as(self.connect_packet()).await;
        assert_eq!(code, Some(ConnectCode::Accepted));
        let orders = topic::name(self.server, Kind::Orders);
        assert_eq!(self.subscribe(&orders).await, Some(true));
    }

    /// Whether a subscription was granted; `None` when the gate hangs up instead.
    pub async fn subscribe(&mut self, filter: &str) -> Option<bool> {
        let filters = vec![(filter.to_owned(), Qos::AtLeastOnce)];
        self.send(&Packet::Subscribe { id: 1, filters }).await;
        match self.receive().await? {
            Packet::SubAck { id: 1, granted } => Some(matches!(granted[..], [Some(_)])),
            other => panic!("{other:?}"),
        }
    }

    pub async fn send(&mut self, packet: &Packet) -> bool {
        let mut bytes = Vec::new();
        encode(packet, &mut bytes).unwrap();
        self.send_bytes(&bytes).await
    }

    pub async fn send_bytes(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).await.is_ok() && self.stream.flush().await.is_ok()
    }

    /// Sends a publish on any topic; its packet identifier.
    pub async fn publish(&mut self, topic: &str, payload: &[u8]) -> u16 {
        self.last_id = self.last_id.checked_add(1).unwrap_or(1);
        let (topic, payload) = (topic.to_owned(), payload.to_vec());
        let id = Some(self.last_id);
        let publish = Publish { topic, id, dup: false, retain: false, payload };
        self.send(&Packet::Publish(publish)).await;
        self.last_id
    }

    /// A message of its own, sent and acknowledged.
    pub async fn say(&mut self, payload: &[u8]) -> Option<()> {
        self.acknowledged(Kind::Messages, payload).await
    }

    /// Readings of its own, sent and acknowledged.
    pub async fn report(&mut self, payload: &[u8]) -> Option<()> {
        self.acknowledged(Kind::Readings, payload).await
    }

    async fn acknowledged(&mut self, kind: Kind, payload: &[u8]) -> Option<()> {
        let id = self.publish(&topic::name(self.server, kind), payload).await;
        loop {
            match self.receive().await? {
                Packet::PubAck(answered) if answered == id => return Some(()),
                // An order may come in between.
                Packet::Publish(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// The next packet; `None` when the gate has hung up.
    pub async fn receive(&mut self) -> Option<Packet> {
        let mut chunk = [0u8; 4096];
        loop {
            if let Some((packet, used)) = decode(&self.inbox, AGENT_ORDER_BYTES_MAX).unwrap() {
                self.inbox.drain(..used);
                return Some(packet);
            }
            match soon("a packet", self.stream.read(&mut chunk)).await {
                Ok(0) | Err(_) => return None,
                Ok(length) => self.inbox.extend_from_slice(&chunk[..length]),
            }
        }
    }
}
