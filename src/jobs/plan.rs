//! Decides, for each farm role that something happened to, what is to change; and every now and
//! then for all of them.
//!
//! A wake says only that something changed. What did, the job asks its [`Memory`], which follows
//! the journal and what was observed: a commit about one server of a large farm costs a decision
//! about that server's farm role. Whatever was missed is made up for within
//! [`PLAN_PERIOD`](crate::base::limit::PLAN_PERIOD), when everything is read and decided about
//! anew, as it is after a start.

use crate::jobs::{Job, Ports, Work};
use crate::model::Actor;
use crate::service::plans::Memory;

/// The job.
#[derive(Default)]
pub struct PlanFarms {
    memory: Memory,
}

impl Job for PlanFarms {
    fn step(&mut self, ports: &Ports) -> Work {
        let round = match self.memory.round(&ports.service, &Actor::job("plan")) {
            Ok(round) => round,
            Err(problem) => return Work::failed(&problem),
        };
        let all = if round.whole { "all " } else { "" };
        let (roles, farms, plans) = (round.farm_roles, round.farms, round.committed);
        let note = format!("{all}{roles} farm roles of {farms} farms, {plans} new plans");
        Work::unless(&round.failures, note).by(round.next)
    }
}
