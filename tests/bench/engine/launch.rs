//! From a manifest of many servers to the last of their launches at the cloud: every job runs, as
//! in an appliance, and only the number of calls at once is without a bound.

use crate::house::{House, PLATFORM};
use crate::planner::{apply, manifest};
use grange::base::{Clock, ServerId};
use grange::boot::driver::Driver;
use grange::clouds::Cloud;
use grange::clouds::simulated::{Delays, Simulated};
use grange::jobs::{Checker, Courier, Pool, Ports};
use grange::model::ReadyCheck;
use grange::service::lookup;
use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Threads that make the calls; the simulated cloud answers at once.
const CALLERS: usize = 4;
/// Longest the launches may take.
const DEADLINE: Duration = Duration::from_secs(120);

type Call = Box<dyn FnOnce() + Send>;

/// As many calls as are asked for.
struct Boundless(Mutex<Sender<Call>>);

impl Boundless {
    fn start() -> Boundless {
        let (sender, calls) = channel::<Call>();
        let calls = Arc::new(Mutex::new(calls));
        for _ in 0..CALLERS {
            let calls = calls.clone();
            std::thread::spawn(move || {
                while let Some(call) = next(&calls) {
                    call()
                }
            });
        }
        Boundless(Mutex::new(sender))
    }
}

fn next(calls: &Mutex<Receiver<Call>>) -> Option<Call> {
    calls.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
}

impl Pool for Boundless {
    fn has_room(&self) -> bool {
        true
    }

    fn room(&self) -> usize {
        usize::MAX
    }

    fn run(&self, call: Call) {
        let sender = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sender.send(call).expect("the callers are there");
    }
}

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

/// Prints the milliseconds from `apply` until every launch has begun, and until the last outcome
/// is committed.
pub fn launch(directory: &str, roles: u64, servers: u64) {
    let house = House::open(directory);
    let service = &house.service;
    let clock: Arc<dyn Clock> = house.clock.clone();
    let cloud = Arc::new(Simulated::new(clock, 7, Delays::default()));
    let shared: Arc<dyn Cloud> = cloud.clone();
    let ports = Arc::new(Ports {
        service: service.clone(),
        clouds: BTreeMap::from([(PLATFORM.to_owned(), shared)]),
        pool: Arc::new(Boundless::start()),
        courier: Arc::new(Nobody),
        checker: Arc::new(Nobody),
    });
    let driver = Driver::start(ports).expect("the jobs");
    // Idle, as an appliance is when somebody comes.
    std::thread::sleep(Duration::from_millis(500));
    let all = usize::try_from(roles * servers).expect("a number");
    let text = manifest("shop", roles, servers, false);
    let began = Instant::now();
    apply(service, text);
    // What the cloud has was begun before.
    let begun = until(began, || cloud.servers().len() >= all);
    // An outcome puts the cloud's number into the server's record.
    let done = until(began, || {
        let servers = service.read(lookup::all_servers).expect("servers");
        servers.iter().filter(|server| server.cloud_server_id.is_some()).count() >= all
    });
    assert_eq!(cloud.servers().len(), all, "no server more than declared");
    println!("{begun:.1} {done:.1}");
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
