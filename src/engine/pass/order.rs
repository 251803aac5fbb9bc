//! Order: who waits for whom, on the way up and on the way down.
//!
//! In a sequential farm, a farm role with nothing running waits for the ones before it; in any
//! farm it waits for those it depends on. Servers leave the other way round. A dependency is said
//! of two farm roles and an index of one, so a dependency wins: whoever depends on another has its
//! place behind it, whatever its index. Farm roles that depend on one another wait for neither,
//! because something is better than nothing for ever; manifests refuse that.
//!
//! Not a pass of its own: `count`, `cold_start` and `goal` ask.

use crate::engine::draft::Draft;
use crate::engine::world::{RoleView, World};
use crate::model::Wait;
use std::collections::BTreeSet;

/// Why a farm role with nothing running may not have its first server yet.
pub fn ahead(world: &World, draft: &Draft, view: &RoleView) -> Option<Wait> {
    if runs(draft, view) {
        return None;
    }
    let idle = |other: &&RoleView| wants(draft, other) && !runs(draft, other);
    let needed = world.wanted_roles().filter(|other| depends(world, view, other)).find(idle);
    if let Some(needed) = needed {
        return Some(Wait::DependsOn { on: needed.role.alias.to_string() });
    }
    if !world.is_sequential() {
        return None;
    }
    let place = place(world, view);
    let before = world.wanted_roles().filter(|other| self::place(world, other) < place).find(idle);
    before.map(|before| Wait::LaunchOrder { behind: before.role.alias.to_string() })
}

/// Why the servers of a farm role may not leave yet while the whole farm does.
pub fn after(world: &World, draft: &Draft, view: &RoleView) -> Option<Wait> {
    let place = place(world, view);
    let first = world.roles.iter().filter(|other| {
        depends(world, other, view) || world.is_sequential() && self::place(world, other) > place
    });
    let stays = |other: &&RoleView| other.servers.iter().any(|server| draft.counts(server));
    let behind = first.filter(stays).max_by_key(|other| self::place(world, other))?;
    Some(Wait::LeavingOrder { behind: behind.role.alias.to_string() })
}

/// Its launch index, or that of the last farm role it depends on, if that is later.
fn place(world: &World, view: &RoleView) -> u32 {
    let all = all_needed(world, view);
    all.iter().map(|other| other.role.launch_index).fold(view.role.launch_index, u32::max)
}

/// Depends on it by name, and not the other way round too.
fn depends(world: &World, view: &RoleView, on: &RoleView) -> bool {
    view.role.policy.depends_on.contains(&on.role.alias)
        && !all_needed(world, on).iter().any(|other| other.role.id == view.role.id)
}

/// Everything a farm role depends on, by whatever way.
fn all_needed<'w, 'a>(world: &'w World<'a>, view: &RoleView) -> Vec<&'w RoleView<'a>> {
    let mut open: Vec<&str> =
        view.role.policy.depends_on.iter().map(|name| name.as_str()).collect();
    let (mut seen, mut all) = (BTreeSet::new(), Vec::new());
    while let Some(alias) = open.pop() {
        if !seen.insert(alias) {
            continue;
        }
        let found = world.roles.iter().find(|other| other.role.alias.as_str() == alias);
        all.extend(found);
        open.extend(
            found.iter().flat_map(|found| &found.role.policy.depends_on).map(|n| n.as_str()),
        );
    }
    all
}

fn wants(draft: &Draft, view: &RoleView) -> bool {
    view.role.scaling.max > 0
        && draft.targets.get(&view.role.id).is_some_and(|target| target.target > 0)
}

fn runs(draft: &Draft, view: &RoleView) -> bool {
    view.servers.iter().any(|server| server.is_running() && draft.is_wanted(server))
}
