//! What a step's outcome makes of it and of its server, whoever told it: the call's answer or a
//! listing.

use crate::base::{Result, Timestamp};
use crate::model::{Server, ServerStatus, Sighting, Step, StepKind, StepStatus, TerminateReason};
use crate::service::lookup;
use crate::service::plans::set_status;
use crate::service::servers::retiring;
use crate::store::Tx;

/// The cloud confirmed a step, by its answer or by a listing.
pub(in crate::service) fn settle_done(
    tx: &mut Tx,
    step: &mut Step,
    server: &mut Server,
    sighting: Option<Sighting>,
    now: Timestamp,
) -> Result<()> {
    let about = lookup::server_name(tx, server)?;
    tx.text(about, format!("{} {} it", server.platform, step.kind.past()));
    step.status = StepStatus::Done;
    step.ended_at = Some(now);
    tx.put(step)?;
    if let Some(seen) = &sighting {
        server.cloud_server_id = Some(seen.cloud_server_id.clone());
        server.private_ips.clone_from(&seen.private_ips);
        server.public_ips.clone_from(&seen.public_ips);
    }
    let next = match (step.kind, server.status) {
        (StepKind::Launch, ServerStatus::PendingLaunch) => Some(ServerStatus::Pending),
        (StepKind::Terminate, _) => Some(ServerStatus::Terminated),
        (StepKind::Suspend | StepKind::Stop, ServerStatus::PendingSuspend) => {
            Some(ServerStatus::Suspended)
        }
        // Up again at the platform; running once its agent says so.
        (StepKind::Start | StepKind::Resume, ServerStatus::Resuming) => {
            server.status_at = now;
            None
        }
        _ => None,
    };
    if step.kind == StepKind::Reboot {
        // Unless it is back already.
        server.reboot_at = server.reboot_at.map(|_| now);
    }
    if let Some(status) = next {
        set_status(server, status, now);
    }
    tx.put(server)?;
    Ok(())
}

/// A launch whose agent was heard before its call failed: it came up, and its cloud took it away
/// again or says that it did. It has not vanished, which could be anybody's fault and stops
/// automation where several do; it was never there to stay. Whatever is left of it, the cloud is
/// asked to end it, and that answer frees its place.
pub(super) fn retire_stillborn(
    tx: &mut Tx,
    step: &Step,
    server: &mut Server,
    now: Timestamp,
) -> Result<()> {
    let heard = server.status != ServerStatus::PendingLaunch && server.status.is_wanted();
    if step.kind != StepKind::Launch || !heard {
        return Ok(());
    }
    server.terminate_reason.get_or_insert(TerminateReason::LaunchFailed);
    set_status(server, ServerStatus::PendingTerminate, now);
    tx.put(server)?;
    Ok(())
}

/// The cloud refused a step, or a listing proved that it did not happen.
pub(in crate::service) fn settle_failed(
    tx: &mut Tx,
    step: &mut Step,
    server: &mut Server,
    why: String,
    now: Timestamp,
) -> Result<()> {
    let about = lookup::server_name(tx, server)?;
    let (platform, kind) = (&server.platform, step.kind.as_str());
    tx.text(about, format!("{platform} failed to {kind} it: {why}"));
    step.status = StepStatus::Failed;
    step.ended_at = Some(now);
    step.message = why;
    tx.put(step)?;
    if step.kind == StepKind::Launch && server.status == ServerStatus::PendingLaunch {
        // It certainly does not exist: nothing to terminate, and its place is free again.
        server.terminate_reason.get_or_insert(TerminateReason::LaunchFailed);
        set_status(server, ServerStatus::Terminated, now);
        tx.put(server)?;
    }
    if step.kind == StepKind::Reboot {
        // Nothing came of it: what ran when it began runs on, and its agent will say nothing new.
        let ran = server.reboot_at == Some(server.status_at);
        server.reboot_at = None;
        if ran && server.status == ServerStatus::Initializing {
            set_status(server, ServerStatus::Running, now);
        }
        tx.put(server)?;
    }
    let sleeps = matches!(step.kind, StepKind::Suspend | StepKind::Stop);
    if sleeps && server.status == ServerStatus::PendingSuspend {
        // It is awake, or gone; as a running one it is looked after again, and as one that is still
        // to get ready when it never ran.
        let was = match (server.running_at, &server.boot_id) {
            (Some(_), _) => ServerStatus::Running,
            (None, Some(_)) => ServerStatus::Initializing,
            (None, None) => ServerStatus::Pending,
        };
        set_status(server, was, now);
        if std::mem::take(&mut server.parked) {
            retiring::stay(tx, server, now)?;
        }
        tx.put(server)?;
    }
    Ok(())
}
