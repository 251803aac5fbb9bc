//! Lets every platform look at what its servers stand on, and tells people what is not well.

use crate::base::problem::chain;
use crate::jobs::accounts::OpenAccount;
use crate::jobs::{Job, Ports, Work};
use crate::model::Actor;
use crate::service::clouds::notices;

/// The job.
pub struct Examine;

impl Job for Examine {
    fn step(&mut self, ports: &Ports) -> Work {
        let actor = Actor::job("examine");
        let (mut count, mut failures) = (0, Vec::new());
        for OpenAccount { name, cloud, .. } in ports.accounts() {
            let found = cloud.examine();
            count += found.len();
            if let Err(problem) = notices::take(&ports.service, &actor, &name, found) {
                failures.push(chain(&problem));
            }
        }
        Work::unless(&failures, format!("{count} things are not well"))
    }
}
