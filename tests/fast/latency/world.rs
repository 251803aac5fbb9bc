//! A site on which anything may happen that planning reads: the real service and its jobs, with a
//! cloud, agents, checks, balancers and people that do whatever the luck of a seed says.

use crate::explain::site::{Site, now};
pub use crate::people::admin;
use crate::whatif::Nobody;
use grange::base::random::Stream;
use grange::base::{Clock, FarmRoleId, Millis, ServerId, Waker};
use grange::broker::Ingest;
use grange::jobs::{Checker, Job, Pool, Ports, holds::Holds};
use grange::model::{CloudState, FarmRole, Grant, ReadyCheck, Server, ServerStatus};
use grange::service::plans::steps::{Begun, Calling};
use grange::service::{lookup, plans};
use grange::wire::reading::{self, Batch};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The platform that everything is on.
pub const PLATFORM: &str = "simulated";

/// The site, and whoever acts on it.
pub struct World {
    /// The real parts.
    pub site: Site,
    /// What the jobs work with.
    pub ports: Ports,
    /// Everything that is left to luck comes of it.
    pub luck: Stream,
    /// What the cloud has.
    pub cloud: BTreeMap<ServerId, CloudState>,
    /// What its listings leave out.
    pub left_out: BTreeSet<ServerId>,
    /// Agents that are connected.
    pub connected: BTreeSet<ServerId>,
    /// Calls that have no answer yet.
    pub calls: Vec<(Begun, Calling)>,
    /// What was declared last.
    pub declared: String,
    /// The cloud has no time for most calls.
    pub harsh: bool,
    checks_pass: Arc<AtomicBool>,
}

/// Runs what it is given at once.
#[derive(Default)]
pub struct AtOnce {
    freed: Waker,
}

impl Pool for AtOnce {
    fn has_room(&self) -> bool {
        true
    }

    fn run(&self, call: Box<dyn FnOnce() + Send>) {
        call();
    }

    fn freed(&self) -> &Waker {
        &self.freed
    }
}

/// Whether checks from outside pass, all of them.
struct Passes(Arc<AtomicBool>);

impl Checker for Passes {
    fn check(&self, _: ServerId, _: &str, _: &ReadyCheck) -> Result<(), String> {
        match self.0.load(Ordering::Relaxed) {
            true => Ok(()),
            false => Err("connection refused".into()),
        }
    }
}

impl World {
    /// A site with nothing declared.
    pub fn new(site: Site, seed: u64) -> World {
        let checks_pass = Arc::new(AtomicBool::new(true));
        let ports = Ports {
            service: site.service.clone(),
            clouds: BTreeMap::new(),
            pool: Arc::new(Nobody::default()),
            listings: BTreeMap::new(),
            added: Default::default(),
            checks: Arc::new(AtOnce::default()),
            courier: Arc::new(Nobody::default()),
            checker: Arc::new(Passes(checks_pass.clone())),
        };
        World {
            site,
            ports,
            luck: Stream::new(seed, "latency"),
            cloud: BTreeMap::new(),
            left_out: BTreeSet::new(),
            connected: BTreeSet::new(),
            calls: Vec::new(),
            declared: String::new(),
            harsh: seed % 5 == 2,
            checks_pass,
        }
    }

    /// One of some things.
    pub fn one<T: Clone>(&mut self, of: &[T]) -> Option<T> {
        let place = self.luck.below(of.len() as u64) as usize;
        of.get(place).cloned()
    }

    /// A server of those that are not confirmed gone.
    pub fn some_server(&mut self, which: impl Fn(&Server) -> bool) -> Option<Server> {
        let all: Vec<Server> = self.site.servers().into_iter().filter(which).collect();
        self.one(&all)
    }

    /// A farm role.
    pub fn some_role(&mut self) -> Option<FarmRole> {
        let roles = self.roles();
        self.one(&roles)
    }

    /// Every farm role there is.
    pub fn roles(&self) -> Vec<FarmRole> {
        let farms = plans::farms(&self.site.service).unwrap();
        let of = |farm| {
            self.site
                .service
                .read(&Grant::job("test"), |view| lookup::farm_roles_of(view, farm))
                .unwrap()
        };
        farms.into_iter().flat_map(of).collect()
    }

    /// Servers of some farm roles that run.
    pub fn running(&self, of: impl Fn(FarmRoleId) -> bool) -> Vec<Server> {
        let all = self.site.servers().into_iter();
        all.filter(|s| s.status == ServerStatus::Running && of(s.farm_role)).collect()
    }

    /// Checks from outside pass from now on, or fail.
    pub fn turn_checks(&self) {
        self.checks_pass.fetch_xor(true, Ordering::Relaxed);
    }

    /// An agent's connection begins.
    pub fn connect(&mut self, server: ServerId) {
        if self.connected.insert(server) {
            let address = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 1);
            self.site.doorway.connected(server, address);
        }
    }

    /// Or ends.
    pub fn disconnect(&mut self, server: ServerId) {
        if self.connected.remove(&server) {
            self.site.hang_up(server);
        }
    }

    /// Every server that runs sends what it measured just now.
    pub fn read(&mut self, percent: f64) {
        for server in self.running(|_| true) {
            let batch = Batch {
                series: vec!["cpu_percent".into()],
                at: vec![self.site.clock.now()],
                columns: vec![vec![percent]],
            };
            let later = self.site.doorway.readings(server.id, reading::encode(&batch));
            self.site.service.series.drain();
            now(later).unwrap();
        }
    }

    /// Time passes, and what is held for a time is let go at its end, as the job does that.
    pub fn pass(&mut self, length: Millis) {
        self.site.clock.advance(length);
        let work = Holds::default().step(&self.ports);
        assert!(!work.failed, "{}", work.note);
    }
}

/// A farm of three farm roles, each time a little different: `web` behind `lb`, and `db`, which has
/// no agents and is checked from outside.
pub fn manifest(luck: &mut Stream) -> String {
    let order = if luck.chance(40) { "sequential" } else { "simultaneous" };
    let mut text = format!("farm: shop\nlaunchOrder: {order}\nfarmRoles:\n");
    for (alias, role) in [("web", "web-demo"), ("db", "base"), ("lb", "haproxy")] {
        if alias != "web" && luck.chance(15) {
            continue;
        }
        let size = if luck.chance(85) { "small" } else { "large" };
        let (min, more) = (luck.below(3) + u64::from(alias == "web"), luck.below(3));
        let enabled = luck.chance(35);
        let max = (min + more).max(1);
        let sleeps = if luck.chance(20) { "suspend-resume" } else { "launch-terminate" };
        text += &format!(
            "  - alias: {alias}\n    role: {role}\n    cloudPlatform: simulated\n    \
             instanceType: {size}\n    scaling:\n      enabled: {enabled}\n      \
             minInstances: {min}\n      maxInstances: {max}\n      \
             scalingBehavior: {sleeps}\n      \
             rules: [{{ruleType: CpuPercent, scaleUp: 60, scaleDown: 20, window: 60s}}]\n"
        );
        if alias == "db" {
            text += "    useScalrAgent: false\n";
        }
        let own = own(luck, alias);
        text += &format!("    grange: {{{own}}}\n");
    }
    text
}

/// The fields that Scalr does not have.
fn own(luck: &mut Stream, alias: &str) -> String {
    let drain = luck.below(3) * 10;
    let mut own = format!("drain: {drain}s, cooldownUp: 20s, cooldownDown: 30s");
    match alias {
        "db" => own += ", check: {port: 5432}",
        "lb" => {
            own += ", balance: {farmRole: web, port: 8080, listenPort: 80, checkPath: /up}";
            if luck.chance(30) {
                own += ", dependsOn: [web]";
            }
        }
        _ => {}
    }
    let fields: [(&str, &[&str]); 3] = [
        ("heal", &["replace", "restart", "alert", "none"]),
        ("missingServers", &["terminate", "flag", "ignore"]),
        ("removalPolicy", &["oldest", "newest", "least-busy"]),
    ];
    for (field, words) in fields {
        if luck.chance(40) {
            let word = words[luck.below(words.len() as u64) as usize];
            own += &format!(", {field}: {word}");
        }
    }
    if luck.chance(30) {
        own += ", readyFor: 10s";
    }
    if luck.chance(30) {
        own += ", unhealthyFor: 60s";
    }
    if luck.chance(40) {
        own += ", rollout: {minHealthyPercent: 50, checkpoints: [50]}";
    }
    own
}
