//! The agent's own binary against the real gate: TLS, enrolment, orders, a goodbye, and what it
//! costs.

use grange::base::limit::AGENT_HANDSHAKE_DEADLINE;
use grange::base::{Clock, OrderId, ServerId, Timestamp, WallClock};
use grange::broker::{Admission, Broker, GateConfig, Ingest, Later, Refusal};
use grange::model::OrderBody;
use grange::net::tls::{Identity, Serving, agents_port};
use grange::pki::{Authority, identify, server_identity};
use grange::wire::agent::{Message, MessageBody, OrderMessage};
use grange::wire::reading;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const SERVER: ServerId = ServerId(0x6f1c_2a9e_0b1d_4c3e_8f00_1234_5678_90ab);

/// What reached the appliance.
enum Heard {
    Readings(reading::Batch),
    Message(Message),
}

/// Takes everything and signs whoever has the token.
struct Appliance {
    authority: Authority,
    heard: Mutex<Sender<Heard>>,
}

impl Appliance {
    fn hear(&self, heard: Heard) -> Later<Result<(), Refusal>> {
        let sent = self.heard.lock().unwrap().send(heard);
        Box::pin(async move { sent.map_err(|_| Refusal::Later("the test is over".into())) })
    }
}

impl Ingest for Appliance {
    fn readings(&self, from: ServerId, batch: Vec<u8>) -> Later<Result<(), Refusal>> {
        assert_eq!(from, SERVER);
        self.hear(Heard::Readings(reading::decode(&batch).unwrap()))
    }
    fn message(&self, from: ServerId, json: Vec<u8>) -> Later<Result<(), Refusal>> {
        assert_eq!(from, SERVER);
        self.hear(Heard::Message(serde_json::from_slice(&json).unwrap()))
    }
    fn connected(&self, _: ServerId, _: SocketAddr) {}
    fn disconnected(&self, _: ServerId) {}
}

impl Admission for Appliance {
    fn admit(&self, server: ServerId, _: [u8; 32]) -> Later<Result<(), Refusal>> {
        let known = server == SERVER;
        Box::pin(async move { if known { Ok(()) } else { Err(Refusal::Never("?".into())) } })
    }
    fn enrol(
        &self,
        server: ServerId,
        token: String,
        csr_pem: String,
    ) -> Later<Result<String, Refusal>> {
        assert_eq!(token, "token");
        let signed = self.authority.sign_agent(server, &csr_pem, WallClock::new().now());
        let chain = signed.map(|signed| signed.chain_pem);
        Box::pin(async move { chain.map_err(|error| Refusal::Never(error.to_string())) })
    }
}

/// The agent's process; killed when the test ends early.
struct Agent(Child);

impl Drop for Agent {
    fn drop(&mut self) {
        if let Ok(None) = self.0.try_wait() {
            self.0.kill().ok();
            self.0.wait().ok();
        }
    }
}

struct World {
    broker: Broker,
    heard: Receiver<Heard>,
    agent: Agent,
    _runtime: tokio::runtime::Runtime,
}

fn world(dir: &PathBuf) -> World {
    if dir.exists() {
        std::fs::remove_dir_all(dir).unwrap();
    }
    std::fs::create_dir_all(dir).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let now = WallClock::new().now();
    let authority = Authority::open(dir, now).unwrap();
    let fingerprint = authority.fingerprint_text();
    let shown = server_identity(&authority, dir, &["127.0.0.1".to_owned()], now).unwrap();
    let serving = Serving::new(Identity::from_pem(&shown.chain_pem, &shown.key_pem).unwrap());
    let tls = agents_port(serving, authority.certificate_pem()).unwrap();
    let (sender, heard) = channel();
    let appliance = Arc::new(Appliance { authority, heard: Mutex::new(sender) });
    let listen = vec!["127.0.0.1:0".parse().unwrap()];
    let gate = GateConfig::new(listen, tls, |certificate| identify(certificate).ok());
    let broker = Broker::start(gate, appliance.clone(), appliance, runtime.handle()).unwrap();
    let address = broker.addresses()[0];
    let data = format!(
        r#"{{"v":1,"server":"{SERVER}","hostname":"web-1","appliances":["{address}"],
        "caFingerprint":"{fingerprint}","token":"token","intervalMs":1000}}"#
    );
    let config = dir.join("agent.json");
    std::fs::write(&config, data).unwrap();
    let agent = Command::new(env!("CARGO_BIN_EXE_grange-agent"))
        .args(["agent", "--config"])
        .arg(&config)
        .arg("--state")
        .arg(dir.join("state"))
        .env("GRANGE_RUN", dir.join("run"))
        .spawn()
        .unwrap();
    World { broker, heard, agent: Agent(agent), _runtime: runtime }
}

impl World {
    fn next(&self) -> Heard {
        let deadline = Duration::from_millis(6 * AGENT_HANDSHAKE_DEADLINE);
        self.heard.recv_timeout(deadline).expect("the agent says something in time")
    }

    fn message(&self) -> MessageBody {
        loop {
            if let Heard::Message(message) = self.next() {
                return message.body;
            }
        }
    }

    fn batch(&self) -> reading::Batch {
        loop {
            if let Heard::Readings(batch) = self.next() {
                return batch;
            }
        }
    }

    fn order(&self, id: u64, body: OrderBody) {
        let order = OrderId(id);
        let message =
            OrderMessage { v: 1, epoch: 1, order, deadline: Timestamp(0), body, workload: None };
        let json = serde_json::to_vec(&message).unwrap();
        self.broker.publish_order(SERVER, &json).unwrap();
    }
}

#[test]
fn the_agent_enrols_reports_obeys_and_leaves() {
    let dir = std::env::temp_dir().join(format!("grange-system-agent-{}", std::process::id()));
    let mut world = world(&dir);
    assert!(matches!(world.message(), MessageBody::Hello { ready: true, .. }));
    world.order(1, OrderBody::Ping);
    let answer = world.message();
    let expected = MessageBody::Result {
        order: OrderId(1),
        error: None,
        exit_code: 0,
        output: "pong".to_owned(),
        ran: None,
    };
    assert_eq!(answer, expected);
    world.batch();
    let batch = world.batch();
    let value = |name: &str| {
        let series = batch.series.iter().position(|series| series == name);
        *batch.columns[series.expect(name)].last().unwrap()
    };
    assert!((0.0..=100.0).contains(&value("cpu_percent")));
    // The promise is 8 MiB for what ships; a debug build's code alone is larger.
    let memory = value("agent_memory_bytes");
    assert!(memory > 0.0 && memory < 24.0 * 1024.0 * 1024.0, "{memory} bytes");
    println!("agent: {memory} bytes resident, {} percent of a CPU", value("agent_cpu_percent"));

    let stat = std::fs::metadata(dir.join("state/key.pem")).unwrap();
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&stat.permissions()) & 0o777, 0o600);
    world.order(2, OrderBody::Stop);
    assert!(matches!(world.message(), MessageBody::Result { order: OrderId(2), .. }));
    assert_eq!(world.message(), MessageBody::Bye);
    assert!(world.agent.0.wait().unwrap().success());
    std::fs::remove_dir_all(&dir).unwrap();
}
