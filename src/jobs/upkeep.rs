//! Removes records of what is long gone and keeps the journal within its bound.
//!
//! Data volumes are not removed here, nor anywhere by itself: a farm role that is declared again
//! by mistake is a nuisance, a lost volume is a loss.

use crate::base::Millis;
use crate::jobs::{Job, Ports, Work};
use crate::model::Actor;
use crate::service::{strange, upkeep};

/// A terminated server's record is kept this long for people to ask about; the journal keeps its
/// story longer.
const TERMINATED_KEPT: Millis = 3_600_000;

/// Plans of a farm that people may still ask about: at one a minute a busy afternoon, and at
/// 10 KiB each 2 MiB.
const PLANS_KEPT: usize = 200;
/// A server that has run for this long is as good as new.
const HEALTHY_AFTER: Millis = 600_000;

/// The job.
pub struct Upkeep;

impl Job for Upkeep {
    fn step(&mut self, ports: &Ports) -> Work {
        let service = &ports.service;
        let actor = Actor::job("upkeep");
        strange::tell(service);
        let done =
            upkeep::remove_terminated(service, &actor, TERMINATED_KEPT).and_then(|servers| {
                upkeep::reset_restarts(service, &actor, HEALTHY_AFTER)?;
                Ok((servers, upkeep::remove_plans(service, &actor, PLANS_KEPT)?))
            });
        let (servers, plans) = match done {
            Ok(done) => done,
            Err(problem) => return Work::failed(&problem),
        };
        match service.store.trim_journal() {
            Ok(trimmed) => Work::done(format!(
                "{servers} servers and {plans} plans forgotten, {trimmed} entries trimmed"
            )),
            Err(error) => Work::failed(&error),
        }
    }
}
