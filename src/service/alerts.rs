//! Alerts of a farm: what people have to see of it until it is over.
//!
//! Each pass of the planning job raises and clears them anew, so none outlives its reason; the farm
//! that is gone takes its own along.

use crate::base::FarmId;
use crate::engine::input::PlanInput;
use crate::model::{
    Decision, HealMode, MissingPolicy, Plan, Server, ServerStatus, Step, StepKind, StepStatus, Wait,
};
use crate::service::Service;

/// Failed attempts at terminating one server before a person has to see it.
const TERMINATES_FAILED: usize = 3;

/// A plan was refused.
pub(super) const REFUSED: &str = "plan-refused";
const STUCK: &str = "terminate-failing";
const SILENT: &str = "agents-silent";
const FAILED: &str = "servers-failed";
const MISSING: &str = "servers-missing";
const BALANCERS: &str = "balancers";

/// The key of an alert about a farm.
pub(super) fn key(what: &str, farm: FarmId) -> String {
    format!("{what}-{farm}")
}

/// Raises and clears what one plan tells: servers that will not go, which go on costing money,
/// running ones that say nothing, and those that failed or are missing and are kept.
pub(super) fn raise(service: &Service, input: &PlanInput, plan: &Plan) {
    let farm = input.farm.id;
    let name = |server: &Server| format!("{}/{}", input.farm.name, server.hostname);
    let attempts = |server: &Server| {
        let of_it = input.steps.iter().filter(|step| step.server == server.id);
        let failed =
            |step: &&Step| step.kind == StepKind::Terminate && step.status == StepStatus::Failed;
        of_it.filter(failed).count()
    };
    let stuck = input
        .servers
        .iter()
        .filter(|s| s.status == ServerStatus::PendingTerminate && attempts(s) >= TERMINATES_FAILED)
        .map(name)
        .collect();
    let (mut silent, mut failed, mut missing) = (Vec::new(), Vec::new(), Vec::new());
    for line in &plan.report {
        let Decision::Wait(wait) = &line.decision else { continue };
        if let Wait::AgentSilent { .. } = wait {
            silent.push(line.about.clone());
        } else if let Wait::Unhealed { heal: HealMode::Alert | HealMode::Restart, .. } = wait {
            failed.push(format!("{} ({wait})", line.about));
        } else if let Wait::MissingKept { policy: MissingPolicy::Flag, .. } = wait {
            missing.push(format!("{} ({wait})", line.about));
        }
    }
    let told: [(&str, &str, Vec<String>); 4] = [
        (STUCK, "terminating keeps failing", stuck),
        (SILENT, "the agent of a running server is silent", silent),
        (FAILED, "a server failed", failed),
        (MISSING, "a server is missing", missing),
    ];
    for (what, text, who) in told {
        let text = (!who.is_empty()).then(|| format!("{text}: {}", who.join(", ")));
        service.observed.set_alert(&key(what, farm), text);
    }
}

/// A farm is gone: whatever was wrong with it is over.
pub(super) fn forget(service: &Service, farm: FarmId) {
    for what in [REFUSED, STUCK, SILENT, FAILED, MISSING, BALANCERS] {
        service.observed.set_alert(&key(what, farm), None);
    }
}
