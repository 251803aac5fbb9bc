//! Records what each farm role was like, as soon as a minute is over.

use crate::base::Timestamp;
use crate::jobs::{Job, Ports, Work};
use crate::model::{Actor, MINUTE, RoleMinute};
use crate::service::readings::minutes;

/// The job.
#[derive(Default)]
pub struct RecordMinutes {
    /// The last minute that is done with. The one that a start falls into is not recorded whole,
    /// and the one before it was the former process's business.
    last: Option<Timestamp>,
}

impl Job for RecordMinutes {
    fn step(&mut self, ports: &Ports) -> Work {
        let service = &ports.service;
        let current = RoleMinute::begin(service.now());
        let over = current.before(MINUTE);
        let next = Some(current.after(MINUTE));
        let before = self.last.replace(over);
        if before.is_none_or(|before| before == over) {
            return Work::done("nothing is over yet").by(next);
        }
        match minutes::record(service, &Actor::job("minutes"), over) {
            Ok(count) => Work::done(format!("{count} farm roles")).by(next),
            Err(problem) => Work::failed(&problem).by(next),
        }
    }
}
