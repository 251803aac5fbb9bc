//! Keeps balancers' files up to the live topology, and tells when one is refused.

use crate::base::FarmId;
use crate::base::problem::chain;
use crate::jobs::{Job, Ports, Work};
use crate::model::Actor;
use crate::service::farms::{balancers, members};
use std::collections::BTreeSet;

/// The job. It looks at farms in which something balances, and once more at those in which
/// something did, for what was told of them.
#[derive(Default)]
pub struct Balancers {
    before: BTreeSet<FarmId>,
}

impl Job for Balancers {
    fn step(&mut self, ports: &Ports) -> Work {
        let service = &ports.service;
        let actor = Actor::job("balancers");
        let farms = match service.observed.fleet.balanced_farms(service) {
            Ok(farms) => farms,
            Err(problem) => return Work::failed(&problem),
        };
        let before = std::mem::replace(&mut self.before, farms.clone());
        let (mut ordered, mut failures) = (0, Vec::new());
        if let Err(problem) = members::forget_others(service, &actor) {
            failures.push(chain(&problem));
        }
        for farm in farms.union(&before).copied() {
            match balancers::configure(service, &actor, farm) {
                Ok(count) => ordered += count,
                Err(problem) => failures.push(chain(&problem)),
            }
            match balancers::refused(service, farm) {
                Ok(lines) => {
                    let text = (!lines.is_empty()).then(|| lines.join("; "));
                    service.observed.set_alert(&format!("balancers-{farm}"), text);
                }
                Err(problem) => failures.push(chain(&problem)),
            }
        }
        Work::unless(&failures, format!("{ordered} files ordered"))
    }
}
