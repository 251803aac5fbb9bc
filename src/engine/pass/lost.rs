//! Lost: servers that are gone are retired, and owed a replacement that `count` launches.
//!
//! The platform's own word is enough at once. Absence from listings needs several of them and
//! some time, and an agent that is still connected outweighs it. No word at all concludes
//! nothing, and neither does a silent agent of a server that the platform says is running.

use crate::base::limit;
use crate::base::time::say;
use crate::engine::draft::Draft;
use crate::engine::world::{RoleView, ServerView, Sight, World};
use crate::model::{CloudState, Decision, ServerStatus, StepKind, TerminateReason, Wait};

/// Retires what the platform, or its lasting silence about it, says is gone.
pub fn lost(world: &World, draft: &mut Draft) {
    for (view, server) in world.servers().filter(|(_, s)| s.should_be_up()) {
        if !draft.is_free(server) || restarts_by_wish(server) {
            continue;
        }
        match server.sight {
            Sight::Unknown => wait(draft, view, server, Wait::Stale { age: None }),
            Sight::Stale { age } => wait(draft, view, server, Wait::Stale { age: Some(age) }),
            Sight::Missing { age, lost } if !lost || server.is_heard() => {
                let needed = limit::MISSING_AT_LEAST;
                wait(draft, view, server, Wait::Missing { age, needed });
            }
            Sight::Missing { age, .. } => {
                retire(draft, view, server, &format!("missing for {}", say(age)));
            }
            Sight::Seen { state, .. } if is_dead(server) => {
                retire(draft, view, server, phrase(state));
            }
            Sight::Seen { state: CloudState::Stopped, current: false, age } => {
                wait(draft, view, server, Wait::Stale { age: Some(age) });
            }
            Sight::Seen { .. } if start_failed(server) => {
                retire(draft, view, server, "it could not be started again");
            }
            Sight::Seen { .. } => listen(world, draft, view, server),
        }
    }
}

fn retire(draft: &mut Draft, view: &RoleView, server: &ServerView, why: &str) {
    match draft.freeze.clone() {
        Some(reason) => draft.spare(view, server, Wait::Frozen(reason)),
        None => draft.retire(view, server, TerminateReason::Crashed, why),
    }
}

fn wait(draft: &mut Draft, view: &RoleView, server: &ServerView, wait: Wait) {
    draft.spare(view, server, wait);
}

/// Silence alone is no reason to replace: the agent may be what crashed.
fn listen(world: &World, draft: &mut Draft, view: &RoleView, server: &ServerView) {
    if server.server.status != ServerStatus::Running || server.is_heard() {
        return;
    }
    let since = server.agent.map_or(world.input.started_at, |agent| agent.since);
    let age = world.input.now.since(since);
    if age > limit::AGENT_SILENT_AFTER {
        draft.say_of(view, server, Decision::Wait(Wait::AgentSilent { age }));
    }
}

/// One that is resuming is stopped until its start step is done, and a while after.
fn is_dead(server: &ServerView) -> bool {
    server.sight.is_dead()
        && (server.server.status != ServerStatus::Resuming || !server.sight.is_stopped())
}

/// It is stopped because we were told to: a reboot, or a start that is under way.
fn restarts_by_wish(server: &ServerView) -> bool {
    server.open.iter().any(|step| match step.kind {
        StepKind::Reboot | StepKind::Start | StepKind::Resume | StepKind::Suspend => true,
        StepKind::Launch | StepKind::Terminate => false,
    })
}

fn start_failed(server: &ServerView) -> bool {
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
