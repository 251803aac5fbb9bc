//! Planning 10,000 servers, and launching 1,000: the real service over a store on disk.
//!
//! The farms are declared by a manifest and planned like any other; then their records are written
//! as if every server ran, was listed, had a connected agent and sent readings for a rule of its
//! farm role. Passes are timed one by one on the wall clock, and the median counts.

use crate::house::{House, PLATFORM, admin};
use grange::base::{Millis, ServerId};
use grange::model::{
    Actor, Cause, CloudState, Grant, Server, ServerStatus, Sighting, Step, StepStatus,
};
use grange::service::clouds::observe::{self, Look};
use grange::service::farms::manifests;
use grange::service::plans::Memory;
use grange::service::{Service, lookup};
use grange::store::{Author, Purpose};
use grange::wire::api::ManifestRequest;
use grange::wire::reading::Batch;
use std::time::Instant;

/// Full passes, each by a job that knows nothing yet.
const FULL: usize = 15;
/// Incremental ones, each after a commit about another server.
const INCREMENTAL: usize = 400;
/// Readings of each server: one in ten seconds over the rule's window.
const POINTS: u64 = 6;

/// A manifest of one farm.
pub fn manifest(farm: &str, roles: u64, servers: u64, rules: bool) -> String {
    let mut text = format!("farm: {farm}\nfarmRoles:\n");
    for role in 0..roles {
        text += &format!(
            "  - alias: web{role}\n    role: web-demo\n    cloudPlatform: {PLATFORM}\n    \
             instanceType: small\n    scaling:\n      minInstances: {servers}\n      \
             maxInstances: {servers}\n"
        );
        if rules {
            text += "      rules: [{ruleType: CpuPercent, scaleUp: 60, scaleDown: 20, \
                     window: 60s}]\n";
        }
    }
    text
}

/// Declares a farm and wants it launched.
pub fn apply(service: &Service, manifest: String) {
    let request = ManifestRequest { manifest, launch: true, ..ManifestRequest::default() };
    manifests::apply(service, &admin(), &request).expect("a manifest");
}

/// Prints the medians of a full and of an incremental pass in milliseconds, the slowest
/// incremental one, and the resident memory in MiB.
pub fn passes(directory: &str, farms: u64, roles: u64, servers: u64) {
    let house = House::open(directory);
    let service = &house.service;
    let job = Actor::job("plan");
    let mut memory = Memory::default();
    for farm in 0..farms {
        apply(service, manifest(&format!("farm{farm}"), roles, servers, true));
    }
    round(&mut memory, service, &job);
    let all = settle(service);
    assert_eq!(all.len() as u64, farms * roles * servers, "every server was planned");
    send_readings(service, &all);
    list(service, &all);
    while round(&mut memory, service, &job).committed > 0 {}

    let mut full = Vec::new();
    for _ in 0..FULL {
        list(service, &all);
        let mut fresh = Memory::default();
        full.push(timed(|| round(&mut fresh, service, &job)));
    }
    let mut incremental = Vec::new();
    list(service, &all);
    while round(&mut memory, service, &job).committed > 0 {}
    for turn in 0..INCREMENTAL {
        let server = &all[turn.wrapping_mul(7919) % all.len()];
        change(service, server.id);
        let mut farm_roles = 0;
        let took = timed(|| farm_roles = round(&mut memory, service, &job).farm_roles);
        // Time came for others too, which is another look.
        if farm_roles == 1 {
            incremental.push(took);
        }
    }
    assert!(incremental.len() > INCREMENTAL / 2, "{} were alone", incremental.len());
    let slowest = incremental.iter().copied().fold(0.0, f64::max);
    let (full, median) = (median(full), median(incremental));
    println!("{full:.3} {median:.4} {slowest:.3} {:.1}", resident_mib());
}

fn round(memory: &mut Memory, service: &Service, job: &Actor) -> grange::service::plans::Round {
    let round = memory.round(service, job).expect("a round");
    assert!(round.failures.is_empty(), "{:?}", round.failures);
    round
}

fn timed<T>(act: impl FnOnce() -> T) -> f64 {
    let began = Instant::now();
    act();
    began.elapsed().as_secs_f64() * 1000.0
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// Every planned server runs, and its launch is done.
fn settle(service: &Service) -> Vec<Server> {
    let planned = service.read(&Grant::job("test"), lookup::all_servers).expect("servers");
    for some in planned.chunks(500) {
        let some = some.to_vec();
        let author =
            Author::new(&Grant::job("bench"), "bench.settle", Cause::Clock, Purpose::Growth);
        let write = move |tx: &mut grange::store::Tx<'_>| {
            let now = tx.now();
            for server in some {
                for step in lookup::steps_of_server(tx, server.id)? {
                    tx.put(&Step { status: StepStatus::Done, ended_at: Some(now), ..step })?;
                }
                tx.put(&Server {
                    status: ServerStatus::Running,
                    asked_at: Some(now),
                    running_at: Some(now),
                    cloud_server_id: Some(format!("cloud-{}", server.id)),
                    private_ips: vec!["10.1.2.3".into()],
                    ..server
                })?;
            }
            Ok(())
        };
        service.write(author, write).expect("a commit");
    }
    for server in &planned {
        service.observed.agent_connected(server.id, true, service.now());
    }
    planned
}

fn send_readings(service: &Service, servers: &[Server]) {
    let now = service.now();
    for server in servers {
        let at = (0..POINTS).rev().map(|n| now.before(n * 10_000)).collect();
        let columns = vec![vec![40.0; POINTS as usize]];
        let batch = Batch { series: vec!["cpu_percent".into()], at, columns };
        service.series.append(server.id, batch, Box::new(|kept| kept.expect("readings")));
        service.series.drain();
    }
}

/// A complete listing that shows all of them running.
fn list(service: &Service, servers: &[Server]) {
    let settles_within: Millis = 20_000;
    let look = Look::begin(service, PLATFORM, settles_within);
    let seen = servers.iter().map(|server| Sighting {
        server: server.id,
        cloud_server_id: format!("cloud-{}", server.id),
        state: CloudState::Running,
        private_ips: vec!["10.1.2.3".into()],
        public_ips: Vec::new(),
    });
    observe::listing(service, &Actor::job("observe"), look, seen.collect()).expect("a listing");
}

/// What an agent that reboots its server and says hello again makes of its record.
fn change(service: &Service, id: ServerId) {
    let author = Author::new(&Grant::job("bench"), "bench.change", Cause::Clock, Purpose::Growth);
    let write = move |tx: &mut grange::store::Tx<'_>| {
        let Some(server) = lookup::server(tx, id)? else { return Ok(()) };
        let status = match server.status {
            ServerStatus::Running => ServerStatus::Initializing,
            _ => ServerStatus::Running,
        };
        tx.put(&Server { status, ..server })?;
        Ok(())
    };
    service.write(author, write).expect("a commit");
}

/// Memory this process has resident.
pub fn resident_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("a status");
    let line = status.lines().find(|line| line.starts_with("VmRSS")).expect("VmRSS");
    let kib: f64 = line.split_whitespace().nth(1).and_then(|n| n.parse().ok()).expect("a number");
    kib / 1024.0
}
