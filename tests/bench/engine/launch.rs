//! From a manifest of many servers until all of them run, and from the word that they are to go
//! until the last is gone: every job runs, and in the pools that an appliance has.

use crate::agents::Agents;
use crate::house::{House, PLATFORM, admin};
use crate::planner::{apply, manifest, resident_mib};
use grange::base::ServerId;
use grange::base::limit::{GONE_KEPT, GONE_MAX};
use grange::boot::driver::Driver;
use grange::boot::pool::Pools;
use grange::clouds::Cloud;
use grange::clouds::simulated::{Delays, Simulated};
use grange::jobs::upkeep::PLANS_KEPT;
use grange::jobs::{Checker, Courier, Ports};
use grange::model::{Actor, Grant, ReadyCheck, ServerStatus};
use grange::service::agents::Doorway;
use grange::service::appliance::upkeep;
use grange::service::{Service, farms, lookup, plans};
use grange::wire::input::{FarmFilter, Page, TerminateInput};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Longest the launches may take.
const DEADLINE: Duration = Duration::from_secs(120);

/// No agent is there to be reached.
struct Nobody;

impl Courier for Nobody {
    fn send(&self, _server: ServerId, _message: Vec<u8>) -> bool {
        false
    }

    fn disconnect(&self, _server: ServerId) {}
}

impl Checker for Nobody {
    fn check(&self, _: ServerId, _: &str, _: &ReadyCheck) -> Result<(), String> {
        Err("there is no server to check".into())
    }
}

/// A cloud that does everything at once.
fn at_once(house: &House) -> Arc<Simulated> {
    let at_once = Delays { launch: 0, boot: 0 };
    Arc::new(Simulated::new(house.clock.clone(), 7, at_once))
}

/// A service with every job and a cloud that answers at once.
pub struct Site {
    house: House,
    cloud: Arc<Simulated>,
    driver: Driver,
}

impl Site {
    fn open(directory: &str) -> Site {
        let house = House::open(directory);
        let cloud = at_once(&house);
        Site::start(house, cloud.clone(), cloud, Arc::new(Nobody))
    }

    /// One whose servers have agents.
    pub fn open_with_agents(directory: &str) -> (Site, Arc<Agents>) {
        let house = House::open(directory);
        let cloud = at_once(&house);
        let agents = Agents::new(cloud.clone());
        agents.meet(Doorway::new(house.service.clone()));
        (Site::start(house, cloud, agents.clone(), agents.clone()), agents)
    }

    fn start(
        house: House,
        cloud: Arc<Simulated>,
        shared: Arc<dyn Cloud>,
        courier: Arc<dyn Courier>,
    ) -> Site {
        let clouds = BTreeMap::from([(PLATFORM.to_owned(), shared)]);
        let pools = Pools::new(clouds.keys());
        let ports = Arc::new(Ports {
            service: house.service.clone(),
            clouds,
            pool: pools.calls.clone(),
            listings: pools.listings(),
            added: Default::default(),
            checks: pools.checks.clone(),
            courier,
            checker: Arc::new(Nobody),
        });
        let driver = Driver::start(ports).expect("the jobs");
        // Idle, as an appliance is when somebody comes.
        std::thread::sleep(Duration::from_millis(500));
        Site { house, cloud, driver }
    }

    /// Its verbs.
    pub fn service(&self) -> Arc<Service> {
        self.house.service.clone()
    }

    /// How many servers run.
    pub fn running(&self) -> u64 {
        self.count(&|status| status == ServerStatus::Running) as u64
    }

    /// The server of that host name.
    pub fn named(&self, hostname: &str) -> ServerId {
        let servers =
            self.house.service.read(&Grant::job("test"), lookup::live_servers).expect("servers");
        let found = servers.into_iter().find(|server| server.hostname == hostname);
        found.expect("a server of that name").id
    }

    /// How many servers there are of a status, by the records.
    fn count(&self, is: &dyn Fn(ServerStatus) -> bool) -> usize {
        let servers =
            self.house.service.read(&Grant::job("test"), lookup::live_servers).expect("servers");
        servers.iter().filter(|server| is(server.status)).count()
    }

    /// Declares a farm; milliseconds until the cloud has heard of every launch, and until all run.
    fn launch(&self, roles: u64, servers: u64) -> (f64, f64) {
        let all = usize::try_from(roles * servers).expect("a number");
        // The platform's word is all that is waited for.
        let text = manifest("shop", roles, servers, false)
            .replace("    scaling:", "    useScalrAgent: false\n    scaling:");
        let began = Instant::now();
        apply(&self.house.service, text);
        // What the cloud has was begun before.
        let begun = until(began, || self.cloud.servers().len() >= all);
        let running = until(began, || self.count(&|status| status == ServerStatus::Running) >= all);
        assert_eq!(self.cloud.servers().len(), all, "no server more than declared");
        (begun, running)
    }

    /// Terminates the farm; milliseconds until the last server is gone.
    fn terminate(&self) -> f64 {
        let service = &self.house.service;
        let farm = plans::farms(service).expect("farms")[0];
        let ends = Instant::now();
        farms::terminate(service, &admin(), farm, TerminateInput::default()).expect("a farm");
        until(ends, || self.count(&ServerStatus::counts) == 0)
    }

    /// Ends the jobs.
    pub fn stop(self) {
        let late = self.driver.stop(Duration::from_secs(10));
        assert!(late.is_empty(), "{late:?} did not stop");
    }
}

/// Prints the milliseconds from `apply` until every launch has begun, until every server runs,
/// and from `terminate` until the last is gone.
pub fn launch(directory: &str, roles: u64, servers: u64) {
    let site = Site::open(directory);
    let (begun, running) = site.launch(roles, servers);
    let gone = site.terminate();
    println!("{begun:.1} {running:.1} {gone:.1}");
    site.stop();
}

/// Servers of one round of [`lives`], in farm roles of [`LIVES_OF_ROLE`].
const LIVES_AT_ONCE: u64 = 1_000;
const LIVES_OF_ROLE: u64 = 40;
/// A line is printed after so many.
const LIVES_TOLD: u64 = 10_000;

/// Servers live and go, a thousand at a time. Prints, now and then: lifecycles so far, CPU
/// milliseconds of each, MiB of the store and of memory, and microseconds of `farm list` while no
/// server is alive. What the appliance does every minute to forget what is gone is done before
/// each line, because these come faster than minutes.
pub fn lives(directory: &str, count: u64) {
    let site = Site::open(directory);
    let (mut kept, job) = (upkeep::KeptPlans::default(), Actor::job("upkeep"));
    let service = site.house.service.clone();
    let mut before = cpu_ms();
    for done in (LIVES_AT_ONCE..=count).step_by(usize::try_from(LIVES_AT_ONCE).expect("fits")) {
        site.launch(LIVES_AT_ONCE / LIVES_OF_ROLE, LIVES_OF_ROLE);
        site.terminate();
        if done % LIVES_TOLD != 0 {
            continue;
        }
        upkeep::remove_terminated(&service, &job, GONE_KEPT, GONE_MAX).expect("forgotten");
        upkeep::remove_plans(&service, &job, &mut kept, PLANS_KEPT).expect("forgotten");
        while service.store.trim_journal().expect("trimmed") > 0 {}
        let each = (cpu_ms() - before) / LIVES_TOLD as f64;
        let mib = |bytes: u64| bytes as f64 / 1024.0 / 1024.0;
        let store = mib(service.store.file_bytes());
        let listed = list_us(&service);
        println!("{done} {each:.3} {store:.1} {:.1} {listed:.1}", resident_mib());
        before = cpu_ms();
    }
    site.stop();
}

/// The median of many.
fn list_us(service: &Service) -> f64 {
    let mut times: Vec<f64> = (0..51)
        .map(|_| {
            let page = Page { number: 1, size: 100 };
            let began = Instant::now();
            farms::list(service, &admin(), &FarmFilter::default(), page).expect("farms");
            began.elapsed().as_secs_f64() * 1_000_000.0
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// CPU time of this process, by the scheduler's own count.
pub fn cpu_ms() -> f64 {
    let tasks = std::fs::read_dir("/proc/self/task").expect("our own threads");
    let nanoseconds = tasks.flatten().map(|task| {
        let line = std::fs::read_to_string(task.path().join("schedstat")).unwrap_or_default();
        line.split_whitespace().next().and_then(|ns| ns.parse::<u64>().ok()).unwrap_or(0)
    });
    nanoseconds.sum::<u64>() as f64 / 1_000_000.0
}

fn until(began: Instant, holds: impl Fn() -> bool) -> f64 {
    while !holds() {
        assert!(began.elapsed() < DEADLINE, "it takes too long");
        std::thread::sleep(Duration::from_millis(2));
    }
    began.elapsed().as_secs_f64() * 1000.0
}
