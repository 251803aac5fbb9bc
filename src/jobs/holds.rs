//! Ends holds that are over, and tells before and after.

use crate::base::limit::HOLD_WARNING;
use crate::base::{Millis, Timestamp};
use crate::jobs::{Job, Ports, Work};
use crate::model::Actor;
use crate::service::plans::holds;

/// For how long it is told that a hold has ended: as long as before.
const TOLD_FOR: Millis = HOLD_WARNING;

/// The job, with what ended lately: that is told for a while, and forgotten by a restart.
#[derive(Default)]
pub struct Holds {
    ended: Vec<(Timestamp, String)>,
}

impl Job for Holds {
    fn step(&mut self, ports: &Ports) -> Work {
        let service = &ports.service;
        let now = service.now();
        let ends = match holds::expire(service, &Actor::job("holds")) {
            Ok(ends) => ends,
            Err(problem) => return Work::failed(&problem),
        };
        let count = ends.ended.len();
        self.ended.extend(ends.ended.into_iter().map(|text| (now, text)));
        self.ended.retain(|(at, _)| now.since(*at) < TOLD_FOR);
        let ended: Vec<&str> = self.ended.iter().map(|(_, text)| text.as_str()).collect();
        let alert = |lines: String| (!lines.is_empty()).then_some(lines);
        service.observed.set_alert("holds-ended", alert(ended.join("; ")));
        service.observed.set_alert("holds-ending", alert(ends.soon.join("; ")));
        Work::done(format!("{count} holds ended")).by(ends.next)
    }
}
