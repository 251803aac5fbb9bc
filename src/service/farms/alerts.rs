//! Alerts of a farm: what people have to see of it until it is over.
//!
//! Each pass of the planning job raises and clears them anew, so none outlives its reason; the farm
//! that is gone takes its own along.

use crate::base::limit::UNHEALTHY_ALERT_AFTER;
use crate::base::{FarmId, FarmRoleId, ServerId};
use crate::engine::input::PlanInput;
use crate::model::{
    Care, Decision, HealMode, MissingPolicy, Plan, Server, ServerStatus, StepKind, StepStatus, Wait,
};
use crate::service::Service;
use crate::service::agents::services;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Failed attempts at terminating one server before a person has to see it.
const TERMINATES_FAILED: usize = 3;
/// Failed launches of a farm role in a row before a person has to see it.
const LAUNCHES_FAILED: u32 = 3;

/// A plan was refused.
pub(in crate::service) const REFUSED: &str = "plan-refused";
const STUCK: &str = "terminate-failing";
const SILENT: &str = "agents-silent";
const UNHEALTHY: &str = "servers-unhealthy";
const FAILED: &str = "servers-failed";
const MISSING: &str = "servers-missing";
const ROLLOUT: &str = "rollout-over";
const BALANCERS: &str = "balancers";
const REACH: &str = "balancers-reach-none";
const LAUNCH: &str = "launches-failing";
/// Services of running servers keep ending.
pub(in crate::service) const SERVICES: &str = "services-ending";

/// The key of an alert about a farm.
pub(in crate::service) fn key(what: &str, farm: FarmId) -> String {
    format!("{what}-{farm}")
}

/// One reason of a farm role to raise an alert: which, and what of it people read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::service) struct Alarm {
    what: &'static str,
    text: String,
}

/// What a plan tells of the farm roles it is about: servers that will not go, which go on costing
/// money, running ones that say nothing, and those that failed or are missing and are kept.
pub(in crate::service) fn of(input: &PlanInput, plan: &Plan) -> BTreeMap<FarmRoleId, Vec<Alarm>> {
    let mut out: BTreeMap<FarmRoleId, Vec<Alarm>> = BTreeMap::new();
    let mut attempts: BTreeMap<ServerId, usize> = BTreeMap::new();
    for step in &input.steps {
        if step.kind == StepKind::Terminate && step.status == StepStatus::Failed {
            *attempts.entry(step.server).or_default() += 1;
        }
    }
    for server in input.servers.iter().filter(|s| s.status == ServerStatus::PendingTerminate) {
        if attempts.get(&server.id).is_some_and(|failed| *failed >= TERMINATES_FAILED) {
            let text = format!("{}/{}", input.farm.name, server.hostname);
            out.entry(server.farm_role).or_default().push(Alarm { what: STUCK, text });
        }
    }
    for (role, alarm) in unhealthy(input, plan) {
        out.entry(role).or_default().push(alarm);
    }
    for (role, alarm) in reached_by_none(input) {
        out.entry(role).or_default().push(alarm);
    }
    for role in input.farm_roles.iter().filter(|role| !role.removed) {
        let target = plan.targets.iter().find(|target| target.farm_role == role.id);
        let failed = target.map_or(0, |target| target.failed_launches);
        if failed >= LAUNCHES_FAILED {
            let name = format!("{}/{}", input.farm.name, role.alias);
            let text = format!("{name} (grange explain {name})");
            out.entry(role.id).or_default().push(Alarm { what: LAUNCH, text });
        }
    }
    for line in &plan.report {
        let (Decision::Wait(wait), Some(role)) = (&line.decision, line.farm_role) else { continue };
        let alarm = if let Wait::AgentSilent { .. } = wait {
            Alarm { what: SILENT, text: line.about.clone() }
        } else if let Wait::Unhealed { heal: HealMode::Alert | HealMode::Restart, .. } = wait {
            Alarm { what: FAILED, text: format!("{} ({wait})", line.about) }
        } else if let Wait::MissingKept { policy: MissingPolicy::Flag, .. } = wait {
            Alarm { what: MISSING, text: format!("{} ({wait})", line.about) }
        } else if let Wait::RolloutOver { failed: 1.., .. } = wait {
            Alarm { what: ROLLOUT, text: format!("{} ({wait})", line.about) }
        } else {
            continue;
        };
        out.entry(role).or_default().push(alarm);
    }
    out
}

/// Servers whose check fails for a while, whatever keeps us from doing something about it.
fn unhealthy<'a>(
    input: &'a PlanInput,
    plan: &'a Plan,
) -> impl Iterator<Item = (FarmRoleId, Alarm)> + 'a {
    let watch = input.watch();
    let fails = move |server: &&Arc<Server>| {
        let since = input.agents.get(&server.id).and_then(|agent| agent.failing_since);
        server.status == ServerStatus::Running
            && since.is_some_and(|since| watch.lasted(since) >= UNHEALTHY_ALERT_AFTER)
    };
    input.servers.iter().filter(fails).map(|server| {
        let of_it = plan.report.iter().filter(|line| line.server == Some(server.id));
        let care = of_it.into_iter().find_map(|line| match &line.decision {
            // Times move on, and an alert whose words change is told again.
            Decision::Wait(Wait::Unhealthy { care: Care::Replace { .. }, .. }) => {
                Some(" (replaced if it goes on)".to_owned())
            }
            Decision::Wait(Wait::Unhealthy { care: Care::Restart { .. }, .. }) => {
                Some(" (restarted if it goes on)".to_owned())
            }
            Decision::Wait(Wait::Unhealthy { care, .. }) => Some(format!(" ({care})")),
            _ => None,
        });
        let (farm, care) = (&input.farm.name, care.unwrap_or_default());
        let text = format!("{farm}/{}{care}", server.hostname);
        (server.farm_role, Alarm { what: UNHEALTHY, text })
    })
}

/// Balancers that reach no server behind them for a while, by the farm role of those servers: all
/// that is asked is known where that is decided about.
fn reached_by_none(input: &PlanInput) -> impl Iterator<Item = (FarmRoleId, Alarm)> + '_ {
    let watch = input.watch();
    let balancers = input.farm_roles.iter().filter(|role| !role.removed);
    balancers.filter_map(move |role| {
        let balance = role.balance.as_ref()?;
        let behind = input.farm_roles.iter().find(|role| role.alias == balance.farm_role)?;
        let running = || {
            let of_it = input.servers.iter().filter(|server| server.farm_role == behind.id);
            of_it.filter(|server| server.status == ServerStatus::Running)
        };
        let word = |server: &Arc<Server>| input.agents.get(&server.id).copied();
        let fails = |server: &Arc<Server>| {
            let since = word(server).and_then(|agent| agent.failing_since);
            since.is_some_and(|since| watch.lasted(since) >= UNHEALTHY_ALERT_AFTER)
        };
        let unreached = running().any(|server| word(server).is_some_and(|agent| agent.unreached));
        let told = unreached && running().all(fails);
        let (farm, count) = (&input.farm.name, running().count());
        let text = format!("{farm}/{}: none of {count} of {farm}/{}", role.alias, behind.alias);
        told.then_some((behind.id, Alarm { what: REACH, text }))
    })
}

/// Raises and clears a farm's alerts, from what is true of each of its farm roles.
pub(in crate::service) fn raise(
    service: &Service,
    farm: FarmId,
    of: &BTreeMap<FarmRoleId, Vec<Alarm>>,
) {
    let told = [
        (STUCK, "terminating keeps failing"),
        (SILENT, "the agent of a running server is silent"),
        (UNHEALTHY, "the check of a running server fails"),
        (FAILED, "a server failed"),
        (MISSING, "a server is missing"),
        (ROLLOUT, "a rollout failed"),
        (REACH, "a balancer reaches no server behind it"),
        (LAUNCH, "launching keeps failing"),
    ];
    for (what, text) in told {
        let alarms = of.values().flatten().filter(|alarm| alarm.what == what);
        let who: Vec<&str> = alarms.map(|alarm| alarm.text.as_str()).collect();
        let text = (!who.is_empty()).then(|| format!("{text}: {}", who.join(", ")));
        service.observed.set_alert(&key(what, farm), text);
    }
    // A server that is not there any more takes its services along.
    services::raise(service, farm);
}

/// A farm is gone: whatever was wrong with it is over.
pub(in crate::service) fn forget(service: &Service, farm: FarmId) {
    let of_farm = [REFUSED, STUCK, SILENT, UNHEALTHY, FAILED, MISSING, ROLLOUT, BALANCERS, REACH];
    for what in of_farm.into_iter().chain([LAUNCH, SERVICES]) {
        service.observed.set_alert(&key(what, farm), None);
    }
}
