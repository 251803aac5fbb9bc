//! What people ask of a server, and what it cannot be asked.

use super::{Effect, move_to, says};
use crate::base::Timestamp;
use crate::model::{Server, ServerStatus, TerminateReason};

fn refused(server: &Server, why: &str) -> Effect {
    Effect::Refused(format!("{} is {}: {why}", server.hostname, server.status.as_str()))
}

pub(super) fn terminate(server: &mut Server, force: bool, now: Timestamp) -> Effect {
    if server.locked {
        return refused(server, &format!("locked ({}): unlock it first", server.lock_reason));
    }
    if server.status == ServerStatus::Terminated {
        return refused(server, "terminated already");
    }
    server.terminate_requested = true;
    if !force {
        return says("is asked to go");
    }
    server.terminate_after = Some(server.terminate_after.map_or(now, |at| at.min(now)));
    says("is asked to go at once")
}

pub(super) fn reboot(server: &mut Server) -> Effect {
    if server.status != ServerStatus::Running {
        return refused(server, "only a running server can be rebooted");
    }
    server.reboot_requested = true;
    says("is asked to reboot")
}

pub(super) fn suspend(server: &mut Server, now: Timestamp) -> Effect {
    if server.status != ServerStatus::Running {
        return refused(server, "only a running server can be suspended");
    }
    move_to(server, ServerStatus::PendingSuspend, now);
    server.suspend_requested = true;
    says("is asked to sleep")
}

pub(super) fn resume(server: &mut Server, farm_is_stopped: bool) -> Effect {
    if server.status != ServerStatus::Suspended {
        return refused(server, "only a suspended server can be resumed");
    }
    if server.parked {
        let why = "scaling put it to sleep and wakes it when it is needed: raise minInstances";
        return refused(server, why);
    }
    if farm_is_stopped {
        return refused(server, "its farm is stopped: start the farm");
    }
    server.suspend_requested = false;
    says("is asked to wake up")
}

pub(super) fn lock(server: &mut Server, reason: &str) -> Effect {
    if !server.status.is_wanted() || server.terminate_requested {
        return refused(server, "it is to go already");
    }
    (server.locked, server.lock_reason) = (true, reason.to_owned());
    says(format!("is locked: {reason}"))
}

pub(super) fn unlock(server: &mut Server) -> Effect {
    if !server.locked {
        return refused(server, "not locked");
    }
    (server.locked, server.lock_reason) = (false, String::new());
    says("is unlocked")
}

pub(super) fn gone(server: &mut Server, now: Timestamp) -> Effect {
    if server.status == ServerStatus::Terminated {
        return refused(server, "it is gone already");
    }
    server.terminate_reason.get_or_insert(TerminateReason::Crashed);
    move_to(server, ServerStatus::Terminated, now);
    says("gone: a person says so")
}
