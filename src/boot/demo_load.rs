//! The demo's load generator: so many requests a second, and an honest count of what failed.
//!
//! Requests have a timetable. A connection takes the next one that is due, so the rate does not
//! fall when answers get slow (as long as there are connections enough), and a latency counts
//! from the moment a request was due: one that had to wait for a connection waited. Nothing is
//! tried again: a kept connection that the other side closed costs the request that found out.

use super::demo_http::{Got, Messages, is_timeout};
use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Connections at once at the most.
pub const CONNECTIONS_MAX: usize = 256;

/// What to send.
#[derive(Clone, Debug)]
pub struct Load {
    /// Where: each connection goes to the next of them, so that all get their part.
    pub targets: Vec<SocketAddr>,
    /// Which page, as `/burn?ms=50`.
    pub path: String,
    /// How many requests are due each second.
    pub requests_per_second: u32,
    /// For how long.
    pub length: Duration,
    /// Over how many kept connections, cut at [`CONNECTIONS_MAX`].
    pub connections: usize,
    /// Longest wait for an answer.
    pub timeout: Duration,
}

/// How a request failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Failure {
    /// No connection.
    Connect,
    /// The connection ended before the answer did.
    Closed,
    /// No answer in time.
    Timeout,
    /// An answer that is no HTTP.
    Garbled,
    /// An answer other than 2xx.
    Status(u16),
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Requests sent.
    pub sent: u64,
    /// Answered with 2xx.
    pub ok: u64,
    /// The others, by kind.
    pub failures: BTreeMap<Failure, u64>,
    /// Failed requests of each connection.
    pub by_connection: Vec<u64>,
    /// Half of the good answers took at most this, from when they were due.
    pub p50: Duration,
    /// 99 in 100 did.
    pub p99: Duration,
}

impl Report {
    /// All that were not answered with 2xx.
    pub fn failed(&self) -> u64 {
        self.failures.values().sum()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Connect => f.write_str("no connection"),
            Failure::Closed => f.write_str("connection closed"),
            Failure::Timeout => f.write_str("no answer in time"),
            Failure::Garbled => f.write_str("no HTTP"),
            Failure::Status(status) => write!(f, "status {status}"),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Report { sent, ok, p50, p99, .. } = self;
        write!(f, "{sent} requests: {ok} ok, {} failed", self.failed())?;
        for (index, (kind, count)) in self.failures.iter().enumerate() {
            write!(f, "{} {count} {kind}", if index == 0 { " (" } else { "," })?;
        }
        if let Some(worst) = self.by_connection.iter().max().filter(|worst| **worst > 0) {
            write!(f, "; at most {worst} on one connection)")?;
        }
        let ms = |length: &Duration| length.as_secs_f64() * 1000.0;
        write!(f, ", p50 {:.1} ms, p99 {:.1} ms", ms(p50), ms(p99))
    }
}

/// Sends a load and counts.
pub fn run(load: &Load) -> Report {
    let begun = Instant::now();
    let next = AtomicU64::new(0);
    let connections = load.connections.clamp(1, CONNECTIONS_MAX);
    let tallies: Vec<Tally> = std::thread::scope(|scope| {
        let next = &next;
        let one = |target| scope.spawn(move || connection(load, target, begun, next));
        let targets = load.targets.iter().cycle().take(connections);
        let threads: Vec<_> = targets.map(|target| one(*target)).collect();
        threads.into_iter().filter_map(|thread| thread.join().ok()).collect()
    });
    let mut report = Report::default();
    let mut latencies: Vec<Duration> = Vec::new();
    for tally in tallies {
        report.by_connection.push(tally.failures.values().sum());
        for (kind, count) in tally.failures {
            *report.failures.entry(kind).or_default() += count;
        }
        latencies.extend(tally.latencies);
    }
    latencies.sort_unstable();
    let at = |percent: usize| {
        let place = (latencies.len() * percent).div_ceil(100).saturating_sub(1);
        latencies.get(place).copied().unwrap_or_default()
    };
    report.ok = latencies.len() as u64;
    report.sent = report.ok + report.failed();
    (report.p50, report.p99) = (at(50), at(99));
    report
}

#[derive(Default)]
struct Tally {
    failures: BTreeMap<Failure, u64>,
    latencies: Vec<Duration>,
}

/// One client: takes what is due, on a connection it keeps as long as it can.
fn connection(load: &Load, target: SocketAddr, begun: Instant, next: &AtomicU64) -> Tally {
    let mut tally = Tally::default();
    let mut kept = None;
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        let due =
            Duration::from_secs_f64(number as f64 / f64::from(load.requests_per_second.max(1)));
        if due >= load.length {
            return tally;
        }
        std::thread::sleep(due.saturating_sub(begun.elapsed()));
        match request(load, target, &mut kept) {
            Ok(()) => tally.latencies.push(begun.elapsed() - due),
            Err(kind) => *tally.failures.entry(kind).or_default() += 1,
        }
    }
}

struct Kept {
    writer: TcpStream,
    messages: Messages<TcpStream>,
}

fn request(load: &Load, target: SocketAddr, kept: &mut Option<Kept>) -> Result<(), Failure> {
    let mut connection = match kept.take() {
        Some(connection) => connection,
        None => connect(load, target).map_err(|_| Failure::Connect)?,
    };
    let head = format!("GET {} HTTP/1.1\r\nhost: {}\r\n\r\n", load.path, target);
    connection.writer.write_all(head.as_bytes()).map_err(|error| failure(&error))?;
    let head = match connection.messages.head().map_err(|error| failure(&error))? {
        Got::Head(head) => head,
        Got::End => return Err(Failure::Closed),
        Got::Quiet => return Err(Failure::Timeout),
    };
    let status = head.first.split(' ').nth(1).and_then(|code| code.parse().ok());
    let (Some(status), false) = (status, head.coded) else { return Err(Failure::Garbled) };
    if let Some(length) = head.length {
        connection.messages.skip(length).map_err(|error| failure(&error))?;
        if !head.close {
            *kept = Some(connection);
        }
    }
    if (200..300).contains(&status) { Ok(()) } else { Err(Failure::Status(status)) }
}

fn connect(load: &Load, target: SocketAddr) -> io::Result<Kept> {
    let stream = TcpStream::connect_timeout(&target, load.timeout)?;
    stream.set_read_timeout(Some(load.timeout))?;
    stream.set_write_timeout(Some(load.timeout))?;
    stream.set_nodelay(true)?;
    Ok(Kept { writer: stream.try_clone()?, messages: Messages::new(stream) })
}

fn failure(error: &io::Error) -> Failure {
    match error.kind() {
        _ if is_timeout(error) => Failure::Timeout,
        io::ErrorKind::InvalidData => Failure::Garbled,
        _ => Failure::Closed,
    }
}
