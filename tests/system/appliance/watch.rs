//! Looking on while something else happens: clients that ask without pause, and HAProxy's own
//! word on which servers it sends them to. Each is a thread that ends when it is told to, and when
//! its test fails.

use super::rig::Rig;
use grange::boot::demo_load::{self, Failure, Load, Report};
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// A thread that goes round until it is stopped.
pub struct Watch<T> {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<T>>,
}

impl<T: Send + 'static> Watch<T> {
    /// Goes round, adding to what came of it.
    pub fn start(start: T, mut round: impl FnMut(&mut T) + Send + 'static) -> Watch<T> {
        let stop = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let mut all = start;
            while !told.load(Ordering::SeqCst) {
                round(&mut all);
            }
            all
        });
        Watch { stop, thread: Some(thread) }
    }

    /// Ends after the round it is in, and says what came of all.
    pub fn stop(mut self) -> T {
        self.stop.store(true, Ordering::SeqCst);
        self.thread.take().expect("it is stopped once").join().unwrap()
    }
}

impl<T> Drop for Watch<T> {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
    }
}

/// What came of all requests.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// How many there were.
    pub sent: u64,
    /// Those that were not answered with 2xx, by kind.
    pub failures: BTreeMap<Failure, u64>,
}

impl Asked {
    fn add(&mut self, report: &Report) {
        self.sent += report.sent;
        for (kind, count) in &report.failures {
            *self.failures.entry(*kind).or_default() += count;
        }
    }
}

/// Clients that ask for a page so many times a second, on connections they keep for two seconds.
pub fn clients(target: SocketAddr, path: &str, requests_per_second: u32) -> Watch<Asked> {
    let load = Load {
        targets: vec![target],
        path: path.to_owned(),
        requests_per_second,
        length: Duration::from_secs(2),
        connections: 8,
        timeout: Duration::from_secs(20),
    };
    Watch::start(Asked::default(), move |all: &mut Asked| all.add(&demo_load::run(&load)))
}

/// What HAProxy said of the servers behind it.
#[derive(Clone, Copy, Debug)]
pub struct Floor {
    /// How often it was asked.
    pub looks: u64,
    /// The fewest that got requests: up, and not draining.
    pub fewest: usize,
    /// The most.
    pub most: usize,
}

/// Asks the balancer's HAProxy again and again, on its own socket.
pub fn floor(rig: &Rig) -> Watch<Floor> {
    let lb = rig.of_role("lb").into_iter().next().expect("there is a balancer");
    let pid = rig.pid_1(&lb.id).expect("it runs");
    let socket = PathBuf::from(format!("/proc/{pid}/root/run/grange/haproxy.sock"));
    assert!(serving(&socket).is_some(), "HAProxy answers at {}", socket.display());
    Watch::start(Floor { looks: 0, fewest: usize::MAX, most: 0 }, move |floor: &mut Floor| {
        // While one worker takes over from another nobody may be at the socket for a moment.
        if let Some(serving) = serving(&socket) {
            floor.looks += 1;
            floor.fewest = floor.fewest.min(serving);
            floor.most = floor.most.max(serving);
        }
        std::thread::sleep(Duration::from_millis(20));
    })
}

/// How many servers are up and not spare (Management Guide, section 9.1: `svname`, `status`,
/// `act` of `show stat`).
fn serving(socket: &PathBuf) -> Option<usize> {
    let mut stream = UnixStream::connect(socket).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    stream.write_all(b"show stat\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let mut lines = answer.lines();
    let heading: Vec<&str> = lines.next()?.trim_start_matches("# ").split(',').collect();
    let place = |name: &str| heading.iter().position(|column| *column == name);
    let (backend, name, status) = (place("pxname")?, place("svname")?, place("status")?);
    let active = place("act")?;
    let serves = |line: &&str| {
        let fields: Vec<&str> = line.split(',').collect();
        let is = |at: usize, word: &str| fields.get(at).is_some_and(|field| *field == word);
        let up = fields.get(status).is_some_and(|field| field.starts_with("UP"));
        is(backend, "servers") && !is(name, "BACKEND") && up && is(active, "1")
    };
    Some(lines.filter(serves).count())
}
