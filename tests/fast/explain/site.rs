//! A site by hand: the real service over a store in memory, a cloud and agents that do what a
//! story says, and a clock that stands still until it is moved.

use super::between::Between;
use super::keys::{authority, secret};
use super::place::ImagePlace;
use super::seen;
use crate::people::admin;
use grange::base::limit::STEPS_PER_MINUTE;
use grange::base::{Clock, ManualClock, Millis, ServerId, Timestamp, Waker};
use grange::broker::{Ingest, Later};
use grange::clouds::platform::OpeningAppliance;
use grange::clouds::{Applied, CloudError};
use grange::model::{
    Actor, CloudState, Grant, OrderBody, Server, ServerStatus, Sighting, StepKind,
};
use grange::pki::Authority;
use grange::series::{self, MemoryDisk, Series};
use grange::service::agents::Doorway;
use grange::service::appliance::upkeep;
use grange::service::clouds::observe::{self, Look};
use grange::service::farms::{self, manifests};
use grange::service::observed::Observed;
use grange::service::plans::pace::Pace;
use grange::service::plans::{self, steps};
use grange::service::{Finder, PublishLimits, Service, Settings, access, lookup, servers};
use grange::store::{Disk, Keyring, Mode, Store};
use grange::wire::agent::MessageBody;
use grange::wire::api::ManifestRequest;
use grange::wire::input::{RebootInput, TerminateInput};
use grange::wire::reading::{self, Batch};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::{Context, Poll};

/// When every story begins: 2026-11-21 03:10 UTC.
pub const BEGIN: Timestamp = Timestamp(1_795_230_600_000);

/// The site.
pub struct Site {
    /// Where its images lie.
    pub place: ImagePlace,
    /// The verbs.
    pub service: Arc<Service>,
    /// What time it is.
    pub clock: Arc<ManualClock>,
    /// What comes between a look and a write.
    pub between: Arc<Between>,
    platform: &'static str,
    /// Where agents come in.
    pub doorway: Doorway,
    cloud: BTreeMap<ServerId, CloudState>,
    pub(super) said: BTreeMap<ServerId, u64>,
    refuses: bool,
    /// So many launches fail after their agents were heard.
    stillborn: u32,
    /// The next call of this kind fails so.
    fails: Option<(String, String)>,
    /// Agents of new servers say nothing.
    mute: bool,
    /// Servers that go have no time to finish.
    brisk: bool,
}

fn usual_pace() -> Arc<Pace> {
    Arc::new(Pace::new(STEPS_PER_MINUTE))
}

/// Everything here is on one thread, so an answer is there at once.
pub fn now<T>(mut later: Later<T>) -> T {
    match later.as_mut().poll(&mut Context::from_waker(std::task::Waker::noop())) {
        Poll::Ready(answer) => answer,
        Poll::Pending => panic!("an answer has to wait"),
    }
}

impl Site {
    /// A site with nothing declared.
    pub fn new() -> Site {
        Site::of(authority())
    }

    /// The same, with an authority of its own.
    pub fn of(authority: Arc<Authority>) -> Site {
        Site::made_of(authority, usual_pace(), (BEGIN, "simulated"), None, Default::default())
    }

    /// The same, with what accounts have to know of it.
    pub fn known_as(opening: OpeningAppliance) -> Site {
        Site::made_of(authority(), usual_pace(), (BEGIN, "simulated"), None, opening)
    }

    /// The same, at a pace of its own.
    pub fn paced(pace: Arc<Pace>) -> Site {
        Site::made_of(authority(), pace, (BEGIN, "simulated"), None, Default::default())
    }

    /// One that began at another moment, on another platform, with an index of its journal.
    pub fn since(
        begin: Timestamp,
        platform: &'static str,
        search: Option<Arc<dyn Finder>>,
    ) -> Site {
        Site::made_of(authority(), usual_pace(), (begin, platform), search, Default::default())
    }

    fn made_of(
        authority: Arc<Authority>,
        pace: Arc<Pace>,
        (begin, platform): (Timestamp, &'static str),
        search: Option<Arc<dyn Finder>>,
        opening: OpeningAppliance,
    ) -> Site {
        let clock = Arc::new(ManualClock::at(begin));
        let shared: Arc<dyn Clock> = clock.clone();
        let store = Store::open_on(&Disk::new(), shared.clone(), Mode::Inline(None)).unwrap();
        let [disk, minutes] = [(); 2].map(|()| Box::new(MemoryDisk::new()));
        let series = Series::open_on(disk, minutes, shared.clone(), series::Mode::Drained).unwrap();
        let place = ImagePlace::new();
        let between = Arc::new(Between::default());
        let noted = between.clone();
        let service = Arc::new(Service {
            store,
            keyring: Arc::new(Keyring::in_memory()),
            series: Arc::new(series),
            search,
            observed: Observed::new(&*clock),
            clock: shared,
            authority,
            settings: Settings {
                platforms: BTreeMap::from([(
                    platform.to_owned(),
                    ["small", "large"].map(str::to_owned).to_vec(),
                )]),
                opening,
                zones: BTreeMap::from([(
                    platform.to_owned(),
                    ["a", "1.5", "null"].map(str::to_owned).to_vec(),
                )]),
                publishing: BTreeMap::from([(
                    platform.to_owned(),
                    PublishLimits { names: true, ..PublishLimits::default() },
                )]),
                agent_addresses: vec!["192.0.2.1:8883".into()],
                agent_interval_ms: 10_000,
                call_deadline_ms: 60_000,
                epoch: 1,
                seed: 7,
                secrets: secret,
            },
            pace,
            observation: Waker::new(),
            connection: Waker::new(),
            listing: Waker::new(),
            streams: Default::default(),
            images: (platform == "onboard").then(|| place.shelf()),
            before_write: Some(Box::new(move |verb| noted.write(verb))),
        });
        access::ensure_first_records(&service).unwrap();
        let (cloud, said) = (BTreeMap::new(), BTreeMap::new());
        Site {
            place,
            doorway: Doorway::new(service.clone()),
            service,
            clock,
            between,
            platform,
            cloud,
            said,
            refuses: false,
            stillborn: 0,
            fails: None,
            mute: false,
            brisk: false,
        }
    }

    /// Does one thing of a story.
    pub fn act(&mut self, line: &str) {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            ["apply", min, max] => self.apply(min, max, "small"),
            ["apply", min, max, size] => self.apply(min, max, size),
            ["mute"] => self.mute = true,
            ["brisk"] => self.brisk = true,
            ["settle"] => self.settle(),
            ["tick"] => self.tick(),
            ["plan"] => self.plan(),
            ["later", length] => self.pass(self.length(length)),
            ["back", length] => {
                self.clock.jump_to(self.clock.now().before(self.length(length)));
            }
            ["load", percent, "for", length] => {
                self.load(percent.parse().unwrap(), self.length(length));
            }
            ["stop", server] => {
                self.cloud.insert(self.named(server), CloudState::Stopped);
            }
            ["idle", server] => self.idle(server, 0),
            ["idle", server, "of", "another"] => self.idle(server, 1),
            ["orders", server] => {
                let id = self.named(server);
                let orders = self
                    .service
                    .read(&Grant::job("test"), |view| lookup::orders_of(view, id))
                    .unwrap();
                let told = orders.iter().any(|order| matches!(order.body, OrderBody::Leave { .. }));
                assert!(told, "{server} is not told that it is to go: {orders:?}");
            }
            ["answer", server] => self.answer(server, None),
            ["answer", server, "no"] => self.answer(server, Some("the check failed".into())),
            ["lose", server] => drop(self.cloud.remove(&self.named(server))),
            ["notice", ..] => {
                seen::network(&self.service, "simulated", line.strip_prefix("notice "))
            }
            ["cut"] => self.cloud.values_mut().for_each(|state| *state = CloudState::Stopped),
            ["refuse"] => self.refuses = true,
            ["stillborn", count] => self.stillborn = count.parse().unwrap(),
            ["fail", kind, how] => self.fails = Some((kind.to_owned(), how.to_owned())),
            [word @ ("ready" | "unready"), server] => {
                let (id, detail) = (self.named(server), "port 8080: connection refused".into());
                self.say(id, MessageBody::Ready { ready: word == "ready", detail });
            }
            ["trim", "to", bytes] => {
                self.service.store.set_journal_limit(bytes.parse().unwrap());
                while self.service.store.trim_journal().unwrap() > 0 {}
            }
            ["expire"] => {
                let ends =
                    grange::service::plans::holds::expire(&self.service, &Actor::job("holds"));
                drop(ends.unwrap());
            }
            ["forget"] => {
                upkeep::remove_terminated(&self.service, &Actor::job("upkeep"), 0, 0).unwrap();
                let mut plans = upkeep::KeptPlans::default();
                upkeep::remove_plans(&self.service, &Actor::job("upkeep"), &mut plans, 1).unwrap();
            }
            _ => self.ask(&words),
        }
    }

    /// What a person asks for.
    fn ask(&self, words: &[&str]) {
        match *words {
            ["terminate", "farm"] => self.with_farm(|service, farm| {
                farms::terminate(service, &admin(), farm, TerminateInput::default()).map(drop)
            }),
            ["remove", "farm"] => {
                self.with_farm(|service, farm| farms::remove(service, &admin(), farm, None))
            }
            ["suspend", "farm"] => {
                self.with_farm(|service, farm| farms::suspend(service, &admin(), farm).map(drop));
            }
            ["terminate", server] => {
                let id = self.named(server);
                servers::terminate(&self.service, &admin(), id, TerminateInput::default()).unwrap();
            }
            ["suspend", server] => {
                servers::suspend(&self.service, &admin(), self.named(server)).unwrap();
            }
            ["resume", server] => {
                servers::resume(&self.service, &admin(), self.named(server)).unwrap();
            }
            ["reboot", server] => {
                let hard = RebootInput { hard: true };
                servers::reboot(&self.service, &admin(), self.named(server), hard).unwrap();
            }
            _ => panic!("nobody knows how to {words:?}"),
        }
    }

    fn length(&self, text: &str) -> Millis {
        let (number, unit) = text.split_at(text.len() - 1);
        let number: Millis = number.parse().unwrap();
        match unit {
            "s" => number * 1000,
            "m" => number * 60_000,
            other => panic!("{other:?} is not s or m"),
        }
    }

    fn apply(&self, min: &str, max: &str, size: &str) {
        let drain = if self.brisk { "0s" } else { "10s" };
        let manifest = format!(
            "farm: shop\nfarmRoles:\n  - alias: web\n    role: web-demo\n    \
             cloudPlatform: simulated\n    instanceType: {size}\n    scaling:\n      \
             minInstances: {min}\n      maxInstances: {max}\n      rules:\n        \
             - {{ruleType: CpuPercent, scaleUp: 60, scaleDown: 20, window: 60s}}\n    \
             grange: {{drain: {drain}}}\n"
        );
        self.apply_text(&manifest);
    }

    /// Declares these farm roles of the farm, each with so many servers.
    pub fn declare(&self, aliases: &[&str], count: u32) {
        let mut manifest = "farm: shop\nfarmRoles:\n".to_owned();
        for alias in aliases {
            manifest += &format!(
                "  - alias: {alias}\n    role: web-demo\n    cloudPlatform: simulated\n    \
                 instanceType: small\n    scaling: {{minInstances: {count}, \
                 maxInstances: {count}}}\n"
            );
        }
        self.apply_text(&manifest);
    }

    /// Declares what a manifest says, and launches it.
    pub fn apply_text(&self, manifest: &str) {
        let manifest = manifest.to_owned();
        let request = ManifestRequest { manifest, launch: true, ..ManifestRequest::default() };
        manifests::apply(&self.service, &admin(), &request).unwrap();
    }

    fn with_farm(
        &self,
        verb: impl FnOnce(&Service, grange::base::FarmId) -> grange::base::Result<()>,
    ) {
        let farm = self.service.read(&Grant::job("test"), lookup::all_farms).unwrap().remove(0);
        verb(&self.service, farm.id).unwrap();
    }

    /// Servers that are not confirmed gone.
    pub fn servers(&self) -> Vec<Server> {
        let mut all = self.service.read(&Grant::job("test"), lookup::all_servers).unwrap();
        all.retain(|server| server.status.counts());
        all
    }

    /// The server of a host name.
    pub fn named(&self, name: &str) -> ServerId {
        self.servers().into_iter().find(|server| server.hostname == name).expect(name).id
    }

    /// Time passes, and the cloud is looked at.
    fn pass(&mut self, length: Millis) {
        let mut left = length;
        while left > 0 {
            let step = left.min(5_000);
            self.clock.advance(step);
            left -= step;
            self.list();
        }
    }

    fn load(&mut self, percent: f64, length: Millis) {
        for _ in 0..length / 10_000 {
            self.pass(10_000);
            for server in self.servers().iter().filter(|s| s.status == ServerStatus::Running) {
                self.read(server.id, &[("cpu_percent", percent)]);
            }
        }
    }

    /// What a server's agent reads at this moment.
    pub fn read(&self, server: ServerId, readings: &[(&str, f64)]) {
        let batch = Batch {
            series: readings.iter().map(|(series, _)| (*series).to_owned()).collect(),
            at: vec![self.clock.now()],
            columns: readings.iter().map(|(_, value)| vec![*value]).collect(),
        };
        let later = self.doorway.readings(server, reading::encode(&batch));
        self.service.series.drain();
        now(later).unwrap();
    }

    /// Every server's address, which ends in its index.
    fn addresses(&self) -> BTreeMap<ServerId, String> {
        let all = self.service.read(&Grant::job("test"), lookup::all_servers).unwrap();
        all.iter().map(|server| (server.id, format!("10.0.0.{}", server.index))).collect()
    }

    fn list(&mut self) {
        let look = Look::begin(&self.service, self.platform, 20_000);
        let addresses = self.addresses();
        let seen = |(id, state): (&ServerId, &CloudState)| Sighting {
            server: *id,
            cloud_server_id: format!("cloud-{id}"),
            state: *state,
            private_ips: addresses.get(id).cloned().into_iter().collect(),
            public_ips: Vec::new(),
        };
        let sightings = self.cloud.iter().map(seen).collect();
        observe::listing(&self.service, &Actor::job("observe"), look, sightings).unwrap();
    }

    /// One plan of each farm.
    fn plan(&self) {
        for farm in plans::farms(&self.service).unwrap() {
            plans::tick(&self.service, &Actor::job("plan"), farm).unwrap();
        }
    }

    /// One plan, and every step that is due.
    fn tick(&mut self) {
        self.plan();
        let job = Actor::job("execute");
        let (due, _) = steps::due(&self.service, self.clock.now()).unwrap();
        for id in due {
            let Some(begun) = steps::begin(&self.service, &job, id).unwrap() else { continue };
            self.clock.advance(20);
            let answer = self.call(begun.step.server, begun.step.kind);
            steps::finish(&self.service, &job, id, answer).unwrap();
        }
    }

    fn call(&mut self, server: ServerId, kind: StepKind) -> Result<Applied, CloudError> {
        let fails = self.fails.take_if(|(failing, _)| failing == kind.as_str());
        match fails.as_ref().map(|(_, how)| how.as_str()) {
            None => self.carry_out(server, kind),
            Some("refused") => Err(CloudError::Refused("the size is not sold".into())),
            Some("busy") => Err(CloudError::Busy("throttled".into())),
            Some("lost") => Err(CloudError::Unknown("the connection broke".into())),
            // It happened, and nobody knows.
            Some("unheard") => {
                drop(self.carry_out(server, kind));
                Err(CloudError::Unknown("the connection broke".into()))
            }
            Some(other) => panic!("{other:?} is no way to fail"),
        }
    }

    fn carry_out(&mut self, server: ServerId, kind: StepKind) -> Result<Applied, CloudError> {
        match kind {
            StepKind::Terminate => {
                self.cloud.remove(&server);
                return Ok(Applied { sighting: None });
            }
            StepKind::Launch if std::mem::take(&mut self.refuses) => {
                return Err(CloudError::Refused("the quota is used up".into()));
            }
            StepKind::Launch if self.stillborn > 0 => {
                self.stillborn -= 1;
                self.come_up(server);
                self.hang_up(server);
                return Err(CloudError::Busy("it took too long".into()));
            }
            StepKind::Stop => drop(self.cloud.insert(server, CloudState::Stopped)),
            StepKind::Suspend => drop(self.cloud.insert(server, CloudState::Suspended)),
            StepKind::Launch | StepKind::Resume | StepKind::Reboot | StepKind::Start => {
                self.cloud.insert(server, CloudState::Running);
            }
        }
        let sighting = Sighting {
            server,
            cloud_server_id: format!("cloud-{server}"),
            state: self.cloud[&server],
            private_ips: self.addresses().get(&server).cloned().into_iter().collect(),
            public_ips: Vec::new(),
        };
        Ok(Applied { sighting: Some(sighting) })
    }

    /// Plans, steps and hellos, until nothing moves any more.
    fn settle(&mut self) {
        for _ in 0..8 {
            self.tick();
            self.clock.advance(1_000);
            for server in self.servers() {
                let up = self.cloud.get(&server.id) == Some(&CloudState::Running);
                let waits = matches!(
                    server.status,
                    ServerStatus::Pending | ServerStatus::Initializing | ServerStatus::Resuming
                );
                if up && waits && !self.mute {
                    self.come_up(server.id);
                }
            }
            self.list();
        }
    }

    /// The agent of a server is there, and ready.
    pub fn come_up(&mut self, server: ServerId) {
        let (version, capabilities) = ("0.1.0".into(), Vec::new());
        self.service.observed.agent_connected(server, true, self.clock.now());
        self.say(server, MessageBody::Hello { version, capabilities, ready: true, epoch: 1 });
    }

    /// A server's agent is gone.
    pub fn hang_up(&self, server: ServerId) {
        self.doorway.disconnected(server);
    }

    /// Something that a server's agent says.
    pub fn say(&mut self, server: ServerId, body: MessageBody) {
        self.try_to_say(server, body).unwrap();
    }
}
