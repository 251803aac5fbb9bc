//! Carrying a plan out on the records, and what the engine decides once that is done.
//!
//! A plan is whole: where its own moves would make the engine move something else, that is decided
//! in the same transaction, from the records as the moves left them, and becomes part of it. So
//! nobody meets a plan that is only the first half of a thought, and a second one on the world it
//! leaves behind is empty (law 4).

use super::{require_same_crews, stray};
use crate::base::limit::FARM_ROLE_SERVERS_MAX;
use crate::base::{Code, Problem, Result, ServerId, Timestamp};
use crate::engine::{self, FarmSummary, PlanInput};
use crate::model::{
    Effect, Move, Plan, Server, ServerEvent, Step, StepKind, StepStatus, TerminateReason, advance,
};
use crate::service::lookup;
use crate::service::servers::retiring;
use crate::store::Tx;
use std::collections::BTreeSet;
use std::sync::Arc;

/// How often the engine is asked again before what is left waits for the next tick.
const ROUNDS_MAX: usize = 4;

/// Carries a plan out, and what follows from it. `common` is what decisions about only some of
/// the farm roles have in common; when a move changes that, the next tick decides about all.
pub(super) fn carry_all(
    tx: &mut Tx,
    mut input: PlanInput,
    mut plan: Plan,
    common: &FarmSummary,
) -> Result<Plan> {
    input.servers.sort_by_key(|server| server.id);
    let mut moves = plan.moves.clone();
    for _ in 0..ROUNDS_MAX {
        for change in &moves {
            carry(tx, &input, &plan, change)?;
        }
        refresh(tx, &mut input, &moves)?;
        // Its number and the seed keep the ids of servers apart that the rounds launch.
        input.seed = input.seed.wrapping_add(1);
        input.parent = Some(plan.memory());
        let Some(next) = next_round(&input, common) else { break };
        require_same_crews(tx, &input, &next)?;
        moves.clone_from(&next.moves);
        plan = engine::followed_by(plan, next);
    }
    Ok(plan)
}

/// What the engine decides about the world as a plan leaves it; `None` when nothing, or nothing
/// that it may do without a look at the rest of the farm.
fn next_round(input: &PlanInput, common: &FarmSummary) -> Option<Plan> {
    let decided = engine::decide(input);
    if !input.other_roles.is_empty() && decided.common != *common {
        return None;
    }
    let plan = decided.plan;
    let is_sound =
        || engine::check(input, &plan).is_empty() && engine::safety(input, &plan).is_empty();
    (plan.changes(input.parent.as_ref()) && is_sound()).then_some(plan)
}

/// Takes what moves made of servers and their steps into the input.
fn refresh(tx: &Tx, input: &mut PlanInput, moves: &[Move]) -> Result<()> {
    let moved: BTreeSet<ServerId> = moves.iter().map(Move::server).collect();
    input.servers.retain(|server| !moved.contains(&server.id));
    input.steps.retain(|step| !moved.contains(&step.server) || !step.status.is_open());
    for id in moved {
        let server = lookup::server(tx, id)?.filter(|server| server.status.counts());
        input.servers.extend(server.map(Arc::new));
        let steps = lookup::steps_of_server(tx, id)?;
        input.steps.extend(steps.into_iter().filter(|step| step.status.is_open()));
    }
    input.servers.sort_by_key(|server| server.id);
    Ok(())
}

/// Writes the records one move asks for.
fn carry(tx: &mut Tx, input: &PlanInput, plan: &Plan, change: &Move) -> Result<()> {
    match change {
        Move::Launch { server, farm_role, index, revision, zone, reason } => {
            let role = input
                .farm_roles
                .iter()
                .find(|role| role.id == *farm_role)
                .ok_or_else(|| stray("farm role", farm_role))?;
            let by = input.farm.created_by;
            let wanted = Server::wanted(*server, role, *index, *reason, by, input.now);
            let make = role.make_of(*revision).ok_or_else(|| stray("revision", revision))?;
            let record = Server { zone: zone.clone(), ..wanted.made_as(&make) };
            // Law 1 is checked again when the step begins; this bound is only against runaways.
            if record.index > 4 * FARM_ROLE_SERVERS_MAX {
                return Err(Problem::new(Code::LimitExceeded, "server indexes ran away"));
            }
            tx.put(&record)?;
            plan_step(tx, plan, &record, StepKind::Launch, input.now).map(drop)
        }
        Move::Retire { server, reason, not_before } => {
            let mut record = current(tx, input, *server)?;
            let event = ServerEvent::RetirementPlanned { reason: *reason, not_before: *not_before };
            happens(&mut record, &event, input.now)?;
            supersede_planned(tx, &record, input.now)?;
            tx.put(&record)?;
            let step = plan_step(tx, plan, &record, StepKind::Terminate, *not_before)?;
            retiring::leave(tx, &record, &step, reason.say(), input.now)
        }
        Move::Act { server, kind, not_before } => {
            let mut record = current(tx, input, *server)?;
            let was_parked = record.parked;
            happens(&mut record, &ServerEvent::StepPlanned(*kind), input.now)?;
            if was_parked && !record.parked {
                retiring::stay(tx, &record, input.now)?;
            }
            tx.put(&record)?;
            plan_step(tx, plan, &record, *kind, *not_before).map(drop)
        }
        Move::Park { server, not_before } => {
            let mut record = current(tx, input, *server)?;
            happens(&mut record, &ServerEvent::SurplusSuspended, input.now)?;
            tx.put(&record)?;
            let step = plan_step(tx, plan, &record, StepKind::Suspend, *not_before)?;
            retiring::leave(tx, &record, &step, TerminateReason::ScalingDown.say(), input.now)
        }
        Move::Hasten { server, not_before } => {
            let mut record = current(tx, input, *server)?;
            let event = ServerEvent::DrainShortened { not_before: *not_before };
            happens(&mut record, &event, input.now)?;
            retiring::hasten(tx, &record, *not_before)?;
            tx.put(&record)?;
            Ok(())
        }
        Move::Cancel { server } => {
            let mut record = current(tx, input, *server)?;
            supersede_planned(tx, &record, input.now)?;
            happens(&mut record, &ServerEvent::PlannedStepsCancelled, input.now)?;
            tx.put(&record)?;
            Ok(())
        }
    }
}

fn plan_step(
    tx: &mut Tx,
    plan: &Plan,
    server: &Server,
    kind: StepKind,
    not_before: Timestamp,
) -> Result<Step> {
    let step = Step::planned(tx.next_id()?, plan.id, server, kind, not_before);
    tx.put(&step)?;
    Ok(step)
}

/// Ends the steps of a server that were never begun: a later decision took their place.
fn supersede_planned(tx: &mut Tx, server: &Server, now: Timestamp) -> Result<()> {
    for mut step in lookup::steps_of_server(tx, server.id)? {
        if step.status == StepStatus::Planned {
            step.status = StepStatus::Superseded;
            step.ended_at = Some(now);
            tx.put(&step)?;
        }
    }
    Ok(())
}

/// Has what a plan decided happen to a server. The checkers refuse plans that move what cannot be
/// moved; should one get past them, nothing of it is carried out.
fn happens(record: &mut Server, event: &ServerEvent<'_>, now: Timestamp) -> Result<()> {
    match advance(record, event, now) {
        Effect::Took(_) => Ok(()),
        Effect::Ignored(why) => Err(Problem::new(Code::UnacceptableState, why)),
        Effect::Refused(why) => Err(Problem::new(Code::UnacceptableState, why)),
    }
}

/// The server as it is now, which must be as the engine saw it: what was decided about a server
/// that has moved on since is not carried out.
fn current(tx: &Tx, input: &PlanInput, id: ServerId) -> Result<Server> {
    let server = lookup::server(tx, id)?.ok_or_else(|| stray("server", id))?;
    let seen = input.servers.binary_search_by_key(&id, |server| server.id);
    match seen.ok().and_then(|place| input.servers.get(place)) {
        Some(seen) if **seen == server => Ok(server),
        Some(_) | None => Err(stray("the server the plan saw", id)),
    }
}
