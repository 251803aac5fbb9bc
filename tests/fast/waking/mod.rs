//! Nothing that is due waits for a job's period: the jobs on their threads, with a pool of one
//! place that is freed in the worst moment; a look after the clock was set.

use crate::explain::site::Site;
use crate::whatif::Nobody;
use grange::base::{Clock, Waker};
use grange::boot::driver::Driver;
use grange::clouds::Cloud;
use grange::clouds::simulated::{Delays, Simulated};
use grange::jobs::{Pool, Ports};
use grange::model::{Actor, Door, Grant, Permission};
use grange::service::lookup;
use grange::service::plans::Memory;
use grange::service::plans::holds;
use grange::wire::hold::HoldInput;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Well under the period of the job that would look by itself.
const PATIENCE: Duration = Duration::from_secs(20);

/// One place. It is freed only after somebody looked for it in vain, as when the commit of a call's
/// outcome wakes a job before the call's thread has come to its end.
#[derive(Clone, Default)]
struct Late {
    busy: Arc<AtomicBool>,
    looked: Waker,
    freed: Waker,
}

impl Pool for Late {
    fn has_room(&self) -> bool {
        let busy = self.busy.load(Ordering::SeqCst);
        if busy {
            self.looked.wake();
        }
        !busy
    }

    fn run(&self, call: Box<dyn FnOnce() + Send>) {
        self.busy.store(true, Ordering::SeqCst);
        let own = self.clone();
        std::thread::spawn(move || {
            call();
            own.looked.take();
            own.looked.wait(Duration::from_secs(1));
            own.busy.store(false, Ordering::SeqCst);
            own.freed.wake();
        });
    }

    fn freed(&self) -> &Waker {
        &self.freed
    }
}

#[test]
fn a_place_that_is_freed_after_the_commit_is_used_at_once() {
    const SERVERS: u32 = 3;
    let site = Site::new();
    site.declare(&["web"], SERVERS);
    let clock: Arc<dyn Clock> = site.clock.clone();
    let cloud: Arc<dyn Cloud> = Arc::new(Simulated::new(clock, 7, Delays::default()));
    let listing: Arc<dyn Pool> = Arc::new(Late::default());
    let ports = Arc::new(Ports {
        service: site.service.clone(),
        clouds: BTreeMap::from([("simulated".to_owned(), cloud)]),
        pool: Arc::new(Late::default()),
        listings: BTreeMap::from([("simulated".to_owned(), listing)]),
        added: Default::default(),
        checks: Arc::new(Late::default()),
        courier: Arc::<Nobody>::default(),
        checker: Arc::<Nobody>::default(),
    });
    let driver = Driver::start(ports).unwrap();
    let end = Instant::now() + PATIENCE;
    let launched = || {
        let all = site.service.read(&Grant::job("test"), lookup::all_servers).unwrap();
        all.iter().filter(|server| server.cloud_server_id.is_some()).count()
    };
    while launched() < SERVERS as usize {
        assert!(Instant::now() < end, "{} of {SERVERS} launches came to their end", launched());
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(driver.stop(PATIENCE).is_empty());
}

#[test]
fn a_clock_that_was_set_is_news_of_the_first_look_after_it() {
    let mut site = Site::new();
    site.declare(&["web"], 1);
    site.act("settle");
    let input = HoldInput {
        what: "shop".into(),
        kind: "launch".into(),
        reason: "a look".into(),
        length: Some(60_000),
        ..HoldInput::default()
    };
    let permissions = Permission::for_admin();
    let admin = Actor { door: Door::Socket, permissions, ..Actor::job("admin") };
    holds::place(&site.service, &admin, &input).unwrap();
    site.declare(&["web"], 2);
    let mut memory = Memory::default();
    let mut look = || memory.round(&site.service, &Actor::job("plan")).unwrap();
    while look().committed > 0 {}
    assert_eq!(site.servers().len(), 1, "held");
    site.clock.jump_to(site.clock.now().after(61_000));
    // Not at the next look at everything, and not at the one after this.
    let round = look();
    assert_eq!((round.whole, round.committed), (false, 1));
    assert_eq!(site.servers().len(), 2);
}
