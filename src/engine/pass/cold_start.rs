//! Cold start: when every server of a farm is stopped, the power was cut, and the servers are
//! started again from their own disks, in launch order, instead of being replaced.
//!
//! That the farm is being brought back up is remembered in the plan, because as soon as the first
//! server runs again the rest no longer look like a power cut. A server is started once in a cold
//! start; one that does not come back, or was started [`limit::RESTARTS_MAX`] times already, is
//! replaced like any other.

use crate::base::{Timestamp, limit};
use crate::engine::draft::Draft;
use crate::engine::pass::order;
use crate::engine::world::{RoleView, ServerView, Sight, World};
use crate::model::{Decision, ServerStatus, StepKind, Wait};

/// Starts what stopped together.
pub fn cold_start(world: &World, draft: &mut Draft) {
    if !world.is_wanted() {
        return;
    }
    let before = world.input.parent.as_ref().and_then(|plan| plan.cold_start);
    let since = match before {
        Some(since) => since,
        None => match judge(world, draft) {
            Verdict::No => return,
            Verdict::Unsure => return hold(world, draft),
            Verdict::Yes => world.input.now,
        },
    };
    draft.cold_start = start(world, draft, since).then_some(since);
}

enum Verdict {
    No,
    Unsure,
    Yes,
}

fn judge(world: &World, draft: &Draft) -> Verdict {
    let (mut stopped, mut unknown) = (false, false);
    for (_, server) in world.servers().filter(|(_, s)| s.should_be_up() && draft.is_free(s)) {
        match server.sight {
            sight if sight.is_up() => return Verdict::No,
            Sight::Unknown | Sight::Stale { .. } => unknown = true,
            Sight::Missing { .. } => {}
            Sight::Seen { .. } => stopped |= can_start(server, world.input.now),
        }
    }
    // After a start, platforms are listed one after the other; wait for all of them to speak, but
    // not for one that does not answer at all.
    let looked = world.input.now.since(world.input.started_at) > limit::LISTING_STALE_AFTER;
    match (stopped, unknown && !looked) {
        (false, _) => Verdict::No,
        (true, true) => Verdict::Unsure,
        (true, false) => Verdict::Yes,
    }
}

fn hold(world: &World, draft: &mut Draft) {
    for (view, server) in world.servers().filter(|(_, s)| can_start(s, world.input.now)) {
        if draft.is_free(server) {
            draft.spare(view, server, Wait::Stale { age: None });
        }
    }
}

/// Starts what may be started now; says whether the farm is still being brought back up.
fn start(world: &World, draft: &mut Draft, since: Timestamp) -> bool {
    let mut under_way = false;
    for view in world.wanted_roles() {
        let down = |server: &&ServerView| can_start(server, since);
        let behind = order::behind(world, draft, view);
        let mut waits = false;
        for server in view.servers.iter().filter(down).filter(|s| s.open.is_empty()) {
            if !draft.is_free(server) {
                continue;
            }
            under_way = true;
            match &behind {
                None => {
                    let why = "start: all servers of the farm were stopped".to_owned();
                    draft.act(view, server, StepKind::Start, world.input.now, why);
                }
                Some(behind) => {
                    waits = true;
                    draft.spare(view, server, Wait::LaunchOrder { behind: behind.clone() });
                }
            }
        }
        under_way |= waits || resuming(view);
    }
    if under_way {
        let since = world.input.now.since(since);
        let why = format!("bring up: stopped as a whole, {} ago", crate::base::time::say(since));
        draft.say_farm(Decision::Act(why));
    }
    under_way
}

fn resuming(view: &RoleView) -> bool {
    view.servers.iter().any(|server| server.server.status == ServerStatus::Resuming)
}

/// Confirmed stopped since before the cold start, and not started too often already.
fn can_start(server: &ServerView, since: Timestamp) -> bool {
    server.should_be_up()
        && server.server.status != ServerStatus::Resuming
        && server.sight.is_stopped()
        && server.server.status_at <= since
        && server.server.restarts < limit::RESTARTS_MAX
        && !server.server.terminate_requested
}
