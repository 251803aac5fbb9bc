//! From a manifest of many servers until all of them run, and from the word that they are to go
//! until the last is gone: every job runs, and in the pools that an appliance has.

use crate::house::{House, PLATFORM, admin};
use crate::planner::{apply, manifest};
use grange::base::{Clock, ServerId};
use grange::boot::driver::Driver;
use grange::boot::pool::Pools;
use grange::clouds::Cloud;
use grange::clouds::simulated::{Delays, Simulated};
use grange::jobs::{Checker, Courier, Ports};
use grange::model::{ReadyCheck, ServerStatus};
use grange::service::{farms, lookup, plans};
use grange::wire::input::TerminateInput;
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

/// Prints the milliseconds from `apply` until every launch has begun, until every server runs,
/// and from `terminate` until the last is gone.
pub fn launch(directory: &str, roles: u64, servers: u64) {
    let house = House::open(directory);
    let service = &house.service;
    let clock: Arc<dyn Clock> = house.clock.clone();
    let at_once = Delays { launch: 0, boot: 0 };
    let cloud = Arc::new(Simulated::new(clock, 7, at_once));
    let shared: Arc<dyn Cloud> = cloud.clone();
    let clouds = BTreeMap::from([(PLATFORM.to_owned(), shared)]);
    let pools = Pools::new(clouds.keys());
    let ports = Arc::new(Ports {
        service: service.clone(),
        clouds,
        pool: pools.calls.clone(),
        listings: pools.listings(),
        checks: pools.checks.clone(),
        courier: Arc::new(Nobody),
        checker: Arc::new(Nobody),
    });
    let driver = Driver::start(ports).expect("the jobs");
    // Idle, as an appliance is when somebody comes.
    std::thread::sleep(Duration::from_millis(500));
    let all = usize::try_from(roles * servers).expect("a number");
    // The platform's word is all that is waited for.
    let text = manifest("shop", roles, servers, false)
        .replace("    scaling:", "    useScalrAgent: false\n    scaling:");
    let began = Instant::now();
    apply(service, text);
    // What the cloud has was begun before.
    let begun = until(began, || cloud.servers().len() >= all);
    let count = |is: &dyn Fn(ServerStatus) -> bool| {
        let servers = service.read(lookup::all_servers).expect("servers");
        servers.iter().filter(|server| is(server.status)).count()
    };
    let running = until(began, || count(&|status| status == ServerStatus::Running) >= all);
    assert_eq!(cloud.servers().len(), all, "no server more than declared");
    let farm = plans::farms(service).expect("farms")[0];
    let ends = Instant::now();
    farms::terminate(service, &admin(), farm, TerminateInput::default()).expect("a farm");
    let gone = until(ends, || count(&ServerStatus::counts) == 0);
    println!("{begun:.1} {running:.1} {gone:.1}");
    let late = driver.stop(Duration::from_secs(10));
    assert!(late.is_empty(), "{late:?} did not stop");
}

fn until(began: Instant, holds: impl Fn() -> bool) -> f64 {
    while !holds() {
        assert!(began.elapsed() < DEADLINE, "it takes too long");
        std::thread::sleep(Duration::from_millis(2));
    }
    began.elapsed().as_secs_f64() * 1000.0
}
