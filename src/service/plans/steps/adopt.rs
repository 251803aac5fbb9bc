//! Calls under way, and steps whose calls have ended without an answer: after the appliance was
//! killed, or where what came of one could not be committed.

use crate::base::{Result, StepId};
use crate::model::{Actor, Cause, Permission, Step, StepStatus};
use crate::service::{Service, authorise, lookup};
use crate::store::{Author, Purpose};
use std::collections::BTreeSet;
use std::sync::Arc;

/// A call under way. It ends with this guard, however that comes to be dropped.
pub struct Calling {
    service: Arc<Service>,
    step: StepId,
}

/// Notes that a call about a step is under way.
pub fn calling(service: &Arc<Service>, step: StepId) -> Calling {
    service.observed.set_calling(step, true);
    Calling { service: service.clone(), step }
}

impl Drop for Calling {
    fn drop(&mut self) {
        self.service.observed.set_calling(self.step, false);
    }
}

/// Steps that are begun while no call of this process is about them have lost their answers: the
/// process that made the call is gone, or the outcome could not be committed. Listings settle them.
pub fn adopt(service: &Service, actor: &Actor) -> Result<usize> {
    let grant = authorise(actor, Permission::Operate)?;
    adopt_among(service, actor, &service.read(&grant, lookup::open_steps)?)
}

pub(super) fn adopt_among(service: &Service, actor: &Actor, open: &[Step]) -> Result<usize> {
    let grant = authorise(actor, Permission::Operate)?;
    let is_lost =
        |step: &Step| step.status == StepStatus::Begun && !service.observed.is_calling(step.id);
    // A commit that the disk failed may have reached it all the same: then nothing is missing.
    let begun: BTreeSet<String> = open
        .iter()
        .filter(|step| step.status == StepStatus::Begun)
        .map(|step| outcome_key(step.id))
        .collect();
    service.observed.clear_alerts(OUTCOME_KEY, |key| begun.contains(key));
    let lost: Vec<StepId> = open.iter().filter(|s| is_lost(s)).map(|s| s.id).collect();
    if lost.is_empty() {
        return Ok(0);
    }
    let adopted = service.write(
        Author::new(&grant, "step.adopt", Cause::Clock, Purpose::Ending),
        move |tx| {
            let mut adopted = Vec::new();
            for id in lost {
                // Its outcome may have been committed since.
                let found = lookup::step(tx, id)?.filter(|step| step.status == StepStatus::Begun);
                let Some(mut step) = found else { continue };
                adopted.push(id);
                step.status = StepStatus::Unknown;
                step.message = "the appliance has no answer".into();
                let about = match lookup::server(tx, step.server)? {
                    Some(server) => lookup::server_name(tx, &server)?,
                    None => String::new(),
                };
                tx.text(about, format!("what came of its {} is not known", step.kind.as_str()));
                tx.put(&step)?;
            }
            Ok(adopted)
        },
    )?;
    for id in &adopted {
        service.observed.set_alert(&outcome_key(*id), None);
    }
    Ok(adopted.len())
}

/// How the keys of these alerts begin.
const OUTCOME_KEY: &str = "outcome-";

/// The alert of a step whose outcome could not be committed.
pub fn outcome_key(step: StepId) -> String {
    format!("{OUTCOME_KEY}{step}")
}
