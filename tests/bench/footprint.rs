//! What the footprint bench needs of the library: a fleet of idle agents, and a clean machine.
//!
//! `footprint prepare DIR COUNT` writes servers that are running and enrolled into an appliance's
//! data directory, while it is stopped. `footprint connect DIR ADDRESS COUNT` is all their agents
//! in one process: each over TLS with a certificate of its own, CONNECT, SUBSCRIBE to its orders,
//! and then the keep-alive alone, until standard input ends. They share one key, because what the
//! appliance keeps for a connection does not depend on whose key it is. `footprint report` does the
//! same, and each sends readings as often as an agent does. `footprint clear DIR` takes away what
//! an appliance's platform of servers on this machine has left on it.

#![forbid(unsafe_code)]

use grange::base::{
    Clock, EnvironmentId, FarmId, FarmRoleId, Name, Problem, ServerId, Timestamp, UserId, WallClock,
};
use grange::clouds::onboard::{Onboard, OnboardConfig};
use grange::model::{
    Cause, Farm, FarmGoal, FarmRole, Grant, LaunchOrder, LaunchReason, ScalingPolicy, Server,
    ServerStatus,
};
use grange::net::mqtt::{Connect, ConnectCode, Packet, Publish, Qos, decode, encode};
use grange::net::tls::{
    Alpn, ClientStream, DeviceKey, Identity, Names, Trust, client_config, connect,
};
use grange::pki::Authority;
use grange::store::{Author, Mode, Purpose, Store, Tx};
use grange::wire::reading::{self, Batch};
use grange::wire::topic::{self, Kind};
use std::error::Error;
use std::io::{Error as IoError, Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;
use tokio::sync::{Semaphore, mpsc};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// Where nothing is ever launched or listed, so that the servers stay as they are written.
const PLATFORM: &str = "elsewhere";
/// Servers of one farm, and of one farm role.
const PER_FARM: usize = 100;
const PER_ROLE: usize = 50;
/// Handshakes under way at once; the gate lets in 64 from one address.
const HANDSHAKES: usize = 32;
/// Addresses they come from, as the gate also bounds handshakes of one address in a second.
const ADDRESSES: u8 = 16;
/// Agents say that they are there this often.
const KEEP_ALIVE: Duration = Duration::from_secs(60);
/// Agents that report do so this often.
const REPORT: Duration = Duration::from_secs(10);
/// What an agent of a server with one data volume reports.
const SERIES: [&str; 18] = [
    "cpu_percent",
    "load_1m",
    "memory_used_bytes",
    "memory_limit_bytes",
    "memory_percent",
    "disk_used_bytes",
    "disk_size_bytes",
    "disk_used_percent",
    "disk_used_bytes:/data",
    "disk_size_bytes:/data",
    "disk_used_percent:/data",
    "net_in_bytes",
    "net_out_bytes",
    "processes",
    "uptime_s",
    "readings_dropped",
    "agent_cpu_percent",
    "agent_memory_bytes",
];
const KEY_FILE: &str = "bench-agents.pem";

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["prepare", dir, count] => prepare(Path::new(dir), count.parse()?),
        ["connect", dir, to, count] => {
            connect_all(Path::new(dir), to.parse()?, count.parse()?, Work::Idle)
        }
        ["report", dir, to, count] => {
            connect_all(Path::new(dir), to.parse()?, count.parse()?, Work::Report)
        }
        ["clear", dir] => clear(Path::new(dir)),
        _ => {
            Err("usage: footprint prepare DIR COUNT | connect|report DIR ADDRESS COUNT | clear DIR"
                .into())
        }
    }
}

fn server_id(number: usize) -> ServerId {
    // Spread like drawn ones, so that shards and trees see what they would.
    ServerId((number as u128 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835))
}

fn prepare(dir: &Path, count: usize) -> Result<()> {
    let key = DeviceKey::generate()?;
    std::fs::write(dir.join(KEY_FILE), key.to_pem())?;
    let clock = Arc::new(WallClock::new());
    let now = clock.now();
    let store = Store::open(dir, clock, Mode::Thread)?;
    let author =
        || Author::new(&Grant::job("bench"), "bench.prepare", Cause::Request, Purpose::Growth);
    let digest = key.digest();
    for first in (0..count).step_by(PER_FARM) {
        let servers = first..count.min(first + PER_FARM);
        store.write(author(), move |tx| declare(tx, servers, digest, now))?;
    }
    if !store.close() {
        return Err("the store did not close in time".into());
    }
    Ok(())
}

/// A farm of these servers.
fn declare(
    tx: &mut Tx,
    servers: Range<usize>,
    key_digest: [u8; 32],
    now: Timestamp,
) -> std::result::Result<(), Problem> {
    let name = |text: &str| Name::new(text).map_err(|bad| Problem::invalid("name", bad.0));
    let env = EnvironmentId(1);
    let farm: FarmId = tx.next_id()?;
    tx.put(&Farm {
        id: farm,
        env,
        name: name(&format!("fleet{}", servers.start / PER_FARM + 1))?,
        description: String::new(),
        launch_order: LaunchOrder::Simultaneous,
        goal: FarmGoal::Launched,
        removed: false,
        created_at: now,
        created_by: UserId(1),
    })?;
    for (nth, first) in (1..).zip(servers.clone().step_by(PER_ROLE)) {
        let of_role = first..servers.end.min(first + PER_ROLE);
        let wanted = u32::try_from(of_role.len()).unwrap_or(u32::MAX);
        let role: FarmRoleId = tx.next_id()?;
        let role = farm_role(role, farm, name(&format!("web{nth}"))?, wanted);
        tx.put(&role)?;
        for (index, number) in (1..).zip(of_role) {
            tx.put(&server(server_id(number), &role, index, key_digest, now))?;
        }
    }
    Ok(())
}

fn farm_role(id: FarmRoleId, farm: FarmId, alias: Name, wanted: u32) -> FarmRole {
    let plain = FarmRole::plain(id, farm, alias);
    let scaling = ScalingPolicy { min: wanted, max: wanted, ..plain.scaling };
    FarmRole { account: PLATFORM.into(), scaling, ..plain }
}

/// A server as it is long after its launch, with its agent enrolled.
fn server(id: ServerId, role: &FarmRole, index: u32, key: [u8; 32], now: Timestamp) -> Server {
    Server {
        status: ServerStatus::Running,
        cloud_server_id: Some(id.to_string()),
        private_ips: vec!["10.0.0.1".into()],
        asked_at: Some(now),
        running_at: Some(now),
        agent_key_digest: Some(key),
        ..Server::wanted(id, role, index, LaunchReason::FarmLaunched, UserId(1), now)
    }
}

fn clear(dir: &Path) -> Result<()> {
    let state_dir = dir.join("onboard");
    if !state_dir.is_dir() {
        return Ok(());
    }
    // Nothing is launched any more, so it does not matter by which program.
    let executable = std::env::current_exe()?;
    let config = OnboardConfig {
        state_dir,
        agent_executable: executable.clone(),
        executable,
        masks: Vec::new(),
        isolation: None,
        disk_bytes: None,
        take_over: false,
    };
    let onboard = Onboard::open(config).map_err(|failure| failure.line())?;
    Ok(onboard.remove_all(true).map_err(|failure| failure.line())?)
}

/// What agents do once they are connected.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Work {
    /// They say that they are there.
    Idle,
    /// They send readings.
    Report,
}

/// What every agent here has in common.
struct Fleet {
    work: Work,
    count: usize,
    authority: Authority,
    key_pem: String,
    request_pem: String,
    to: SocketAddr,
    handshakes: Semaphore,
}

#[tokio::main(worker_threads = 2)]
async fn connect_all(dir: &Path, to: SocketAddr, count: usize, work: Work) -> Result<()> {
    let key_pem = std::fs::read_to_string(dir.join(KEY_FILE))?;
    let request_pem = DeviceKey::from_pem(&key_pem)?.request_pem()?;
    let authority = Authority::open(&dir.join("keys"), WallClock::new().now())?;
    let handshakes = Semaphore::new(HANDSHAKES);
    let fleet = Arc::new(Fleet { work, count, authority, key_pem, request_pem, to, handshakes });
    let (connected, mut told) = mpsc::channel(64);
    for number in 0..count {
        let (fleet, connected) = (fleet.clone(), connected.clone());
        tokio::spawn(async move {
            if let Err(error) = fleet.be_agent(number, connected).await {
                // One is enough to make the measurement worthless.
                eprintln!("footprint: {error}");
                std::process::exit(1);
            }
        });
    }
    for _ in 0..count {
        told.recv().await.ok_or("an agent is gone")?;
    }
    println!("{count} connected");
    std::io::stdout().flush()?;
    tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new())).await??;
    Ok(())
}

impl Fleet {
    async fn be_agent(&self, number: usize, connected: mpsc::Sender<()>) -> Result<()> {
        let server = server_id(number);
        let permit = self.handshakes.acquire().await?;
        let mut stream = self.dial(server, number).await?;
        let hello = Packet::Connect(Connect {
            client_id: server.to_string(),
            keep_alive_s: 2 * u16::try_from(KEEP_ALIVE.as_secs())?,
            clean_session: true,
            will: None,
            user_name: None,
            password: None,
        });
        match ask(&mut stream, &hello).await? {
            Packet::ConnAck { code: ConnectCode::Accepted, .. } => {}
            other => return Err(format!("CONNECT was answered by {other:?}").into()),
        }
        let filters = vec![(topic::name(server, Kind::Orders), Qos::AtLeastOnce)];
        match ask(&mut stream, &Packet::Subscribe { id: 1, filters }).await? {
            Packet::SubAck { granted, .. } if granted == [Some(Qos::AtLeastOnce)] => {}
            other => return Err(format!("SUBSCRIBE was answered by {other:?}").into()),
        }
        drop(permit);
        connected.send(()).await?;
        drop(connected);
        match self.work {
            Work::Idle => stay(&mut stream).await,
            Work::Report => self.report(&mut stream, server, number).await,
        }
    }

    /// Sends readings, at a moment of its own in each period.
    async fn report(
        &self,
        stream: &mut ClientStream,
        server: ServerId,
        number: usize,
    ) -> Result<()> {
        let share = f64::from(u32::try_from(number)?) / f64::from(u32::try_from(self.count)?);
        tokio::time::sleep(REPORT.mul_f64(share)).await;
        let mut ticks = tokio::time::interval(REPORT);
        for id in (1..=u16::MAX).cycle() {
            ticks.tick().await;
            let batch = Batch {
                series: SERIES.iter().map(ToString::to_string).collect(),
                at: vec![WallClock::new().now()],
                columns: (0..SERIES.len()).map(|nth| vec![nth as f64]).collect(),
            };
            let publish = Packet::Publish(Publish {
                topic: topic::name(server, Kind::Readings),
                id: Some(id),
                dup: false,
                retain: false,
                payload: reading::encode(&batch),
            });
            match ask(stream, &publish).await? {
                Packet::PubAck(answered) if answered == id => {}
                other => return Err(format!("readings were answered by {other:?}").into()),
            }
        }
        Ok(())
    }

    async fn dial(&self, server: ServerId, number: usize) -> Result<ClientStream> {
        let now = WallClock::new().now();
        let signed = self.authority.sign_agent(server, &self.request_pem, now)?;
        let identity = Identity::from_pem(&signed.chain_pem, &self.key_pem)?;
        let trust = Trust::Fingerprint(self.authority.fingerprint());
        let config = client_config(&trust, Names::Any, Some(&identity), Alpn::Mqtt)?;
        let socket = TcpSocket::new_v4()?;
        let own = u8::try_from(number % usize::from(ADDRESSES))?;
        socket.bind((Ipv4Addr::new(127, 0, 0, 2 + own), 0).into())?;
        let stream = socket.connect(self.to).await?;
        Ok(connect(&config, stream, "127.0.0.1").await?)
    }
}

/// Says now and then that it is there.
async fn stay(stream: &mut ClientStream) -> Result<()> {
    loop {
        tokio::time::sleep(KEEP_ALIVE).await;
        match ask(stream, &Packet::PingReq).await? {
            Packet::PingResp => {}
            other => return Err(format!("PINGREQ was answered by {other:?}").into()),
        }
    }
}

/// Says one packet and returns the next that comes back; nothing else is under way.
async fn ask(stream: &mut ClientStream, packet: &Packet) -> Result<Packet> {
    let mut bytes = Vec::new();
    encode(packet, &mut bytes)?;
    stream.write_all(&bytes).await?;
    stream.flush().await?;
    bytes.clear();
    loop {
        let mut chunk = [0; 256];
        let length = stream.read(&mut chunk).await?;
        if length == 0 {
            return Err(IoError::other("the appliance hung up").into());
        }
        bytes.extend_from_slice(&chunk[..length]);
        if let Some((packet, _)) = decode(&bytes, 1024)? {
            return Ok(packet);
        }
    }
}
