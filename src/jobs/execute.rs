//! Begins planned steps, hands the calls to the pool, commits what came of them.
//!
//! Steps begin as many at a time as the pool has room for: each is in the journal before its
//! cloud hears of it, and together they wait for the disk once.

use crate::base::limit::WRITER_GROUP_MAX;
use crate::base::problem::chain;
use crate::base::{self, StepId};
use crate::clouds::{Applied, CloudError};
use crate::jobs::accounts::OpenAccount;
use crate::jobs::{Job, Pool, Ports, Work};
use crate::model::{Actor, StepKind};
use crate::service::Service;
use crate::service::clouds::lease;
use crate::service::plans::steps;
use std::sync::Arc;

/// The job.
pub struct Execute;

impl Job for Execute {
    fn step(&mut self, ports: &Ports) -> Work {
        let service = &ports.service;
        let actor = Actor::job("execute");
        let (due, next) = match steps::adopt_and_due(service, &actor, service.now()) {
            Ok(found) => found,
            Err(problem) => return Work::failed(&problem),
        };
        let (mut begun, mut failures) = (0, Vec::new());
        let groups = match by_place(ports, due.clone()) {
            Ok(groups) => groups,
            Err(problem) => return Work::failed(&problem),
        };
        for (place, due) in groups {
            let mut left = due.as_slice();
            // A place that is free again wakes this job when there is no room.
            while !left.is_empty() && place.room() > 0 {
                let batch = place.room().min(WRITER_GROUP_MAX).min(left.len());
                let (now, later) = left.split_at(batch);
                left = later;
                match steps::begin_all(service, &actor, now) {
                    Ok(beginnings) => begun += call(ports, &actor, beginnings, &mut failures),
                    Err(problem) => {
                        // Those that are begun all the same are adopted.
                        failures.push(chain(&problem));
                        break;
                    }
                }
            }
        }
        Work::unless(&failures, format!("{begun} of {} due steps begun", due.len())).by(next)
    }
}

/// Steps with where their calls run: those of an account that people added apart, so that one whose
/// calls hang keeps nobody else's from beginning.
type StepsByPlace = Vec<(Arc<dyn Pool>, Vec<StepId>)>;

fn by_place(ports: &Ports, due: Vec<StepId>) -> base::Result<StepsByPlace> {
    let added: Vec<OpenAccount> =
        ports.accounts().into_iter().filter(|one| !ports.clouds.contains_key(&one.name)).collect();
    if added.is_empty() || due.is_empty() {
        return Ok(vec![(ports.pool.clone(), due)]);
    }
    let accounts = steps::accounts_of(&ports.service, &due)?;
    let of_added = |step: &StepId| {
        let account = accounts.get(step)?;
        added.iter().position(|one| one.name == *account)
    };
    let mut groups: StepsByPlace = vec![(ports.pool.clone(), Vec::new())];
    groups.extend(added.iter().map(|account| (account.calls.clone(), Vec::new())));
    for step in due {
        groups[of_added(&step).map_or(0, |place| place + 1)].1.push(step);
    }
    Ok(groups)
}

/// Starts the calls of what is begun; says how many.
fn call(
    ports: &Ports,
    actor: &Actor,
    beginnings: steps::Beginnings,
    failures: &mut Vec<String>,
) -> usize {
    let mut begun = 0;
    for (id, outcome) in beginnings {
        match outcome {
            Ok(Some(step)) => {
                begun += 1;
                start(ports, step);
            }
            Ok(None) => {}
            Err(problem) => {
                failures.push(chain(&problem));
                // Begun but not callable, as when its role is gone: it certainly did not
                // happen. A step that never began stays planned, and this changes nothing.
                if let Err(second) = steps::give_up(&ports.service, actor, id, &problem.message) {
                    failures.push(chain(&second));
                }
            }
        }
    }
    begun
}

fn start(ports: &Ports, begun: steps::Begun) {
    let service = ports.service.clone();
    let account = ports.account(&begun.account);
    let place = account.as_ref().map_or(&ports.pool, |account| &account.calls).clone();
    let courier = ports.courier.clone();
    let calling = steps::calling(&ports.service, begun.step.id);
    place.run(Box::new(move || {
        let answer = match account {
            Some(account) => match lease::may_call(&service, &begun.account) {
                Ok(true) => account.cloud.apply(&begun.call),
                // Lost, or the account made another, since the step began.
                Ok(false) | Err(_) => {
                    let why = format!("the lease of cloud {} was lost", begun.account);
                    give_up(&service, &begun, &why);
                    return;
                }
            },
            None => {
                let text = format!("there is no cloud account {} here", begun.account);
                Err(CloudError::Refused(text))
            }
        };
        let cut = ends_connection(begun.step.kind, &answer);
        settle(&service, &begun, answer);
        drop(calling);
        // What a call did is soon seen: a server stays unknown for no longer than it must.
        service.listing.wake();
        if cut {
            courier.disconnect(begun.call.server());
        }
    }));
}

/// What is gone says nothing more; and a connection that outlived a sleep would say nothing of the
/// awakening, where a new one begins with how the server is.
fn ends_connection(kind: StepKind, answer: &Result<Applied, CloudError>) -> bool {
    match answer {
        Ok(Applied { sighting: None }) => true,
        Ok(Applied { sighting: Some(_) }) | Err(CloudError::Unknown(_)) => {
            matches!(kind, StepKind::Start | StepKind::Resume)
        }
        Err(_) => false,
    }
}

/// It certainly did not happen, and the account is not to blame.
fn give_up(service: &Arc<Service>, begun: &steps::Begun, why: &str) {
    let actor = Actor::job("execute");
    if let Err(problem) = steps::give_up(service, &actor, begun.step.id, why) {
        tracing::error!(server = %begun.about, why = chain(&problem), "a step is not given up");
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_end_with_what_is_gone_and_what_was_woken() {
        let ends = |answer: Result<Applied, CloudError>| {
            [StepKind::Start, StepKind::Resume, StepKind::Launch, StepKind::Stop]
                .map(|kind| ends_connection(kind, &answer))
        };
        assert_eq!(ends(Ok(Applied { sighting: None })), [true; 4]);
        let woken = [true, true, false, false];
        assert_eq!(ends(Err(CloudError::Unknown("no answer".into()))), woken);
        assert_eq!(ends(Err(CloudError::Refused("no".into()))), [false; 4]);
        assert_eq!(ends(Err(CloudError::Busy("later".into()))), [false; 4]);
    }
}
