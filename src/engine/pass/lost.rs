//! Lost: servers that are gone are healed as their farm role says: by default they are retired, and
//! owed a replacement that `count` launches.
//!
//! The platform's own word is enough at once. Absence from listings needs several of them and
//! some time, and an agent that is still connected outweighs it. No word at all concludes
//! nothing, and neither does a silent agent of a server that the platform says is running.

use crate::base::limit;
use crate::base::time::say;
use crate::engine::draft::Draft;
use crate::engine::pass::{heal, unwell};
use crate::engine::world::{RoleView, ServerView, Sight, World};
use crate::model::{
    CloudState, Freshness, HealMode, MissingPolicy, ServerStatus, StepKind, TerminateReason, Wait,
};

/// Gives up what is being started again and will not come: before `cold_start`, which waits for
/// the rest of them.
pub fn resuming(world: &World, draft: &mut Draft) {
    sweep(world, draft, |server| server.server.status == ServerStatus::Resuming);
}

/// Retires what the platform, or its lasting silence about it, says is gone.
pub fn lost(world: &World, draft: &mut Draft) {
    sweep(world, draft, |server| server.server.status != ServerStatus::Resuming);
}

fn sweep(world: &World, draft: &mut Draft, which: fn(&ServerView) -> bool) {
    if world.is_stopped() {
        return;
    }
    for view in &world.roles {
        let mut pace = Pace::new(view);
        for server in view.servers.iter().filter(|s| s.should_be_up() && which(s)) {
            if draft.is_free(server) && !server.is_restarting() {
                judge(world, draft, view, server, &mut pace);
            }
        }
    }
}

fn judge(world: &World, draft: &mut Draft, view: &RoleView, server: &ServerView, pace: &mut Pace) {
    match server.sight {
        Sight::Unknown => draft.hold_back(view, server, Wait::Stale { age: None }),
        Sight::Stale { age } => draft.hold_back(view, server, Wait::Stale { age: Some(age) }),
        Sight::Missing { age, lost } if !lost || server.is_heard() => {
            draft.hold_back(view, server, Wait::Missing { age, needed: limit::MISSING_AT_LEAST });
        }
        // It goes in its turn, and nothing but its absence speaks for an earlier one.
        Sight::Missing { .. } if world.is_leaving() => {}
        Sight::Missing { age, .. } if keeps_missing(world, view) => {
            let policy = view.role.policy.missing;
            draft.give_up(view, server, Wait::MissingKept { age, policy });
        }
        Sight::Missing { .. }
            if draft.freeze.is_none()
                && heal::mode(world, view, server) == HealMode::Replace
                && pace.is_spent() =>
        {
            let Pace { in_flight, allowed } = *pace;
            draft.hold_back(view, server, Wait::Replacing { in_flight, allowed });
        }
        Sight::Missing { age, .. } => {
            pace.in_flight += u32::from(server.server.status == ServerStatus::Running);
            let listings = listings(world, server);
            let why = format!("missing for {}, in {listings} listings", say(age));
            crashed(world, draft, view, server, &why);
        }
        Sight::Seen { state, age, .. } if is_dead(server) => {
            let why = format!("{}, seen {} before", phrase(state), say(age));
            crashed(world, draft, view, server, &why);
        }
        Sight::Seen { state: CloudState::Stopped, current: false, age } => {
            draft.hold_back(view, server, Wait::Stale { age: Some(age) });
        }
        Sight::Seen { .. } if start_failed(world, view, server) => {
            crashed(world, draft, view, server, "it could not be started again");
        }
        Sight::Seen { age, .. }
            if server.sight.is_suspended()
                && server.server.status == ServerStatus::Running
                && !world.is_leaving()
                && !view.role.removed =>
        {
            let age = say(age);
            let why = format!("the platform says it sleeps, and it is to run, seen {age} before");
            heal::wake(world, draft, view, server, &why);
        }
        Sight::Seen { .. } => unwell::listen(world, draft, view, server),
    }
}

/// Complete listings in a row that lacked it.
fn listings(world: &World, server: &ServerView) -> u32 {
    match world.input.sightings.get(&server.server.id) {
        Some(Freshness::Missing { listings, .. }) => *listings,
        Some(Freshness::Seen { .. } | Freshness::Unknown) | None => 0,
    }
}

/// A server of it that listings lack keeps its place, whatever becomes of it.
pub fn keeps_missing(world: &World, view: &RoleView) -> bool {
    let goes = world.is_leaving() || view.role.removed;
    !goes && view.role.policy.missing != MissingPolicy::Terminate
}

fn crashed(world: &World, draft: &mut Draft, view: &RoleView, server: &ServerView, why: &str) {
    heal::heal(world, draft, view, server, TerminateReason::Crashed, why);
}

/// How many servers that are merely missing may be given up at once: as many as may vanish
/// without a freeze. Without it, losses that trickle in would add up to what a freeze prevents.
struct Pace {
    in_flight: u32,
    allowed: u32,
}

impl Pace {
    fn new(view: &RoleView) -> Pace {
        let in_flight = view.servers.iter().filter(|server| {
            server.server.status == ServerStatus::PendingTerminate
                && server.server.terminate_reason == Some(TerminateReason::Crashed)
                && matches!(server.sight, Sight::Missing { .. })
        });
        let in_flight = u32::try_from(in_flight.count()).unwrap_or(u32::MAX);
        let running = view.servers.iter().filter(|s| s.server.status == ServerStatus::Running);
        let all = u32::try_from(running.count()).unwrap_or(u32::MAX).saturating_add(in_flight);
        Pace { in_flight, allowed: (all.saturating_mul(limit::VANISH_PERCENT_MAX) / 100).max(1) }
    }

    fn is_spent(&self) -> bool {
        self.in_flight >= self.allowed
    }
}

/// One that is resuming is stopped until its start step is done, and a while after.
fn is_dead(server: &ServerView) -> bool {
    server.sight.is_dead()
        && (server.server.status != ServerStatus::Resuming || !server.sight.is_stopped())
}

/// One that was started in vain. Where servers are restarted, one that is up after all has the time
/// it takes to get ready.
fn start_failed(world: &World, view: &RoleView, server: &ServerView) -> bool {
    if server.sight.is_up() && heal::mode(world, view, server) == HealMode::Restart {
        return false;
    }
    server.server.status == ServerStatus::Resuming
        && server.failed.iter().any(|step| {
            matches!(step.kind, StepKind::Start | StepKind::Resume)
                && step.ended_at.is_some_and(|at| at >= server.server.status_at)
        })
}

fn phrase(state: CloudState) -> &'static str {
    match state {
        CloudState::Stopped => "the platform says it stopped",
        CloudState::Terminating => "the platform says it is on its way out",
        CloudState::Gone => "the platform says it is gone",
        CloudState::Pending | CloudState::Running | CloudState::Suspended => "it is not running",
    }
}
