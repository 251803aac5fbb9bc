//! What people, agents and clouds may say to the real service: texts and names that mean one thing.

use crate::explain::site::Site;
use grange::base::text::is_hidden;
use grange::base::{Code, Problem, Result, Seq, ServerId, Timestamp, TokenId, UserId};
use grange::broker::Ingest;
use grange::clouds::CloudError;
use grange::model::{Actor, Door, Grant, Permission};
use grange::service::agents::Doorway;
use grange::service::farms::{self, manifests};
use grange::service::plans::{self, holds, steps};
use grange::service::{Service, access, lookup, servers};
use grange::wire::agent::{Message, MessageBody, VERSION};
use grange::wire::api::ManifestRequest;
use grange::wire::hold::HoldInput;
use grange::wire::input::{FarmInput, LockInput, Page, TokenInput, TokenView};

fn admin() -> Actor {
    let permissions = Permission::for_admin();
    let (user, name) = (UserId(1), "admin".into());
    Actor { user, name, door: Door::Socket, permissions, ..Actor::job("admin") }
}

/// A site with a farm `shop` of one server, planned and begun.
fn site() -> (Site, ServerId) {
    let site = Site::new();
    site.declare(&["web"], 1);
    for farm in plans::farms(&site.service).unwrap() {
        plans::tick(&site.service, &Actor::job("plan"), farm).unwrap();
    }
    let server = site.service.read(&Grant::job("test"), lookup::all_servers).unwrap().remove(0).id;
    (site, server)
}

/// Texts that no field may have, whatever it is for.
const BAD: [&str; 12] = [
    "clear \u{1b}[2J",
    "title \u{1b}]0;x\u{7}",
    "c1 \u{9b}31m",
    "nul \0",
    "back\u{8}space",
    "del\u{7f}",
    "cr\rforged",
    "turned \u{202e}txt.exe",
    "isolated \u{2066}x\u{2069}",
    "zero\u{200b}width",
    "separated\u{2028}line",
    "tagged\u{e0041}",
];

fn apply(service: &Service, manifest: String) -> Result<()> {
    let request = ManifestRequest { manifest, launch: true, ..ManifestRequest::default() };
    manifests::apply(service, &admin(), &request).map(drop)
}

/// A field: its name in the answer, and a verb that is given a text for it.
type Field = (&'static str, fn(&Service, ServerId, &str) -> Result<()>);

const FIELDS: [Field; 9] = [
    ("reason", |service, server, text| {
        servers::lock(service, &admin(), server, &LockInput { reason: text.into() }).map(drop)
    }),
    ("reason", |service, _, text| hold(service, "shop", text)),
    ("what", |service, _, text| hold(service, text, "why")),
    ("description", |service, _, text| {
        let input = TokenInput { description: text.into(), ..TokenInput::default() };
        access::create_token(service, &admin(), &input).map(drop)
    }),
    ("description", |service, _, text| {
        let (name, description) = (Some("mall".into()), Some(text.into()));
        let input = FarmInput { name, description, ..FarmInput::default() };
        farms::create(service, &admin(), &input).map(drop)
    }),
    ("description", |service, _, text| {
        let input = FarmInput { description: Some(text.into()), ..FarmInput::default() };
        let farm = service.read(&Grant::job("test"), lookup::all_farms)?.remove(0).id;
        farms::update(service, &admin(), farm, &input, None).map(drop)
    }),
    ("name", |service, _, text| {
        let input = FarmInput { name: Some(text.into()), ..FarmInput::default() };
        farms::create(service, &admin(), &input).map(drop)
    }),
    ("line 2: description", |service, _, text| {
        let text = serde_json::to_string(text).unwrap();
        apply(service, format!("farm: mall\ndescription: {text}\n"))
    }),
    ("line 1: farm", |service, _, text| {
        apply(service, format!("farm: {}\n", serde_json::to_string(text).unwrap()))
    }),
];

fn hold(service: &Service, what: &str, reason: &str) -> Result<()> {
    let (what, reason) = (what.to_owned(), reason.to_owned());
    let input =
        HoldInput { what, kind: "scale".into(), reason, no_end: true, ..HoldInput::default() };
    holds::place(service, &admin(), &input).map(drop)
}

fn names(problem: &Problem, field: &str) -> bool {
    problem.code == Code::InvalidValue && problem.each().any(|p| p.field.as_deref() == Some(field))
}

#[test]
fn every_field_refuses_what_nobody_sees_and_terminals_obey() {
    let (site, server) = site();
    let before = site.service.store.last_seq();
    let long = "x".repeat(5_000);
    for (place, (field, give)) in FIELDS.iter().enumerate() {
        for bad in BAD.iter().chain([&long.as_str()]) {
            let problem = give(&site.service, server, bad).unwrap_err();
            assert!(names(&problem, field), "{field} ({place}) {bad:?}: {problem}");
            let told: Vec<String> = problem.each().map(ToString::to_string).collect();
            assert!(!told.concat().contains(is_hidden), "{field} {bad:?}: {told:?}");
        }
        // A line break is for descriptions of farms alone.
        let lines = give(&site.service, server, "one\ntwo");
        let may = *field == "description" && place > 3 || *field == "line 2: description";
        assert_eq!(lines.is_ok(), may, "{field} ({place})");
    }
    let written = site.service.store.last_seq().0 - before.0;
    assert_eq!(written, 3, "what was refused has been written");
}

/// Everything that was ever written down, as people read it.
fn journal(service: &Service) -> String {
    let mut told = String::new();
    let mut after = Seq(0);
    loop {
        let entries = service.store.entries(&Grant::job("test"), after, 100).unwrap();
        let Some(last) = entries.last() else { return told };
        after = last.seq;
        for entry in entries {
            told.push_str(&format!("{}\t{}\t{}\n", entry.who.name, entry.about, entry.text));
        }
    }
}

#[test]
fn what_an_agent_says_is_one_harmless_line_of_a_bounded_length() {
    let (site, server) = site();
    let attack = format!("x\u{1b}[2J\n7  forged{}\u{202e}", "long ".repeat(50_000));
    let doorway = Doorway::new(site.service.clone());
    let say = |seq, body| {
        let (boot, at) = (attack.clone(), Timestamp(0));
        let message = Message { v: VERSION, boot, seq, at, body };
        let said = doorway.message(server, serde_json::to_vec(&message).unwrap());
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(said).unwrap();
    };
    let (version, capabilities) = (attack.clone(), vec![attack.clone(); 100]);
    say(1, MessageBody::Hello { version, capabilities, ready: true, epoch: 0 });
    say(2, MessageBody::Ready { ready: false, detail: attack.clone() });
    let record = site
        .service
        .read(&Grant::job("test"), |view| lookup::server(view, server))
        .unwrap()
        .unwrap();
    for text in [record.agent_version.unwrap(), record.boot_id.unwrap()] {
        assert!(text.len() <= 64 && !text.contains(is_hidden), "{text:?}");
    }
    let told = journal(&site.service);
    assert!(told.contains("its ready check fails: x\\u{1b}[2J\\n7  forged"), "{told}");
    assert!(!told.contains(|c| is_hidden(c) && !matches!(c, '\n' | '\t')), "{told}");
    assert!(!told.lines().any(|line| line.starts_with("7  forged")), "{told}");
    assert!(told.len() < 4_000, "{} bytes of journal", told.len());
}

#[test]
fn what_a_cloud_says_of_a_call_is_one_harmless_line_of_a_bounded_length() {
    let (site, _) = site();
    let step = site.service.read(&Grant::job("test"), lookup::open_steps).unwrap().remove(0).id;
    steps::begin(&site.service, &Actor::job("execute"), step).unwrap().unwrap();
    let page = format!("<html>\n\u{1b}[2J{}", "no ".repeat(100_000));
    let answer = Err(CloudError::Refused(page));
    steps::finish(&site.service, &Actor::job("execute"), step, answer).unwrap();
    let step =
        site.service.read(&Grant::job("test"), |view| lookup::step(view, step)).unwrap().unwrap();
    assert!(step.message.len() <= 1_100 && !step.message.contains(is_hidden), "{}", step.message);
    assert!(step.message.starts_with("refused: <html>\\n\\u{1b}[2Jno no"), "{}", step.message);
    let told = journal(&site.service);
    assert!(!told.contains(|c| is_hidden(c) && !matches!(c, '\n' | '\t')), "{told}");
    site.service.observed.set_alert("x", Some(format!("a\u{1b}\n{}", "b".repeat(100_000))));
    let alert = site.service.observed.alerts().pop().unwrap();
    assert!(alert.starts_with("a\\u{1b}\\nbbb") && alert.len() <= 16 * 1024, "{}", alert.len());
}

fn farm_of(aliases: &[&str]) -> String {
    let role = |alias: &&str| {
        format!(
            "  - {{alias: {alias}, role: web-demo, cloudPlatform: simulated, \
             instanceType: small}}\n"
        )
    };
    format!("farm: shop\nfarmRoles:\n{}", aliases.iter().map(role).collect::<String>())
}

#[test]
fn a_new_farm_role_shares_no_name_with_a_server_of_one_that_is_there() {
    let (site, _) = site();
    let check = |aliases: &[&str], faults: &[&str]| {
        for (dry_run, prune) in [(true, false), (true, true), (false, false)] {
            let (manifest, launch) = (farm_of(aliases), true);
            let request =
                ManifestRequest { manifest, dry_run, prune, launch, ..ManifestRequest::default() };
            let told = match manifests::apply(&site.service, &admin(), &request) {
                Ok(_) => Vec::new(),
                Err(problem) => problem.each().map(ToString::to_string).collect(),
            };
            assert_eq!(told, faults, "{aliases:?} {dry_run} {prune}");
        }
    };
    let fault = "line 3: farmRoles[0].alias: web-1 and web, which farm shop has already, would \
                 share the name of a server";
    check(&["web-1"], &[fault]);
    check(&["web-app"], &[]);
    check(&["db-1"], &[]);
    let fault = "line 3: farmRoles[0].alias: db and db-1, which farm shop has already, would share \
                 the name of a server";
    check(&["db"], &[fault]);
}

#[test]
fn tokens_end_by_themselves_and_are_listed_and_revoked() {
    const DAY: u64 = 86_400_000;
    let site = Site::new();
    let service = &site.service;
    let make = |expires_in_ms| {
        let input = TokenInput { description: "ci".into(), expires_in_ms };
        access::create_token(service, &admin(), &input)
    };
    let (quarter, short) = (make(None).unwrap(), make(Some(DAY)).unwrap());
    let now = service.now();
    assert_eq!(quarter.expires_at, Some(now.after(90 * DAY).0));
    for length in [0, 1_827 * DAY, u64::MAX] {
        let problem = make(Some(length)).unwrap_err();
        assert!(names(&problem, "expiresInMs"), "{length}: {problem}");
    }
    let enters = |token: &TokenView| access::of_token(service, token.token.reveal()).is_some();
    assert!(enters(&quarter) && enters(&short));
    // To the millisecond it says, and no longer.
    site.clock.advance(DAY - 1);
    assert!(enters(&short));
    site.clock.advance(1);
    assert!(!enters(&short) && enters(&quarter));
    let list = |actor: &Actor| {
        let page = Page { number: 1, size: 100 };
        let tokens = access::tokens(service, actor, page).unwrap().items;
        tokens.into_iter().map(|token| (token.id, token.ended)).collect::<Vec<_>>()
    };
    assert_eq!(list(&admin()), [(quarter.id, false), (short.id, true)]);
    // Somebody else neither sees nor ends it, unless they manage users.
    let permissions = vec![Permission::FarmsRead];
    let stranger = Actor { user: UserId(9), permissions, ..Actor::job("viewer") };
    assert_eq!(list(&stranger), []);
    let revoke = |actor: &Actor, id: u64| access::revoke_token(service, actor, TokenId(id));
    assert_eq!(revoke(&stranger, quarter.id).unwrap_err().code, Code::ObjectNotFound);
    let nobody = Actor { permissions: Vec::new(), ..admin() };
    assert_eq!(revoke(&nobody, quarter.id).unwrap_err().code, Code::PermissionViolation);
    assert!(enters(&quarter));
    revoke(&admin(), quarter.id).unwrap();
    assert!(!enters(&quarter));
    assert_eq!(revoke(&admin(), quarter.id).unwrap_err().code, Code::ObjectNotFound);
    assert!(journal(service).contains(&format!("token {} revoked: ci", quarter.id)));
    // What is over goes with the next one that is made.
    let last = make(None).unwrap();
    assert_eq!(list(&admin()), [(last.id, false)]);
}
