//! Unwell: running by the platform's word, but its agent is silent or its ready check fails. Not a
//! pass of its own: `lost` asks, after it found nothing worse.
//!
//! Silence is no reason to replace a server: the agent may be what crashed. Where servers are
//! restarted, one is rebooted for either after [`limit::UNWELL_AT_LEAST`], one at a time in a farm
//! role, and not for silence while no agent at all is connected: then it is probably we.
//!
//! Where servers are replaced, one whose check fails for as long as its farm role says is. It does
//! not serve, so that nothing is lost with it, but it runs, so there is time to be careful: never
//! where all of the farm role fail, because then it is likely the check or what they depend on;
//! only while another one is known to be healthy; few at a time; and with data volumes only where
//! the farm role says so. A server that only its balancers speak against, which none of them
//! reaches, is as ill; unless they reach no server of the farm role at all.

use crate::base::time::say;
use crate::base::{Millis, limit};
use crate::engine::draft::Draft;
use crate::engine::pass::heal;
use crate::engine::world::{RoleView, ServerView, World};
use crate::model::{Care, Decision, HealMode, ServerStatus, TerminateReason, Wait};

/// Tells of a running server that is unwell, and heals it where that is wanted.
pub fn listen(world: &World, draft: &mut Draft, view: &RoleView, server: &ServerView) {
    if server.server.status != ServerStatus::Running {
        return;
    }
    let watch = world.input.watch();
    match server.agent {
        // Without an agent, the check is all there is to listen to.
        agent if !server.server.agent || server.is_heard() => {
            let Some(since) = agent.and_then(|agent| agent.failing_since) else { return };
            fails(world, draft, view, server, watch.lasted(since));
        }
        agent => {
            let age = watch.lasted(agent.map_or(watch.since, |agent| agent.since));
            if age > limit::AGENT_SILENT_AFTER {
                draft.say_of(view, server, Decision::Wait(Wait::AgentSilent { age }));
            }
            let long = age > limit::UNWELL_AT_LEAST && world.input.any_agent_connected;
            if long && heal::mode(world, view, server) == HealMode::Restart {
                restart(
                    world,
                    draft,
                    view,
                    server,
                    &format!("its agent is silent for {}", say(age)),
                );
            }
        }
    }
}

/// Its check fails, for so long.
fn fails(world: &World, draft: &mut Draft, view: &RoleView, server: &ServerView, age: Millis) {
    // It goes anyway, in its turn.
    if world.is_leaving() || view.role.removed {
        return;
    }
    let why = match server.is_unreached() {
        true => format!("no balancer reaches it for {}", say(age)),
        false => format!("its check fails for {}", say(age)),
    };
    let mode = heal::mode(world, view, server);
    let acts = matches!(mode, HealMode::Replace | HealMode::Restart);
    if let Some(servers) = acts.then(|| reached_by_none(view, server)).flatten() {
        let care = Care::Unreached { servers };
        return draft.say_of(view, server, Decision::Wait(Wait::Unhealthy { age, care }));
    }
    let care = match mode {
        HealMode::Restart if age > limit::UNWELL_AT_LEAST => {
            return restart(world, draft, view, server, &why);
        }
        HealMode::Restart => Care::Restart { left: (limit::UNWELL_AT_LEAST + 1) - age },
        HealMode::Replace => match kept(draft, view, server, age) {
            Some(care) => care,
            None => {
                heal::heal(world, draft, view, server, TerminateReason::Unhealthy, &why);
                return;
            }
        },
        mode @ (HealMode::Alert | HealMode::None) => Care::Keep(mode),
    };
    draft.say_of(view, server, Decision::Wait(Wait::Unhealthy { age, care }));
}

/// How many servers of the farm role run, where a balancer is all that speaks against this one and
/// there is none that it reaches: then it is likely the balancer, or the way there.
fn reached_by_none(view: &RoleView, server: &ServerView) -> Option<u32> {
    let running = || view.servers.iter().filter(|other| other.is_running());
    let none = server.is_unreached() && !running().any(|other| !other.is_unhealthy());
    none.then(|| u32::try_from(running().count()).unwrap_or(u32::MAX))
}

/// What keeps an unhealthy server from being replaced now.
fn kept(draft: &Draft, view: &RoleView, server: &ServerView, age: Millis) -> Option<Care> {
    let policy = &view.role.policy;
    if !view.role.storage.is_empty() && !policy.replace_with_volumes {
        return Some(Care::Volumes);
    }
    let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    let running: Vec<&ServerView> = view.servers.iter().filter(|s| s.is_running()).collect();
    let others = || running.iter().filter(|other| other.server.id != server.server.id);
    let any = others().next().is_some();
    if any && others().all(|other| other.is_unhealthy()) {
        return Some(Care::All { servers: number(running.len()) });
    }
    if any && !others().any(|other| other.is_known_healthy()) {
        return Some(Care::Alone);
    }
    if age < policy.unhealthy_for_ms {
        return Some(Care::Replace { left: policy.unhealthy_for_ms - age });
    }
    let allowed = (number(running.len()).saturating_mul(limit::VANISH_PERCENT_MAX) / 100).max(1);
    let servers = number(view.servers.iter().filter(|other| is_busy(draft, other)).count());
    (servers >= allowed).then_some(Care::Turn { servers, allowed })
}

/// On its way up or out, also by this plan. What failed to come and keeps its place is waited for
/// by nobody.
fn is_busy(draft: &Draft, server: &ServerView) -> bool {
    if draft.is_given_up(server) || server.is_asleep() {
        return false;
    }
    server.server.status != ServerStatus::Running
        || server.is_restarting()
        || draft.is_moved(server)
}

/// Restarts an unwell server, unless others of its farm role are on their way up.
fn restart(world: &World, draft: &mut Draft, view: &RoleView, server: &ServerView, why: &str) {
    let busy = |other: &&ServerView| {
        other.server.status != ServerStatus::Running
            || other.is_restarting()
            || draft.is_moved(other)
    };
    let starting = view.servers.iter().filter(|other| draft.is_wanted(other)).filter(busy).count();
    if starting > 0 {
        let servers = u32::try_from(starting).unwrap_or(u32::MAX);
        return draft.hold_back(view, server, Wait::Starting { servers });
    }
    heal::heal(world, draft, view, server, TerminateReason::Crashed, why);
}
