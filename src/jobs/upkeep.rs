//! Removes records of what is long gone and keeps the journal within its bound.
//!
//! Data volumes are not removed here, nor anywhere by itself: a farm role that is declared again
//! by mistake is a nuisance, a lost volume is a loss.

use crate::base::Millis;
use crate::base::limit::{GONE_KEPT, GONE_MAX};
use crate::jobs::{Job, Ports, Work};
use crate::model::Actor;
use crate::service::agents::strange;
use crate::service::appliance::upkeep;

/// Plans of a farm that people may still ask about: at one a minute a busy afternoon, and at
/// 10 KiB each 2 MiB.
pub const PLANS_KEPT: usize = 200;
/// A server that has run for this long is as good as new.
const HEALTHY_AFTER: Millis = 600_000;

/// The job.
#[derive(Default)]
pub struct Upkeep {
    plans: upkeep::KeptPlans,
}

impl Job for Upkeep {
    fn step(&mut self, ports: &Ports) -> Work {
        let service = &ports.service;
        let actor = Actor::job("upkeep");
        strange::tell(service);
        service.observed.set_alert("reserve", service.store.lacks_reserve());
        let done =
            upkeep::remove_terminated(service, &actor, GONE_KEPT, GONE_MAX).and_then(|servers| {
                upkeep::reset_restarts(service, &actor, HEALTHY_AFTER)?;
                Ok((servers, upkeep::remove_plans(service, &actor, &mut self.plans, PLANS_KEPT)?))
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
