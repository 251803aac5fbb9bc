//! Every verb a person has × an actor of a second environment: nothing of the first is seen, and
//! nothing of it changes.

use crate::entrance::rights::{Call, There, VERBS, actor, site};
use grange::base::{Code, EnvironmentId, Result, UserId};
use grange::model::{Actor, Grant, Permission};
use grange::service::appliance;

/// What belongs to the installation and not to an environment, where the names do not matter.
const OF_THE_HOUSE: &[&str] = &["accounts::list", "accounts::resume"];
/// What makes something of one's own, and so writes.
const MAKES: &[&str] = &[
    "farms::create",
    "farms::roles::create",
    "farms::roles::apply::apply",
    "manifests::apply",
    "proposals::make",
    "access::create_token",
];

/// What is for all environments at once: its entries are the house's, and say nothing of any.
const FOR_ALL: &[&str] = &["appliance::sealing::rotate"];

/// What is another's is answered as what there is not; a request may be wrong in itself, and a
/// proposal says of which environment it is.
const NOT_THERE: Code = Code::ObjectNotFound;

fn elsewhere(permissions: &[Permission]) -> Actor {
    Actor { env: EnvironmentId(2), user: UserId(9), ..actor(permissions.to_vec()) }
}

/// What somebody of the second environment is answered, and whose environments the entries are of
/// that this left.
fn ask(verb: Call, permissions: &[Permission]) -> (Result<String>, Vec<EnvironmentId>) {
    let site = site();
    let there = There::on(&site);
    let before = site.service.store.last_seq();
    let said = verb(&there, &elsewhere(permissions));
    let entries = site.service.store.entries(&Grant::job("test"), before, 99).unwrap();
    (said, entries.iter().flat_map(|entry| entry.environments()).collect())
}

#[test]
fn who_is_of_another_environment_sees_and_changes_nothing_of_this() {
    let of_people = VERBS.iter().filter(|(_, needed, _)| !needed.contains(&Permission::Operate));
    let mut faults = Vec::new();
    for (name, needed, verb) in of_people {
        if FOR_ALL.contains(name) {
            continue;
        }
        let (said, wrote) = ask(*verb, needed);
        let may_write = MAKES.contains(name) || OF_THE_HOUSE.contains(name);
        if wrote.iter().any(|env| *env != EnvironmentId(2)) || !(may_write || wrote.is_empty()) {
            faults.push(format!("{name} wrote in {wrote:?}"));
        }
        let told = match &said {
            Ok(text) => text.clone(),
            Err(problem) => problem.to_string(),
        };
        // The name is in an answer only where the question had it.
        let named = told.replace("server named shop", "").replace("no farm shop", "");
        if named.contains("shop") || named.contains("web-1") {
            faults.push(format!("{name} tells: {told}"));
        }
        if let Err(problem) = &said
            && !matches!(problem.code, NOT_THERE | Code::InvalidValue | Code::PermissionViolation)
        {
            faults.push(format!("{name} refuses with {:?}: {told}", problem.code));
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn the_status_counts_ones_own() {
    let site = site();
    let counts = |actor: &Actor| {
        let status = appliance::get(&site.service, actor, Vec::new()).unwrap();
        (status.farms, status.servers)
    };
    assert_eq!(counts(&actor(vec![Permission::FarmsRead])), (1, 2));
    assert_eq!(counts(&elsewhere(&[Permission::FarmsRead])), (0, 0));
}
