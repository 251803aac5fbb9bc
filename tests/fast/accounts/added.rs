//! Accounts that people add: what is refused and how it is said, what farms may use, and one that
//! hangs beside one that does not.

use super::engine::FakeEngine;
use crate::explain::site::Site;
use crate::people::admin;
use crate::whatif::Nobody;
use grange::base::{Clock, Result};
use grange::boot::driver::Driver;
use grange::boot::pool::Pools;
use grange::clouds::Cloud;
use grange::clouds::simulated::{Delays, Simulated};
use grange::jobs::Ports;
use grange::jobs::accounts::Accounts;
use grange::model::{Actor, Grant};
use grange::service::clouds::{accounts, registry};
use grange::service::farms::{manifests, roles};
use grange::service::lookup;
use grange::wire::account::{AccountAdd, AccountEdit, AccountView, OptionValue};
use grange::wire::api::ManifestRequest;
use grange::wire::input::Page;
use grange::wire::role::RoleManifestRequest;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(20);
const ROLE: &str = "role: box\nimages:\n  - {cloudPlatform: docker, image: \"busybox:1.36\"}\n";

fn input(name: &str, endpoint: &str) -> AccountAdd {
    let (name, endpoint) = (name.to_owned(), endpoint.to_owned());
    AccountAdd { name, platform: "docker".into(), endpoint, options: Vec::new() }
}

fn add(site: &Site, name: &str, endpoint: &str) -> Result<AccountView> {
    registry::add(&site.service, &admin(), &input(name, endpoint))
}

fn names(site: &Site) -> Vec<String> {
    let page = Page { number: 1, size: 100 };
    let all = accounts::list(&site.service, &admin(), page).unwrap();
    all.items.into_iter().map(|account| account.name).collect()
}

fn apply(site: &Site, text: &str, launch: bool) -> std::result::Result<(), String> {
    let input = ManifestRequest { manifest: text.into(), launch, ..ManifestRequest::default() };
    let done = manifests::apply(&site.service, &admin(), &input);
    done.map(drop).map_err(|problem| {
        problem.each().map(|fault| fault.to_string()).collect::<Vec<String>>().join("; ")
    })
}

fn farm(account: &str, servers: usize) -> String {
    let scaling = format!("{{minInstances: {servers}, maxInstances: {servers}}}");
    format!(
        "farm: cans\nfarmRoles:\n  - alias: can\n    role: box\n    cloudPlatform: docker\n\
         {account}    instanceType: nano\n    scaling: {scaling}\n"
    )
}

fn declare_role(site: &Site) {
    let role = RoleManifestRequest { manifest: ROLE.into(), ..RoleManifestRequest::default() };
    roles::apply(&site.service, &admin(), &role).unwrap();
}

#[test]
fn an_account_is_added_when_it_answers_and_else_told_which_field_is_wrong() {
    let (site, engine) = (Site::new(), FakeEngine::new());
    let check = |input: &AccountAdd, expected: &str| {
        let told = registry::add(&site.service, &admin(), input).unwrap_err().to_string();
        assert!(told.contains(expected), "{told}, not {expected}");
        assert_eq!(names(&site), ["simulated"], "nothing half made");
    };
    let right = input("home", &engine.endpoint());
    check(&AccountAdd { platform: "ec3".into(), ..right.clone() }, "platform: no platform ec3");
    check(&input("", &engine.endpoint()), "name: an account needs a name");
    check(&input("ho me", &engine.endpoint()), "name: ");
    check(&input("onboard", &engine.endpoint()), "name: onboard is a platform");
    check(&input("simulated", &engine.endpoint()), "already");
    check(&input("home", ""), "endpoint: say where");
    check(&input("home", "unix:///nowhere/docker.sock"), "endpoint: there is no /nowhere");
    check(&input("home", "unix:///dev/null"), "endpoint: /dev/null is not a socket");
    let option = |name: &str, value: &str| {
        let (name, value) = (name.to_owned(), value.to_owned());
        AccountAdd { options: vec![OptionValue { name, value }], ..right.clone() }
    };
    check(&option("color", "red"), "options: docker has no option color: use network or");
    check(&option("network", "../etc"), "options.network: ");
    check(&option("agent-address", "nobody"), "options.agent-address: write an address");
    engine.say("GET /networks/apps", 404, "{}");
    check(&option("network", "apps"), "options.network: the engine has no network apps");
    engine.say("GET /version", 400, "{\"message\":\"HTTP request to an HTTPS server\"}");
    check(&right, "endpoint: it speaks TLS");
    engine.say("GET /version", 200, "{\"hello\":1}");
    check(&right, "endpoint: what answers is no Docker Engine");
    let old = "{\"Version\":\"18.09\",\"ApiVersion\":\"1.39\",\"Os\":\"linux\"}";
    engine.say("GET /version", 200, old);
    check(&right, "endpoint: Docker 18.09 speaks API 1.39, and 1.40 is needed");
    let gone = FakeEngine::new().endpoint();
    add(&site, "home", &gone).unwrap_err();
    let second = FakeEngine::new();
    let added = add(&site, "home", &second.endpoint()).unwrap();
    assert_eq!((added.platform.as_str(), added.revision), ("docker", 1));
    assert!(add(&site, "home", &second.endpoint()).unwrap_err().to_string().contains("already"));
    assert_eq!(names(&site), ["home", "simulated"]);
}

#[test]
fn an_account_stays_while_anything_is_in_it() {
    let (site, engine) = (Site::new(), FakeEngine::new());
    add(&site, "home", &engine.endpoint()).unwrap();
    let checked = registry::check(&site.service, &admin(), "home").unwrap();
    assert!(checked.facts.iter().any(|fact| fact.value == "10.9.0.1:0"), "{checked:?}");
    registry::check(&site.service, &admin(), "simulated").unwrap_err();
    registry::remove(&site.service, &admin(), "nowhere", None).unwrap_err();
    registry::remove(&site.service, &admin(), "simulated", None).unwrap_err();
    let gone = AccountEdit { endpoint: Some("unix:///nowhere".into()), options: Vec::new() };
    registry::edit(&site.service, &admin(), "home", &gone, None).unwrap_err();
    let again = AccountEdit { endpoint: Some(engine.endpoint()), options: Vec::new() };
    registry::edit(&site.service, &admin(), "home", &again, Some(7)).unwrap_err();
    let same = registry::edit(&site.service, &admin(), "home", &again, Some(1)).unwrap();
    assert_eq!(same.revision, 1, "nothing changed");
    declare_role(&site);
    apply(&site, &farm("", 1), false).unwrap();
    let used = registry::remove(&site.service, &admin(), "home", None).unwrap_err().to_string();
    assert!(used.contains("farm role cans/can is in home"), "{used}");
    let farm = site.service.read(&Grant::job("test"), lookup::all_farms).unwrap()[0].id;
    grange::service::farms::remove(&site.service, &admin(), farm, None).unwrap();
    for id in grange::service::plans::farms(&site.service).unwrap() {
        grange::service::plans::tick(&site.service, &Actor::job("plan"), id).unwrap();
    }
    registry::remove(&site.service, &admin(), "home", Some(1)).unwrap();
    assert_eq!(names(&site), ["simulated"]);
}

#[test]
fn a_manifest_says_which_account_where_there_are_several() {
    let (site, engine) = (Site::new(), FakeEngine::new());
    declare_role(&site);
    let fault = |account: &str| apply(&site, &farm(account, 1), false).unwrap_err();
    let none = fault("");
    assert!(none.contains("line 5") && none.contains("grange cloud add docker"), "{none}");
    add(&site, "home", &engine.endpoint()).unwrap();
    apply(&site, &farm("", 1), false).unwrap();
    add(&site, "work", &engine.endpoint()).unwrap();
    let several = fault("");
    assert!(several.contains("say cloudAccount: home or work"), "{several}");
    let unknown = fault("    cloudAccount: den\n");
    assert!(unknown.contains("cloudAccount: no cloud account den"), "{unknown}");
    apply(&site, &farm("    cloudAccount: work\n", 1), false).unwrap();
    let roles = site.service.read(&Grant::job("test"), lookup::all_farm_roles).unwrap();
    assert_eq!(roles[0].account, "work");
    let farm = site.service.read(&Grant::job("test"), lookup::all_farms).unwrap()[0].id;
    let text = manifests::export(&site.service, &admin(), farm).unwrap().manifest;
    let said = text.find("cloudPlatform: docker\n    cloudAccount: work\n");
    assert!(said.is_some(), "{text}");
}

/// Its calls and its listing wait for an answer that never comes, as many of them as may be.
#[test]
fn an_account_that_hangs_leaves_the_others_as_they_were() {
    const MANY: usize = 12;
    let (site, engine) = (Site::new(), FakeEngine::new());
    add(&site, "home", &engine.endpoint()).unwrap();
    declare_role(&site);
    engine.hang();
    let clock: Arc<dyn Clock> = site.clock.clone();
    let cloud: Arc<dyn Cloud> = Arc::new(Simulated::new(clock, 7, Delays::default()));
    let clouds = BTreeMap::from([("simulated".to_owned(), cloud)]);
    let pools = Pools::new(clouds.keys());
    let ports = Arc::new(Ports {
        service: site.service.clone(),
        clouds,
        pool: pools.calls.clone(),
        listings: pools.listings(),
        added: Accounts::new(&site.service, pools.maker()),
        checks: pools.checks.clone(),
        courier: Arc::<Nobody>::default(),
        checker: Arc::<Nobody>::default(),
    });
    let driver = Driver::start(ports).unwrap();
    apply(&site, &farm("", MANY), true).unwrap();
    let until = |what: &str, holds: &dyn Fn() -> bool| {
        let end = Instant::now() + PATIENCE;
        while !holds() {
            assert!(Instant::now() < end, "{what}");
            std::thread::sleep(Duration::from_millis(5));
        }
    };
    let calls = grange::base::limit::CLOUD_CALLS_MAX;
    until("every call that the account may have hangs", &|| engine.waiting() > calls);
    site.declare(&["web"], 3);
    let launched = || {
        let all = site.service.read(&Grant::job("test"), lookup::all_servers).unwrap();
        all.iter().filter(|s| s.account == "simulated" && s.cloud_server_id.is_some()).count()
    };
    until("the other account launches", &|| launched() == 3);
    let clock = &*site.service.clock;
    until("the other account is listed", &|| {
        site.service.observed.listed_at(clock, "simulated").is_some()
    });
    assert!(site.service.observed.listed_at(clock, "home").is_none(), "it still hangs");
    drop(engine);
    assert!(driver.stop(PATIENCE).is_empty());
    assert!(pools.drain(PATIENCE).is_empty());
}
