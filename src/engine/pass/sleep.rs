//! Sleep: a farm that a person stopped is shut down in order, and woken in order when it is
//! started again.
//!
//! Stopping keeps every server, its disk and its place: a site that shuts down with its farms has
//! the same servers when it comes back. A sequential farm goes backwards, as when it is
//! terminated. Nothing is healed, scaled or replaced meanwhile, and nothing starts by itself,
//! also not after a power cut: a person, or the script of a power supply, starts it again.
//!
//! Who is woken is everybody but those whom a person, or scaling, had put to sleep before.
//!
//! What its platform shows awake although it is to sleep is put to sleep again (law 8), as often
//! as a server is restarted that does not stay up, and then people are told.

use crate::engine::draft::Draft;
use crate::engine::pass::backoff::rung;
use crate::engine::pass::{heal, order};
use crate::engine::world::{Neighbour, RoleView, ServerView, Sight, World};
use crate::model::{CloudState, Decision, HealMode, ServerStatus, StepKind, TerminateReason, Wait};

use crate::base::{Timestamp, limit};

/// Shuts down the servers of a farm that is to be stopped.
pub fn sleep(world: &World, draft: &mut Draft) {
    if !world.is_stopped() {
        return;
    }
    for view in world.roles.iter().rev() {
        let is_up = draft.facts(view.role.id).awake > 0;
        let before = |near: &&Neighbour| near.facts.awake > 0;
        match order::behind(world, view, before).filter(|_| is_up) {
            Some(wait) => draft.say(view, Decision::Wait(wait)),
            None => stop_all(world, view, draft),
        }
    }
    let up = world.neighbours.iter().map(|near| near.facts.awake).sum();
    draft.say_farm(Decision::Wait(Wait::FarmStopped { up }));
}

fn stop_all(world: &World, view: &RoleView, draft: &mut Draft) {
    for server in &view.servers {
        // Whom a person wants gone, goes.
        if !draft.is_free(server) || server.server.terminate_requested {
            continue;
        }
        if server.is_only_planned() {
            let why = "the farm is stopped";
            draft.retire(view, server, TerminateReason::FarmTerminated, why);
            continue;
        }
        let stops = match server.server.status {
            ServerStatus::Pending | ServerStatus::Initializing | ServerStatus::Running => true,
            ServerStatus::PendingLaunch
            | ServerStatus::PendingSuspend
            | ServerStatus::Suspended
            | ServerStatus::Resuming
            | ServerStatus::PendingTerminate
            | ServerStatus::Terminated
            | ServerStatus::Importing
            | ServerStatus::Temporary => false,
        };
        if stops && server.open.is_empty() {
            let why = "stop: a person stopped the farm".to_owned();
            draft.act(view, server, StepKind::Stop, next_try(world, server), why);
        }
    }
}

/// Now, or after a pause when it could not be stopped before.
fn next_try(world: &World, server: &ServerView) -> Timestamp {
    let now = world.input.now;
    let failed = server.failed.iter().filter(|step| step.kind == StepKind::Stop);
    let ended: Vec<Timestamp> = failed.filter_map(|step| step.ended_at).collect();
    let failures = u32::try_from(ended.len()).unwrap_or(u32::MAX);
    let last = ended.iter().max();
    last.map_or(now, |last| last.after(rung(&limit::TERMINATE_BACKOFF, failures)).max(now))
}

/// Wakes what is to be awake, in launch order.
pub fn wake(world: &World, draft: &mut Draft) {
    for view in world.wanted_roles() {
        let wait = order::ahead(world, draft, view);
        for server in view.servers.iter().filter(|server| server.is_asleep()) {
            if server.server.suspend_requested {
                draft.say_of(view, server, Decision::Wait(Wait::PutToSleep));
            }
        }
        for server in view.servers.iter().filter(|server| is_to_wake(server)) {
            if !draft.is_free(server) || !server.open.is_empty() {
                continue;
            }
            if let Some(wait) = wait.clone() {
                draft.hold_back(view, server, wait);
                continue;
            }
            rouse(world, view, server, draft, "it is to be awake");
        }
    }
}

/// Puts to sleep again what runs although it is to sleep. After the passes that may want it awake.
pub fn again(world: &World, draft: &mut Draft) {
    for view in &world.roles {
        for server in view.servers.iter().filter(|server| runs_asleep(world, view, server)) {
            if draft.is_free(server) {
                put_back(world, view, server, draft);
            }
        }
    }
}

fn runs_asleep(world: &World, view: &RoleView, server: &ServerView) -> bool {
    let record = server.server;
    let sleeps = record.status == ServerStatus::Suspended && server.open.is_empty();
    let stays = world.is_stopped() || !is_to_wake(server);
    let leaves = world.is_leaving() || view.role.removed || record.terminate_requested;
    let runs =
        matches!(server.sight, Sight::Seen { state: CloudState::Running, current: true, .. });
    sleeps && stays && !leaves && runs
}

fn put_back(world: &World, view: &RoleView, server: &ServerView, draft: &mut Draft) {
    if let Some(wait) = heal::kept_from(world, draft, view) {
        return draft.hold_back(view, server, wait);
    }
    let why = "it runs although it is to sleep".to_owned();
    let restarts = server.server.restarts;
    if restarts >= limit::RESTARTS_MAX {
        let heal = HealMode::Restart;
        return draft.give_up(view, server, Wait::Unhealed { why, heal, restarts });
    }
    // What was done last may take a while to show.
    let left = rung(&limit::RESTART_BACKOFF, restarts + 1).saturating_sub(server.age(world.input));
    if left > 0 {
        return draft.hold_back(view, server, Wait::RunsAsleep { left });
    }
    let kind = match is_to_wake(server) {
        true => StepKind::Stop,
        false => StepKind::Suspend,
    };
    draft.act(view, server, kind, world.input.now, format!("{}: {why}", kind.as_str()));
}

fn is_to_wake(server: &ServerView) -> bool {
    let record = server.server;
    record.status == ServerStatus::Suspended && !record.suspend_requested && !record.parked
}

/// Resumes what sleeps and starts what is stopped; says whether it did.
pub fn rouse(
    world: &World,
    view: &RoleView,
    server: &ServerView,
    draft: &mut Draft,
    why: &str,
) -> bool {
    let kind = match server.sight {
        Sight::Seen { state: CloudState::Stopped, .. } => StepKind::Start,
        Sight::Seen { .. } | Sight::Missing { .. } => StepKind::Resume,
        Sight::Unknown => {
            draft.hold_back(view, server, Wait::Stale { age: None });
            return false;
        }
        Sight::Stale { age } => {
            draft.hold_back(view, server, Wait::Stale { age: Some(age) });
            return false;
        }
    };
    draft.act(view, server, kind, world.input.now, format!("{}: {why}", kind.as_str()));
    true
}
