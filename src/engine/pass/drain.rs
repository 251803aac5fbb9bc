//! Drain: a server that is to go may finish what it does, for as long as its farm role says. Its
//! agent knows, and whoever works there may say that nothing is left: then it goes at once.
//!
//! The word counts for the retirement it was said in; whoever commits a retirement, or calls one
//! off, forgets the word before. It needs no sighting, because what was decided on one is only
//! carried out sooner, and a freeze or a hold lets go what is on its way. A lock keeps the whole
//! time: a person wants to look. A pause after a failure is no drain, and stays.

use crate::base::Timestamp;
use crate::base::time::say;
use crate::engine::draft::Draft;
use crate::engine::world::World;
use crate::model::StepStatus;

/// Ends the drain of servers that said that they are idle.
pub fn drain(world: &World, draft: &mut Draft) {
    let now = world.input.now;
    for (view, server) in world.servers() {
        let Some(idle_at) = server.server.idle_at else { continue };
        if server.server.locked || !draft.is_free(server) {
            continue;
        }
        // What was begun with it comes to its end first.
        if server.open.iter().any(|step| step.status != StepStatus::Planned) {
            continue;
        }
        let Some(step) = server.draining_step(now) else { continue };
        let (kind, left) = (step.kind.as_str(), say(step.not_before.since(now)));
        let at = clock_time(idle_at);
        let why = format!(
            "{kind} now, {left} early: grace ended early: the server said it was idle at {at}"
        );
        draft.hasten(view, server, why);
    }
}

/// `03:12:05 UTC`.
fn clock_time(at: Timestamp) -> String {
    let text = at.to_string();
    format!("{} UTC", text.get(11..19).unwrap_or(&text))
}
