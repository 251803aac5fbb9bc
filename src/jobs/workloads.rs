//! Keeps what servers do up to their roles and the live topology, and tells what cannot be done.

use crate::base::FarmId;
use crate::base::problem::chain;
use crate::jobs::{Job, Ports, Work};
use crate::model::Actor;
use crate::service::farms::workloads::{self, RenderedWork, RolesWithWork};
use std::collections::BTreeSet;

/// The job. It looks at farms in which a role has work, and once more at those in which one had,
/// for what was told of them.
#[derive(Default)]
pub struct Workloads {
    before: BTreeSet<FarmId>,
    roles: RolesWithWork,
    memory: RenderedWork,
}

impl Job for Workloads {
    fn step(&mut self, ports: &Ports) -> Work {
        let service = &ports.service;
        let actor = Actor::job("workloads");
        let farms = match self.roles.farms(service) {
            Ok(farms) => farms,
            Err(problem) => return Work::failed(&problem),
        };
        let before = std::mem::replace(&mut self.before, farms.clone());
        self.memory.keep(&farms);
        let (mut ordered, mut failures) = (0, Vec::new());
        for farm in farms.union(&before).copied() {
            match workloads::configure(service, &actor, farm, &mut self.memory) {
                Ok(looked) => {
                    ordered += looked.ordered;
                    let failing = looked.failing;
                    let text = (!failing.is_empty()).then(|| failing.join("; "));
                    service.observed.set_work_awaited(farm, looked.waiting);
                    service.observed.set_alert(&format!("work-{farm}"), text);
                }
                Err(problem) => failures.push(chain(&problem)),
            }
        }
        Work::unless(&failures, format!("{ordered} servers are told their work"))
    }
}
