//! Freeze: when many servers vanish at once and the platform does not confirm it, it was probably
//! the listing, or we. Then automation stops itself (law 3).
//!
//! The judgement is made anew from the sightings each time, so it clears by itself when servers
//! are seen again or the platform confirms that they stopped. People keep their say: what they
//! ask to be terminated goes, frozen or not, and that is how a person clears a freeze.

use crate::base::limit;
use crate::base::time::say;
use crate::engine::draft::Draft;
use crate::engine::world::{RoleView, ServerView, Sight, World};
use crate::model::{Decision, Freshness, Wait};

/// Stops automation when too much vanished within [`limit::VANISH_WINDOW`].
pub fn freeze(world: &World, draft: &mut Draft) {
    if !world.is_wanted() {
        return;
    }
    let vanished = world.wanted_roles().find_map(|view| vanished(world, view));
    draft.freeze = vanished.or_else(|| everything(world)).or_else(|| unsettled(world));
    if let Some(reason) = draft.freeze.clone() {
        draft.say_farm(Decision::Wait(Wait::Frozen(reason)));
    }
}

/// The most servers of a farm role that went missing within one window, if that is too many.
fn vanished(world: &World, view: &RoleView) -> Option<String> {
    let running = running(view);
    let percent = usize::try_from(limit::VANISH_PERCENT_MAX).unwrap_or(usize::MAX);
    let allowed = (running * percent / 100).max(1);
    let mut since: Vec<_> = view
        .servers
        .iter()
        .filter(|server| counted(server))
        .filter_map(|server| match world.input.sightings.get(&server.server.id) {
            Some(Freshness::Missing { since, .. }) => Some(*since),
            Some(Freshness::Seen { .. } | Freshness::Unknown) | None => None,
        })
        .collect();
    since.sort();
    let mut oldest = 0;
    let mut most = 0;
    for (newest, at) in since.iter().enumerate() {
        while at.since(since[oldest]) > limit::VANISH_WINDOW {
            oldest += 1;
        }
        most = most.max(newest + 1 - oldest);
    }
    let window = say(limit::VANISH_WINDOW);
    (most > allowed).then(|| {
        format!("{most} of {running} servers of {} vanished within {window}", view.role.alias)
    })
}

/// Everything of a farm that has more than one server: small farm roles hide behind "at least
/// one", but together they are as telling.
fn everything(world: &World) -> Option<String> {
    let running: usize = world.wanted_roles().map(running).sum();
    let missing = world
        .wanted_roles()
        .flat_map(|view| &view.servers)
        .filter(|server| counted(server) && matches!(server.sight, Sight::Missing { .. }))
        .count();
    (running > 1 && missing >= running).then(|| format!("all {running} servers vanished"))
}

/// The freeze of the plan before stays while it cannot be judged.
fn unsettled(world: &World) -> Option<String> {
    let before = world.input.parent.as_ref()?.freeze.clone()?;
    let unknown = world.wanted_roles().flat_map(|view| &view.servers).any(|server| {
        counted(server) && matches!(server.sight, Sight::Unknown | Sight::Stale { .. })
    });
    unknown.then_some(before)
}

fn running(view: &RoleView) -> usize {
    view.servers.iter().filter(|server| counted(server)).count()
}

/// What a person asked to be gone, and what the platform says has stopped, is out of the question
/// already in the plan that retires it.
fn counted(server: &ServerView) -> bool {
    server.is_running() && !server.server.terminate_requested
}
