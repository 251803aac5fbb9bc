//! Begins planned steps, hands the calls to the pool, commits what came of them.

use crate::base::problem::chain;
use crate::clouds::{Applied, CloudError};
use crate::jobs::{Job, Ports, Work};
use crate::model::Actor;
use crate::service::{Service, steps};
use std::sync::Arc;

/// The job.
pub struct Execute;

impl Job for Execute {
    fn step(&mut self, ports: &Ports) -> Work {
        let service = &ports.service;
        let actor = Actor::job("execute");
        if let Err(problem) = steps::adopt(service, &actor) {
            return Work::failed(&problem);
        }
        let now = service.now();
        let (due, next) = match steps::due(service, now) {
            Ok(found) => found,
            Err(problem) => return Work::failed(&problem),
        };
        let (mut begun, mut failures) = (0, Vec::new());
        for id in &due {
            if !ports.pool.has_room() {
                // The outcome of a running call wakes this job again.
                break;
            }
            match steps::begin(service, &actor, *id) {
                Ok(Some(step)) => {
                    begun += 1;
                    start(ports, step);
                }
                Ok(None) => {}
                Err(problem) => {
                    failures.push(chain(&problem));
                    // Begun but not callable, as when its role is gone: it certainly did not
                    // happen. A step that never began stays planned, and this changes nothing.
                    if let Err(second) = steps::give_up(service, &actor, *id, &problem.message) {
                        failures.push(chain(&second));
                    }
                }
            }
        }
        if failures.is_empty() {
            return Work::done(format!("{begun} of {} due steps begun", due.len())).by(next);
        }
        Work { note: failures.join("; "), failed: true, next }
    }
}

fn start(ports: &Ports, begun: steps::Begun) {
    let service = ports.service.clone();
    let cloud = ports.clouds.get(&begun.platform).cloned();
    let courier = ports.courier.clone();
    let calling = steps::calling(&ports.service, begun.step.id);
    ports.pool.run(Box::new(move || {
        let answer = match cloud {
            Some(cloud) => cloud.apply(&begun.call),
            None => {
                let text = format!("there is no cloud platform {} here", begun.platform);
                Err(CloudError::Refused(text))
            }
        };
        let gone = matches!(&answer, Ok(Applied { sighting: None }));
        settle(&service, &begun, answer);
        drop(calling);
        // What a call did is soon seen: a server stays unknown for no longer than it must.
        service.listing.wake();
        if gone {
            courier.disconnect(begun.call.server());
        }
    }));
}

fn settle(service: &Arc<Service>, begun: &steps::Begun, answer: Result<Applied, CloudError>) {
    let actor = Actor::job("execute");
    if let Err(error) = &answer {
        let why = chain(error);
        tracing::warn!(server = %begun.about, step = begun.step.kind.as_str(), why, "step");
    }
    if let Err(problem) = steps::finish(service, &actor, begun.step.id, answer) {
        // The step stays begun until it is adopted: once a write succeeds, listings settle it.
        let why = chain(&problem);
        tracing::error!(server = %begun.about, why, "an outcome could not be committed");
        let key = steps::outcome_key(begun.step.id);
        let text = format!("{}: what came of its step is not committed: {why}", begun.about);
        service.observed.set_alert(&key, Some(text));
    }
}
