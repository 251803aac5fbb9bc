//! The simulated cloud keeps the contract, and its faults are what they say.

use super::*;
use crate::base::{ManualClock, Timestamp};
use crate::clouds::contract::{self, Rig};

struct World {
    clock: Arc<ManualClock>,
    cloud: Simulated,
}

fn world(seed: u64) -> World {
    let clock = Arc::new(ManualClock::at(Timestamp(0)));
    World { cloud: Simulated::new(clock.clone(), seed, Delays::default()), clock }
}

impl Rig for World {
    fn settle(&self, until: &dyn Fn() -> bool) -> bool {
        for _ in 0..100 {
            if until() {
                return true;
            }
            self.clock.advance(100);
        }
        false
    }

    fn write(&self, server: ServerId, mount_point: &str, text: &str) {
        assert!(self.cloud.write_volume(server, mount_point, "note", text));
    }

    fn read(&self, server: ServerId, mount_point: &str) -> Option<String> {
        self.cloud.read_volume(server, mount_point, "note")
    }

    fn crash(&self, server: ServerId) {
        self.cloud.crash(server);
    }

    fn image(&self) -> (String, Vec<String>) {
        ("sim".to_owned(), Vec::new())
    }
}

impl World {
    fn launch(&self, id: u128) -> Result<Applied, CloudError> {
        let index = u32::try_from(id).expect("small ids in tests");
        let request = contract::request(self, &self.cloud, ServerId(id), index);
        self.cloud.apply(&CloudStep::Launch(Box::new(request)))
    }

    fn listed(&self) -> Vec<u128> {
        self.cloud.list().unwrap().iter().map(|s| s.server.0).collect()
    }
}

#[test]
fn it_keeps_the_contract() {
    for seed in 0..20 {
        let world = world(seed);
        assert_eq!(contract::check(&world.cloud, &world, seed), Ok(()), "seed {seed}");
    }
}

#[test]
fn each_fault_has_its_effect_and_its_error() {
    let check = |faults: Faults, error: &str, servers: usize| {
        let world = world(1);
        world.cloud.set_faults(faults);
        let said = world.launch(1).map_or_else(|e| e.to_string(), |_| "done".to_owned());
        assert_eq!((said.as_str(), world.cloud.servers().len()), (error, servers));
    };
    check(Faults::default(), "done", 1);
    check(
        Faults { refused_percent: 100, ..Faults::default() },
        "refused: no such size here today",
        0,
    );
    check(Faults { busy_percent: 100, ..Faults::default() }, "not now: out of capacity", 0);
    let lost = "outcome unknown: connection lost";
    check(Faults { lost_request_percent: 100, ..Faults::default() }, lost, 0);
    check(Faults { lost_answer_percent: 100, ..Faults::default() }, lost, 1);
    check(Faults { stillborn_percent: 100, ..Faults::default() }, "done", 1);
}

#[test]
fn listings_lag_both_ways() {
    let world = world(1);
    world.cloud.set_faults(Faults { appears_after: 3000, lingers_for: 5000, ..Faults::default() });
    world.launch(1).unwrap();
    assert_eq!(world.listed(), Vec::<u128>::new());
    world.clock.advance(3000);
    assert_eq!(world.listed(), vec![1]);
    world.cloud.apply(&CloudStep::Terminate(ServerId(1))).unwrap();
    assert_eq!((world.listed(), world.cloud.servers().len()), (vec![1], 0));
    world.clock.advance(5000);
    assert_eq!(world.listed(), Vec::<u128>::new());
}

#[test]
fn a_throttled_account_is_served_again_a_second_later() {
    let world = world(1);
    world.cloud.set_faults(Faults { calls_per_second_max: 2, ..Faults::default() });
    assert!(world.launch(1).is_ok() && world.launch(2).is_ok());
    assert!(matches!(world.launch(3), Err(CloudError::Throttled { again_in: 1_000, .. })));
    world.clock.advance(1000);
    assert!(world.launch(3).is_ok());
}

#[test]
fn hooks_do_what_no_caller_could_ask_for() {
    let world = world(1);
    for id in 1..=3 {
        world.launch(id).unwrap();
    }
    world.clock.advance(2500);
    assert_eq!(world.cloud.state(ServerId(1)), Some(CloudState::Running));
    world.cloud.forget(ServerId(1));
    assert_eq!(world.listed(), vec![2, 3]);
    world.cloud.remember(ServerId(1));
    world.cloud.vanish(ServerId(2));
    assert_eq!(world.listed(), vec![1, 3]);
    world.cloud.cut_power();
    assert_eq!(world.cloud.state(ServerId(3)), Some(CloudState::Stopped));
}

#[test]
fn one_seed_gives_one_history() {
    let history = |seed| {
        let world = world(seed);
        world.cloud.set_faults(Faults {
            busy_percent: 30,
            lost_answer_percent: 20,
            stillborn_percent: 10,
            ..Faults::default()
        });
        (1..60).map(|id| format!("{:?}", world.launch(id))).collect::<Vec<_>>()
    };
    assert_eq!(history(5), history(5));
    assert_ne!(history(5), history(6));
}
