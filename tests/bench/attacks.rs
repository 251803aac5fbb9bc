//! Good agents' PUBACKs before and during attacks on the agents' port.
//!
//! The gate and 64 good agents are this process, the attacker is another: its own cryptography is
//! not the gate's cost, though both share the machine's cores. It knows the authority's key, so
//! that it may have as many valid identities as it likes, and comes from sixteen addresses.
//! `attacks [IDENTITIES]` prints a line a figure and ends with 1 when one is short.

#[allow(dead_code, reason = "the tests of the gate use the rest of it")]
#[path = "../fast/gate/rig.rs"]
mod rig;

use grange::base::ServerId;
use grange::broker::{Admission, Bounds, Broker, GateConfig, Ingest, Later, Refusal};
use grange::net::mqtt::Packet;
use grange::net::tls::{Alpn, Identity, Names, Serving, Trust, agents_port, client_config};
use grange::pki::{Authority, identify, server_identity};
use grange::wire::topic::{self, Kind};
use rig::{Agent, now, open, signed};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::io::AsyncReadExt;

const GOOD: u128 = 64;
/// How long good agents are measured, and attacked by all but the identities.
const MEASURED: Duration = Duration::from_secs(8);
/// What an attack may do to the good ones' p99.
const TARGET: f64 = 2.0;
const ATTACKS: [&str; 6] = ["silence", "nobody", "client-ids", "topics", "oversize", "identities"];

/// Takes everything; lets every second stranger in.
struct Behind;

impl Ingest for Behind {
    fn readings(&self, _: ServerId, _: Vec<u8>) -> Later<Result<(), Refusal>> {
        Box::pin(async { Ok(()) })
    }
    fn message(&self, _: ServerId, _: Vec<u8>) -> Later<Result<(), Refusal>> {
        Box::pin(async { Ok(()) })
    }
    fn connected(&self, _: ServerId, _: SocketAddr) {}
    fn disconnected(&self, _: ServerId) {}
}

impl Admission for Behind {
    fn admit(&self, server: ServerId, _: [u8; 32]) -> Later<Result<(), Refusal>> {
        let known = server.0 < GOOD || server.0.is_multiple_of(2);
        Box::pin(
            async move { if known { Ok(()) } else { Err(Refusal::Never("not admitted".into())) } },
        )
    }
    fn enrol(&self, _: ServerId, _: String, _: String) -> Later<Result<String, Refusal>> {
        Box::pin(async { Err(Refusal::Never("nobody enrols here".into())) })
    }
}

/// Latencies by tens of microseconds up to a second: its size does not grow with what it counts.
struct Latencies(Vec<AtomicU64>);

impl Latencies {
    fn new() -> Arc<Latencies> {
        Arc::new(Latencies((0..100_000).map(|_| AtomicU64::new(0)).collect()))
    }
    fn note(&self, took: Duration) {
        let place = (took.as_micros() / 10).min(99_999) as usize;
        self.0[place].fetch_add(1, Ordering::Relaxed);
    }
    /// The p99 since it was last asked, in milliseconds.
    fn take_p99(&self) -> f64 {
        let counts: Vec<u64> = self.0.iter().map(|c| c.swap(0, Ordering::Relaxed)).collect();
        let (all, mut seen) = (counts.iter().sum::<u64>(), 0);
        let beyond = |count: &u64| {
            seen += count;
            seen * 100 >= all * 99
        };
        counts.iter().position(beyond).unwrap_or(0) as f64 / 100.0
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["attacker", attack, address, keys, count] => {
            let attacker = Attacker::new(address, Path::new(keys));
            let count = count.parse().expect("a number of identities");
            runtime.block_on(attacker.run(attack, count));
            ExitCode::SUCCESS
        }
        [] => runtime.block_on(measure("4000")),
        [identities] => runtime.block_on(measure(identities)),
        _ => panic!("attacks [IDENTITIES]"),
    }
}

async fn measure(identities: &str) -> ExitCode {
    let (keys, authority) = rig::authority();
    let broker = gate(&authority, &keys);
    let address = broker.addresses()[0];
    let latencies = Latencies::new();
    for number in 0..GOOD {
        let (identity, _) = signed(&authority, ServerId(number));
        let trusted = authority.fingerprint();
        let mut agent = dial(address, trusted, ServerId(number), &identity, "127.0.0.1").await;
        agent.as_mut().expect("a good agent comes in").come_in().await;
        tokio::spawn(good(agent.expect("seen above"), latencies.clone()));
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let mut short = false;
    for attack in ATTACKS {
        latencies.take_p99();
        tokio::time::sleep(MEASURED).await;
        let before = latencies.take_p99();
        let (kib, began) = (resident_kib(), Instant::now());
        let (address, keys) = (address.to_string(), keys.display().to_string());
        let mut attacker = Command::new(std::env::current_exe().expect("our own path"))
            .args(["attacker", attack, &address, &keys, identities])
            .stdout(Stdio::null())
            .spawn()
            .expect("an attacker");
        while attacker.try_wait().expect("our own child").is_none() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let during = latencies.take_p99();
        let ratio = during / before;
        let stay = (0..GOOD).filter(|n| broker.is_connected(ServerId(*n))).count();
        let holds = ratio <= TARGET && stay == GOOD as usize;
        short |= !holds;
        let verdict = if holds { "holds" } else { "short" };
        println!("puback-p99-{attack} {before:.2} ms {during:.2} ms {ratio:.2} {TARGET} {verdict}");
        let seconds = began.elapsed().as_secs_f64();
        println!("  {seconds:.0} s, {stay} good ones stayed, {kib} -> {} KiB", resident_kib());
        println!("  refused so far: {:?}", broker.figures().refused);
    }
    std::fs::remove_dir_all(&keys).ok();
    if short { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn gate(authority: &Authority, keys: &Path) -> Broker {
    let shown = server_identity(authority, keys, &["127.0.0.1".to_owned()], now()).unwrap();
    let serving = Serving::new(Identity::from_pem(&shown.chain_pem, &shown.key_pem).unwrap());
    let tls = agents_port(serving, authority.certificate_pem()).unwrap();
    let listen = vec!["127.0.0.1:0".parse().unwrap()];
    let mut config = GateConfig::new(listen, tls, |der| identify(der).ok());
    config.bounds = Bounds::default();
    let behind = Arc::new(Behind);
    let runtime = tokio::runtime::Handle::current();
    Broker::start(config, behind.clone(), behind, &runtime).unwrap()
}

/// Says something every 20 ms, and waits for the acknowledgement.
async fn good(mut agent: Agent, latencies: Arc<Latencies>) {
    loop {
        let began = Instant::now();
        if agent.report(b"load 0.2").await.is_none() {
            return;
        }
        latencies.note(began.elapsed());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn dial(
    to: SocketAddr,
    trusted: [u8; 32],
    server: ServerId,
    identity: &Identity,
    from: &str,
) -> Option<Agent> {
    let trust = Trust::Fingerprint(trusted);
    let config = client_config(&trust, Names::Any, Some(identity), Alpn::Mqtt).unwrap();
    rig::dial(to, &config, server, from).await
}

/// Memory the process has resident, in KiB.
fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// The other process.
struct Attacker {
    address: SocketAddr,
    authority: Authority,
    next: AtomicU64,
}

impl Attacker {
    fn new(address: &str, keys: &Path) -> Arc<Attacker> {
        let authority = Authority::open(&PathBuf::from(keys), now()).unwrap();
        let address = address.parse().expect("an address");
        Arc::new(Attacker { address, authority, next: AtomicU64::new(0) })
    }

    /// Attacks from sixteen addresses, two tasks each.
    async fn run(self: Arc<Attacker>, attack: &str, identities: u64) {
        let (until, most) = match attack {
            "identities" => (Instant::now() + Duration::from_secs(3600), identities),
            _ => (Instant::now() + MEASURED, u64::MAX),
        };
        let mut tasks = Vec::new();
        for place in 0..32u64 {
            let (attacker, attack) = (self.clone(), attack.to_owned());
            let from = format!("127.0.0.{}", 2 + place % 16);
            tasks.push(tokio::spawn(async move {
                let own = ServerId((1 << 64) + u128::from(place) * 2);
                let identity = signed(&attacker.authority, own).0;
                while Instant::now() < until {
                    let done = attacker.once(&attack, own, &identity, &from, most);
                    match tokio::time::timeout_at(until.into(), done).await {
                        Ok(true) | Err(_) => {}
                        Ok(false) => return,
                    }
                }
            }));
        }
        for task in tasks {
            task.await.expect("an attacker's task");
        }
    }

    /// One try; false when there is nothing left to do.
    async fn once(
        &self,
        attack: &str,
        own: ServerId,
        identity: &Identity,
        from: &str,
        most: u64,
    ) -> bool {
        match attack {
            "silence" => {
                if let Some(mut socket) = open(self.address, from).await {
                    // Held until the gate ends it, which is an error or the end of the stream.
                    drop(socket.read_exact(&mut [0; 1]).await);
                }
            }
            "nobody" => {
                let trust = Trust::Fingerprint(self.authority.fingerprint());
                let config = client_config(&trust, Names::Any, None, Alpn::Mqtt).unwrap();
                if let Some(mut agent) = rig::dial(self.address, &config, own, from).await {
                    agent.receive().await;
                }
            }
            "client-ids" | "topics" | "oversize" => {
                if let Some(mut agent) = self.dial(own, identity, from).await {
                    mischief(&mut agent, attack).await;
                }
            }
            _ => return self.identity(from, most).await,
        }
        true
    }

    /// A new identity comes, is let in or not, says something and goes. It counts once it came
    /// as far as an answer.
    async fn identity(&self, from: &str, most: u64) -> bool {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        if number >= most {
            return false;
        }
        let server = ServerId((2 << 64) + u128::from(number));
        let identity = signed(&self.authority, server).0;
        loop {
            if let Some(mut agent) = self.dial(server, &identity, from).await {
                agent.send(&Packet::Connect(agent.connect_packet())).await;
                if agent.receive().await.is_some() {
                    agent.publish(&topic::name(server, Kind::Readings), b"here and gone").await;
                    agent.send(&Packet::Disconnect).await;
                    return true;
                }
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn dial(&self, server: ServerId, identity: &Identity, from: &str) -> Option<Agent> {
        dial(self.address, self.authority.fingerprint(), server, identity, from).await
    }
}

async fn mischief(agent: &mut Agent, attack: &str) {
    let mut packet = agent.connect_packet();
    if attack == "client-ids" {
        packet.client_id = "a/+/#/$".to_owned();
    }
    agent.send(&Packet::Connect(packet)).await;
    if agent.receive().await.is_none() {
        return;
    }
    match attack {
        "topics" => agent.publish(&topic::name(ServerId(3), Kind::Readings), b"boo").await,
        _ => agent.publish(&topic::name(agent.server, Kind::Readings), &[0; 256 * 1024]).await,
    };
    agent.receive().await;
}
