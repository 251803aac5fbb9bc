//! The life of a server: what everything that can happen to one makes of its record, and what the
//! journal says of it.
//!
//! ```text
//! pending_launch ──launched──> pending ──agent──> initializing ──ready──> running
//!        │                                             ▲   reboot begins     │
//!        │ refused, never asked for                    └─────────────────────┤
//!        ▼                                                                   ▼
//!   terminated <──terminated, gone── pending_terminate <──to go── (any)  pending_suspend
//!                                                                            │ suspended
//!                                    running <──ready── resuming <──wake── suspended
//! ```
//! [`advance`] is the only code that assigns a status: the plans, steps, listings, agents and
//! people that bring something about tell it here, and write down what it answers. So "running" is
//! decided in one place, `terminated` is final, and `table.txt` beside the tests says for every
//! status what each event makes of it. Steps have a life of their own ([`Step`](super::Step)); a
//! server that a plan launches begins it with [`Server::wanted`].
//!
//! To add an event: a variant, its arm in [`advance`], a line in the tests' list of events, then
//! `BLESS=1` and read the table.

mod ask;
mod outside;
#[cfg(test)]
mod tests;

use crate::base::{Millis, Timestamp, Watch};
use crate::model::{Server, ServerStatus, Sighting, StepKind, TerminateReason};
use std::borrow::Cow;

/// What can happen to a server.
#[derive(Clone, Debug)]
pub enum ServerEvent<'a> {
    /// A plan wants it to go, and gives it until then to finish what it does.
    RetirementPlanned {
        /// Why.
        reason: TerminateReason,
        /// When its termination may begin.
        not_before: Timestamp,
    },
    /// A plan suspends it, because scaling does not need it now.
    SurplusSuspended,
    /// A plan has a step for it that is neither of these.
    StepPlanned(StepKind),
    /// A plan ends its drain early.
    DrainShortened {
        /// When its step may begin now.
        not_before: Timestamp,
    },
    /// A plan takes back what was planned about it and not begun.
    PlannedStepsCancelled,
    /// A person asks for it to go.
    TerminateAsked {
        /// It has no time to finish what it does.
        force: bool,
    },
    /// A person says that it is gone, where no listing ever can.
    GoneAsked,
    /// A person asks for it to be rebooted.
    RebootAsked,
    /// A person asks for it to be suspended.
    SuspendAsked,
    /// A person asks for it to be resumed.
    ResumeAsked {
        /// Its farm is stopped as a whole.
        farm_is_stopped: bool,
    },
    /// A person locks it.
    LockAsked {
        /// Why, and who said so.
        reason: Cow<'a, str>,
    },
    /// A person takes the lock off.
    UnlockAsked,
    /// A step about it begins.
    StepBegun(StepKind),
    /// Its launch may not begin: the maximum has no room, or nobody wants it any more.
    LaunchNotAdmitted {
        /// What stands against it.
        why: &'a str,
    },
    /// Its platform confirmed a step, by its answer or by a listing.
    StepDone {
        /// What was done.
        kind: StepKind,
        /// How the platform showed it then.
        sighting: Option<&'a Sighting>,
    },
    /// A step came to nothing.
    StepFailed {
        /// What was to be done.
        kind: StepKind,
        /// Who says so.
        proof: FailureProof,
        /// What was said, for people.
        why: &'a str,
    },
    /// Its platform's listing says that it is gone for good.
    SeenGone,
    /// Its platform's listing shows it at other addresses.
    SeenElsewhere(&'a Sighting),
    /// Its agent connected.
    AgentHello {
        /// The agent's version.
        version: &'a str,
        /// The boot it speaks from.
        boot: &'a str,
        /// It says that the server is ready.
        ready: bool,
        /// How long its farm role wants it healthy before it counts as running.
        ready_for: Millis,
    },
    /// Its agent says whether it is ready.
    AgentReady {
        /// It is.
        ready: bool,
        /// How long its farm role wants it healthy before it counts as running.
        ready_for: Millis,
    },
    /// Its agent says that its role's work cannot be done on it.
    SetupFailed {
        /// Which part, and how it ended.
        why: &'a str,
    },
    /// Its agent says that nothing is left to finish.
    AgentIdle {
        /// The step that this is about waits for its drain to end.
        step_waits: bool,
    },
    /// What agent, platform and check say of it together, on its way up.
    Judged {
        /// How it is.
        wellness: Wellness,
        /// How long its farm role wants it healthy before it counts as running.
        ready_for: Millis,
        /// Since when we look; `now` is the moment of the event.
        watch: Watch,
    },
}

/// How a server is, as far as anybody can say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wellness {
    /// Nobody says that it is up.
    Down,
    /// It is up, and its check or its agent's silence speaks against it.
    Up,
    /// It is up and nothing speaks against it.
    Well,
}

/// Who says that a step came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureProof {
    /// The platform, in its answer.
    Refused,
    /// We do: it could not be asked at all.
    NeverCalled,
    /// Complete listings, which do not show it. A launch may still come to light after that, so
    /// the server is terminated before its place is free.
    NotListed,
}

/// What an event did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The server is as it is now; with the journal's sentence, where there is one to say.
    Took(Option<String>),
    /// Nothing, and why: what happened comes too late or counts for nothing here.
    Ignored(&'static str),
    /// Nothing, and why: a person asked for what cannot be.
    Refused(String),
}

impl Effect {
    /// The journal's sentence.
    pub fn sentence(self) -> Option<String> {
        match self {
            Effect::Took(sentence) => sentence,
            Effect::Ignored(_) | Effect::Refused(_) => None,
        }
    }
}

const SILENT: Effect = Effect::Took(None);

fn says(sentence: impl Into<String>) -> Effect {
    Effect::Took(Some(sentence.into()))
}

/// What a server is after something happened to it at `now`.
pub fn advance(server: &mut Server, event: &ServerEvent<'_>, now: Timestamp) -> Effect {
    use ServerEvent as E;
    let ended = server.status == ServerStatus::Terminated;
    match *event {
        E::TerminateAsked { force } => ask::terminate(server, force, now),
        E::GoneAsked => ask::gone(server, now),
        E::RebootAsked => ask::reboot(server),
        E::SuspendAsked => ask::suspend(server, now),
        E::ResumeAsked { farm_is_stopped } => ask::resume(server, farm_is_stopped),
        E::LockAsked { ref reason } => ask::lock(server, reason),
        E::UnlockAsked => ask::unlock(server),
        _ if ended => after_the_end(server, event),
        E::SurplusSuspended
        | E::StepPlanned(StepKind::Suspend | StepKind::Stop | StepKind::Start | StepKind::Resume)
            if server.status == ServerStatus::PendingTerminate =>
        {
            Effect::Ignored("it is to go, and no plan keeps it")
        }
        E::RetirementPlanned { reason, not_before } => {
            move_to(server, ServerStatus::PendingTerminate, now);
            server.terminate_reason = Some(reason);
            server.terminate_after = Some(not_before);
            server.idle_at = None;
            SILENT
        }
        E::SurplusSuspended => {
            move_to(server, ServerStatus::PendingSuspend, now);
            server.parked = true;
            server.idle_at = None;
            SILENT
        }
        E::StepPlanned(kind) => step_planned(server, kind, now),
        E::DrainShortened { not_before } => {
            server.terminate_after = server.terminate_after.map(|at| at.min(not_before));
            SILENT
        }
        E::PlannedStepsCancelled => {
            if server.asked_at.is_none() {
                move_to(server, ServerStatus::Terminated, now);
            }
            SILENT
        }
        E::StepBegun(kind) => step_begun(server, kind, now),
        E::LaunchNotAdmitted { why } => {
            if server.status == ServerStatus::PendingLaunch && server.asked_at.is_none() {
                move_to(server, ServerStatus::Terminated, now);
            }
            says(not_admitted(why))
        }
        E::StepDone { kind, sighting } => step_done(server, kind, sighting, now),
        E::StepFailed { kind, proof, why } => {
            step_failed(server, kind, proof, now);
            says(failed(server, kind, why))
        }
        E::SeenGone => outside::gone(server, now),
        E::SeenElsewhere(sighting) => outside::elsewhere(server, sighting),
        E::AgentHello { version, boot, ready, ready_for } => {
            outside::hello(server, version, boot);
            outside::heard(server, ready, ready_for, now)
        }
        E::AgentReady { ready, ready_for } => outside::heard(server, ready, ready_for, now),
        E::SetupFailed { why } => outside::setup_failed(server, why),
        E::AgentIdle { step_waits } => outside::idle(server, step_waits, now),
        E::Judged { wellness, ready_for, watch } => {
            outside::judged(server, wellness, ready_for, watch)
        }
    }
}

/// What happens to a server that is confirmed gone: its steps end all the same, and the journal
/// says how.
fn after_the_end(server: &Server, event: &ServerEvent<'_>) -> Effect {
    match *event {
        ServerEvent::StepDone { kind, .. } => says(done(server, kind)),
        ServerEvent::StepFailed { kind, why, .. } => says(failed(server, kind, why)),
        ServerEvent::LaunchNotAdmitted { why } => says(not_admitted(why)),
        _ => Effect::Ignored("it is confirmed gone, and nothing brings it back"),
    }
}

/// Moves a server to a status, with the time it did.
fn move_to(server: &mut Server, status: ServerStatus, now: Timestamp) {
    if server.status != status {
        server.status = status;
        server.status_at = now;
    }
}

/// The one place where a server comes to be running: whatever kept it from it is over.
fn run(server: &mut Server, now: Timestamp) {
    move_to(server, ServerStatus::Running, now);
    server.running_at.get_or_insert(now);
    server.setup_failed = None;
    server.reboot_at = None;
}

fn step_planned(server: &mut Server, kind: StepKind, now: Timestamp) -> Effect {
    match kind {
        StepKind::Start | StepKind::Resume => {
            // One that was suspended did not fail; one that its platform suspended by itself did.
            let failed = server.status != ServerStatus::Suspended;
            server.restarts = server.restarts.saturating_add(u32::from(failed));
            move_to(server, ServerStatus::Resuming, now);
            if kind == StepKind::Start {
                // Also one that was started in vain has the whole time again.
                server.status_at = now;
            }
            server.reboot_at = None;
            server.setup_failed = None;
            server.suspend_requested = false;
            if std::mem::take(&mut server.parked) {
                server.idle_at = None;
            }
        }
        StepKind::Suspend | StepKind::Stop => {
            // One that slept already did not stay asleep.
            let again = server.status == ServerStatus::Suspended;
            server.restarts = server.restarts.saturating_add(u32::from(again));
            move_to(server, ServerStatus::PendingSuspend, now);
        }
        StepKind::Reboot => {
            let healed = !std::mem::take(&mut server.reboot_requested);
            server.restarts = server.restarts.saturating_add(u32::from(healed));
        }
        StepKind::Launch | StepKind::Terminate => {}
    }
    SILENT
}

fn step_begun(server: &mut Server, kind: StepKind, now: Timestamp) -> Effect {
    match kind {
        StepKind::Launch => server.asked_at = Some(now),
        StepKind::Reboot => {
            // Before the call: the rebooted agent may say hello before the answer is here.
            server.reboot_at = Some(now);
            server.setup_failed = None;
            server.healthy_since = None;
            if server.status == ServerStatus::Running {
                move_to(server, ServerStatus::Initializing, now);
            }
        }
        // The time it has to get ready begins with the step, and again when it is done, however
        // long it waited for its turn and the call for its answer.
        StepKind::Start | StepKind::Resume => server.status_at = now,
        StepKind::Suspend | StepKind::Stop | StepKind::Terminate => {}
    }
    says(format!("{} is asked to {} it", server.account, kind.as_str()))
}

fn step_done(
    server: &mut Server,
    kind: StepKind,
    sighting: Option<&Sighting>,
    now: Timestamp,
) -> Effect {
    if let Some(seen) = sighting {
        server.cloud_server_id = Some(seen.cloud_server_id.clone());
        outside::take_addresses(server, seen);
    }
    match (kind, server.status) {
        (StepKind::Launch, ServerStatus::PendingLaunch) => {
            move_to(server, ServerStatus::Pending, now);
        }
        (StepKind::Terminate, _) => move_to(server, ServerStatus::Terminated, now),
        (StepKind::Suspend | StepKind::Stop, ServerStatus::PendingSuspend) => {
            move_to(server, ServerStatus::Suspended, now);
        }
        // Up again at the platform; running once its agent says so.
        (StepKind::Start | StepKind::Resume, ServerStatus::Resuming) => server.status_at = now,
        // Unless it is back already.
        (StepKind::Reboot, _) => server.reboot_at = server.reboot_at.map(|_| now),
        _ => {}
    }
    says(done(server, kind))
}

fn step_failed(server: &mut Server, kind: StepKind, proof: FailureProof, now: Timestamp) {
    match kind {
        StepKind::Launch => launch_failed(server, proof, now),
        StepKind::Reboot => {
            // Nothing came of it: what ran when it began runs on, and its agent will say nothing
            // new.
            let ran = server.reboot_at == Some(server.status_at);
            server.reboot_at = None;
            if ran && server.status == ServerStatus::Initializing {
                run(server, now);
            }
        }
        StepKind::Suspend | StepKind::Stop if server.status == ServerStatus::PendingSuspend => {
            // It is awake, or gone; as a running one it is looked after again, and as one that is
            // still to get ready when it never ran.
            match (server.running_at, &server.boot_id) {
                (Some(_), _) => run(server, now),
                (None, Some(_)) => move_to(server, ServerStatus::Initializing, now),
                (None, None) => move_to(server, ServerStatus::Pending, now),
            }
            if std::mem::take(&mut server.parked) {
                server.idle_at = None;
            }
        }
        StepKind::Suspend
        | StepKind::Stop
        | StepKind::Resume
        | StepKind::Start
        | StepKind::Terminate => {}
    }
}

fn launch_failed(server: &mut Server, proof: FailureProof, now: Timestamp) {
    let unheard = server.status == ServerStatus::PendingLaunch;
    let next = match proof {
        // It certainly does not exist: nothing to terminate, and its place is free again.
        FailureProof::Refused | FailureProof::NeverCalled if unheard => ServerStatus::Terminated,
        FailureProof::NotListed if unheard => ServerStatus::PendingTerminate,
        // Its agent was heard before its call failed: it came up, and its cloud took it away again
        // or says that it did. It has not vanished, which could be anybody's fault and stops
        // automation where several do; it was never there to stay. Whatever is left of it, the
        // cloud is asked to end it, and that answer frees its place.
        FailureProof::Refused if server.status.is_wanted() => ServerStatus::PendingTerminate,
        FailureProof::Refused | FailureProof::NeverCalled | FailureProof::NotListed => return,
    };
    server.terminate_reason.get_or_insert(TerminateReason::LaunchFailed);
    move_to(server, next, now);
}

fn done(server: &Server, kind: StepKind) -> String {
    format!("{} {} it", server.account, kind.past())
}

fn failed(server: &Server, kind: StepKind, why: &str) -> String {
    format!("{} failed to {} it: {why}", server.account, kind.as_str())
}

fn not_admitted(why: &str) -> String {
    format!("is not launched after all: {why}")
}
