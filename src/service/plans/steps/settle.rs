//! What a step's outcome makes of it and of its server, whoever told it: the call's answer or a
//! listing.

use crate::base::{Result, Timestamp};
use crate::model::{
    Effect, FailureProof, Server, ServerEvent, Sighting, Step, StepStatus, advance,
};
use crate::service::lookup;
use crate::service::servers::retiring;
use crate::store::Tx;

/// Writes what an event has to say about a server into the journal.
pub(in crate::service) fn say(tx: &mut Tx, server: &Server, effect: Effect) -> Result<()> {
    if let Some(sentence) = effect.sentence() {
        let about = lookup::server_name(tx, server)?;
        tx.text(about, sentence);
    }
    Ok(())
}

/// The cloud confirmed a step, by its answer or by a listing.
pub(in crate::service) fn settle_done(
    tx: &mut Tx,
    step: &mut Step,
    server: &mut Server,
    sighting: Option<&Sighting>,
    now: Timestamp,
) -> Result<()> {
    let effect = advance(server, &ServerEvent::StepDone { kind: step.kind, sighting }, now);
    say(tx, server, effect)?;
    step.status = StepStatus::Done;
    step.ended_at = Some(now);
    tx.put(step)?;
    tx.put(server)?;
    Ok(())
}

/// The cloud refused a step, or a listing proved that it did not happen.
pub(in crate::service) fn settle_failed(
    tx: &mut Tx,
    step: &mut Step,
    server: &mut Server,
    (proof, why): (FailureProof, String),
    now: Timestamp,
) -> Result<()> {
    let was_parked = server.parked;
    let event = ServerEvent::StepFailed { kind: step.kind, proof, why: &why };
    let effect = advance(server, &event, now);
    say(tx, server, effect)?;
    step.status = StepStatus::Failed;
    step.ended_at = Some(now);
    step.message = why;
    tx.put(step)?;
    if was_parked && !server.parked {
        retiring::stay(tx, server, now)?;
    }
    // The same record again is no change.
    tx.put(server)?;
    Ok(())
}

/// A person says that a server is gone: nothing that was asked of it is awaited any more.
pub(in crate::service) fn settle_gone(tx: &mut Tx, server: &Server, now: Timestamp) -> Result<()> {
    for mut step in lookup::steps_of_server(tx, server.id)? {
        if !step.status.is_open() {
            continue;
        }
        let was_planned = step.status == StepStatus::Planned;
        step.status = StepStatus::Failed;
        if was_planned {
            step.status = StepStatus::Superseded;
        }
        step.ended_at = Some(now);
        step.message = "a person says that the server is gone".to_owned();
        tx.put(&step)?;
    }
    Ok(())
}
