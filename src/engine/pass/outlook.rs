//! Outlook: says what is under way, so that a server nothing is done about has its reason too,
//! and that a farm role is as it should be when there is nothing else to say.

use crate::base::Timestamp;
use crate::base::limit::BALANCER_WAIT;
use crate::engine::draft::Draft;
use crate::engine::input::Paced;
use crate::engine::pass::timeout;
use crate::engine::world::{RoleView, ServerView, World};
use crate::model::{Decision, HoldKind, Step, StepStatus, Wait};

/// Reports what no pass moved. Moves nothing.
pub fn outlook(world: &World, draft: &mut Draft) {
    for (view, server) in world.servers().filter(|(_, s)| !s.open.is_empty() || s.gets_ready()) {
        if draft.is_moved(server) || draft.is_given_up(server) {
            continue;
        }
        if let Some(wait) = under_way(world, view, server) {
            draft.say_of(view, server, Decision::Wait(wait));
        }
    }
    for view in world.wanted_roles().filter(|view| view.role.balance.is_some()) {
        if let Some(held) = world.held(view.role.id, HoldKind::Balance) {
            draft.say(view, Decision::Wait(held));
        }
    }
    for view in &world.roles {
        if !draft.mentions(view) {
            draft.say(view, Decision::Keep);
        }
    }
}

fn under_way(world: &World, view: &RoleView, server: &ServerView) -> Option<Wait> {
    let now = world.input.now;
    let with = |status: StepStatus| server.open.iter().find(move |step| step.status == status);
    if let Some(step) = with(StepStatus::Unknown) {
        return Some(Wait::UnknownOutcome { step: step.kind.as_str().to_owned() });
    }
    if let Some(step) = with(StepStatus::Begun) {
        return Some(in_flight(step, now));
    }
    if let Some(step) = with(StepStatus::Planned) {
        if let Some(step) = server.draining_step(now) {
            let (left, of) =
                (step.not_before.since(now), step.not_before.since(server.server.status_at));
            return Some(match server.server.agent {
                true => Wait::Grace { left, of },
                false => Wait::Draining { left },
            });
        }
        let left = step.not_before.since(now);
        let failures = server.failed.iter().filter(|failed| failed.kind == step.kind).count();
        return Some(match (left > 0, failures) {
            (true, 1..) => {
                Wait::Backoff { left, failures: u32::try_from(failures).unwrap_or(u32::MAX) }
            }
            (false, _) => balancers(world, server, step)
                .or_else(|| admission(world, server))
                .unwrap_or_else(|| in_flight(step, now)),
            (true, 0) => in_flight(step, now),
        });
    }
    server.gets_ready().then(|| timeout::getting_ready(world, view, server))
}

/// Balancers that a server which makes room is kept for.
fn balancers(world: &World, server: &ServerView, step: &Step) -> Option<Wait> {
    let late = *world.input.late.get(&server.server.id)?;
    let left = BALANCER_WAIT.saturating_sub(world.input.now.since(step.not_before));
    (left > 0).then_some(Wait::Balancers { late, left })
}

/// What its cloud account makes a step wait for.
fn admission(world: &World, server: &ServerView) -> Option<Wait> {
    let account = server.server.account.clone();
    if let Some(holder) = world.input.unleased.get(&account) {
        return Some(Wait::Lease { account, holder: holder.clone() });
    }
    let breaker = world.input.breakers.get(&account);
    if let Some((breaker, left)) = breaker.and_then(|b| Some((b, b.left(world.input.now)?))) {
        let (failures, cause) = (breaker.failures, breaker.cause);
        return Some(Wait::Breaker { account, left, failures, cause });
    }
    let Paced { per_minute, left } = *world.input.paced.get(&account)?;
    Some(Wait::Paced { account, per_minute, left })
}

fn in_flight(step: &Step, now: Timestamp) -> Wait {
    let since = step.begun_at.unwrap_or(step.not_before);
    Wait::InFlight { step: step.kind.as_str().to_owned(), age: now.since(since) }
}
