//! One appliance acts in an account: two with the same state over one cloud, each with its real
//! store, service and jobs, and clocks that are moved by hand.

use super::engine::FakeEngine;
use crate::explain::site::Site;
use crate::latency::world::AtOnce;
use crate::people::admin;
use crate::whatif::Nobody;
use grange::base::Millis;
use grange::base::limit::{LEASE_HELD_FOR, LEASE_OVER_AFTER, LEASE_PERIOD};
use grange::clouds::Cloud;
use grange::clouds::lease::{LeaseHolder, LeaseMark, LeaseMarks};
use grange::clouds::platform::OpeningAppliance;
use grange::clouds::simulated::{Delays, Simulated};
use grange::jobs::accounts::{AccountPlaces, Accounts};
use grange::jobs::lease::KeepLeases;
use grange::jobs::{Job, Pool, Ports, execute};
use grange::model::{Actor, Grant, Permission};
use grange::service::clouds::{accounts, lease, registry};
use grange::service::{appliance, lookup, plans};
use grange::wire::account::{AccountAdd, AccountEdit, AccountView};
use grange::wire::input::Page;
use std::collections::BTreeMap;
use std::sync::Arc;

const CLOUD: &str = "simulated";

/// An appliance with its own store and clock, in front of a cloud that it may share.
struct Appliance {
    site: Site,
    ports: Ports,
    lease: KeepLeases,
}

impl Appliance {
    /// Of a place; the process is its own.
    fn at(place: &str, process: &str, cloud: Option<&Arc<Simulated>>) -> Appliance {
        let holder = LeaseHolder {
            process: process.to_owned(),
            place: place.to_owned(),
            host: place.to_owned(),
            directory: "/srv/grange".to_owned(),
            since: crate::explain::site::BEGIN,
        };
        let tag = "tag".to_owned();
        let site = Site::known_as(OpeningAppliance { tag, holder, ..OpeningAppliance::default() });
        let shared = cloud.map(|cloud| (CLOUD.to_owned(), cloud.clone() as Arc<dyn Cloud>));
        let pool = || -> Arc<dyn Pool> { Arc::<AtOnce>::default() };
        let places = move || AccountPlaces { calls: pool(), listing: pool(), lease: pool() };
        let ports = Ports {
            service: site.service.clone(),
            clouds: shared.into_iter().collect(),
            pool: pool(),
            listings: BTreeMap::from([(CLOUD.to_owned(), pool())]),
            added: Accounts::new(&site.service, Box::new(places)),
            checks: pool(),
            courier: Arc::<Nobody>::default(),
            checker: Arc::<Nobody>::default(),
        };
        Appliance { site, ports, lease: KeepLeases::default() }
    }

    /// Time passes, and every so often its lease is looked after and what it planned is begun.
    fn pass(&mut self, length: Millis) {
        let mut left = length;
        loop {
            self.lease.step(&self.ports);
            for farm in plans::farms(&self.site.service).unwrap() {
                plans::tick(&self.site.service, &Actor::job("plan"), farm).unwrap();
            }
            execute::Execute.step(&self.ports);
            if left == 0 {
                return;
            }
            let some = left.min(1_000);
            self.site.clock.advance(some);
            left -= some;
        }
    }

    fn view(&self, name: &str) -> AccountView {
        let page = Page { number: 1, size: 100 };
        let all = accounts::list(&self.site.service, &admin(), page).unwrap();
        all.items.into_iter().find(|account| account.name == name).unwrap()
    }

    fn state(&self) -> String {
        self.view(CLOUD).state
    }

    fn alerts(&self) -> String {
        appliance::get(&self.site.service, &admin(), Vec::new()).unwrap().alerts.join("; ")
    }

    fn asked_for(&self) -> usize {
        let all = self.site.service.read(&Grant::job("test"), lookup::all_servers).unwrap();
        all.iter().filter(|server| server.asked_at.is_some()).count()
    }

    fn waits(&self) -> String {
        let farm = plans::farms(&self.site.service).unwrap()[0];
        let report = self.site.service.observed.report(farm);
        report.iter().map(|line| line.decision.to_string()).collect::<Vec<_>>().join("; ")
    }
}

fn cloud() -> Arc<Simulated> {
    let clock = Arc::new(grange::base::ManualClock::at(crate::explain::site::BEGIN));
    Arc::new(Simulated::new(clock, 7, Delays::default()).with_lease())
}

#[test]
fn of_two_with_one_state_the_first_acts_and_the_second_follows_when_it_is_dead() {
    let cloud = cloud();
    let mut first = Appliance::at("one", "a", Some(&cloud));
    let mut second = Appliance::at("two", "b", Some(&cloud));
    first.site.declare(&["web"], 3);
    second.site.declare(&["web", "db"], 3);
    first.pass(1_000);
    assert_eq!((first.state().as_str(), cloud.servers().len()), ("well", 3));
    second.pass(0);
    // As long as the first one writes its marks, whatever the second one waits.
    for _ in 0..30 {
        second.pass(LEASE_PERIOD);
        first.pass(LEASE_PERIOD);
    }
    assert_eq!((second.state().as_str(), second.asked_for()), ("elsewhere", 0));
    assert_eq!(second.view(CLOUD).lease.holder.as_deref(), Some("one:/srv/grange"));
    assert!(second.waits().contains("cloud simulated is managed by one:/srv/grange"));
    let told = "cloud simulated is managed by one:/srv/grange, started 2026-11-21T03:10:00 UTC";
    assert!(second.alerts().contains(told), "{}", second.alerts());
    assert!(first.alerts().is_empty(), "{}", first.alerts());

    // The first one is killed: not before its last call could be over is anything begun.
    second.pass(LEASE_OVER_AFTER - 1_000);
    assert_eq!((second.state().as_str(), second.asked_for()), ("elsewhere", 0));
    second.pass(LEASE_PERIOD + 1_000);
    assert_eq!((second.state().as_str(), second.asked_for()), ("well", 6));
    assert_eq!(second.view(CLOUD).lease.epoch, Some(2));
    assert_eq!(cloud.servers().len(), 6, "those of the first, and no other in their place");
    assert!(second.alerts().is_empty(), "{}", second.alerts());

    // And when it was not dead, only slow: it begins nothing any more, before it has looked even.
    let asked = first.asked_for();
    first.site.declare(&["web"], 5);
    first.site.clock.advance(LEASE_OVER_AFTER);
    plans::tick(&first.site.service, &Actor::job("plan"), grange::base::FarmId(1)).unwrap();
    execute::Execute.step(&first.ports);
    assert_eq!((first.state().as_str(), first.asked_for()), ("awaited", asked));
    first.pass(LEASE_PERIOD);
    assert_eq!((first.state().as_str(), first.asked_for()), ("elsewhere", asked));
    assert_eq!(cloud.servers().len(), 6);
}

#[test]
fn the_next_process_of_a_directory_goes_on_at_once_and_its_copy_elsewhere_does_not() {
    let cloud = cloud();
    let mut before = Appliance::at("one", "a", Some(&cloud));
    before.site.declare(&["web"], 1);
    before.pass(0);
    let mut after = Appliance::at("one", "b", Some(&cloud));
    after.site.declare(&["web"], 2);
    after.pass(0);
    assert_eq!((after.state().as_str(), after.view(CLOUD).lease.epoch), ("well", Some(1)));
    assert_eq!(cloud.servers().len(), 2);
    // A copy of the whole machine with its memory: the same process at the same place.
    let mut copy = Appliance::at("one", "b", Some(&cloud));
    copy.site.declare(&["web"], 4);
    copy.pass(LEASE_PERIOD);
    assert_eq!((copy.state().as_str(), copy.asked_for()), ("elsewhere", 0));
}

#[test]
fn a_holder_that_cannot_write_its_mark_begins_nothing_for_longer_than_it_holds() {
    let cloud = cloud();
    let mut only = Appliance::at("one", "a", Some(&cloud));
    only.site.declare(&["web"], 1);
    only.pass(0);
    cloud.reach_marks(false);
    only.pass(LEASE_HELD_FOR - 5_000);
    assert_eq!(only.state(), "well");
    only.pass(5_000);
    only.site.declare(&["web"], 2);
    only.pass(LEASE_PERIOD);
    assert_eq!((only.state().as_str(), cloud.servers().len()), ("awaited", 1));
    assert!(only.alerts().contains("its lease cannot be kept: not now: no route"));
    cloud.reach_marks(true);
    only.pass(LEASE_PERIOD);
    assert_eq!((only.state().as_str(), cloud.servers().len()), ("well", 2));
    // Somebody sets the clock back: the other one tells.
    only.site.clock.jump_to(grange::base::Clock::now(&*only.site.clock).before(3_600_000));
    cloud.reach_marks(false);
    only.pass(LEASE_HELD_FOR);
    assert_eq!(only.state(), "awaited");
    cloud.reach_marks(true);
    only.pass(LEASE_PERIOD);
    assert_eq!(only.state(), "well");
    // The machine slept: one of the clocks went on.
    only.site.clock.jump_to(grange::base::Clock::now(&*only.site.clock).after(LEASE_HELD_FOR));
    only.site.declare(&["web"], 3);
    plans::tick(&only.site.service, &Actor::job("plan"), grange::base::FarmId(1)).unwrap();
    execute::Execute.step(&only.ports);
    assert_eq!((only.state().as_str(), cloud.servers().len()), ("awaited", 2));
}

#[test]
fn of_two_that_write_a_mark_of_one_number_one_has_it() {
    let cloud = cloud();
    let mark = |process: &str| LeaseMark {
        number: 1,
        epoch: 1,
        token: process.to_owned(),
        holder: LeaseHolder { process: process.to_owned(), ..LeaseHolder::default() },
    };
    cloud.write(&mark("x")).unwrap();
    cloud.write(&mark("y")).unwrap();
    assert_eq!(cloud.newest().unwrap().unwrap().token, "x");
}

#[test]
fn a_person_takes_an_account_and_whoever_had_it_goes_quiet() {
    let engine = FakeEngine::new();
    let mut first = Appliance::at("one", "a", None);
    let mut second = Appliance::at("two", "b", None);
    for one in [&mut first, &mut second] {
        let input = AccountAdd {
            name: "home".into(),
            platform: "docker".into(),
            endpoint: engine.endpoint(),
            options: Vec::new(),
        };
        let added = registry::add(&one.site.service, &admin(), &input).unwrap();
        assert_eq!(added.state, "awaited", "nobody looked yet");
        one.pass(0);
    }
    assert_eq!(engine.marks(), ["grange-lease-tag-1"]);
    let states =
        |first: &Appliance, second: &Appliance| [first, second].map(|one| one.view("home").state);
    assert_eq!(states(&first, &second), ["well", "elsewhere"]);
    let nobody = Actor { permissions: vec![Permission::FarmsManage], ..admin() };
    lease::take(&second.site.service, &nobody, "home").unwrap_err();
    lease::take(&second.site.service, &admin(), "nowhere").unwrap_err();
    let machine = lease::take(&second.site.service, &admin(), CLOUD).unwrap_err().to_string();
    assert!(machine.contains("with the machine"), "{machine}");
    let taken = lease::take(&second.site.service, &admin(), "home").unwrap();
    assert_eq!((taken.lease.state.as_str(), taken.lease.epoch), ("ours", Some(2)));
    assert_eq!(taken.lease.left, Some(LEASE_HELD_FOR), "the first one does not know yet");
    assert_eq!(states(&first, &second), ["well", "awaited"]);
    first.pass(LEASE_PERIOD);
    second.pass(LEASE_PERIOD);
    assert_eq!(states(&first, &second), ["elsewhere", "awaited"]);
    assert!(first.alerts().contains("cloud home is managed by two:/srv/grange"));
    second.pass(LEASE_HELD_FOR);
    assert_eq!(states(&first, &second), ["elsewhere", "well"]);
    // At the same place under another name it is ours at once, and elsewhere nobody's.
    let other = FakeEngine::new();
    let edit = AccountEdit { endpoint: Some(other.endpoint()), options: Vec::new() };
    registry::edit(&second.site.service, &admin(), "home", &edit, None).unwrap();
    second.pass(0);
    assert_eq!((second.view("home").state.as_str(), other.marks().len()), ("well", 1));
    registry::remove(&second.site.service, &admin(), "home", None).unwrap();
    second.pass(0);
    assert!(other.marks().is_empty(), "{:?}", other.marks());
}
