//! The fleet as it is kept in memory, beside what the records say: pages, counts, what jobs look
//! at, retention. `checks` has what checks from outside found.

mod checks;

use crate::explain::site::Site;
use crate::people::admin;
use grange::base::{EnvironmentId, FarmId, FarmRoleId, PlanId, ServerId};
use grange::model::{
    Actor, Cause, Decision, FarmRole, Grant, Line, Plan, ReadyCheck, Server, ServerStatus, Wait,
};
use grange::service::appliance::upkeep;
use grange::service::servers::fleet::{Counts, Fleet, Part};
use grange::service::servers::{self, ready};
use grange::service::{Service, farms, lookup};
use grange::store::{Author, Purpose, Reads};
use grange::wire::input::{FarmFilter, FarmRoleFilter, Page, ServerFilter};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

fn records(service: &Service) -> Vec<Server> {
    let mut all = service.read(&Grant::job("test"), lookup::all_servers).unwrap();
    all.sort_by_key(|s| (s.farm, s.farm_role, s.index, s.created_at));
    all
}

fn farm_roles(service: &Service) -> BTreeMap<FarmRoleId, FarmRole> {
    let found = service.read(&Grant::job("test"), |view| {
        let farms = lookup::all_farms(view)?;
        let roles = farms.iter().map(|farm| lookup::farm_roles_of(view, farm.id));
        Ok(roles.collect::<grange::base::Result<Vec<_>>>()?.concat())
    });
    found.unwrap().into_iter().map(|role| (role.id, role)).collect()
}

/// Everything that is kept is what the records say.
fn check(service: &Service) {
    let all = records(service);
    let (live, gone): (Vec<&Server>, Vec<&Server>) =
        all.iter().partition(|server| server.status.counts());
    check_lists(service, &live);
    check_counts(service, &live);
    check_jobs(service, &live);
    let fleet = &service.observed.fleet;
    let kept: BTreeSet<ServerId> =
        fleet.forgettable(service, service.now(), 0).unwrap().into_iter().collect();
    assert_eq!(kept, gone.iter().map(|server| server.id).collect());
}

/// Every page of a list is what sorting the records gives.
fn check_lists(service: &Service, live: &[&Server]) {
    let (farm, role) = match live.last() {
        Some(server) => (Some(server.farm), Some(server.farm_role)),
        None => (Some(FarmId(1)), Some(FarmRoleId(1))),
    };
    let (up, down) = (Some(ServerStatus::Running), Some(ServerStatus::PendingTerminate));
    let asked = [(None, None), (None, role), (farm, None), (farm, role)];
    for ((farm, farm_role), status) in
        asked.into_iter().flat_map(|of| [None, up, down].map(|status| (of, status)))
    {
        let is = |server: &&&Server| {
            farm.is_none_or(|farm| farm == server.farm)
                && farm_role.is_none_or(|role| role == server.farm_role)
                && status.is_none_or(|status| status == server.status)
        };
        let wanted: Vec<String> = live.iter().filter(is).map(|s| s.id.to_string()).collect();
        let filter = ServerFilter { farm, farm_role, status, ..ServerFilter::default() };
        let listed = |number| {
            let page = Page { number, size: 3 };
            let slice = servers::list(service, &admin(), &filter, page).unwrap();
            let ids: Vec<String> = slice.items.into_iter().map(|server| server.id).collect();
            (ids, slice.total)
        };
        for (nth, expected) in wanted.chunks(3).enumerate() {
            assert_eq!(listed(nth + 1), (expected.to_vec(), wanted.len()), "{filter:?}");
        }
        assert_eq!(listed(1_000), (Vec::new(), wanted.len()), "{filter:?}");
    }
}

/// Counts are what counting gives, and no count of what is not there stays.
fn check_counts(service: &Service, live: &[&Server]) {
    let fleet = &service.observed.fleet;
    let count = |of: &dyn Fn(&Server) -> bool| {
        let mut counts = Counts::default();
        for server in live.iter().filter(|server| of(server)) {
            counts.add(server.status, service.observed.failure(server.id).is_some());
        }
        counts
    };
    for role in farm_roles(service).values() {
        let counted = count(&|server| server.farm_role == role.id);
        assert_eq!(fleet.of_farm_role(service, role).unwrap(), counted, "{}", role.alias);
    }
    for farm in service.read(&Grant::job("test"), lookup::all_farms).unwrap() {
        let counted = count(&|server| server.farm == farm.id);
        assert_eq!(fleet.of_farm(service, &farm).unwrap(), counted, "{}", farm.name);
    }
    let page = Page { number: 1, size: 100 };
    let shown = farms::list(service, &admin(), &FarmFilter::default(), page).unwrap().items;
    for farm in &shown {
        let plan = service
            .read(&Grant::job("test"), |view| lookup::current_plan(view, FarmId(farm.id)))
            .unwrap();
        let (id, target) = plan.map_or((0, 0), |plan| {
            (plan.id.0, plan.targets.iter().map(|target| target.target).sum::<u32>())
        });
        assert_eq!((farm.grange.plan, farm.grange.target), (id, target), "{}", farm.name);
    }
    let serves = |server: &&&Server| {
        server.status == ServerStatus::Running && service.observed.failure(server.id).is_none()
    };
    let serving: u32 = shown.iter().map(|farm| farm.grange.running).sum();
    assert_eq!(serving as usize, live.iter().filter(serves).count());
    assert_eq!(fleet.len(service, EnvironmentId(1)).unwrap(), live.len());
}

/// Jobs are told of every server and farm that they would find by reading everything.
fn check_jobs(service: &Service, live: &[&Server]) {
    let fleet = &service.observed.fleet;
    let roles = farm_roles(service);
    let found = |of: &dyn Fn(&Server, &FarmRole) -> bool| -> BTreeSet<ServerId> {
        let there = live.iter().filter(|s| roles.get(&s.farm_role).is_some_and(|role| of(s, role)));
        there.map(|server| server.id).collect()
    };
    let gated = found(&|server, _| {
        let up = [ServerStatus::Pending, ServerStatus::Initializing, ServerStatus::Resuming];
        up.contains(&server.status) && (!server.agent || server.healthy_since.is_some())
    });
    assert_eq!(BTreeSet::from_iter(fleet.gated(service).unwrap()), gated);
    let checked = found(&|server, role| {
        let up = [ServerStatus::Initializing, ServerStatus::Resuming, ServerStatus::Running];
        let outside = role.check.is_some() && !role.policy.agent && !server.agent;
        up.contains(&server.status) && outside
    });
    assert_eq!(BTreeSet::from_iter(fleet.checked(service).unwrap()), checked);
    let balanced = roles.values().filter(|role| role.balance.is_some()).map(|role| role.farm);
    assert_eq!(fleet.balanced_farms(service).unwrap(), balanced.collect());
}

/// What may happen on a site; servers are told by their place among those that are there.
#[derive(Clone, Debug)]
enum Happens {
    /// A line that [`Site::act`] knows.
    Line(&'static str),
    /// The same, about one of the servers.
    About(&'static str, usize),
    /// These farm roles are declared, each with so many servers.
    Declared(&'static [&'static str], u32),
    /// A farm role gets other traits.
    Turned(usize, u8),
}

fn happens() -> impl Strategy<Value = Happens> {
    let lines = ["tick", "settle", "later 5s", "later 30s", "refuse", "forget", "trim to 1"];
    let about = ["terminate", "unready", "unready", "ready", "stop", "lose"];
    let names: [&[&str]; 3] = [&["web"], &["db", "web"], &["db", "lb", "web"]];
    prop_oneof![
        4 => prop::sample::select(lines.to_vec()).prop_map(Happens::Line),
        4 => (prop::sample::select(about.to_vec()), any::<usize>())
            .prop_map(|(line, nth)| Happens::About(line, nth)),
        1 => (prop::sample::select(names.to_vec()), 0..5_u32)
            .prop_map(|(names, count)| Happens::Declared(names, count)),
        1 => (any::<usize>(), any::<u8>()).prop_map(|(nth, of)| Happens::Turned(nth, of)),
    ]
}

fn act(site: &mut Site, what: &Happens) {
    match what {
        Happens::Line(line) => site.act(line),
        Happens::About(line, nth) => {
            let there = site.servers();
            let Some(server) = there.get(nth % there.len().max(1)) else { return };
            let going = *line != "terminate" || server.status != ServerStatus::PendingTerminate;
            if going && heard(server) {
                site.act(&format!("{line} {}", server.hostname));
            }
        }
        Happens::Declared(aliases, count) => site.declare(aliases, *count),
        Happens::Turned(nth, of) => turn(&site.service, *nth, *of),
    }
}

/// Its agent has been heard, so that more of it may be told.
fn heard(server: &Server) -> bool {
    server.agent_version.is_some()
}

/// Writes a farm role as no manifest of these has it, past the verbs.
fn turn(service: &Service, nth: usize, of: u8) {
    let roles = farm_roles(service);
    let Some(role) = roles.values().nth(nth % roles.len().max(1)) else { return };
    let mut role = role.clone();
    role.policy.agent = of & 1 == 0;
    role.policy.ready_for_ms = u64::from(of & 2) * 1_000;
    role.check = (of & 4 > 0).then_some(ReadyCheck { port: 80, path: None });
    let author =
        Author::new(&Grant::job("admin"), "farm-role.turn", Cause::Request, Purpose::Growth);
    service
        .write(author, move |tx| {
            tx.put(&role)?;
            Ok(())
        })
        .unwrap();
}

proptest! {
    #![proptest_config(crate::properties::cases(60))]

    #[test]
    fn what_is_kept_is_what_the_records_say(
        history in prop::collection::vec((happens(), any::<bool>()), 1..24),
    ) {
        let mut site = Site::new();
        site.declare(&["web"], 3);
        for (what, looked_at) in history {
            act(&mut site, &what);
            // Now and then several things happen between two looks.
            if looked_at {
                check(&site.service);
            }
        }
        check(&site.service);
    }
}

#[test]
fn the_journal_need_not_reach_back() {
    let mut site = Site::new();
    site.declare(&["web"], 4);
    check(&site.service);
    for line in ["settle", "terminate web-2", "settle", "trim to 1"] {
        site.act(line);
    }
    check(&site.service);
}

#[test]
fn a_server_that_does_not_serve_is_not_counted_as_running() {
    let mut site = Site::new();
    site.declare(&["db", "web"], 3);
    site.act("settle");
    let counts = |site: &Site| {
        let page = Page { number: 1, size: 100 };
        let farm = farms::list(&site.service, &admin(), &FarmFilter::default(), page).unwrap();
        let farm = &farm.items[0].grange;
        (farm.running, farm.unhealthy, farm.servers)
    };
    assert_eq!(counts(&site), (6, 0, 6));
    site.act("unready web-2");
    site.act("unready db-1");
    assert_eq!(counts(&site), (4, 2, 6));
    // Said twice is not counted twice.
    site.act("unready db-1");
    assert_eq!(counts(&site), (4, 2, 6));
    site.act("ready web-2");
    assert_eq!(counts(&site), (5, 1, 6));
    site.act("terminate db-1");
    site.act("settle");
    assert_eq!(counts(&site).1, 0);
}

#[test]
fn a_row_names_its_first_waits_and_each_server_its_own() {
    let mut site = Site::new();
    site.declare(&["web"], 30);
    site.act("settle");
    let service = &site.service;
    let role = farm_roles(service).into_values().next().unwrap();
    let all = site.servers();
    let wait = Wait::AtMax { max: 5 };
    let line = |server: &Server| Line {
        farm_role: Some(role.id),
        about: format!("shop/{}", server.hostname),
        server: Some(server.id),
        decision: Decision::Wait(wait.clone()),
    };
    let own = Line { about: "shop/web".into(), server: None, ..line(&all[0]) };
    let lines = all.iter().map(line).chain([own]);
    service.observed.set_report(role.farm, None, lines);
    let page = Page { number: 1, size: 100 };
    let farm = farms::list(service, &admin(), &FarmFilter::default(), page).unwrap().items;
    let waiting = &farm[0].grange.waiting;
    assert_eq!(waiting.len(), 21);
    assert_eq!(waiting[0], format!("shop/{}: {}", all[0].hostname, wait));
    assert_eq!(waiting[20], "and 11 more; each server says its own");
    let shown = farms::farm_roles(service, &admin(), role.farm, &FarmRoleFilter::default(), page)
        .unwrap()
        .items;
    let waiting = &shown[0].grange.waiting;
    // Its own comes first, and is not counted with those of its servers.
    assert_eq!(waiting[0], wait.to_string());
    assert_eq!(waiting[1], format!("{}: {}", all[0].hostname, wait));
    assert_eq!(
        (waiting.len(), waiting[21].as_str()),
        (22, "and 10 more; each server says its own")
    );
    for server in &all {
        let shown = servers::get(service, &admin(), server.id).unwrap();
        assert_eq!(shown.grange.waiting, [wait.to_string()]);
    }
}

#[test]
fn those_long_gone_are_forgotten_by_age_and_by_number() {
    let mut site = Site::new();
    site.declare(&["web"], 5);
    for line in ["settle", "terminate web-1", "settle", "later 10s", "terminate farm", "settle"] {
        site.act(line);
    }
    site.act("later 30s");
    site.act("settle");
    let service = site.service.clone();
    let gone = || service.read(&Grant::job("test"), lookup::all_servers).unwrap().len();
    let forget = |kept, most| {
        upkeep::remove_terminated(&service, &Actor::job("upkeep"), kept, most).unwrap()
    };
    let all = gone();
    assert!(all >= 5, "{all}");
    assert_eq!((forget(3_600_000, 10_000), gone()), (0, all));
    // The first that went is the first that is forgotten.
    let first = service.read(&Grant::job("test"), lookup::all_servers).unwrap();
    let first = first.iter().min_by_key(|server| (server.status_at, server.id)).unwrap().id;
    assert_eq!((forget(3_600_000, all - 1), gone()), (1, all - 1));
    assert_eq!(
        service.read(&Grant::job("test"), |view| lookup::server(view, first)).unwrap(),
        None
    );
    site.act("later 3600s");
    site.act("later 1s");
    assert_eq!((forget(3_600_000, 10_000), gone()), (all - 1, 0));
    let steps =
        service.read(&Grant::job("test"), |view| lookup::steps_of_server(view, first)).unwrap();
    assert_eq!(steps, Vec::new());
}

#[test]
fn plans_beyond_the_last_are_forgotten_and_never_the_current_one() {
    let mut site = Site::new();
    let mut kept = upkeep::KeptPlans::default();
    let service = site.service.clone();
    let mut forget =
        |most| upkeep::remove_plans(&service, &Actor::job("upkeep"), &mut kept, most).unwrap();
    let plans = || site_plans(&service);
    for count in 1..=5 {
        site.declare(&["web"], count);
        site.act("settle");
    }
    let before = plans();
    assert!(before.len() > 4, "{before:?}");
    assert_eq!(forget(before.len()), 0);
    assert_eq!(forget(3), before.len() - 3);
    assert_eq!(plans(), before[before.len() - 3..]);
    // What came since is seen without a look at what was.
    site.declare(&["web"], 1);
    site.act("settle");
    let since = plans();
    assert!(since.len() > 3, "{since:?}");
    assert_eq!(forget(0), since.len() - 1);
    let farm = service.read(&Grant::job("test"), lookup::all_farms).unwrap().remove(0).id;
    let current = service
        .read(&Grant::job("test"), |view| lookup::current_plan(view, farm))
        .unwrap()
        .unwrap();
    assert_eq!(plans(), [current.id]);
}

fn site_plans(service: &Service) -> Vec<PlanId> {
    let plans = service.read(&Grant::job("test"), |view| Ok(view.all::<Plan>()?)).unwrap();
    plans.into_iter().map(|plan| plan.record.id).collect()
}

#[test]
fn another_environment_sees_none_of_them() {
    let mut site = Site::new();
    site.declare(&["web"], 2);
    site.act("settle");
    let part = Part { env: EnvironmentId(7), farm: None, farm_role: None, status: None };
    let page = Fleet::default().page(&site.service, part, 0, 100).unwrap();
    assert_eq!(page, (Vec::<ServerId>::new(), 0));
}

/// One that waits for its time does not wait for ever when nothing is asked for any more.
#[test]
fn what_waits_to_be_healthy_for_long_enough_runs_when_that_is_taken_back() {
    let mut site = Site::new();
    let declare = |site: &Site, ready_for: &str| {
        site.apply_text(&format!(
            "farm: shop\nfarmRoles:\n  - alias: web\n    role: web-demo\n    \
             cloudPlatform: simulated\n    instanceType: small\n    \
             scaling: {{minInstances: 1, maxInstances: 1}}\n    \
             grange: {{readyFor: {ready_for}}}\n"
        ));
    };
    declare(&site, "2m");
    site.act("tick");
    let id = site.named("web-1");
    site.come_up(id);
    let status = |site: &Site| site.servers()[0].status;
    let pass = |site: &Site| ready::pass(&site.service, &Actor::job("ready")).unwrap().0;
    assert_eq!((pass(&site), status(&site)), (0, ServerStatus::Initializing));
    declare(&site, "0s");
    assert_eq!((pass(&site), status(&site)), (1, ServerStatus::Running));
}
