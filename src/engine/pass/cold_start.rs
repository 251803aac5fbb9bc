//! Cold start: when every server of a farm is stopped, the power was cut, and the servers are
//! started again from their own disks, in launch order, instead of being replaced.
//!
//! That the farm is being brought back up is remembered in the plan, because as soon as the first
//! server runs again the rest no longer look like a power cut. A server is started once in a cold
//! start; one that does not come back, or was started [`limit::RESTARTS_MAX`] times already, is
//! replaced like any other.

use crate::base::time::say;
use crate::base::{Timestamp, limit};
use crate::engine::draft::Draft;
use crate::engine::pass::order;
use crate::engine::world::{RoleView, ServerView, Sight, World};
use crate::model::{Decision, HealMode, HoldKind, ServerStatus, StepKind, Wait};

/// Starts what stopped together.
pub fn cold_start(world: &World, draft: &mut Draft) {
    if !world.is_wanted() {
        return;
    }
    let before = world.input.parent.as_ref().and_then(|plan| plan.cold_start);
    let since = match before.filter(|since| is_under_way(world, draft, *since)) {
        Some(since) => since,
        None => match judge(world, draft) {
            Verdict::No => return,
            Verdict::Unsure(unseen) => return hold(world, draft, unseen),
            Verdict::Yes => world.input.now,
        },
    };
    draft.cold_start = Some(since);
    let age = say(world.input.now.since(since));
    draft.say_farm(Decision::Act(format!("bring up: all of it was stopped {age} ago")));
    start(world, draft, since);
}

/// Somebody still waits to be started, or is getting up. The passes before this one gave up those
/// who will not, and none after it takes one of them.
fn is_under_way(world: &World, draft: &Draft, since: Timestamp) -> bool {
    let healed = |view: &&RoleView| is_healed(view);
    world.wanted_roles().filter(healed).flat_map(|view| &view.servers).any(|server| {
        let resuming = server.server.status == ServerStatus::Resuming;
        draft.is_wanted(server) && (resuming || draft.is_free(server) && can_start(server, since))
    })
}

enum Verdict {
    No,
    Unsure(u32),
    Yes,
}

fn judge(world: &World, draft: &Draft) -> Verdict {
    if world.neighbours.iter().any(|near| draft.facts(near.role.id).up > 0) {
        return Verdict::No;
    }
    // With nothing up anywhere the whole farm is decided about, and all its servers are here.
    let (mut stopped, mut unseen) = (false, 0);
    for (view, server) in world.servers().filter(|(_, s)| s.should_be_up() && draft.is_wanted(s)) {
        match server.sight {
            Sight::Unknown | Sight::Stale { .. } => unseen += 1,
            Sight::Missing { .. } => {}
            Sight::Seen { .. } => {
                stopped |=
                    is_healed(view) && draft.is_free(server) && can_start(server, world.input.now)
            }
        }
    }
    // After a start, platforms are listed one after the other; wait for all of them to speak, but
    // not for one that does not answer at all.
    let looked = world.input.now.since(world.input.started_at) > limit::LISTING_STALE_AFTER;
    match (stopped, unseen > 0 && !looked) {
        (false, _) => Verdict::No,
        (true, true) => Verdict::Unsure(unseen),
        (true, false) => Verdict::Yes,
    }
}

fn hold(world: &World, draft: &mut Draft, servers: u32) {
    for (view, server) in world.servers().filter(|(_, s)| can_start(s, world.input.now)) {
        if is_healed(view) && draft.is_free(server) {
            draft.hold_back(view, server, Wait::Unseen { servers });
        }
    }
}

/// Starts what may be started now.
fn start(world: &World, draft: &mut Draft, since: Timestamp) {
    for view in world.wanted_roles().filter(|view| is_healed(view)) {
        let ahead = order::ahead(world, draft, view);
        let held = world.held(view.role.id, HoldKind::Heal);
        for server in view.servers.iter().filter(|server| can_start(server, since)) {
            if !draft.is_free(server) {
                continue;
            }
            if !server.open.is_empty() {
                draft.leave(server);
                continue;
            }
            if let Some(held) = &held {
                draft.hold_back(view, server, held.clone());
                continue;
            }
            match &ahead {
                None => {
                    let why = "start: all servers of the farm were stopped".to_owned();
                    draft.act(view, server, StepKind::Start, world.input.now, why);
                }
                Some(wait) => draft.hold_back(view, server, wait.clone()),
            }
        }
    }
}

/// Where nothing but an alert, or nothing at all, is wanted of us, a power cut is no exception.
fn is_healed(view: &RoleView) -> bool {
    matches!(view.role.policy.heal, HealMode::Restart | HealMode::Replace)
}

/// Confirmed stopped since before the cold start, and not started too often already.
fn can_start(server: &ServerView, since: Timestamp) -> bool {
    server.should_be_up()
        && server.server.status != ServerStatus::Resuming
        && server.sight.is_stopped()
        && !server.is_restarting()
        && server.server.status_at <= since
        && server.server.restarts < limit::RESTARTS_MAX
        && !server.server.terminate_requested
}
