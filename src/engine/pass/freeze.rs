//! Freeze: when many servers vanish at once and the platform does not confirm it, it was probably
//! the listing, or we. Then automation stops itself (law 3).
//!
//! The judgement is made anew from the sightings each time, so it clears by itself when servers
//! are seen again or the platform confirms that they stopped. People keep their say: what they
//! ask to be terminated goes, frozen or not, and that is how a person clears a freeze.

use crate::base::limit;
use crate::base::time::say;
use crate::engine::RoleSummary;
use crate::engine::draft::Draft;
use crate::engine::world::{Neighbour, World};
use crate::model::{Decision, MissingPolicy, Wait};

/// Stops automation when too much vanished within [`limit::VANISH_WINDOW`].
pub fn freeze(world: &World, draft: &mut Draft) {
    if !world.is_wanted() {
        return;
    }
    let vanished = watched(world).find_map(vanished);
    draft.freeze = vanished.or_else(|| everything(world)).or_else(|| unsettled(world));
    if let Some(reason) = draft.freeze.clone() {
        draft.say_farm(Decision::Wait(Wait::Frozen(reason)));
    }
}

/// The most servers of a farm role that went missing within one window, if that is too many.
fn vanished(near: &Neighbour) -> Option<String> {
    let RoleSummary { counted, vanished, .. } = near.facts;
    let allowed = (counted.saturating_mul(limit::VANISH_PERCENT_MAX) / 100).max(1);
    let window = say(limit::VANISH_WINDOW);
    (vanished > allowed).then(|| {
        format!("{vanished} of {counted} servers of {} vanished within {window}", near.role.alias)
    })
}

/// Everything of a farm that has more than one server: small farm roles hide behind "at least
/// one", but together they are as telling.
fn everything(world: &World) -> Option<String> {
    let running: u32 = watched(world).map(|near| near.facts.counted).sum();
    let missing: u32 = watched(world).map(|near| near.facts.counted_missing).sum();
    (running > 1 && missing >= running).then(|| format!("all {running} servers vanished"))
}

/// The freeze of the plan before stays while it cannot be judged.
fn unsettled(world: &World) -> Option<String> {
    let before = world.input.parent.as_ref()?.freeze.clone()?;
    watched(world).any(|near| near.facts.counted_unseen > 0).then_some(before)
}

/// Where nothing is concluded from absence, absence need not stop anything.
fn watched<'w, 'a>(world: &'w World<'a>) -> impl Iterator<Item = &'w Neighbour<'a>> {
    let watched = |near: &&Neighbour| near.role.policy.missing == MissingPolicy::Terminate;
    world.wanted_neighbours().filter(watched)
}
