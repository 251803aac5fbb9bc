//! Heal: what is done about a server that failed, as its farm role says. Not a pass of its own:
//! `lost` and `timeout` find what failed, and ask here.
//!
//! | mode | |
//! |---|---|
//! | `replace` | it is retired, and `count` launches another one |
//! | `restart` | it is started again from its own disk, or rebooted where it is up |
//! | `alert` | nothing, and people are told |
//! | `none` | nothing |
//!
//! Restarts are bounded by [`limit::RESTARTS_MAX`] with a pause before each but the first. What a
//! restart cannot help keeps its place, its index and its volumes, until a person terminates it by
//! name. Where the farm or the farm role goes, nothing is healed: what failed is retired.

use crate::base::{Millis, Watch, limit};
use crate::engine::draft::Draft;
use crate::engine::pass::{backoff::rung, order};
use crate::engine::world::{RoleView, ServerView, World};
use crate::model::{HealMode, HoldKind, StepKind, TerminateReason, Wait};

/// What is done about a failure of this server. One that is locked is not given up while it exists:
/// it is restarted where others would be replaced.
pub fn mode(world: &World, view: &RoleView, server: &ServerView) -> HealMode {
    if world.is_leaving() || view.role.removed {
        return HealMode::Replace;
    }
    match view.role.policy.heal {
        HealMode::Replace if server.server.locked => HealMode::Restart,
        mode => mode,
    }
}

/// Does about a failed server what its farm role says. True if it was retired.
pub fn heal(
    world: &World,
    draft: &mut Draft,
    view: &RoleView,
    server: &ServerView,
    reason: TerminateReason,
    why: &str,
) -> bool {
    let heal = mode(world, view, server);
    let held = world.held(view.role.id, HoldKind::Terminate);
    let wait = kept_from(world, draft, view).or(held.filter(|_| heal == HealMode::Replace));
    if let Some(wait) = wait {
        draft.hold_back(view, server, wait);
        return false;
    }
    match heal {
        HealMode::Replace => draft.retire(view, server, reason, why),
        HealMode::Restart => restart(world, draft, view, server, why),
        HealMode::Alert | HealMode::None => {
            let why = why.to_owned();
            draft.give_up(view, server, Wait::Unhealed { why, heal, restarts: 0 });
        }
    }
    heal == HealMode::Replace
}

/// Wakes a server that runs by our word and sleeps by the platform's: nothing of it is lost, so
/// that it is woken also where others would be replaced.
pub fn wake(world: &World, draft: &mut Draft, view: &RoleView, server: &ServerView, why: &str) {
    if let Some(wait) = kept_from(world, draft, view) {
        return draft.hold_back(view, server, wait);
    }
    match mode(world, view, server) {
        HealMode::Replace | HealMode::Restart => restart(world, draft, view, server, why),
        heal @ (HealMode::Alert | HealMode::None) => {
            let why = why.to_owned();
            draft.give_up(view, server, Wait::Unhealed { why, heal, restarts: 0 });
        }
    }
}

/// What forbids healing whatever it would do.
pub fn kept_from(world: &World, draft: &Draft, view: &RoleView) -> Option<Wait> {
    let frozen = draft.freeze.clone().map(Wait::Frozen);
    frozen.or_else(|| world.held(view.role.id, HoldKind::Heal))
}

fn restart(world: &World, draft: &mut Draft, view: &RoleView, server: &ServerView, why: &str) {
    // What was begun comes to its end first; `outlook` tells of it.
    if !server.open.is_empty() {
        return;
    }
    let restarts = server.server.restarts;
    let sight = server.sight;
    let kind = match (sight.is_stopped(), sight.is_suspended(), sight.is_running()) {
        (true, _, _) => StepKind::Start,
        (_, true, _) => StepKind::Resume,
        (_, _, true) => StepKind::Reboot,
        (false, false, false) => {
            let (why, heal) = (why.to_owned(), HealMode::Restart);
            return draft.give_up(view, server, Wait::Unhealed { why, heal, restarts: 0 });
        }
    };
    if restarts >= limit::RESTARTS_MAX {
        let (why, heal) = (why.to_owned(), HealMode::Restart);
        return draft.give_up(view, server, Wait::Unhealed { why, heal, restarts });
    }
    let left = pause_left(server, world.input.watch());
    if left > 0 {
        return draft.hold_back(view, server, Wait::Backoff { left, failures: restarts });
    }
    if kind == StepKind::Start
        && let Some(wait) = order::ahead(world, draft, view)
    {
        return draft.hold_back(view, server, wait);
    }
    let text = format!("{}: {why}", kind.as_str());
    draft.act(view, server, kind, world.input.now, text);
}

/// What is left of the pause before the next restart, from whatever last came of one.
fn pause_left(server: &ServerView, watch: Watch) -> Millis {
    let record = server.server;
    if record.restarts == 0 {
        return 0;
    }
    let restart =
        |kind: StepKind| matches!(kind, StepKind::Start | StepKind::Reboot | StepKind::Resume);
    let failed = server.failed.iter().filter(|step| restart(step.kind));
    let last = failed.filter_map(|step| step.ended_at).max();
    let since = last.max(record.reboot_at).unwrap_or(record.status_at).max(record.status_at);
    rung(&limit::RESTART_BACKOFF, record.restarts)
        .saturating_sub(watch.now.since(watch.known(since)))
}
