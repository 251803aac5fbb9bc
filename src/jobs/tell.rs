//! Tells agents where the appliance is by now; when all know, what only former ones came in by
//! goes.

use crate::jobs::{Job, Ports, Work};
use crate::model::Actor;
use crate::service::agents::told;

/// The job.
pub struct Tell;

impl Job for Tell {
    fn step(&mut self, ports: &Ports) -> Work {
        match told::tell(&ports.service, &Actor::job("tell")) {
            Ok(None) => Work::done("every agent knows where we are"),
            Ok(Some(0)) => {
                ports.courier.close_former();
                Work::done("every agent is told where we are now")
            }
            Ok(Some(untold)) => Work::done(format!("{untold} agents are to be told")),
            Err(problem) => Work::failed(&problem),
        }
    }
}
