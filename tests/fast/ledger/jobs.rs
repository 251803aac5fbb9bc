//! What jobs do and say, one activation after another: the note, when the next look is due, what
//! is written, what agents are sent, and the alerts that come and go.

use super::calls::hold;
use super::written::{self, Known};
use super::{Before, Names};
use crate::entrance::rights::actor;
use crate::explain::site::Site;
use grange::base::{Clock, Millis, ServerId, Waker};
use grange::clouds::simulated::{Delays, Faults, Simulated};
use grange::clouds::volume::VolumeSighting;
use grange::clouds::{Applied, Cloud, CloudError, CloudStep, InstanceType};
use grange::jobs::table::ROWS;
use grange::jobs::{Checker, Courier, Job, Pool, Ports};
use grange::model::{CloudState, Notice, NoticeKind, Permission, ReadyCheck, Sighting};
use grange::service::plans::holds;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// A name, and lines of which each is a thing that happens: see [`Works::act`].
pub type Case = (&'static str, &'static [&'static str]);

/// Every case. A line is the name of a job, `round` for all of them, or something else.
pub const JOBS: &[Case] = &[
    (
        "a farm comes up, call by call",
        &[
            "declare 3",
            "plan",
            "places 0",
            "execute",
            "places 2",
            "execute",
            "execute",
            "plan",
            "later 3s",
            "observe",
            "up",
            "round",
            "later 10s",
            "round",
            "later 60s",
            "round",
        ],
    ),
    (
        "a cloud that cannot be listed",
        &[
            "declare 1",
            "round",
            "later 3s",
            "up",
            "round",
            "blind",
            "later 20s",
            "observe",
            "later 40s",
            "observe",
            "plan",
            "see",
            "observe",
            "later 20s",
            "observe",
            "plan",
        ],
    ),
    (
        "a machine that is not well",
        &[
            "declare 1",
            "round",
            "later 3s",
            "up",
            "round",
            "examine",
            "ill",
            "examine",
            "examine",
            "well",
            "examine",
        ],
    ),
    (
        "orders of a server whose agent comes and goes",
        &[
            "declare 2",
            "round",
            "later 3s",
            "observe",
            "up",
            "round",
            "plan",
            "balance",
            "plan",
            "execute",
            "later 3s",
            "observe",
            "up",
            "balancers",
            "orders",
            "orders",
            "later 9s",
            "orders",
            "later 1s",
            "orders",
            "hang up lb-1",
            "orders",
            "up",
            "orders",
            "answer lb-1",
            "orders",
            "balancers",
            "hang up lb-1",
            "balancers",
            "up",
            "balancers",
            "orders",
        ],
    ),
    (
        "servers that are checked from outside",
        &[
            "agentless 2",
            "round",
            "later 3s",
            "observe",
            "ready",
            "later 10s",
            "observe",
            "ready",
            "passes",
            "later 5s",
            "ready",
            "ready",
            "later 5s",
            "observe",
            "ready",
            "later 5s",
            "ready",
            "later 5s",
            "places 0",
            "ready",
            "later 10s",
            "ready",
        ],
    ),
    (
        "a hold that ends",
        &["declare 1", "hold", "holds", "later 50s", "holds", "later 11s", "holds", "holds"],
    ),
    (
        "what goes, and what is tidied up after it",
        &[
            "declare 2",
            "round",
            "later 3s",
            "up",
            "round",
            "terminate farm",
            "round",
            "later 20s",
            "round",
            "round",
            "remove farm",
            "later 8d",
            "round",
            "scrub",
        ],
    ),
    (
        "a call that nobody answers",
        &[
            "declare 1",
            "lossy",
            "plan",
            "execute",
            "see",
            "observe",
            "later 20s",
            "observe",
            "plan",
            "later 20s",
            "observe",
            "plan",
            "execute",
            "later 60s",
            "round",
        ],
    ),
];

/// A cloud that can be blind, and has a machine below it that can be ill.
struct Below {
    cloud: Simulated,
    notices: Mutex<Vec<Notice>>,
}

impl Cloud for Below {
    fn platform(&self) -> &'static str {
        self.cloud.platform()
    }

    fn instance_types(&self) -> Vec<InstanceType> {
        self.cloud.instance_types()
    }

    fn list(&self) -> Result<Vec<Sighting>, CloudError> {
        self.cloud.list()
    }

    fn apply(&self, step: &CloudStep) -> Result<Applied, CloudError> {
        self.cloud.apply(step)
    }

    fn volumes(&self) -> Result<Vec<VolumeSighting>, CloudError> {
        self.cloud.volumes()
    }

    fn remove_volume(&self, cloud_volume_id: &str) -> Result<(), CloudError> {
        self.cloud.remove_volume(cloud_volume_id)
    }

    fn examine(&self) -> Vec<Notice> {
        self.notices.lock().unwrap().clone()
    }

    fn settles_within(&self) -> Millis {
        self.cloud.settles_within()
    }

    fn wait_for_change(&self, at_most: std::time::Duration) -> bool {
        self.cloud.wait_for_change(at_most)
    }
}

/// Places whose calls end at once, so that what they write is told with the job that made them.
struct Places {
    room: AtomicUsize,
    freed: Waker,
}

impl Pool for Places {
    fn has_room(&self) -> bool {
        self.room() > 0
    }

    fn room(&self) -> usize {
        self.room.load(Ordering::SeqCst)
    }

    fn run(&self, call: Box<dyn FnOnce() + Send>) {
        call();
    }

    fn freed(&self) -> &Waker {
        &self.freed
    }
}

/// Agents, and whoever checks servers that have none.
#[derive(Default)]
struct Outside {
    sent: Mutex<Vec<String>>,
    passes: AtomicUsize,
}

impl Courier for Outside {
    fn send(&self, server: ServerId, message: Vec<u8>) -> bool {
        let text = String::from_utf8(message).unwrap();
        self.sent.lock().unwrap().push(format!("-> {server} {text}"));
        true
    }

    fn disconnect(&self, server: ServerId) {
        self.sent.lock().unwrap().push(format!("-> {server} is cut off"));
    }
}

impl Checker for Outside {
    fn check(&self, _: ServerId, address: &str, check: &ReadyCheck) -> Result<(), String> {
        let passes = self.passes.load(Ordering::SeqCst) > 0;
        let refused = || format!("{address} {check:?}: connection refused");
        passes.then_some(()).ok_or_else(refused)
    }
}

/// A site with its jobs, each of them activated by hand.
struct Works {
    site: Site,
    below: Arc<Below>,
    places: Arc<Places>,
    outside: Arc<Outside>,
    ports: Ports,
    jobs: Vec<(&'static str, Box<dyn Job>)>,
    connected: BTreeSet<ServerId>,
    alerts: BTreeSet<String>,
}

impl Works {
    fn new() -> Works {
        let site = Site::new();
        let clock: Arc<dyn Clock> = site.clock.clone();
        let cloud = Simulated::new(clock, 7, Delays::default());
        let below = Arc::new(Below { cloud, notices: Mutex::default() });
        let places = Arc::new(Places { room: AtomicUsize::new(8), freed: Waker::new() });
        let outside = Arc::new(Outside::default());
        let shared: Arc<dyn Cloud> = below.clone();
        let listing: Arc<dyn Pool> =
            Arc::new(Places { room: AtomicUsize::new(1), freed: Waker::new() });
        let ports = Ports {
            service: site.service.clone(),
            clouds: BTreeMap::from([("simulated".to_owned(), shared)]),
            pool: places.clone(),
            listings: BTreeMap::from([("simulated".to_owned(), listing)]),
            added: Default::default(),
            checks: places.clone(),
            courier: outside.clone(),
            checker: outside.clone(),
        };
        let jobs = ROWS.iter().map(|row| (row.name, (row.make)())).collect();
        let (connected, alerts) = (BTreeSet::new(), BTreeSet::new());
        Works { site, below, places, outside, ports, jobs, connected, alerts }
    }

    /// Does what a line says, and tells what came of it.
    fn act(&mut self, told: &mut String, line: &str, known: &mut Known) {
        let before = written::last(&self.site.service);
        match line.split(' ').collect::<Vec<&str>>()[..] {
            ["round"] => {
                for place in 0..self.jobs.len() {
                    self.activate(told, place, known);
                }
                return;
            }
            ["declare", count] => self.site.declare(&["web"], count.parse().unwrap()),
            ["agentless", count] => self.declare_agentless(count),
            ["balance"] => self.declare_balanced(),
            ["places", room] => self.places.room.store(room.parse().unwrap(), Ordering::SeqCst),
            ["blind"] => self.faults(Faults { list_failed_percent: 100, ..Faults::default() }),
            ["lossy"] => self.faults(Faults {
                list_failed_percent: 100,
                lost_request_percent: 100,
                ..Faults::default()
            }),
            ["see"] => self.faults(Faults::default()),
            ["ill"] => self.below.notices.lock().unwrap().push(Notice {
                server: None,
                kind: NoticeKind::Network,
                text: "a forward filter drops packets; let br-grange pass".into(),
                count: 0,
            }),
            ["well"] => self.below.notices.lock().unwrap().clear(),
            ["passes"] => self.outside.passes.store(1, Ordering::SeqCst),
            ["up"] => self.come_up(),
            ["hang", "up", name] => {
                let id = self.site.named(name);
                self.connected.remove(&id);
                self.site.hang_up(id);
            }
            ["hold"] => drop(holds::place(
                &self.site.service,
                &actor(Permission::for_admin()),
                &hold("shop", "scale", "a look"),
            )),
            ["later", length] => self.site.clock.advance(length_of(length)),
            [name] if self.jobs.iter().any(|(job, _)| *job == name) => {
                let place = self.jobs.iter().position(|(job, _)| *job == name).unwrap();
                return self.activate(told, place, known);
            }
            _ => self.site.act(line),
        }
        writeln!(told, "- {line}").unwrap();
        told.push_str(&written::since(&self.site.service, before, known));
    }

    fn activate(&mut self, told: &mut String, place: usize, known: &mut Known) {
        let before = written::last(&self.site.service);
        let (name, job) = &mut self.jobs[place];
        let work = job.step(&self.ports);
        let now = self.site.clock.now();
        let next = work.next.map(|at| format!(", again in {} ms", at.0 - now.0));
        let failed = if work.failed { " FAILED" } else { "" };
        writeln!(told, "> {name}:{failed} {}{}", work.note, next.unwrap_or_default()).unwrap();
        told.push_str(&written::since(&self.site.service, before, known));
        for line in std::mem::take(&mut *self.outside.sent.lock().unwrap()) {
            writeln!(told, "{line}").unwrap();
        }
        let alerts: BTreeSet<String> = self.site.service.observed.alerts().into_iter().collect();
        for alert in alerts.difference(&self.alerts) {
            writeln!(told, "alert {alert}").unwrap();
        }
        for alert in self.alerts.difference(&alerts) {
            writeln!(told, "over {alert}").unwrap();
        }
        self.alerts = alerts;
    }

    fn faults(&self, faults: Faults) {
        self.below.cloud.set_faults(faults);
    }

    /// The agents of all that run connect.
    fn come_up(&mut self) {
        for server in self.site.servers() {
            let runs = self.below.cloud.state(server.id) == Some(CloudState::Running);
            if runs && self.connected.insert(server.id) {
                self.site.come_up(server.id);
            }
        }
    }

    fn declare_agentless(&self, count: &str) {
        self.site.apply_text(&format!(
            "farm: shop\nfarmRoles:\n  - alias: web\n    role: web-demo\n    \
             cloudPlatform: simulated\n    instanceType: small\n    \
             useScalrAgent: false\n    \
             scaling: {{minInstances: {count}, maxInstances: {count}}}\n    \
             grange: {{readyFor: 10s, check: {{port: 80}}}}\n"
        ));
    }

    fn declare_balanced(&self) {
        self.site.apply_text(
            "farm: shop\nfarmRoles:\n  - alias: web\n    role: web-demo\n    \
             cloudPlatform: simulated\n    instanceType: small\n    \
             scaling: {minInstances: 2, maxInstances: 2}\n  - alias: lb\n    role: haproxy\n    \
             cloudPlatform: simulated\n    instanceType: small\n    \
             scaling: {minInstances: 1, maxInstances: 1}\n    \
             grange: {balance: {farmRole: web, port: 8080, listenPort: 80, checkPath: /up}}\n",
        );
    }
}

fn length_of(text: &str) -> Millis {
    let (number, unit) = text.split_at(text.len() - 1);
    let unit = match unit {
        "s" => 1_000,
        "d" => 86_400_000,
        other => panic!("{other:?} is not s or d"),
    };
    number.parse::<Millis>().unwrap() * unit
}

/// The golden of all of them.
pub fn tell() -> String {
    let (mut told, mut before, mut known) = (String::new(), Before::default(), Known::default());
    for (title, lines) in JOBS {
        writeln!(told, "## {title}").unwrap();
        let (mut works, mut names, mut case) = (Works::new(), Names::default(), String::new());
        for line in *lines {
            works.act(&mut case, line, &mut known);
            names.learn(&works.site.service);
        }
        before.tell(&mut told, &names.put_in(case));
        told.push('\n');
    }
    told
}
