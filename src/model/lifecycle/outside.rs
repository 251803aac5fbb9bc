//! What listings, agents and checks say of a server.

use super::{Effect, SILENT, Wellness, move_to, run, says};
use crate::base::time::say;
use crate::base::{Millis, Timestamp, Watch};
use crate::model::{Server, ServerStatus, Sighting, TerminateReason};

pub(super) fn gone(server: &mut Server, now: Timestamp) -> Effect {
    server.terminate_reason.get_or_insert(TerminateReason::Crashed);
    move_to(server, ServerStatus::Terminated, now);
    says("gone: its platform says so")
}

pub(super) fn elsewhere(server: &mut Server, sighting: &Sighting) -> Effect {
    take_addresses(server, sighting);
    says(format!("address is {} now", sighting.private_ips.join(", ")))
}

pub(super) fn take_addresses(server: &mut Server, seen: &Sighting) {
    server.private_ips.clone_from(&seen.private_ips);
    server.public_ips.clone_from(&seen.public_ips);
}

pub(super) fn hello(server: &mut Server, version: &str, boot: &str) {
    server.agent_version = Some(version.to_owned());
    server.boot_id = Some(boot.to_owned());
    if server.status != ServerStatus::Running {
        // A new connection is a break: nobody knows what was before.
        server.healthy_since = None;
    }
}

/// What hearing from an agent does (Scalr: HostInit, HostUp).
pub(super) fn heard(server: &mut Server, ready: bool, ready_for: Millis, now: Timestamp) -> Effect {
    if ready_for > 0 && server.status != ServerStatus::Running {
        server.healthy_since = ready.then(|| server.healthy_since.unwrap_or(now));
    }
    let runs = ready && ready_for == 0;
    match server.status {
        // The launch's answer may still be on its way: whoever speaks exists.
        ServerStatus::PendingLaunch
        | ServerStatus::Pending
        | ServerStatus::Initializing
        | ServerStatus::Resuming
            if runs =>
        {
            run(server, now);
            return says("is running: its agent says that it is ready");
        }
        ServerStatus::PendingLaunch | ServerStatus::Pending => {
            move_to(server, ServerStatus::Initializing, now);
            return says("is up but not ready yet: its agent says so");
        }
        ServerStatus::Running => run(server, now),
        // Also one that gets ready on its way to sleep has run, should it not fall asleep.
        ServerStatus::PendingSuspend if runs => drop(server.running_at.get_or_insert(now)),
        ServerStatus::Initializing
        | ServerStatus::Resuming
        | ServerStatus::PendingSuspend
        | ServerStatus::Suspended
        | ServerStatus::PendingTerminate
        | ServerStatus::Terminated
        | ServerStatus::Importing
        | ServerStatus::Temporary => {}
    }
    SILENT
}

/// A server that runs has its work; what fails in it later is told and changes no status.
pub(super) fn setup_failed(server: &mut Server, why: &str) -> Effect {
    if !server.status.gets_ready() {
        return Effect::Ignored("it is not on its way up");
    }
    server.setup_failed = Some(why.to_owned());
    says(format!("cannot do its work: {why}"))
}

pub(super) fn idle(server: &mut Server, step_waits: bool, now: Timestamp) -> Effect {
    if !server.is_draining() {
        return Effect::Ignored("it is not to go");
    }
    if server.idle_at.is_some() {
        return Effect::Ignored("it said so before");
    }
    if !step_waits {
        return Effect::Ignored("the step it speaks of does not wait for it");
    }
    server.idle_at = Some(now);
    says("says that it is idle: nothing is left to finish")
}

/// What becomes of a server on its way up.
pub(super) fn judged(
    server: &mut Server,
    wellness: Wellness,
    ready_for: Millis,
    watch: Watch,
) -> Effect {
    let (before, now) = (server.status, watch.now);
    if !before.gets_ready() {
        return Effect::Ignored("it is not on its way up");
    }
    let since = healthy_since(server);
    if wellness != Wellness::Down && before == ServerStatus::Pending {
        move_to(server, ServerStatus::Initializing, now);
    }
    server.healthy_since = match (wellness, since) {
        (Wellness::Well, None) if server.agent => None,
        (Wellness::Well, since) => Some(since.unwrap_or(now)),
        (Wellness::Down | Wellness::Up, _) => None,
    };
    match server.healthy_since.map(|since| watch.lasted(since)) {
        Some(age) if age >= ready_for => {
            run(server, now);
            match server.agent {
                true => says(format!("is running: healthy for {}", say(age))),
                false => says("is running: it passes what is asked of it"),
            }
        }
        _ if server.status != before => {
            says(format!("is {}: its platform says that it is up", server.status.as_str()))
        }
        _ => SILENT,
    }
}

/// Since when it has been healthy where it is: what it was before it slept does not count.
fn healthy_since(server: &Server) -> Option<Timestamp> {
    let began = (server.status == ServerStatus::Resuming).then_some(server.status_at);
    server.healthy_since.map(|since| began.map_or(since, |began| since.max(began)))
}
