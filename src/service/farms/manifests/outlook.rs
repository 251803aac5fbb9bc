//! What a change would do next, and which servers it would stop: two plans of the same world, one
//! with the change and one without it.
//!
//! What the farm does anyway (a crashed server is replaced, load brings another) is no step of the
//! change, so that it neither alarms the person who is asked nor turns a proposal into another
//! one. Beyond what the first plan stops, a change stops every server of a farm role that it
//! removes or whose servers it makes out of date, however many plans that takes.

use super::Change;
use crate::base::hash::{hex, sha256};
use crate::base::{PlanId, Result, ServerId};
use crate::engine::{self, PlanInput};
use crate::model::{FarmRole, Grant, Move, Plan, RolloutState, Server, ServerStatus, StepKind};
use crate::service::journal::explain;
use crate::service::{Service, plans};
use crate::wire::api::ManifestResult;
use std::collections::BTreeMap;

/// What a change comes to.
pub struct Outlook {
    /// What would be done first because of it, one line each.
    pub steps: Vec<String>,
    /// The servers that would be stopped because of it, and why: `shop/web-3`, `scaling down`.
    pub stopped: BTreeMap<String, String>,
    /// The farm's current plan, which the change was judged after.
    pub plan: Option<PlanId>,
    /// Farm roles whose declared revision does not run although nothing is under way to it.
    pub behind: Vec<String>,
}

impl Outlook {
    /// What tells this change of this world from every other: 32 hexadecimal digits.
    pub fn fingerprint(&self, intent: &str, change: &Change) -> String {
        let differences: Vec<String> = change.differences.iter().map(ToString::to_string).collect();
        let stopped: Vec<&String> = self.stopped.keys().collect();
        let all = serde_json::json!({
            "intent": intent, "base": change.base, "differences": differences, "stopped": stopped,
        });
        hex(&sha256(all.to_string().as_bytes())[..16])
    }

    /// The lines people read: `shop/web-3: scaling down`.
    pub fn stopped_lines(&self) -> Vec<String> {
        self.stopped.iter().map(|(name, why)| format!("{name}: {why}")).collect()
    }

    /// What a door answers.
    pub fn result(&self, change: &Change, fingerprint: String) -> ManifestResult {
        ManifestResult {
            farm: change.farm.name.to_string(),
            id: change.farm.id.0,
            changes: change.differences.iter().map(ToString::to_string).collect(),
            steps: self.steps.clone(),
            stops: u32::try_from(self.stopped.len()).unwrap_or(u32::MAX),
            stopped: self.stopped_lines(),
            behind: self.behind.clone(),
            unwell: Vec::new(),
            fingerprint,
        }
    }
}

/// Plans the farm with the change and without it.
pub fn outlook(service: &Service, grant: &Grant, change: &Change) -> Result<Outlook> {
    let (farm, farm_roles) = (change.farm.clone(), change.farm_roles.clone());
    let input = plans::assemble_with(service, grant, farm, farm_roles)?;
    let with = engine::plan(&input);
    let (before, without) = match change.base.farm {
        Some(_) => match plans::assemble(service, grant, change.farm.id)? {
            Some(input) => {
                let plan = engine::plan(&input);
                (Some(input), Some(plan))
            }
            None => (None, None),
        },
        None => (None, None),
    };
    let anyway = without.as_ref().map(steps).unwrap_or_default();
    let mut stopped: BTreeMap<ServerId, String> = stops(&with);
    for server in without.iter().flat_map(stops).map(|(server, _)| server) {
        stopped.remove(&server);
    }
    for (role, why) in ended_roles(change, before.as_ref()) {
        let going = input.servers.iter().filter(|s| s.farm_role == role.id && lives(s));
        going.for_each(|server| {
            stopped.insert(server.id, why.clone());
        });
    }
    let names: BTreeMap<ServerId, &Server> =
        input.servers.iter().map(|server| (server.id, &**server)).collect();
    let name = |id: &ServerId| {
        let server = names.get(id).filter(|server| lives(server))?;
        Some(format!("{}/{}", change.farm.name, server.hostname))
    };
    Ok(Outlook {
        steps: steps(&with).into_iter().filter(|step| !anyway.contains(step)).collect(),
        stopped: stopped.into_iter().filter_map(|(id, why)| Some((name(&id)?, why))).collect(),
        plan: input.parent.as_ref().map(|parent| parent.id),
        behind: change.farm_roles.iter().filter_map(|role| behind(change, &input, role)).collect(),
    })
}

/// Says of a farm role that its declared revision is not what runs, because its rollout is over
/// without it. Another revision is another rollout, so a change of it is the way on.
fn behind(change: &Change, input: &PlanInput, role: &FarmRole) -> Option<String> {
    let target = input.parent.as_ref().and_then(|plan| plan.target(role.id))?;
    let rollout = target.rollout.as_ref().filter(|rollout| rollout.to == role.revision)?;
    let (to, runs) = (rollout.to, rollout.wanted());
    let why = match (rollout.state, rollout.failed) {
        (RolloutState::Rolling | RolloutState::Checkpoint | RolloutState::Paused, _) => {
            return None;
        }
        (RolloutState::RollingBack | RolloutState::RolledBack, 0) => "was aborted".to_owned(),
        (RolloutState::RollingBack | RolloutState::RolledBack | RolloutState::Failed, failed) => {
            format!("failed, {failed} did not get ready")
        }
    };
    let about = format!("{}/{}", change.farm.name, role.alias);
    Some(format!(
        "{about}: revision {to} is declared, and revision {runs} is kept: its rollout {why}; \
         grange rollout resume {about} tries it again, grange rollout rollback {about} declares \
         revision {runs}"
    ))
}

/// Whether there is something to stop: the cloud was asked for it, and not yet to remove it.
fn lives(server: &Server) -> bool {
    server.asked_at.is_some()
        && server.status.counts()
        && server.status != ServerStatus::PendingTerminate
}

fn steps(plan: &Plan) -> Vec<String> {
    let changes = plan.report.iter().filter(|line| line.decision.is_change());
    changes.map(explain::line).collect()
}

/// The servers a plan takes out of service.
fn stops(plan: &Plan) -> BTreeMap<ServerId, String> {
    let stop = |change: &Move| match change {
        Move::Retire { server, reason, .. } => Some((*server, reason.say().to_owned())),
        Move::Act { server, kind, .. } => match kind {
            StepKind::Suspend => Some((*server, "suspended".to_owned())),
            StepKind::Stop => Some((*server, "stopped".to_owned())),
            StepKind::Reboot => Some((*server, "rebooted".to_owned())),
            StepKind::Launch | StepKind::Terminate | StepKind::Resume | StepKind::Start => None,
        },
        Move::Park { server, .. } => Some((*server, "suspended".to_owned())),
        Move::Launch { .. } | Move::Cancel { .. } | Move::Hasten { .. } => None,
    };
    plan.moves.iter().filter_map(stop).collect()
}

/// Farm roles all of whose servers the change stops, sooner or later.
fn ended_roles<'c>(change: &'c Change, before: Option<&PlanInput>) -> Vec<(&'c FarmRole, String)> {
    let old = |role: &FarmRole| {
        before.and_then(|input| input.farm_roles.iter().find(|old| old.id == role.id))
    };
    let ended = |role: &'c FarmRole| {
        let old = old(role)?;
        if role.removed && !old.removed {
            return Some((role, "its farm role is removed".to_owned()));
        }
        let why = "replaced: its farm role is made of something else".to_owned();
        (role.revision != old.revision).then_some((role, why))
    };
    change.farm_roles.iter().filter_map(ended).collect()
}
