//! Opens the ready gate: checks servers without an agent from outside, and counts as running what
//! is healthy for long enough.

use crate::base::problem::chain;
use crate::jobs::{Job, Ports, Work};
use crate::model::Actor;
use crate::service::servers::ready;

/// The job.
pub struct Ready;

impl Job for Ready {
    fn step(&mut self, ports: &Ports) -> Work {
        let actor = Actor::job("ready");
        // Checks first: what an earlier one found is looked at in the same activation.
        let checked = ready::looks(&ports.service, ports.checks.room()).map(|(looks, next)| {
            for look in looks {
                begin(ports, look);
            }
            next
        });
        let outcome = checked.and_then(|checks| {
            let (count, over) = ready::pass(&ports.service, &actor)?;
            Ok((count, checks.into_iter().chain(over).min()))
        });
        match outcome {
            Ok((count, next)) => Work::done(format!("{count} servers moved")).by(next),
            Err(problem) => Work { note: chain(&problem), failed: true, next: None },
        }
    }
}

/// A check waits on somebody else's server, so it runs elsewhere; when it has ended, its place
/// wakes this job.
fn begin(ports: &Ports, look: ready::Look) {
    let (service, checker) = (ports.service.clone(), ports.checker.clone());
    ports.checks.run(Box::new(move || {
        let found = checker.check(look.server, &look.address, &look.check);
        ready::found(&service, look.server, found);
    }));
}
