//! Signed proposals over the real service: what is refused, with which words, and what is done.

use crate::explain::site::Site;
use grange::base::limit::PROPOSAL_MANIFEST_BYTES_MAX;
use grange::base::{Code, EnvironmentId, FarmRoleId, Problem, Result, UserId};
use grange::model::{Actor, Door, FarmRole, Grant, Permission};
use grange::pki::Authority;
use grange::service::farms::{self, manifests};
use grange::service::journal::{self, explain};
use grange::service::plans::{self, proposals};
use grange::service::{Service, lookup, servers};
use grange::wire::api::{ManifestRequest, ManifestResult, ProposalRequest, ProposalText};
use grange::wire::input::{EventsQuery, LockInput, RebootInput, ScalingInput};
use std::sync::Arc;

const DAY: u64 = 86_400_000;

fn person(name: &str, permissions: Vec<Permission>) -> Actor {
    Actor {
        user: UserId(name.len() as u64),
        name: name.into(),
        door: Door::Https,
        address: "10.0.0.7".into(),
        permissions,
        ..Actor::job(name)
    }
}

fn alice() -> Actor {
    person("alice", vec![Permission::FarmsRead])
}

fn bob() -> Actor {
    person("bob", Permission::for_admin())
}

/// The site's farm with another range, as [`Site`] declares it.
fn shop(min: u32, max: u32) -> String {
    format!(
        "farm: shop\nfarmRoles:\n  - alias: web\n    role: web-demo\n    cloudPlatform: \
         simulated\n    instanceType: small\n    scaling:\n      minInstances: {min}\n      \
         maxInstances: {max}\n      rules:\n        - {{ruleType: CpuPercent, scaleUp: 60, \
         scaleDown: 20, window: 60s}}\n"
    )
}

/// A site with shop/web-1 to web-3 running.
fn site() -> Site {
    let mut site = Site::new();
    site.act("apply 3 6");
    site.act("settle");
    site
}

fn make(service: &Service, manifest: String) -> String {
    let input = ProposalRequest { manifest, launch: true, ..ProposalRequest::default() };
    proposals::make(service, &alice(), &input).unwrap().text
}

fn apply(service: &Service, text: &str) -> Result<ManifestResult> {
    proposals::apply(service, &bob(), &ProposalText { proposal: text.to_owned() })
}

fn web(service: &Service) -> FarmRole {
    let found =
        service.read(&Grant::job("test"), |view| lookup::farm_role(view, FarmRoleId(1))).unwrap();
    found.expect("shop/web")
}

/// Refused with a kind and with these words, and nothing is another than before.
#[track_caller]
fn refused(service: &Service, text: &str, code: Code, lines: &[&str]) {
    let before = service.store.last_seq();
    let problem = apply(service, text).unwrap_err();
    let said: Vec<String> = problem.each().map(Problem::to_string).collect();
    assert_eq!((problem.code, said.as_slice()), (code, lines.map_owned().as_slice()));
    assert_eq!(service.store.last_seq(), before, "something was written");
}

trait MapOwned {
    fn map_owned(&self) -> Vec<String>;
}

impl MapOwned for [&str] {
    fn map_owned(&self) -> Vec<String> {
        self.iter().map(|text| (*text).to_owned()).collect()
    }
}

const CHANGED: &str = "proposal: it was changed since it was signed, or is not the whole of it: \
                       nothing in it can be trusted; make a new one";

#[test]
fn what_one_proposes_another_applies_once() {
    let site = site();
    let text = make(&site.service, shop(2, 8));
    for line in [
        "madeBy: \"alice\"",
        "- \"farmRoles[web].scaling.minInstances: 3 -> 2\"",
        "- \"farmRoles[web].scaling.maxInstances: 6 -> 8\"",
        "      maxInstances: 8",
        "expiresAt: \"2026-11-28T",
    ] {
        assert!(text.contains(line), "no {line} in\n{text}");
    }
    site.clock.advance(2 * DAY);
    let by_ticket = text.replace('\n', "\r\n");
    let result = apply(&site.service, &by_ticket).unwrap();
    assert_eq!((result.farm.as_str(), result.changes.len()), ("shop", 2));
    assert_eq!(web(&site.service).bounds(), (2, 8));
    let again =
        "proposal 1 was applied already, by bob at 2026-11-23T03:10:08.140Z: make a new one";
    let at = apply(&site.service, &text).unwrap_err().to_string();
    assert_eq!(at.split(" at ").next(), again.split(" at ").next());
    let story = explain::explain(&site.service, &bob(), "shop").unwrap();
    let told: Vec<&str> = story.because.iter().map(|link| link.text.as_str()).collect();
    let told = told.join("\n");
    let applied = "declared by proposal 1, made by alice 2 d before";
    assert!(told.contains(applied) && told.contains("(by bob from 10.0.0.7)"), "{told}");
    assert!(told.contains("proposal 1 made: 2 differences, 0 servers to stop"), "{told}");
    assert!(told.contains("(by alice from 10.0.0.7)"), "{told}");
    let query = EventsQuery { after: None, max: 100, about: None, search: None };
    let events = journal::list(&site.service, &bob(), &query).unwrap().events;
    let who = |verb: &str| events.iter().rfind(|e| e.verb == verb).map(|e| e.actor.clone());
    assert_eq!(who("proposal.make").as_deref(), Some("alice"));
    assert_eq!(who("manifest.apply").as_deref(), Some("bob"));
}

#[test]
fn any_other_byte_is_refused() {
    let site = site();
    let text = make(&site.service, shop(2, 8));
    for at in 0..text.len() {
        for flip in [1, 0x20] {
            let mut bytes = text.clone().into_bytes();
            bytes[at] ^= flip;
            let Ok(changed) = String::from_utf8(bytes) else { continue };
            let problem = apply(&site.service, &changed).unwrap_err();
            assert_eq!((problem.code, problem.to_string()), (Code::InvalidValue, CHANGED.into()));
        }
    }
    for changed in ["", "\n", &text[1..], &text[..text.len() / 2], &format!("{text}x")] {
        refused(&site.service, changed, Code::InvalidValue, &[CHANGED]);
    }
    apply(&site.service, &text).unwrap();
}

#[test]
fn another_appliances_is_refused() {
    let ours = site();
    let keys = std::env::temp_dir().join(format!("grange-foreign-{}", std::process::id()));
    let authority = Authority::open(&keys, ours.service.now()).unwrap();
    std::fs::remove_dir_all(&keys).unwrap();
    let mut theirs = Site::of(Arc::new(authority));
    theirs.act("apply 3 6");
    let text = make(&theirs.service, shop(2, 8));
    let problem = apply(&ours.service, &text).unwrap_err();
    assert_eq!(problem.code, Code::PermissionViolation);
    let said = problem.to_string();
    assert!(said.starts_with("it was signed by another appliance (key "), "{said}");
    assert_eq!(web(&ours.service).bounds(), (3, 6));
}

#[test]
fn rights_are_the_appliers_own() {
    let site = site();
    let text = make(&site.service, shop(2, 8));
    let check = |who: &Actor, missing: &str| {
        let input = ProposalText { proposal: text.clone() };
        let problem = proposals::apply(&site.service, who, &input).unwrap_err();
        assert_eq!(problem.code, Code::PermissionViolation, "{problem}");
        assert!(problem.to_string().contains(missing), "{problem}");
    };
    check(&alice(), "the permission FarmsManage is missing");
    let manager = vec![Permission::FarmsRead, Permission::FarmsManage];
    check(&person("carol", manager), "the permission FarmsLaunch is missing");
    check(&Actor { env: EnvironmentId(2), ..bob() }, "it is of environment 1, and this is 2");
    let nobody = person("dave", Vec::new());
    assert!(proposals::make(&site.service, &nobody, &ProposalRequest::default()).is_err());
    assert!(proposals::check(&site.service, &nobody, &ProposalText::default()).is_err());
    apply(&site.service, &text).unwrap();
}

#[test]
fn an_expired_one_is_refused() {
    let site = site();
    let text = make(&site.service, shop(2, 8));
    site.clock.advance(7 * DAY - 1);
    let input = ProposalText { proposal: text.clone() };
    assert_eq!(proposals::check(&site.service, &alice(), &input).unwrap().refusal, []);
    site.clock.advance(1 + 3_600_000);
    let problem = apply(&site.service, &text).unwrap_err();
    assert_eq!(problem.code, Code::UnacceptableState);
    let said = problem.to_string();
    assert!(said.starts_with("proposal 1 expired 1 h ago, at 2026-11-28T03:10:"), "{said}");
    let refusal = proposals::check(&site.service, &alice(), &input).unwrap().refusal;
    assert_eq!((refusal.len(), refusal[0].message.as_str()), (1, said.as_str()));
    let life = |expires_in_ms| {
        let input = ProposalRequest { manifest: shop(1, 1), expires_in_ms, ..Default::default() };
        proposals::make(&site.service, &alice(), &input).map(|view| view.expires_at)
    };
    assert_eq!(life(Some(60_000)).unwrap(), site.service.now().0 + 60_000);
    assert_eq!(life(Some(59_999)).unwrap_err().field.as_deref(), Some("expiresInMs"));
    assert_eq!(life(Some(91 * DAY)).unwrap_err().field.as_deref(), Some("expiresInMs"));
}

#[test]
fn a_world_that_moved_is_named() {
    let moved = |what: &str| format!("the world moved since it was made: {what}");
    let check = |deed: &dyn Fn(&Site), what: &str| {
        let site = site();
        let text = make(&site.service, shop(2, 8));
        deed(&site);
        refused(&site.service, &text, Code::RevisionConflict, &[&moved(what)]);
    };
    let declare = |site: &Site, manifest: String| {
        let request = ManifestRequest { manifest, launch: true, ..ManifestRequest::default() };
        manifests::apply(&site.service, &bob(), &request).unwrap();
    };
    let scale = |site: &Site| {
        let input = ScalingInput { max_instances: Some(7), ..ScalingInput::default() };
        farms::scale(&site.service, &bob(), FarmRoleId(1), &input, None).unwrap();
        site.clock.advance(5_000);
    };
    check(&scale, "farm role shop/web changed, last by bob 5 s ago");
    let described = |site: &Site| declare(site, format!("description: x\n{}", shop(3, 6)));
    check(&described, "farm shop itself changed, last by bob 0 ms ago");
    let another = |site: &Site| {
        let more = "  - {alias: db, role: web-demo, cloudPlatform: simulated, instanceType: small}";
        declare(site, format!("{}{more}\n", shop(3, 6)));
    };
    check(&another, "farm role shop/db is new");
    // A farm that was not there, and is by now.
    let site = site();
    let blog = shop(1, 2).replace("farm: shop", "farm: blog");
    let text = make(&site.service, blog.clone());
    declare(&site, blog);
    let there = moved("there is a farm blog by now");
    refused(&site.service, &text, Code::RevisionConflict, &[&there]);
}

/// A plan that comes between the look at a proposal and its write is looked at again: by then
/// another server would stop.
#[test]
fn a_plan_that_comes_between_is_looked_at_again() {
    let site = site();
    let text = make(&site.service, shop(1, 1));
    assert!(!text.contains("- \"shop/web-1: scaling down\""), "{text}");
    let service = site.service.clone();
    let named = [site.named("web-2"), site.named("web-3")];
    let between = move || {
        for id in named {
            let input = LockInput { reason: "it is looked at".into() };
            servers::lock(&service, &bob(), id, &input).unwrap();
        }
        servers::reboot(&service, &bob(), named[0], RebootInput { hard: true }).unwrap();
        for farm in plans::farms(&service).unwrap() {
            plans::tick(&service, &Actor::job("plan"), farm).unwrap();
        }
    };
    site.between.before("manifest.apply", Box::new(between));
    let problem = apply(&site.service, &text).unwrap_err();
    let stray = "the world moved since it was made: shop/web-1 would be stopped now (scaling \
                 down), which it does not name";
    assert_eq!((problem.code, problem.to_string().as_str()), (Code::RevisionConflict, stray));
    assert_eq!(web(&site.service).bounds(), (3, 6), "nothing is declared");
}

#[test]
fn a_manifest_may_be_as_long_as_its_limit_and_not_a_byte_longer() {
    let site = site();
    let of = |length: usize| {
        let manifest = shop(2, 8) + "# ";
        let more = length - manifest.len() - 1;
        let manifest = format!("{manifest}{}\n", "x".repeat(more));
        let input = ProposalRequest { manifest, launch: true, ..ProposalRequest::default() };
        proposals::make(&site.service, &alice(), &input).map(drop)
    };
    of(PROPOSAL_MANIFEST_BYTES_MAX).unwrap();
    let problem = of(PROPOSAL_MANIFEST_BYTES_MAX + 1).unwrap_err();
    assert_eq!(problem.field.as_deref(), Some("manifest"));
}

#[test]
fn no_server_stops_that_it_does_not_name() {
    let mut site = site();
    let text = make(&site.service, shop(1, 2));
    assert!(text.contains("- \"shop/web-3: scaling down\""), "{text}");
    // It crashes, and its replacement is not there yet: one fewer to stop is fine.
    site.act("stop web-3");
    site.act("later 10s");
    site.act("tick");
    let result = apply(&site.service, &text).unwrap();
    assert_eq!(web(&site.service).bounds(), (1, 2));
    assert!(result.stops <= 1, "{:?}", result.stopped);
    // What was agreed when nothing ran says nothing of servers; now some would stop.
    let mut site = Site::new();
    site.act("apply 3 6");
    let text = make(&site.service, shop(1, 2));
    assert!(text.contains("\nstopped: []\n"), "{text}");
    site.act("settle");
    let stray = "the world moved since it was made: shop/web-3 would be stopped now (scaling \
                 down), which it does not name";
    refused(&site.service, &text, Code::RevisionConflict, &[stray]);
}

#[test]
fn what_the_appliance_forgot_is_refused() {
    let site = site();
    let first = make(&site.service, shop(2, 8));
    let month = ProposalRequest {
        manifest: shop(2, 8),
        launch: true,
        expires_in_ms: Some(30 * DAY),
        ..ProposalRequest::default()
    };
    let make_long = || proposals::make(&site.service, &alice(), &month);
    for _ in 1..grange::base::limit::PROPOSALS_MAX {
        make_long().unwrap();
    }
    let full = make_long().unwrap_err();
    assert_eq!(full.code, Code::LimitExceeded, "{full}");
    apply(&site.service, &first).unwrap();
    // Every other one is for a world that moved; the applied one makes room, and stays refused.
    let more = ProposalRequest { manifest: shop(1, 8), ..month.clone() };
    proposals::make(&site.service, &alice(), &more).unwrap();
    let unknown = "proposal 1 is not known here: the appliance was set back to a time before it, \
                   or has forgotten it; make a new one";
    refused(&site.service, &first, Code::ObjectNotFound, &[unknown]);
}

#[test]
fn nothing_to_change_is_nothing_to_propose() {
    let site = site();
    let input = ProposalRequest { manifest: shop(3, 6), launch: true, ..Default::default() };
    let problem = proposals::make(&site.service, &alice(), &input).unwrap_err();
    assert_eq!(problem.code, Code::UnacceptableState, "{problem}");
}

#[test]
fn a_fingerprint_holds_what_was_shown() {
    let site = site();
    let ask = |dry_run, fingerprint| {
        let request = ManifestRequest {
            manifest: shop(1, 2),
            launch: true,
            dry_run,
            fingerprint,
            prune: false,
        };
        manifests::apply(&site.service, &bob(), &request)
    };
    let shown = ask(true, None).unwrap();
    assert_eq!(
        shown.changes,
        [
            "farmRoles[web].scaling.minInstances: 3 -> 1",
            "farmRoles[web].scaling.maxInstances: 6 -> 2",
        ]
    );
    assert_eq!(shown.stopped, ["shop/web-3: scaling down"]);
    let input = ScalingInput { max_instances: Some(7), ..ScalingInput::default() };
    farms::scale(&site.service, &bob(), FarmRoleId(1), &input, None).unwrap();
    let conflict = ask(false, Some(shown.fingerprint)).unwrap_err();
    assert_eq!(conflict.code, Code::RevisionConflict, "{conflict}");
    assert_eq!(web(&site.service).bounds(), (3, 7));
    let shown = ask(true, None).unwrap();
    ask(false, Some(shown.fingerprint)).unwrap();
    assert_eq!(web(&site.service).bounds(), (1, 2));
}
