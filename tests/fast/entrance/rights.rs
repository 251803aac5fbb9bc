//! Every verb × every permission: one who lacks a single permission that it asks for is refused
//! and nothing is written; one who has those alone is not refused for want of any.

use crate::explain::site::Site;
use grange::base::*;
use grange::clouds::Applied;
use grange::clouds::simulated::{Delays, Simulated};
use grange::model::{Actor, Door, Grant, Permission, VariableScope};
use grange::service::agents::{orders, told};
use grange::service::appliance::upkeep::KeptPlans;
use grange::service::appliance::{self, sealing, upkeep};
use grange::service::clouds::observe::Look;
use grange::service::clouds::{accounts, lease, notices, observe, registry};
use grange::service::farms::images::{self, ArrivingImage};
use grange::service::farms::{
    self, balancers, manifests, members, notes, roles, variables, workloads,
};
use grange::service::journal::{self, explain};
use grange::service::orchestration::runs;
use grange::service::plans::Memory;
use grange::service::plans::{self, holds, proposals, rollouts, steps};
use grange::service::readings::{minutes, whatif};
use grange::service::servers::{self, commands, logs, ready, volumes};
use grange::service::{Service, access, lookup};
use grange::wire::account::{AccountAdd, AccountEdit};
use grange::wire::api::logs::LogAsked;
use grange::wire::api::{CommandRequest, ManifestRequest, ProposalRequest, ProposalText};
use grange::wire::hold::HoldInput;
use grange::wire::image::{ImageFilter, ImageImport};
use grange::wire::input::{
    EventsQuery, FarmFilter, FarmInput, FarmRoleFilter, LockInput, Page, RebootInput, RoleFilter,
    ScalingInput, ServerFilter, TerminateInput, TokenInput, VolumeFilter,
};
use grange::wire::note::{NoteFilter, NoteInput};
use grange::wire::role::{
    RoleCloneInput, RoleInput, RoleManifestAsked, RoleManifestRequest, RoleUpgradeRequest,
};
use grange::wire::rollout::RolloutVerb;
use grange::wire::run::RunInput;
use grange::wire::sealing::RotateKeyInput;
use grange::wire::simulation::SimulationRequest;
use grange::wire::variable::VariableInput;
use std::collections::BTreeSet;

use Permission::{
    CloudsManage, CommandsRun, EventsRead, FarmsLaunch, FarmsManage, FarmsRead, ImagesManage,
    LogsRead, Operate, RolesManage, ServersManage, UsersManage,
};

const MANIFEST: &str = "farm: den\nfarmRoles:\n  - {alias: web, role: web-demo, cloudPlatform: \
                        simulated, instanceType: small}\n";
const PAGE: Page = Page { number: 1, size: 10 };

/// What the verbs are about.
pub struct There<'a> {
    /// The verbs.
    pub service: &'a Service,
    /// The farm.
    pub farm: FarmId,
    /// Its farm role.
    pub role: FarmRoleId,
    /// One of its servers.
    pub server: ServerId,
    /// A proposal that launches, signed by somebody who may.
    pub launching: String,
}

pub type Call = fn(&There, &Actor) -> Result<String>;

/// `module::function`, what it asks for, and a call of it.
pub const VERBS: &[(&str, &[Permission], Call)] = &[
    ("clouds::registry::add", &[CloudsManage], |t, a| {
        said(registry::add(t.service, a, &AccountAdd::default()))
    }),
    ("clouds::registry::get", &[FarmsRead], |t, a| said(registry::get(t.service, a, "simulated"))),
    ("clouds::registry::check", &[CloudsManage], |t, a| {
        said(registry::check(t.service, a, "simulated"))
    }),
    ("clouds::registry::edit", &[CloudsManage], |t, a| {
        said(registry::edit(t.service, a, "simulated", &AccountEdit::default(), None))
    }),
    ("clouds::registry::remove", &[CloudsManage], |t, a| {
        said(registry::remove(t.service, a, "simulated", None))
    }),
    ("clouds::accounts::list", &[FarmsRead], |t, a| said(accounts::list(t.service, a, PAGE))),
    ("clouds::lease::take", &[CloudsManage], |t, a| said(lease::take(t.service, a, "simulated"))),
    ("clouds::lease::keep", &[Operate], |t, a| {
        let cloud = Simulated::new(t.service.clock.clone(), 7, Delays::default()).with_lease();
        said(lease::keep(t.service, a, &lease::look(t.service, "simulated"), &cloud))
    }),
    ("clouds::accounts::resume", &[FarmsManage], |t, a| {
        said(accounts::resume(t.service, a, "simulated"))
    }),
    ("farms::balancers::configure", &[Operate], |t, a| {
        said(balancers::configure(t.service, a, t.farm))
    }),
    ("farms::workloads::configure", &[Operate], |t, a| {
        said(workloads::configure(t.service, a, t.farm, &mut Default::default()))
    }),
    ("servers::commands::run", &[CommandsRun], |t, a| {
        let input = CommandRequest { command: vec!["true".into()], timeout_ms: 1_000 };
        said(commands::run(t.service, a, t.server, &input))
    }),
    ("servers::commands::get", &[CommandsRun], |t, a| {
        said(commands::get(t.service, a, OrderId(1)))
    }),
    ("servers::commands::cancel", &[CommandsRun], |t, a| {
        said(commands::cancel(t.service, a, OrderId(1)))
    }),
    ("orchestration::runs::start", &[CommandsRun], |t, a| {
        let (targets, command) = (vec!["shop".into()], vec!["true".into()]);
        said(runs::start(t.service, a, &RunInput { targets, command, ..RunInput::default() }))
    }),
    ("orchestration::runs::cancel", &[CommandsRun], |t, a| {
        said(runs::cancel(t.service, a, RunId(1)))
    }),
    ("orchestration::runs::get", &[CommandsRun], |t, a| said(runs::get(t.service, a, RunId(1)))),
    ("orchestration::runs::list", &[CommandsRun], |t, a| said(runs::list(t.service, a, PAGE))),
    ("orchestration::runs::output", &[CommandsRun], |t, a| {
        said(runs::output(t.service, a, RunId(1), t.server).map(|_| "a stream"))
    }),
    ("orchestration::runs::servers", &[CommandsRun], |t, a| {
        said(runs::servers(t.service, a, RunId(1), PAGE))
    }),
    ("servers::logs::list", &[LogsRead], |t, a| {
        said(logs::list(t.service, a, t.server).map(|_| "a stream"))
    }),
    ("servers::logs::read", &[LogsRead], |t, a| {
        said(logs::read(t.service, a, t.server, &LogAsked::default()).map(|_| "a stream"))
    }),
    ("journal::list", &[EventsRead], |t, a| {
        said(journal::list(t.service, a, &EventsQuery { max: 10, ..EventsQuery::default() }))
    }),
    ("journal::explain::explain", &[EventsRead], |t, a| {
        said(explain::explain(t.service, a, "shop"))
    }),
    ("journal::explain::full_name", &[EventsRead], |t, a| {
        said(explain::full_name(t.service, a, "shop"))
    }),
    ("journal::explain::plan", &[EventsRead], |t, a| said(explain::plan(t.service, a, PlanId(1)))),
    ("journal::explain::plan_of_farm", &[EventsRead], |t, a| {
        said(explain::plan_of_farm(t.service, a, t.farm))
    }),
    ("farms::list", &[FarmsRead], |t, a| {
        said(farms::list(t.service, a, &FarmFilter::default(), PAGE))
    }),
    ("farms::get", &[FarmsRead], |t, a| said(farms::get(t.service, a, t.farm))),
    ("farms::create", &[FarmsManage], |t, a| {
        let input = FarmInput { name: Some("new".into()), ..FarmInput::default() };
        said(farms::create(t.service, a, &input))
    }),
    ("farms::update", &[FarmsManage], |t, a| {
        let input = FarmInput { description: Some("other".into()), ..FarmInput::default() };
        said(farms::update(t.service, a, t.farm, &input, None))
    }),
    ("farms::remove", &[FarmsManage], |t, a| said(farms::remove(t.service, a, t.farm, None))),
    ("farms::launch", &[FarmsLaunch], |t, a| said(farms::launch(t.service, a, t.farm))),
    ("farms::suspend", &[FarmsLaunch], |t, a| said(farms::suspend(t.service, a, t.farm))),
    ("farms::resume", &[FarmsLaunch], |t, a| said(farms::resume(t.service, a, t.farm))),
    ("farms::terminate", &[FarmsLaunch], |t, a| {
        said(farms::terminate(t.service, a, t.farm, TerminateInput::default()))
    }),
    ("farms::farm_roles", &[FarmsRead], |t, a| {
        said(farms::farm_roles(t.service, a, t.farm, &FarmRoleFilter::default(), PAGE))
    }),
    ("farms::role", &[FarmsRead], |t, a| said(farms::role(t.service, a, t.role))),
    ("farms::scale", &[FarmsManage], |t, a| {
        let input = ScalingInput { min_instances: Some(1), ..ScalingInput::default() };
        said(farms::scale(t.service, a, t.role, &input, None))
    }),
    ("farms::notes::add", &[FarmsManage], |t, a| {
        let input = NoteInput { what: "shop/web".into(), text: "x".into() };
        said(notes::add(t.service, a, &input))
    }),
    ("farms::notes::remove", &[FarmsManage], |t, a| said(notes::remove(t.service, a, NoteId(1)))),
    ("farms::variables::list", &[FarmsRead], |t, a| {
        said(variables::list(t.service, a, VariableScope::Farm(t.farm), PAGE))
    }),
    ("farms::variables::get", &[FarmsRead], |t, a| {
        said(variables::get(t.service, a, VariableScope::FarmRole(t.role), "MODE"))
    }),
    ("farms::variables::declare", &[FarmsManage], |t, a| {
        let input = VariableInput { name: Some("MODE".into()), ..VariableInput::default() };
        said(variables::declare(t.service, a, VariableScope::Farm(t.farm), &input))
    }),
    ("farms::variables::change", &[FarmsManage], |t, a| {
        let input = VariableInput::default();
        said(variables::change(t.service, a, VariableScope::Server(t.server), "MODE", &input))
    }),
    ("farms::variables::remove", &[FarmsManage], |t, a| {
        said(variables::remove(t.service, a, VariableScope::Farm(t.farm), "MODE"))
    }),
    ("appliance::sealing::rotate", &[UsersManage], |t, a| {
        // The number of a new key is another each time; this is refused after the permission.
        said(sealing::rotate(t.service, a, RotateKeyInput { lost: true }))
    }),
    ("farms::notes::list", &[FarmsRead], |t, a| {
        said(notes::list(t.service, a, &NoteFilter::default(), PAGE))
    }),
    ("plans::holds::place", &[FarmsManage], |t, a| {
        let (what, kind) = ("shop".into(), "scaling".into());
        let reason = "a look".into();
        let input = HoldInput { what, kind, reason, no_end: true, ..HoldInput::default() };
        said(holds::place(t.service, a, &input))
    }),
    ("plans::holds::release", &[FarmsManage], |t, a| said(holds::release(t.service, a, HoldId(1)))),
    ("plans::holds::list", &[FarmsRead], |t, a| said(holds::list(t.service, a, PAGE))),
    ("plans::holds::expire", &[Operate], |t, a| said(holds::expire(t.service, a))),
    ("farms::manifests::export::export", &[FarmsRead], |t, a| {
        said(manifests::export(t.service, a, t.farm))
    }),
    ("farms::manifests::apply", &[FarmsManage], |t, a| {
        let input = ManifestRequest { manifest: MANIFEST.into(), ..ManifestRequest::default() };
        said(manifests::apply(t.service, a, &input))
    }),
    ("farms::manifests::apply", &[FarmsManage, FarmsLaunch], |t, a| {
        let manifest = MANIFEST.into();
        let input = ManifestRequest { manifest, launch: true, ..ManifestRequest::default() };
        said(manifests::apply(t.service, a, &input))
    }),
    ("farms::manifests::apply", &[FarmsRead], |t, a| {
        let manifest = MANIFEST.into();
        let input = ManifestRequest { manifest, dry_run: true, ..ManifestRequest::default() };
        said(manifests::apply(t.service, a, &input))
    }),
    ("farms::members::forget_others", &[Operate], |t, a| {
        said(members::forget_others(t.service, a))
    }),
    ("readings::minutes::record", &[Operate], |t, a| {
        said(minutes::record(t.service, a, t.service.now()))
    }),
    ("clouds::observe::listing", &[Operate], |t, a| {
        let look = Look::begin(t.service, "simulated", 20_000);
        said(observe::listing(t.service, a, look, Vec::new()))
    }),
    ("clouds::notices::take", &[Operate], |t, a| {
        said(notices::take(t.service, a, "simulated", Vec::new()))
    }),
    ("agents::orders::expire", &[Operate], |t, a| said(orders::expire(t.service, a))),
    ("agents::told::tell", &[Operate], |t, a| said(told::tell(t.service, a))),
    ("plans::tick", &[Operate], |t, a| said(plans::tick(t.service, a, t.farm))),
    ("plans::memory::round", &[Operate], |t, a| said(Memory::default().round(t.service, a))),
    ("plans::proposals::make", &[FarmsRead], |t, a| {
        let input = ProposalRequest { manifest: MANIFEST.into(), ..ProposalRequest::default() };
        said(proposals::make(t.service, a, &input))
    }),
    ("plans::proposals::check", &[FarmsRead], |t, a| {
        let input = ProposalText { proposal: t.launching.clone() };
        said(proposals::check(t.service, a, &input))
    }),
    ("plans::proposals::apply", &[FarmsManage, FarmsLaunch], |t, a| {
        let input = ProposalText { proposal: t.launching.clone() };
        said(proposals::apply(t.service, a, &input))
    }),
    ("servers::ready::pass", &[Operate], |t, a| said(ready::pass(t.service, a))),
    ("farms::roles::list", &[FarmsRead], |t, a| {
        said(roles::list(t.service, a, &RoleFilter::default(), PAGE))
    }),
    ("farms::roles::get", &[FarmsRead], |t, a| said(roles::get(t.service, a, RoleId(4)))),
    ("farms::roles::revisions", &[FarmsRead], |t, a| {
        said(roles::revisions(t.service, a, RoleId(4), PAGE))
    }),
    ("farms::roles::export::export", &[FarmsRead], |t, a| {
        said(roles::export(t.service, a, RoleId(4), &RoleManifestAsked::default()))
    }),
    ("farms::roles::create", &[RolesManage], |t, a| {
        let name = Some("other".into());
        said(roles::create(t.service, a, &RoleInput { name, description: None }))
    }),
    ("farms::roles::update", &[RolesManage], |t, a| {
        said(roles::update(t.service, a, RoleId(4), &RoleInput::default(), None))
    }),
    ("farms::roles::clone", &[RolesManage], |t, a| {
        said(roles::clone(t.service, a, RoleId(4), &RoleCloneInput { name: "other".into() }))
    }),
    ("farms::roles::remove", &[RolesManage], |t, a| {
        said(roles::remove(t.service, a, RoleId(4), None))
    }),
    ("farms::roles::apply::apply", &[RolesManage], |t, a| {
        said(roles::apply(t.service, a, &role()))
    }),
    ("farms::roles::apply::apply", &[FarmsRead], |t, a| {
        said(roles::apply(t.service, a, &RoleManifestRequest { dry_run: true, ..role() }))
    }),
    ("farms::roles::upgrade::upgrade", &[FarmsManage], |t, a| {
        let farm = t.farm.0;
        said(roles::upgrade(t.service, a, RoleId(4), &RoleUpgradeRequest { farm, ..upgrade() }))
    }),
    ("farms::roles::upgrade::upgrade", &[FarmsRead], |t, a| {
        let (farm, dry_run) = (t.farm.0, true);
        let input = RoleUpgradeRequest { farm, dry_run, ..upgrade() };
        said(roles::upgrade(t.service, a, RoleId(4), &input))
    }),
    ("farms::images::list", &[FarmsRead], |t, a| {
        said(images::list(t.service, a, &ImageFilter::default(), PAGE))
    }),
    ("farms::images::get", &[FarmsRead], |t, a| said(images::get(t.service, a, ImageId(1)))),
    ("farms::images::remove", &[ImagesManage], |t, a| {
        said(images::remove(t.service, a, ImageId(1), None))
    }),
    ("farms::images::import", &[ImagesManage], |t, a| {
        let arriving = ArrivingImage { length: None, bytes: &mut std::io::empty() };
        said(images::import(t.service, a, &ImageImport::default(), arriving))
    }),
    ("plans::rollouts::get", &[FarmsRead], |t, a| said(rollouts::get(t.service, a, t.role))),
    ("plans::rollouts::say", &[FarmsManage], |t, a| {
        said(rollouts::say(t.service, a, t.role, RolloutVerb::Pause))
    }),
    ("plans::rollouts::rollback", &[FarmsManage], |t, a| {
        said(rollouts::rollback(t.service, a, t.role, None))
    }),
    ("servers::list", &[FarmsRead], |t, a| {
        said(servers::list(t.service, a, &ServerFilter::default(), PAGE))
    }),
    ("servers::get", &[FarmsRead], |t, a| said(servers::get(t.service, a, t.server))),
    ("servers::terminate", &[ServersManage], |t, a| {
        said(servers::terminate(t.service, a, t.server, TerminateInput::default()))
    }),
    ("servers::reboot", &[ServersManage], |t, a| {
        said(servers::reboot(t.service, a, t.server, RebootInput::default()))
    }),
    ("servers::gone", &[ServersManage], |t, a| said(servers::gone(t.service, a, t.server))),
    ("servers::suspend", &[ServersManage], |t, a| said(servers::suspend(t.service, a, t.server))),
    ("servers::resume", &[ServersManage], |t, a| said(servers::resume(t.service, a, t.server))),
    ("servers::lock", &[ServersManage], |t, a| {
        let input = LockInput { reason: "a look".into() };
        said(servers::lock(t.service, a, t.server, &input))
    }),
    ("servers::unlock", &[ServersManage], |t, a| said(servers::unlock(t.service, a, t.server))),
    ("servers::readings", &[FarmsRead], |t, a| {
        let now = t.service.now();
        said(servers::readings(t.service, a, t.server, &[], now.before(60_000), now))
    }),
    ("appliance::get", &[FarmsRead], |t, a| said(appliance::get(t.service, a, Vec::new()))),
    ("plans::steps::adopt_and_due", &[Operate], |t, a| {
        said(steps::adopt_and_due(t.service, a, t.service.now()))
    }),
    ("plans::steps::begin", &[Operate], |t, a| said(steps::begin(t.service, a, StepId(1)))),
    ("plans::steps::begin_all", &[Operate], |t, a| {
        said(steps::begin_all(t.service, a, &[StepId(1)]))
    }),
    ("plans::steps::finish", &[Operate], |t, a| {
        said(steps::finish(t.service, a, StepId(1), Ok(Applied { sighting: None })))
    }),
    ("plans::steps::give_up", &[Operate], |t, a| {
        said(steps::give_up(t.service, a, StepId(1), "enough"))
    }),
    ("plans::steps::get", &[EventsRead], |t, a| said(steps::get(t.service, a, StepId(1)))),
    ("plans::steps::adopt::adopt", &[Operate], |t, a| said(steps::adopt(t.service, a))),
    ("appliance::upkeep::remove_terminated", &[Operate], |t, a| {
        said(upkeep::remove_terminated(t.service, a, 0, 0))
    }),
    ("appliance::upkeep::remove_plans", &[Operate], |t, a| {
        said(upkeep::remove_plans(t.service, a, &mut KeptPlans::default(), 1))
    }),
    ("appliance::upkeep::reset_restarts", &[Operate], |t, a| {
        said(upkeep::reset_restarts(t.service, a, 1))
    }),
    ("access::create_token", &[FarmsRead], |t, a| {
        said(access::create_token(t.service, a, &TokenInput::default()))
    }),
    ("access::tokens", &[FarmsRead], |t, a| said(access::tokens(t.service, a, PAGE))),
    ("access::revoke_token", &[FarmsRead], |t, a| {
        said(access::revoke_token(t.service, a, TokenId(1)))
    }),
    ("servers::volumes::list", &[FarmsRead], |t, a| {
        said(volumes::list(t.service, a, &VolumeFilter::default(), PAGE))
    }),
    ("servers::volumes::get", &[FarmsRead], |t, a| said(volumes::get(t.service, a, VolumeId(1)))),
    ("servers::volumes::delete", &[FarmsManage], |t, a| {
        said(volumes::delete(t.service, a, VolumeId(1)))
    }),
    ("servers::volumes::listing::take", &[Operate], |t, a| {
        said(volumes::take(t.service, a, "simulated", Vec::new()))
    }),
    ("servers::volumes::listing::took_away", &[Operate], |t, a| {
        said(volumes::took_away(t.service, a, VolumeId(1), None))
    }),
    ("readings::whatif::simulate", &[FarmsRead], |t, a| {
        said(whatif::simulate(t.service, a, &SimulationRequest::default()))
    }),
];

/// What takes an actor and asks for nothing itself: what calls it did.
const INSIDE: &[&str] = &["plans::known::turn"];

/// What a verb answered, every field of it.
pub fn said<T: std::fmt::Debug>(result: Result<T>) -> Result<String> {
    result.map(|answer| format!("{answer:#?}"))
}

pub fn actor(permissions: Vec<Permission>) -> Actor {
    Actor { name: "somebody".into(), door: Door::Https, permissions, ..Actor::job("somebody") }
}

/// Calls it in a site of its own: what it said, and whether the journal grew.
fn call(verb: Call, permissions: Vec<Permission>) -> (Result<String>, bool) {
    let site = site();
    let there = There::on(&site);
    let before = site.service.store.last_seq();
    let said = verb(&there, &actor(permissions));
    (said, site.service.store.last_seq() != before)
}

/// A site with a farm that runs.
pub fn site() -> Site {
    let mut site = Site::new();
    site.act("apply 2 4");
    site.act("settle");
    site
}

/// The manifest of a role of a person's, the fourth there is.
fn role() -> RoleManifestRequest {
    let manifest = "role: own\nimages: [{cloudPlatform: simulated, image: x}]\n".to_owned();
    RoleManifestRequest { manifest, ..RoleManifestRequest::default() }
}

fn upgrade() -> RoleUpgradeRequest {
    RoleUpgradeRequest::default()
}

impl There<'_> {
    /// What there is on a site.
    pub fn on(site: &Site) -> There<'_> {
        let service = &site.service;
        let server = service.read(&Grant::job("test"), lookup::all_servers).unwrap().remove(0);
        let manifest = MANIFEST.into();
        let input = ProposalRequest { launch: true, manifest, ..Default::default() };
        let launching = proposals::make(service, &actor(Permission::for_admin()), &input);
        roles::apply(service, &actor(Permission::for_admin()), &role()).unwrap();
        There {
            service,
            farm: server.farm,
            role: server.farm_role,
            server: server.id,
            launching: launching.unwrap().text,
        }
    }
}

fn lacks(said: &Result<String>) -> bool {
    matches!(said, Err(problem) if problem.code == Code::PermissionViolation)
}

#[test]
fn who_lacks_what_a_verb_asks_for_is_refused_and_writes_nothing() {
    for (name, needed, verb) in VERBS {
        for missing in *needed {
            let others = Permission::ALL.into_iter().filter(|p| p != missing).collect();
            let (said, wrote) = call(*verb, others);
            assert!(lacks(&said), "{name} without {missing:?}: {said:?}");
            assert!(!wrote, "{name} without {missing:?} was refused, and wrote");
        }
    }
}

#[test]
fn who_has_what_a_verb_asks_for_is_not_refused_for_more() {
    let refused = VERBS.iter().filter_map(|(name, needed, verb)| {
        let (said, _) = call(*verb, needed.to_vec());
        lacks(&said).then(|| format!("{name} with {needed:?}: {said:?}"))
    });
    let refused: Vec<String> = refused.collect();
    assert!(refused.is_empty(), "{refused:#?}");
}

#[test]
fn every_verb_has_its_line() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/src/service");
    let mut found = BTreeSet::new();
    verbs_below(std::path::Path::new(root), "", &mut found);
    let listed: BTreeSet<&str> =
        VERBS.iter().map(|(name, ..)| *name).chain(INSIDE.iter().copied()).collect();
    let found: BTreeSet<&str> = found.iter().map(String::as_str).collect();
    assert_eq!(found, listed, "add what is new to VERBS, with the permissions it asks for");
}

/// Every public function that takes a service and an actor, as `module::function`.
fn verbs_below(folder: &std::path::Path, module: &str, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let stem = path.file_stem().unwrap().to_str().unwrap();
        let own = if stem == "mod" { module.to_owned() } else { format!("{module}{stem}::") };
        if path.is_dir() {
            verbs_below(&path, &own, found);
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        for part in text.split("pub fn ").skip(1) {
            let signature = part.split(['{', ';']).next().unwrap();
            let name = signature.split(['(', '<']).next().unwrap();
            if signature.contains("service: &Service") && signature.contains("actor: &Actor") {
                found.insert(format!("{own}{name}"));
            }
        }
    }
}
