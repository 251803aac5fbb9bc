//! Retiring: what the agent of a server that is to go is told, and what its word does.
//!
//! A retirement goes by the step that ends it. With the plan that decides on one, the agent is
//! ordered to let it be known ([`leave`]); whoever works on the server may answer that nothing is
//! left ([`idle`]), which is noted in the server's record as long as that very step waits. The
//! next plan lets the step begin ([`hasten`]). A word about any other step, one that comes again
//! or too late, and one for a retirement that was called off ([`stay`]) change nothing.

use crate::base::{Millis, Result, StepId, Timestamp};
use crate::model::{OrderBody, Server, ServerEvent, Step, StepKind, StepStatus, advance};
use crate::service::agents::orders;
use crate::service::lookup;
use crate::service::plans::steps::say;
use crate::store::Tx;

/// An agent that is away learns within this time that its server stays after all.
const STAY_DEADLINE: Millis = 7 * 86_400_000;

/// Orders the agent to let it be known that its server is to go. Nobody is told of what begins at
/// once, and there is nobody to tell where no agent has spoken yet.
pub(in crate::service) fn leave(
    tx: &mut Tx,
    server: &Server,
    step: &Step,
    reason: &str,
    now: Timestamp,
) -> Result<()> {
    if step.not_before <= now || !has_agent(server) {
        return Ok(());
    }
    let by = step.not_before;
    let body = OrderBody::Leave { step: step.id, reason: reason.to_owned(), by };
    orders::give(tx, server, body, now, by)?;
    Ok(())
}

/// A retirement is called off, and the agent is told.
pub(in crate::service) fn stay(tx: &mut Tx, server: &Server, now: Timestamp) -> Result<()> {
    if has_agent(server) {
        orders::give(tx, server, OrderBody::Stay, now, now.after(STAY_DEADLINE))?;
    }
    Ok(())
}

fn has_agent(server: &Server) -> bool {
    server.agent && server.agent_version.is_some()
}

/// Lets the planned step of a server that goes begin from a moment on.
pub(in crate::service) fn hasten(
    tx: &mut Tx,
    server: &Server,
    not_before: Timestamp,
) -> Result<()> {
    pull_forward(tx, server, not_before, ends)
}

/// A person gives a server no time to finish: a termination that is planned begins at once.
pub(in crate::service) fn force(tx: &mut Tx, server: &Server, now: Timestamp) -> Result<()> {
    pull_forward(tx, server, now, |step| step.kind == StepKind::Terminate)
}

fn pull_forward(
    tx: &mut Tx,
    server: &Server,
    not_before: Timestamp,
    which: impl Fn(&Step) -> bool,
) -> Result<()> {
    for mut step in lookup::steps_of_server(tx, server.id)? {
        if step.status == StepStatus::Planned && which(&step) && step.not_before > not_before {
            step.not_before = not_before;
            tx.put(&step)?;
        }
    }
    Ok(())
}

/// Takes an agent's word that nothing is left to finish, if it counts. The caller writes the
/// server's record.
pub(in crate::service) fn idle(
    tx: &mut Tx,
    server: &mut Server,
    step: StepId,
    now: Timestamp,
) -> Result<()> {
    let step = lookup::step(tx, step)?.filter(|step| step.server == server.id && ends(step));
    let step_waits = step.is_some_and(|s| s.status == StepStatus::Planned && s.not_before > now);
    let effect = advance(server, &ServerEvent::AgentIdle { step_waits }, now);
    say(tx, server, effect)
}

fn ends(step: &Step) -> bool {
    matches!(step.kind, StepKind::Terminate | StepKind::Suspend)
}
