//! What stands still in the worlds that screens look at: roles, variables, a calm rollout.

use super::world::{NOW, World, revision};
use grange::tui::catalogue::{Catalogue, Noun};
use grange::wire::account::AccountView;
use grange::wire::api::ConditionView;
use grange::wire::columns::clouds::CLOUDS;
use grange::wire::columns::roles::ROLES;
use grange::wire::columns::variables::VARIABLES;
use grange::wire::input::{RoleExtra, RoleView};
use grange::wire::role::RoleUseView;
use grange::wire::rollout::RolloutView;
use grange::wire::service::ServiceView;
use grange::wire::variable::VariableView;

/// What an appliance has of a noun; one that is empty has none.
pub fn of(noun: Noun, accounts: &[AccountView], is_empty: bool) -> Catalogue {
    match (noun, is_empty) {
        (Noun::Roles, true) => Catalogue::of(&ROLES, &[]),
        (Noun::Roles, false) => Catalogue::of(&ROLES, &roles()),
        (Noun::Variables, true) => Catalogue::of(&VARIABLES, &[]),
        (Noun::Variables, false) => Catalogue::of(&VARIABLES, &variables()),
        (Noun::Clouds, _) => Catalogue::of(&CLOUDS, accounts),
    }
}

fn roles() -> Vec<RoleView> {
    let role = |id, name: &str, revision, by: &str, used: usize, description: &str| RoleView {
        id,
        name: name.into(),
        description: description.into(),
        builtin_automation: if name == "haproxy" { vec!["haproxy".into()] } else { Vec::new() },
        grange: RoleExtra {
            role_revision: revision,
            created_by: by.into(),
            platforms: vec!["onboard".into(), "docker".into()],
            used_by: vec![RoleUseView::default(); used],
            ..RoleExtra::default()
        },
    };
    vec![
        role(1, "base", 1, "grange", 0, "A system and nothing else"),
        role(2, "haproxy", 1, "grange", 1, "Balances another farm role"),
        role(5, "my-api", 3, "ann", 2, "The shop's own interface, in python"),
    ]
}

fn variables() -> Vec<VariableView> {
    let variable = |name: &str, value: Option<&str>, hidden, from: &str| VariableView {
        name: name.into(),
        computed_value: value.map(str::to_owned),
        declared_in: "environment".into(),
        defined_in: value.is_some().then(|| from.to_owned()),
        hidden,
        ..VariableView::default()
    };
    let greeting = "welcome to the shop \u{2014} a greeting far too long for one column of a table";
    vec![
        variable("DB_PASSWORD", Some("never shown"), true, "environment"),
        variable("GREETING", Some(greeting), false, "scalr"),
        VariableView {
            required_in: Some("farm".into()),
            locked: true,
            description: "Where mail goes".into(),
            ..variable("MAIL_HOST", None, false, "")
        },
    ]
}

/// How the rollout of a farm role stands that has none.
pub fn calm(about: &str) -> RolloutView {
    RolloutView {
        about: about.into(),
        state: "none".into(),
        wish: "go".into(),
        from: 1,
        to: 1,
        failures_max: 2,
        strategy: "serial".into(),
        batch: 1,
        revisions: vec![revision(1, "small", 3, None)],
        ..RolloutView::default()
    }
}

/// A service of the first server keeps ending, and another runs.
pub fn ail(world: &mut World) {
    let why = "service app keeps ending and is started again (4 restarts within 10 m): it last \
               ended with exit code 1; it printed: no such table: orders";
    let server = &mut world.servers[0].grange;
    server.conditions.push(ConditionView { name: "crashLoop".into(), why: why.into() });
    let service = |name: &str, state: &str, age| ServiceView {
        age: Some(age),
        counted_since: Some(NOW - 600_000),
        ..ServiceView { state: state.into(), ..ServiceView::unknown(name.into()) }
    };
    let app = ServiceView {
        restarts: 4,
        restarts_lately: 4,
        ended: Some("ended with exit code 1".into()),
        ended_at: Some(NOW - 12_000),
        exit_code: Some(1),
        printed: Some("no such table: orders".into()),
        ..service("app", "backingOff", 95_000)
    };
    server.services = vec![app, service("metrics", "running", 600_000)];
    server.services_at = Some(NOW - 3_000);
}
