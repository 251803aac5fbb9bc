//! Backoff: failed launches of a farm role push its next try up a ladder.
//!
//! Launches that were under way together and fail together are one failure. What was counted is
//! remembered by its end, so that a failed step that is still in the input is counted once. A
//! server that reaches running after the last failure ends the row, and so does another make, and a
//! person who set right what it may have failed for.

use crate::base::{Timestamp, limit};
use crate::engine::draft::Draft;
use crate::engine::world::{RoleView, World};
use crate::model::RoleTarget;

/// Counts what failed since the plan before.
pub fn backoff(world: &World, draft: &mut Draft) {
    for view in world.wanted_roles() {
        let timed_out = draft.timed_out.remove(&view.role.id).unwrap_or_default();
        let Some(target) = draft.targets.get_mut(&view.role.id) else { continue };
        count_failures(view, target, &timed_out, world.input.now);
        let ran_since = view.servers.iter().any(|server| {
            server.server.running_at.is_some_and(|ran| target.failed_at.is_some_and(|at| ran > at))
        });
        // What people changed of what servers are made of is tried at once: it may be the mending.
        let remade = view.role.history.last().and_then(|last| last.left_at);
        let remade_since =
            remade.is_some_and(|at| target.failed_at.is_some_and(|failed| at > failed));
        let mended_since = view
            .role
            .mended_at
            .is_some_and(|at| target.failed_at.is_some_and(|failed| at > failed));
        if ran_since || remade_since || mended_since {
            target.failed_launches = 0;
            target.retry_at = None;
        }
    }
}

fn count_failures(
    view: &RoleView,
    target: &mut RoleTarget,
    timed_out: &[Timestamp],
    now: Timestamp,
) {
    let steps = view.failed_launches.iter().filter_map(|step| {
        let ended = step.ended_at?;
        Some((step.begun_at.unwrap_or(ended), ended))
    });
    let late = timed_out.iter().map(|begun| (*begun, now));
    let before = target.failed_at;
    let news: Vec<(Timestamp, Timestamp)> =
        steps.chain(late).filter(|(_, ended)| before.is_none_or(|at| *ended > at)).collect();
    let Some(last) = news.iter().map(|(_, ended)| *ended).max() else { return };
    // One begun before the failure we know of belongs to the same attempt.
    let another = news.iter().any(|(begun, _)| before.is_none_or(|at| *begun >= at));
    if another || target.failed_launches == 0 {
        target.failed_launches = target.failed_launches.saturating_add(1);
    }
    target.failed_at = Some(last);
    target.retry_at = Some(last.after(rung(&limit::LAUNCH_BACKOFF, target.failed_launches)));
}

/// The wait after so many failures in a row; the last rung goes on for ever.
pub fn rung(ladder: &[u64], failures: u32) -> u64 {
    let index = usize::try_from(failures.saturating_sub(1)).unwrap_or(usize::MAX);
    ladder.get(index).or(ladder.last()).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_failure_is_a_rung_and_the_last_goes_on() {
        let waits = [0, 1, 2, 3, 4, u32::MAX].map(|failures| rung(&[5, 15, 60], failures));
        assert_eq!(waits, [5, 5, 15, 60, 60, 60]);
        assert_eq!(rung(&[], 3), 0);
    }
}
