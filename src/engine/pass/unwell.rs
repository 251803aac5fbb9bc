//! Unwell: running by the platform's word, but its agent is silent or its ready check fails. Not a
//! pass of its own: `lost` asks, after it found nothing worse.
//!
//! Neither is a reason to replace a server: the agent may be what crashed, and balancers see the
//! check themselves. Where servers are restarted, one is rebooted for it after
//! [`limit::UNWELL_AT_LEAST`], one at a time in a farm role, and not for silence while no agent at
//! all is connected: then it is probably we.

use crate::base::limit;
use crate::base::time::say;
use crate::engine::draft::Draft;
use crate::engine::pass::heal;
use crate::engine::world::{RoleView, ServerView, World};
use crate::model::{Decision, HealMode, ServerStatus, TerminateReason, Wait};

/// Tells of a running server that is unwell, and heals it where that is wanted.
pub fn listen(world: &World, draft: &mut Draft, view: &RoleView, server: &ServerView) {
    if server.server.status != ServerStatus::Running {
        return;
    }
    let watch = world.input.watch();
    let why = match server.agent {
        // Without an agent, the check is all there is to listen to.
        agent if !server.server.agent || server.is_heard() => {
            let Some(since) = agent.and_then(|agent| agent.failing_since) else { return };
            let age = watch.lasted(since);
            (age > limit::UNWELL_AT_LEAST).then(|| format!("its check fails for {}", say(age)))
        }
        agent => {
            let age = watch.lasted(agent.map_or(watch.since, |agent| agent.since));
            if age > limit::AGENT_SILENT_AFTER {
                draft.say_of(view, server, Decision::Wait(Wait::AgentSilent { age }));
            }
            let long = age > limit::UNWELL_AT_LEAST && world.input.any_agent_connected;
            long.then(|| format!("its agent is silent for {}", say(age)))
        }
    };
    let Some(why) = why.filter(|_| heal::mode(world, view, server) == HealMode::Restart) else {
        return;
    };
    let busy = |other: &&ServerView| {
        other.server.status != ServerStatus::Running
            || other.is_restarting()
            || draft.is_moved(other)
    };
    let starting = view.servers.iter().filter(|other| draft.is_wanted(other)).filter(busy).count();
    if starting > 0 {
        let servers = u32::try_from(starting).unwrap_or(u32::MAX);
        return draft.spare(view, server, Wait::Starting { servers });
    }
    heal::heal(world, draft, view, server, TerminateReason::Crashed, &why);
}
