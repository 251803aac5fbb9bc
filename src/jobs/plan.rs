//! Plans every farm: assemble, decide, check, commit if anything changed.

use crate::base::problem::chain;
use crate::base::{FarmId, Millis};
use crate::jobs::{Job, Ports, Work};
use crate::model::{Actor, Decision};
use crate::service::plans::{self, Planned};

/// While something waits, its numbers move: cool-downs end, readings come in.
const WAITING_PERIOD: Millis = 2_000;

/// The job.
pub struct PlanFarms;

impl Job for PlanFarms {
    fn step(&mut self, ports: &Ports) -> Work {
        let service = &ports.service;
        let actor = Actor::job("plan");
        let farms = match plans::farms(service) {
            Ok(farms) => farms,
            Err(problem) => return Work::failed(&problem),
        };
        let (mut committed, mut again, mut failures) = (0, false, Vec::new());
        for farm in &farms {
            match plans::tick(service, &actor, *farm) {
                Ok(Planned::Committed(_)) => committed += 1,
                Ok(Planned::Overtaken) => again = true,
                Ok(Planned::Unchanged) => {}
                Ok(Planned::Refused(reasons)) => {
                    failures.push(format!("farm {farm}: refused: {}", reasons.join("; ")));
                }
                Err(problem) => failures.push(format!("farm {farm}: {}", chain(&problem))),
            }
        }
        let now = service.now();
        let next = match (again, farms.iter().any(|farm| is_restless(ports, *farm))) {
            (true, _) => Some(now),
            (false, true) => Some(now.after(WAITING_PERIOD)),
            (false, false) => None,
        };
        let note = format!("{} farms, {committed} new plans", farms.len());
        if failures.is_empty() {
            return Work::done(note).by(next);
        }
        Work { note: failures.join("; "), failed: true, next }
    }
}

/// Whether time alone may change the next decision about a farm.
fn is_restless(ports: &Ports, farm: FarmId) -> bool {
    let report = ports.service.observed.report(farm);
    report.iter().any(|line| line.decision != Decision::Keep)
}
