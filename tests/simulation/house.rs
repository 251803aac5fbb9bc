//! One life of the appliance: from opening the store until it falls.

use crate::branch::Branch;
use crate::calls::{Calls, LetterBox};
use crate::fleet::Line;
use crate::fuse::{Point, SharedFuse};
use crate::laws::Real;
use crate::sky::Sky;
use grange::base::limit::STEPS_PER_MINUTE;
use grange::base::random::Stream;
use grange::base::{Clock, ManualClock, Millis, ServerId, Waker};
use grange::clouds::Cloud;
use grange::jobs::table::ROWS;
use grange::jobs::{Checker, Job, Pool, Ports};
use grange::model::{Actor, Cause, CloudState, Grant, ReadyCheck};
use grange::pki::Authority;
use grange::series::{self, MemoryDisk, Series};
use grange::service::agents::Doorway;
use grange::service::observed::Observed;
use grange::service::plans::pace::Pace;
use grange::service::plans::steps;
use grange::service::{Service, Settings, access};
use grange::store::{Author, CrashHook, Disk, Keyring, Mode, Moment, Purpose, Store};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock, Weak};

/// The first pause between a wake and the activation it causes, at the most.
const WAKE_WITHIN: u64 = 60;

thread_local! {
    static SECRETS: Cell<(u64, u64)> = const { Cell::new((0, 0)) };
}

/// Starts the sequence of one-time secrets of this thread over.
pub fn seed_secrets(seed: u64) {
    SECRETS.set((seed, 0));
}

fn next_secret() -> String {
    let (seed, count) = SECRETS.get();
    SECRETS.set((seed, count + 1));
    format!("secret-{seed}-{count}")
}

/// One authority for all worlds: its key is random, and nothing that is recorded depends on it.
fn authority() -> Arc<Authority> {
    static AUTHORITY: OnceLock<Arc<Authority>> = OnceLock::new();
    let open = || {
        let name = format!("grange-simulation-{}", std::process::id());
        let keys = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&keys).expect("a directory for the authority");
        let authority = Authority::open(&keys, grange::base::Timestamp(0)).expect("an authority");
        std::fs::remove_dir_all(&keys).expect("the directory goes again");
        Arc::new(authority)
    };
    AUTHORITY.get_or_init(open).clone()
}

/// The appliance while it runs.
pub struct House {
    /// What the jobs work with.
    pub ports: Ports,
    /// Calls on their way: steps first, then checks, then the listings of each platform.
    pub calls: Vec<Arc<Calls>>,
    /// When it started.
    pub started: Millis,
    /// Orders on their way.
    pub letters: Arc<LetterBox>,
    doorway: Doorway,
    jobs: Vec<Activity>,
}

struct Activity {
    job: Box<dyn Job>,
    waker: Waker,
    due: Millis,
    /// Nobody wakes it before.
    rests_until: Millis,
}

/// A check from outside: what runs answers, but for a moment every now and then.
struct Glance {
    sky: Arc<Sky>,
    clock: Arc<ManualClock>,
}

impl Checker for Glance {
    fn check(&self, server: ServerId, _: &str, _: &ReadyCheck) -> Result<(), String> {
        let runs = |real: &Real| real.server == server && real.state == CloudState::Running;
        let busy = (self.clock.monotonic() / 20_000 + server.0 as u64).is_multiple_of(29);
        match self.sky.real().iter().any(runs) && !busy {
            true => Ok(()),
            false => Err("connection refused".into()),
        }
    }
}

/// Steps begun in a minute: as usual, or few enough to be waited for.
fn pace(seed: u64) -> u32 {
    if seed.is_multiple_of(8) { 6 } else { STEPS_PER_MINUTE }
}

/// What it is made of.
pub struct Parts {
    /// The clock on the wall.
    pub clock: Arc<ManualClock>,
    /// The cloud.
    pub sky: Arc<Sky>,
    /// The disk under the store.
    pub disk: Disk,
    /// The disk under the readings.
    pub readings: MemoryDisk,
    /// Where it crashes next.
    pub fuse: SharedFuse,
    /// The run's seed.
    pub seed: u64,
    /// Which life this is.
    pub life: u64,
}

/// What the verbs need to know of this appliance.
fn settings(parts: &Parts) -> Settings {
    let types = parts.sky.cloud.instance_types().into_iter();
    let sizes: Vec<String> = types.map(|size| size.name).collect();
    let names = parts.sky.platforms.iter();
    let platforms = names.map(|name| ((*name).to_owned(), sizes.clone())).collect();
    Settings {
        platforms,
        opening: Default::default(),
        zones: BTreeMap::new(),
        publishing: BTreeMap::from([("simulated".to_owned(), Default::default())]),
        agent_addresses: vec!["192.0.2.1:8883".into()],
        agent_interval_ms: 10_000,
        call_deadline_ms: grange::base::limit::CLOUD_CALL_DEADLINE,
        epoch: 1,
        seed: parts.seed,
        secrets: next_secret,
    }
}

impl House {
    /// Opens everything and does what every start does. The text says what failed.
    pub fn start(parts: &Parts) -> Result<House, String> {
        parts.fuse.watch(&parts.disk, Weak::new());
        let store = open_store(parts)?;
        let clock: Arc<dyn Clock> = parts.clock.clone();
        let [disk, minutes] = [(); 2].map(|()| Box::new(parts.readings.clone()));
        let series = Series::open_on(disk, minutes, clock.clone(), series::Mode::Drained)
            .map_err(|error| format!("opening the series: {error}"))?;
        let service = Arc::new(Service {
            store,
            keyring: Arc::new(Keyring::in_memory()),
            series: Arc::new(series),
            search: None,
            observed: Observed::new(&*clock),
            clock,
            authority: authority(),
            settings: settings(parts),
            pace: Arc::new(Pace::new(pace(parts.seed))),
            observation: Waker::new(),
            connection: Waker::new(),
            listing: Waker::new(),
            streams: Default::default(),
            images: None,
            before_write: None,
        });
        parts.fuse.watch(&parts.disk, Arc::downgrade(&service));
        access::ensure_first_records(&service).map_err(|problem| problem.to_string())?;
        steps::adopt(&service, &Actor::job("start")).map_err(|problem| problem.to_string())?;
        parts.sky.watch(&service);
        let calls = pools(parts);
        let listings = parts.sky.platforms.iter().zip(&calls[2..]).map(|(platform, pool)| {
            let pool: Arc<dyn Pool> = pool.clone();
            ((*platform).to_owned(), pool)
        });
        let letters = Arc::new(LetterBox::default());
        let clouds = parts.sky.platforms.iter().map(|platform| {
            let branch: Arc<dyn Cloud> = Arc::new(Branch { sky: parts.sky.clone(), platform });
            ((*platform).to_owned(), branch)
        });
        let ports = Ports {
            service: service.clone(),
            clouds: clouds.collect(),
            pool: calls[0].clone(),
            listings: listings.collect(),
            added: Default::default(),
            checks: calls[1].clone(),
            courier: letters.clone(),
            checker: Arc::new(Glance { sky: parts.sky.clone(), clock: parts.clock.clone() }),
        };
        let jobs = ROWS.iter().map(|row| {
            let waker = row.also.waker(&ports);
            service.store.wake_on(row.tables, waker.clone());
            Activity { job: (row.make)(), waker, due: parts.clock.monotonic(), rests_until: 0 }
        });
        let jobs = jobs.collect();
        let started = parts.clock.monotonic();
        Ok(House { ports, calls, started, letters, doorway: Doorway::new(service), jobs })
    }

    /// The verbs.
    pub fn service(&self) -> &Arc<Service> {
        &self.ports.service
    }

    /// When the next call arrives.
    pub fn next_call(&self) -> Option<Millis> {
        self.calls.iter().filter_map(|calls| calls.next()).min()
    }

    /// Carries out one call that is due; says whether there was one.
    pub fn run_call(&self, now: Millis) -> bool {
        let taken = |calls: &Arc<Calls>| Some((calls.clone(), calls.take(now)?));
        let Some((calls, taken)) = self.calls.iter().find_map(taken) else { return false };
        (taken.call)();
        calls.end();
        true
    }

    /// The listings of one platform, by its place, hang until then.
    pub fn hang(&self, platform: usize, until: Millis) {
        self.calls[2 + platform].hang(until);
    }

    /// What agents reach.
    pub fn line(&self) -> Line<'_> {
        let series = &self.ports.service.series;
        Line { doorway: &self.doorway, letters: &self.letters, series }
    }

    /// What the writer's thread does when nothing comes: a failed disk is tried again.
    pub fn idle(&self) {
        let author = Author::new(&Grant::job("idle"), "idle", Cause::Clock, Purpose::Growth);
        self.ports.service.store.submit(author, |_| Ok(()), |_| {});
    }

    /// Notes which jobs were woken, and says when the next one is due.
    pub fn next_job(&mut self, luck: &mut Stream, now: Millis) -> Millis {
        for activity in &mut self.jobs {
            if activity.waker.take() {
                let soon = now + 1 + luck.below(WAKE_WITHIN);
                activity.due = activity.due.min(soon).max(activity.rests_until);
            }
        }
        self.jobs.iter().map(|activity| activity.due).min().unwrap_or(Millis::MAX)
    }

    /// A job rests for a second, whoever wakes it: by what a planted fault hides and puts back, and
    /// by what comes of that, it would wake itself for ever.
    pub fn rest(&mut self, name: &str, now: Millis) {
        for (_, activity) in ROWS.iter().zip(&mut self.jobs).filter(|(row, _)| row.name == name) {
            activity.rests_until = now + 1_000;
            activity.due = activity.due.max(activity.rests_until);
        }
    }

    /// The name of the job that is activated next, if one is due.
    pub fn due_job(&self, clock: &ManualClock) -> Option<&'static str> {
        let now = clock.monotonic();
        let place = self.jobs.iter().position(|activity| activity.due <= now)?;
        Some(ROWS[place].name)
    }

    /// Activates one job that is due; says its name and note, and whether it failed.
    pub fn run_job(&mut self, clock: &ManualClock) -> Option<(&'static str, String, bool)> {
        let now = clock.monotonic();
        let place = self.jobs.iter().position(|activity| activity.due <= now)?;
        let row = &ROWS[place];
        let activity = &mut self.jobs[place];
        let work = activity.job.step(&self.ports);
        let wait = work.next.map_or(row.period, |next| next.since(clock.now()).min(row.period));
        // A pause like the driver's, so that nothing spins within one moment.
        activity.due = clock.monotonic() + wait.max(5);
        Some((row.name, work.note, work.failed))
    }
}

/// Steps first, then checks, then a place for the listings of each platform.
fn pools(parts: &Parts) -> Vec<Arc<Calls>> {
    let seed = parts.seed ^ (parts.life << 32);
    let brisk =
        |what: &str, places| Arc::new(Calls::brisk(parts.clock.clone(), seed, what, places));
    let calls = Arc::new(Calls::new(parts.clock.clone(), seed));
    let checks = brisk("checks", grange::base::limit::CHECKS_MAX);
    let listings = parts.sky.platforms.iter().map(|platform| brisk(platform, 1));
    [calls, checks].into_iter().chain(listings).collect()
}

fn open_store(parts: &Parts) -> Result<Store, String> {
    let fuse = parts.fuse.clone();
    let hook: CrashHook = Arc::new(move |moment| match moment {
        Moment::BeforeCommit => !fuse.pass(Point::BeforeCommit) && !fuse.pass(Point::InCommit),
        Moment::Logged => !fuse.pass(Point::Logged),
        Moment::Synced => !fuse.pass(Point::Synced),
        Moment::Checkpointed => !fuse.pass(Point::Checkpointed),
        Moment::AfterCommit => !fuse.pass(Point::AfterCommit),
    });
    Store::open_on(&parts.disk, parts.clock.clone(), Mode::Inline(Some(hook)))
        .map_err(|error| format!("opening the store: {error}"))
}
