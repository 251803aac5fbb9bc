//! Variables on their way to servers: waited for, told anew when they change, and in no record.

use super::*;
use grange::model::{OrderBody, ServerStatus};
use grange::service::farms::workloads::{self, Looked, RenderedWork};
use grange::service::farms::{manifests, roles};
use grange::service::{agents, journal, servers};
use grange::wire::api::{CommandRequest, ManifestRequest};
use grange::wire::role::RoleManifestRequest;

const ROLE: &str = "role: app
images:
  - {cloudPlatform: simulated, image: host}
files:
  - {path: /etc/app, template: \"{{ vars.PASSWORD }}\"}
services:
  - {name: app, command: [app]}
";
const FARM: &str = "farm: shop
farmRoles:
  - {alias: web, role: app, cloudPlatform: simulated, instanceType: small,
     scaling: {minInstances: 1, maxInstances: 1}}
";

/// A site whose one server is up as far as its agent, and has work.
fn working() -> (Site, Server) {
    let mut site = Site::new();
    let request = RoleManifestRequest { manifest: ROLE.into(), ..RoleManifestRequest::default() };
    roles::apply(&site.service, &ann(), &request).unwrap();
    // A farm is not launched without it, and may lose it later.
    let manifest = ManifestRequest { manifest: FARM.into(), launch: true, ..Default::default() };
    let refused = manifests::apply(&site.service, &ann(), &manifest).unwrap_err();
    let text =
        "shop/web: files: /etc/app asks for PASSWORD, which has no value: grange variable set";
    assert_eq!(refused.message, text);
    declare(&site, ENVIRONMENT, &input("PASSWORD", Some("x"))).unwrap();
    site.apply_text(FARM);
    variables::remove(&site.service, &ann(), ENVIRONMENT, "PASSWORD").unwrap();
    for _ in 0..20 {
        site.act("tick");
        site.act("later 5s");
    }
    let server = site.servers().remove(0);
    assert!(server.agent && server.status != ServerStatus::Running, "{server:?}");
    (site, server)
}

fn look(site: &Site, server: &Server) -> Looked {
    let job = Actor::job("workloads");
    let looked =
        workloads::configure(&site.service, &job, server.farm, &mut RenderedWork::default())
            .unwrap();
    site.service.observed.set_work_awaited(server.farm, looked.waiting.clone());
    looked
}

/// The digests of the last order of work.
fn told(site: &Site, server: &Server) -> (String, String) {
    let orders = site.service.read(&Grant::job("test"), |view| lookup::orders_of(view, server.id));
    let mut work = orders.unwrap().into_iter().filter_map(|order| match order.body {
        OrderBody::Workload { digest, restarts, .. } => Some((digest, restarts)),
        _ => None,
    });
    work.next_back().unwrap()
}

#[test]
fn a_value_that_is_not_there_is_waited_for_and_said() {
    let (site, server) = working();
    let looked = look(&site, &server);
    let why = "files: /etc/app, line 1: no value of variable PASSWORD: grange variable set";
    assert_eq!((looked.ordered, looked.waiting[&server.id].as_str()), (0, why));
    let said = format!("its work cannot be told yet: {why}");
    let view = servers::get(&site.service, &ann(), server.id).unwrap();
    assert!(view.grange.waiting.contains(&said), "{:?}", view.grange.waiting);
    let explained = journal::explain::explain(&site.service, &ann(), "shop/web-1").unwrap();
    assert!(explained.waiting.contains(&format!("[farm] {said}")), "{:?}", explained.waiting);

    declare(&site, ENVIRONMENT, &input("PASSWORD", Some("one"))).unwrap();
    let looked = look(&site, &server);
    assert_eq!((looked.ordered, looked.waiting.len()), (1, 0));
    let view = servers::get(&site.service, &ann(), server.id).unwrap();
    assert!(!view.grange.waiting.iter().any(|line| line.contains("cannot be told")));
}

#[test]
fn a_hidden_value_is_told_to_its_server_and_to_nobody_else() {
    let (site, server) = working();
    let hidden = VariableInput { hidden: Some(true), ..input("PASSWORD", Some(PLANTED)) };
    declare(&site, ENVIRONMENT, &hidden).unwrap();
    assert_eq!(look(&site, &server).ordered, 1);
    let (digest, restarts) = told(&site, &server);
    site.service.observed.agent_connected(server.id, true, site.service.now());
    let (messages, _) = agents::orders::to_send(&site.service).unwrap();
    let messages = agents::orders::with_work(&site.service, messages).unwrap();
    let work = messages.iter().find_map(|(_, message)| message.workload.as_ref()).unwrap();
    assert_eq!(
        (work.files[0].content.as_str(), work.hidden.as_slice()),
        (PLANTED, [PLANTED.to_owned()].as_slice())
    );
    assert_eq!(work.environment["PASSWORD"], PLANTED);
    assert!(!format!("{messages:?}").contains(PLANTED), "it is printed with a message");
    // Nobody can try values against what is kept.
    let plain = serde_json::to_vec(work).unwrap();
    assert!(!grange::base::hash::hex(&grange::base::hash::sha256(&plain)).starts_with(&digest));

    // The same again is told once; another value is told anew, and restarts.
    assert_eq!(look(&site, &server).ordered, 0);
    give(&site, ENVIRONMENT, "PASSWORD", "planted-another").unwrap();
    assert_eq!(look(&site, &server).ordered, 1);
    let again = told(&site, &server);
    assert!(again.0 != digest && again.1 != restarts);
}

#[test]
fn without_the_key_only_what_needs_it_waits() {
    let (site, server) = working();
    let hidden = VariableInput { hidden: Some(true), ..input("PASSWORD", Some(PLANTED)) };
    declare(&site, ENVIRONMENT, &hidden).unwrap();
    // A rotation that forgets the old key before anything is sealed anew loses what it sealed.
    site.service.keyring.begin_rotation(false).unwrap();
    site.service.keyring.end_rotation().unwrap();
    let looked = look(&site, &server);
    assert_eq!(looked.ordered, 0);
    let why = &looked.waiting[&server.id];
    assert!(why.starts_with("variables: variable PASSWORD: it was sealed with key "), "{why}");
    assert_eq!(looked.failing.len(), 1, "it does not mend by itself");
}

#[test]
fn a_variable_that_the_role_does_not_name_changes_nothing_there() {
    let (site, server) = working();
    declare(&site, ENVIRONMENT, &input("PASSWORD", Some("one"))).unwrap();
    assert_eq!(look(&site, &server).ordered, 1);
    let hidden = VariableInput { hidden: Some(true), ..input("OTHER", Some(PLANTED)) };
    declare(&site, ENVIRONMENT, &hidden).unwrap();
    declare(&site, ENVIRONMENT, &input("PASSWORDS", Some("x"))).unwrap();
    assert_eq!(look(&site, &server).ordered, 0, "nothing of it is told, or restarts");
}

#[test]
fn a_command_has_what_the_role_names_and_what_every_server_has() {
    let (site, server) = working();
    let hidden = VariableInput { hidden: Some(true), ..input("PASSWORD", Some(PLANTED)) };
    declare(&site, ENVIRONMENT, &hidden).unwrap();
    declare(&site, ENVIRONMENT, &input("OTHER", Some("x"))).unwrap();
    site.service.observed.agent_connected(server.id, true, site.service.now());
    let command = CommandRequest { command: vec!["env".into()], timeout_ms: 1000 };
    servers::commands::run(&site.service, &ann(), server.id, &command).unwrap();
    let (messages, _) = agents::orders::to_send(&site.service).unwrap();
    let messages = agents::orders::with_work(&site.service, messages).unwrap();
    let of_it = |body: &OrderBody| matches!(body, OrderBody::Run { .. });
    let message = messages.iter().find(|(_, message)| of_it(&message.body)).unwrap();
    let work = message.1.workload.as_ref().unwrap();
    assert_eq!(work.environment["GRANGE_SERVER"], "shop/web-1");
    assert_eq!(work.environment["PASSWORD"], PLANTED);
    assert_eq!(work.hidden, [PLANTED], "what it prints of it is taken out");
    assert!(!work.environment.contains_key("OTHER"), "the role does not name it");
    assert!(work.setup.is_empty() && work.files.is_empty() && work.services.is_empty());
}

#[test]
fn who_uses_a_variable_is_told_where_one_is_shown() {
    let (site, server) = working();
    declare(&site, ENVIRONMENT, &input("PASSWORD", Some("x"))).unwrap();
    declare(&site, ENVIRONMENT, &input("OTHER", Some("x"))).unwrap();
    let used = |at: VariableScope, name: &str| {
        variables::get(&site.service, &ann(), at, name).unwrap().used_by
    };
    for at in scopes(&server).into_iter().skip(1) {
        assert_eq!(used(at, "PASSWORD"), ["shop/web"], "{at:?}");
        assert_eq!(used(at, "OTHER"), [""; 0], "{at:?}");
    }
}

#[test]
fn nothing_is_required_of_what_runs_without_it() {
    let (site, server) = working();
    let required =
        |kind: &str| VariableInput { required_in: Some(kind.to_owned()), ..input("NEEDED", None) };
    let refused = declare(&site, ENVIRONMENT, &required("farm")).unwrap_err();
    let text = "shop runs and has no value of NEEDED: declare it without this, give it values, \
                then require it";
    assert_eq!((refused.field.as_deref(), refused.message.as_str()), (Some("requiredIn"), text));
    let refused = declare(&site, ENVIRONMENT, &required("farmrole")).unwrap_err();
    assert!(refused.message.starts_with("shop/web runs and has"), "{refused}");
    declare(&site, ENVIRONMENT, &input("NEEDED", None)).unwrap();
    let later = VariableInput { required_in: Some("farm".to_owned()), ..VariableInput::default() };
    assert!(variables::change(&site.service, &ann(), ENVIRONMENT, "NEEDED", &later).is_err());
    give(&site, VariableScope::Farm(server.farm), "NEEDED", "x").unwrap();
    variables::change(&site.service, &ann(), ENVIRONMENT, "NEEDED", &later).unwrap();
}

#[test]
fn a_variable_that_is_declared_further_in_says_where_and_what_to_do() {
    let (site, server) = working();
    declare(&site, VariableScope::Farm(server.farm), &input("MODE", Some("x"))).unwrap();
    let refused = declare(&site, ENVIRONMENT, &input("MODE", Some("y"))).unwrap_err();
    assert_eq!(
        refused.message,
        "variable MODE is declared further in, and is declared once: in shop: grange variable \
         unset shop MODE, declare it here, then give it a value there again"
    );
}

#[test]
fn a_value_that_was_missing_ends_the_wait_of_what_failed_without_it() {
    let (mut site, _) = working();
    for _ in 0..200 {
        site.act("tick");
        site.act("later 20s");
        let failed = failures(&site);
        if failed > 0 {
            break;
        }
    }
    assert!(failures(&site) > 0, "nothing failed in an hour");
    declare(&site, ENVIRONMENT, &input("OTHER", Some("x"))).unwrap();
    site.act("plan");
    assert!(failures(&site) > 0, "the role does not name it");
    declare(&site, ENVIRONMENT, &input("PASSWORD", Some("x"))).unwrap();
    site.act("plan");
    assert_eq!(failures(&site), 0);
}

/// Launches of the farm role that failed in a row, by its current plan.
fn failures(site: &Site) -> u32 {
    let farm = grange::service::plans::farms(&site.service).unwrap()[0];
    let plan = site.service.read(&Grant::job("test"), |view| lookup::current_plan(view, farm));
    plan.unwrap().map_or(0, |plan| plan.targets[0].failed_launches)
}
