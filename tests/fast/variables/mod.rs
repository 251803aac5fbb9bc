//! Global variables: which value counts, what may be set, what nobody is shown, and the key behind
//! it being replaced.

use crate::explain::site::Site;
use grange::base::limit::VARIABLES_MAX;
use grange::base::{Code, EnvironmentId, Result, Secret, VariableId};
use grange::model::{
    Actor, Cause, Door, GlobalVariable, Grant, Install, Permission, Server, VariableScope,
    VariableValue,
};
use grange::service::appliance::{install, sealing};
use grange::service::farms::variables::FarmVariables;
use grange::service::farms::{self, variables};
use grange::service::lookup;
use grange::store::{Author, Keyring, Purpose, Reads, SealedPlace};
use grange::wire::input::{Page, TerminateInput};
use grange::wire::sealing::RotateKeyInput;
use grange::wire::variable::{VariableInput, VariableView};

mod remembered;
mod work;

const ALL: Page = Page { number: 1, size: 200 };
const PLANTED: &str = "planted-correct-horse-battery";
const ENVIRONMENT: VariableScope = VariableScope::Environment(EnvironmentId(1));

fn ann() -> Actor {
    let permissions = Permission::for_admin();
    Actor { name: "ann".into(), door: Door::Socket, permissions, ..Actor::job("ann") }
}

/// A site with a farm `shop` that runs, and one of its servers.
fn site() -> (Site, Server) {
    let mut site = Site::new();
    site.act("apply 2 4");
    site.act("settle");
    let server = site.service.read(&Grant::job("test"), lookup::all_servers).unwrap().remove(0);
    (site, server)
}

fn input(name: &str, value: Option<&str>) -> VariableInput {
    VariableInput {
        name: Some(name.to_owned()),
        value: value.map(Secret::new),
        ..VariableInput::default()
    }
}

fn declare(site: &Site, at: VariableScope, input: &VariableInput) -> Result<VariableView> {
    variables::declare(&site.service, &ann(), at, input)
}

fn give(site: &Site, at: VariableScope, name: &str, value: &str) -> Result<VariableView> {
    let input = VariableInput { value: Some(Secret::new(value)), ..VariableInput::default() };
    variables::change(&site.service, &ann(), at, name, &input)
}

fn value_on(site: &Site, server: &Server, name: &str) -> Result<Option<String>> {
    let found = site.service.read(&Grant::job("test"), |view| {
        let farm = lookup::farm(view, server.farm)?.unwrap();
        let farm_roles = lookup::farm_roles_of(view, farm.id)?;
        let of_farm = FarmVariables::read(view, &farm, &farm_roles)?;
        of_farm.of_server(&site.service, view, server, &|_| true)
    })?;
    Ok(found.get(name).map(|variable| variable.value.reveal().to_owned()))
}

fn scopes(server: &Server) -> [VariableScope; 5] {
    [
        VariableScope::Installation,
        ENVIRONMENT,
        VariableScope::Farm(server.farm),
        VariableScope::FarmRole(server.farm_role),
        VariableScope::Server(server.id),
    ]
}

#[test]
fn the_innermost_value_counts_and_goes_with_its_scope() {
    let (site, server) = site();
    declare(&site, VariableScope::Installation, &input("MODE", Some("0"))).unwrap();
    for (depth, at) in scopes(&server).into_iter().enumerate().skip(1) {
        let set = give(&site, at, "mode", &depth.to_string()).unwrap();
        assert_eq!((set.name.as_str(), set.declared_in.as_str()), ("MODE", "scalr"));
        assert_eq!(set.defined_in.as_deref(), Some(at.kind().as_str()));
        assert_eq!(value_on(&site, &server, "MODE").unwrap(), Some(depth.to_string()));
    }
    for (depth, at) in scopes(&server).into_iter().enumerate().skip(1).rev() {
        variables::remove(&site.service, &ann(), at, "MODE").unwrap();
        assert_eq!(value_on(&site, &server, "MODE").unwrap(), Some((depth - 1).to_string()));
    }
}

#[test]
fn every_server_has_the_systems_variables_by_our_names_and_by_scalrs() {
    let (site, server) = site();
    let known = [
        ("GRANGE_FARM", "SCALR_FARM_NAME", "shop".to_owned()),
        ("GRANGE_FARM_ROLE", "SCALR_FARM_ROLE_ALIAS", "web".to_owned()),
        ("GRANGE_SERVER_ID", "SCALR_SERVER_ID", server.id.to_string()),
        ("GRANGE_SERVER_INDEX", "SCALR_INSTANCE_INDEX", server.index.to_string()),
        ("GRANGE_SERVER_ADDRESS", "SCALR_INTERNAL_IP", server.private_ips[0].clone()),
    ];
    for (ours, scalrs, expected) in known {
        for name in [ours, scalrs] {
            assert_eq!(value_on(&site, &server, name).unwrap().as_ref(), Some(&expected), "{name}");
        }
    }
    let name = format!("shop/{}", server.hostname);
    assert_eq!(value_on(&site, &server, "GRANGE_SERVER").unwrap(), Some(name));
}

#[test]
fn what_is_locked_required_or_ruled_is_so_everywhere() {
    let (site, server) = site();
    let farm = VariableScope::Farm(server.farm);
    let locked = VariableInput { locked: Some(true), ..input("A", Some("1")) };
    declare(&site, ENVIRONMENT, &locked).unwrap();
    assert_eq!(give(&site, farm, "A", "2").unwrap_err().code, Code::UnacceptableState);
    let ruled = VariableInput {
        validation_pattern: Some("[0-9]+".into()),
        output_format: Some("n%03d".into()),
        ..input("B", Some("7"))
    };
    declare(&site, ENVIRONMENT, &ruled).unwrap();
    assert_eq!(give(&site, farm, "B", "x").unwrap_err().field.as_deref(), Some("value"));
    give(&site, farm, "B", "42").unwrap();
    assert_eq!(value_on(&site, &server, "B").unwrap().as_deref(), Some("n042"));
    // A rule that a value further in breaks is refused, and says where.
    let stricter =
        VariableInput { validation_pattern: Some("[0-9]".into()), ..VariableInput::default() };
    let refused = variables::change(&site.service, &ann(), ENVIRONMENT, "B", &stricter);
    assert!(refused.unwrap_err().message.contains("in shop"));
    let lock = VariableInput { locked: Some(true), ..VariableInput::default() };
    let refused = variables::change(&site.service, &ann(), ENVIRONMENT, "B", &lock);
    assert_eq!(refused.unwrap_err().code, Code::ObjectInUse);
    let gone = variables::remove(&site.service, &ann(), ENVIRONMENT, "B");
    assert_eq!(gone.unwrap_err().code, Code::ObjectInUse);
    // Declared twice, whichever is first, and a rule said where it is not declared.
    assert_eq!(declare(&site, farm, &input("b", None)).unwrap_err().code, Code::UnicityViolation);
    declare(&site, farm, &input("C", None)).unwrap();
    assert_eq!(declare(&site, ENVIRONMENT, &input("c", None)).unwrap_err().code, Code::ObjectInUse);
    let rule = VariableInput { output_format: Some("%s!".into()), ..input("A", Some("1")) };
    let refused = variables::change(&site.service, &ann(), farm, "A", &rule);
    assert_eq!(refused.unwrap_err().code, Code::UnacceptableState);
}

#[test]
fn a_farm_is_not_launched_while_a_required_value_is_missing() {
    let (site, server) = site();
    let (farm, role) =
        (VariableScope::Farm(server.farm), VariableScope::FarmRole(server.farm_role));
    let required = |name: &str, kind: &str| VariableInput {
        required_in: Some(kind.to_owned()),
        ..input(name, None)
    };
    // What runs without a value cannot be made to need one.
    farms::terminate(&site.service, &ann(), server.farm, TerminateInput::default()).unwrap();
    declare(&site, ENVIRONMENT, &required("OF_FARM", "farm")).unwrap();
    declare(&site, ENVIRONMENT, &required("OF_ROLE", "farmrole")).unwrap();
    let refused = farms::launch(&site.service, &ann(), server.farm).unwrap_err();
    let told: Vec<String> = refused.each().map(|fault| fault.message.clone()).collect();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].contains("shop needs a value of OF_FARM"), "{told:?}");
    assert!(told[1].contains("shop/web needs a value of OF_ROLE"), "{told:?}");
    give(&site, role, "OF_ROLE", "x").unwrap();
    give(&site, role, "OF_FARM", "x").unwrap();
    assert!(
        farms::launch(&site.service, &ann(), server.farm).is_err(),
        "a value further in than where it is required is none"
    );
    give(&site, farm, "OF_FARM", "x").unwrap();
    farms::launch(&site.service, &ann(), server.farm).unwrap();
    let outer = VariableInput { required_in: Some("environment".into()), ..input("D", None) };
    let refused = declare(&site, farm, &outer).unwrap_err();
    assert_eq!(refused.field.as_deref(), Some("requiredIn"));
}

/// A file with another key is well-formed, and what would be sealed with it would be lost when the
/// right one comes back.
#[test]
fn a_key_of_another_store_opens_and_seals_nothing() {
    let name = format!("grange-key-{}", std::process::id());
    let dir = std::env::temp_dir().join(name);
    let [own, other] = ["own", "other"].map(|name| Keyring::open(&dir.join(name), false));
    let (site, _) = site();
    let store = &site.service.store;
    let install = Install {
        id: "a".into(),
        epoch: 1,
        seed: 1,
        created_at: site.service.now(),
        authority: String::new(),
        sealing_key: None,
    };
    install::ensure(store, install).unwrap();
    sealing::look_at_key(store, &own).unwrap();
    assert_eq!(install::known(store).unwrap().unwrap().sealing_key, own.current());
    assert!(own.outage().is_none());
    sealing::look_at_key(store, &other).unwrap();
    assert!(other.outage().unwrap().contains("has another key than"));
    let place = SealedPlace::of::<GlobalVariable>(&VariableId(1), "value");
    assert!(other.seal(&place, &Secret::new("s")).is_err());
    // A rotation that was begun has the one that is known, too.
    own.begin_rotation(false).unwrap();
    sealing::look_at_key(store, &own).unwrap();
    assert!(own.outage().is_none());
    std::fs::remove_dir_all(&dir).unwrap();
}

#[test]
fn nobody_learns_a_hidden_value_by_asking_whether_it_matches() {
    let (site, server) = site();
    let at = VariableScope::Farm(server.farm);
    let hidden = VariableInput { hidden: Some(true), ..input("PASSWORD", Some(PLANTED)) };
    declare(&site, at, &hidden).unwrap();
    let rules = |pattern: Option<&str>, format: Option<&str>| VariableInput {
        validation_pattern: pattern.map(str::to_owned),
        output_format: format.map(str::to_owned),
        ..VariableInput::default()
    };
    let change = |input: &VariableInput| {
        variables::change(&site.service, &ann(), at, "PASSWORD", input).map_err(|why| why.message)
    };
    // What it matches and what it does not are answered alike.
    let asked = [rules(Some("p.*"), None), rules(Some("q.*"), None), rules(None, Some("%d"))];
    let answers: Vec<String> = asked.iter().map(|asked| change(asked).unwrap_err()).collect();
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    assert!(answers[0].contains("say its value, too"), "{answers:?}");
    let told =
        VariableInput { value: Some(Secret::new("other-value")), ..rules(Some("other-.*"), None) };
    change(&told).unwrap();
    // A value further in is nobody's to ask about either.
    let inner = VariableScope::FarmRole(server.farm_role);
    give(&site, inner, "PASSWORD", "other-inner").unwrap();
    let both = [told.clone(), VariableInput { validation_pattern: Some("o.*".into()), ..told }];
    assert!(change(&both[0]).is_ok(), "the same rule asks nothing");
    assert!(change(&both[1]).unwrap_err().contains("remove those first"));
}

#[test]
fn a_hidden_value_is_in_no_answer_no_entry_and_no_refusal() {
    let (site, server) = site();
    let at = VariableScope::Farm(server.farm);
    let hidden = VariableInput {
        hidden: Some(true),
        validation_pattern: Some("planted-.*".into()),
        ..input("PASSWORD", Some(PLANTED))
    };
    let mut said = vec![format!("{:?}", declare(&site, at, &hidden))];
    said.push(format!("{:?}", give(&site, at, "PASSWORD", "planted-other")));
    said.push(format!("{:?}", give(&site, at, "PASSWORD", &format!("not-{PLANTED}"))));
    said.push(format!("{:?}", give(&site, at, "PASSWORD", PLANTED)));
    said.push(format!("{:?}", variables::list(&site.service, &ann(), at, ALL)));
    said.push(format!("{:?}", variables::get(&site.service, &ann(), at, "PASSWORD")));
    let opened = VariableInput { hidden: Some(false), ..VariableInput::default() };
    said.push(format!("{:?}", variables::change(&site.service, &ann(), at, "PASSWORD", &opened)));
    let job = Grant::job("test");
    let first = site.service.store.last_seq().0.saturating_sub(50);
    let entries = site.service.store.entries(&job, grange::base::Seq(first), 99).unwrap();
    said.push(format!("{entries:?}"));
    for entry in &entries {
        for bytes in entry.changes.iter().flat_map(|change| [&change.before, &change.after]) {
            let text = bytes.as_ref().map(|bytes| String::from_utf8_lossy(bytes).into_owned());
            said.push(text.unwrap_or_default());
        }
    }
    for text in &said {
        assert!(!text.contains("correct-horse"), "{text}");
    }
    assert!(said.iter().any(|text| text.contains("PASSWORD")));
    assert_eq!(value_on(&site, &server, "PASSWORD").unwrap().as_deref(), Some(PLANTED));
}

#[test]
fn a_scope_has_so_many_variables_and_no_more() {
    let (site, _) = site();
    for number in 0..VARIABLES_MAX {
        declare(&site, ENVIRONMENT, &input(&format!("V{number}"), Some("x"))).unwrap();
    }
    let refused = declare(&site, ENVIRONMENT, &input("MORE", None)).unwrap_err();
    assert_eq!(refused.code, Code::LimitExceeded);
}

fn hide(site: &Site, at: VariableScope, count: usize) {
    for number in 0..count {
        let name = format!("{}_{number}", at.kind());
        let hidden = VariableInput { hidden: Some(true), ..input(&name, Some(&name)) };
        declare(site, at, &hidden).unwrap();
    }
}

/// Whether every hidden value opens, and with which keys they are sealed.
fn sealed(site: &Site) -> Vec<String> {
    let all = site.service.read(&Grant::job("test"), |view| Ok(view.all::<GlobalVariable>()?));
    let mut keys: Vec<String> = Vec::new();
    for variable in all.unwrap().into_iter().map(|found| found.record) {
        let Some(VariableValue::Hidden(sealed)) = &variable.value else { continue };
        let place = SealedPlace::of::<GlobalVariable>(&variable.id, "value");
        let text = site.service.keyring.unseal(&place, sealed).unwrap();
        assert_eq!(text.reveal(), variable.name);
        keys.push(sealed.key.to_string());
    }
    keys.sort();
    keys.dedup();
    keys
}

#[test]
fn a_rotation_seals_every_value_anew_and_the_old_key_opens_nothing() {
    let (site, server) = site();
    hide(&site, ENVIRONMENT, 60);
    hide(&site, VariableScope::Farm(server.farm), 60);
    let before = sealed(&site);
    let done = sealing::rotate(&site.service, &ann(), RotateKeyInput::default()).unwrap();
    assert_eq!((done.resealed, done.closed), (120, 0));
    assert_eq!(sealed(&site), std::slice::from_ref(&done.key));
    assert_ne!(before, [done.key]);
    assert!(!site.service.keyring.is_rotating());
    let lost = sealing::rotate(&site.service, &ann(), RotateKeyInput { lost: true });
    assert_eq!(lost.unwrap_err().field.as_deref(), Some("lost"), "the key is there");
}

#[test]
fn a_rotation_that_was_cut_off_ends_with_the_next_start() {
    for done in [0, 1, 59, 120] {
        let (site, server) = site();
        hide(&site, ENVIRONMENT, 60);
        hide(&site, VariableScope::Farm(server.farm), 60);
        site.service.keyring.begin_rotation(false).unwrap();
        let (ring, job) = (site.service.keyring.clone(), Grant::job("test"));
        let author = Author::new(&job, "key.rotate", Cause::Request, Purpose::Ending);
        if done > 0 {
            site.service.write(author, move |tx| tx.reseal(&ring, done)).unwrap();
        }
        assert!(site.service.keyring.is_rotating());
        sealing::look_after_start(&site.service);
        assert!(!site.service.keyring.is_rotating());
        assert_eq!(sealed(&site).len(), 1, "after {done}");
    }
}
