//! Launching: what every pass that launches asks, whatever it launches for. Whether it may just
//! now, and which index is free.

use crate::engine::draft::Draft;
use crate::engine::pass::order;
use crate::engine::world::{RoleView, World};
use crate::model::{HoldKind, Wait};

/// Why nothing is launched for a farm role just now.
pub fn reason_to_wait(world: &World, draft: &Draft, view: &RoleView) -> Option<Wait> {
    if let Some(reason) = &draft.freeze {
        return Some(Wait::Frozen(reason.clone()));
    }
    let target = draft.targets.get(&view.role.id)?;
    let left = target.retry_at.map_or(0, |at| at.since(world.input.now));
    if left > 0 {
        return Some(Wait::Backoff { left, failures: target.failed_launches });
    }
    if let Some(held) = world.held(view.role.id, HoldKind::Launch) {
        return Some(held);
    }
    order::ahead(world, draft, view)
}

/// The smallest index that is not taken, of those in order.
pub fn smallest_free<'a>(taken: impl IntoIterator<Item = &'a u32>) -> u32 {
    let mut index = 1;
    for used in taken {
        if *used == index {
            index += 1;
        } else if *used > index {
            break;
        }
    }
    index
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_free_index_is_given() {
        let check =
            |taken: &[u32], expected| assert_eq!(smallest_free(taken), expected, "{taken:?}");
        check(&[], 1);
        check(&[2, 3], 1);
        check(&[1, 3], 2);
        check(&[1, 2, 3], 4);
        check(&[0, 1, 1, 2, 4], 3);
    }
}
