//! Order: who waits for whom, on the way up and on the way down.
//!
//! In a sequential farm, a farm role with nothing running waits for the ones before it; in any
//! farm it waits for those it depends on. Servers leave the other way round. A dependency is said
//! of two farm roles and an index of one, so a dependency wins: whoever depends on another has its
//! place behind it, whatever its index. Farm roles that depend on one another wait for neither,
//! because something is better than nothing for ever; manifests refuse that.
//!
//! Not a pass of its own: `count`, `cold_start`, `goal` and `sleep` ask.

use crate::engine::draft::Draft;
use crate::engine::world::{Neighbour, RoleView, World};
use crate::model::{FarmRole, Wait};
use std::collections::BTreeSet;

/// Why a farm role with nothing running may not have its first server yet.
pub fn ahead(world: &World, draft: &Draft, view: &RoleView) -> Option<Wait> {
    if runs(draft, view.role) {
        return None;
    }
    let idle = |other: &&Neighbour| wants(draft, other.role) && !runs(draft, other.role);
    let needed = |other: &&Neighbour| depends(world, view.role, other.role);
    if let Some(needed) = world.wanted_neighbours().filter(needed).find(idle) {
        return Some(Wait::DependsOn { on: needed.role.alias.to_string() });
    }
    if !world.is_sequential() {
        return None;
    }
    let place = place(world, view.role);
    let before = |other: &&Neighbour| self::place(world, other.role) < place;
    let before = world.wanted_neighbours().filter(before).find(idle);
    before.map(|before| Wait::LaunchOrder { behind: before.role.alias.to_string() })
}

/// Why the servers of a farm role may not leave yet while the whole farm does. Its launches that
/// were never begun are cancelled by now, so that only what the cloud may have heard of stays.
pub fn after(world: &World, draft: &Draft, view: &RoleView) -> Option<Wait> {
    behind(world, view, |near| draft.facts(near.role.id).held > 0)
}

/// Which farm role goes before this one on the way down, as long as it `stays`.
pub fn behind(world: &World, view: &RoleView, stays: impl Fn(&&Neighbour) -> bool) -> Option<Wait> {
    let place = place(world, view.role);
    let first = world.neighbours.iter().filter(|other| {
        depends(world, other.role, view.role)
            || world.is_sequential() && self::place(world, other.role) > place
    });
    let behind = first.filter(stays).max_by_key(|other| self::place(world, other.role))?;
    Some(Wait::LeavingOrder { behind: behind.role.alias.to_string() })
}

/// Its launch index, or that of the last farm role it depends on, if that is later.
fn place(world: &World, role: &FarmRole) -> u32 {
    let all = all_needed(world, role);
    all.iter().map(|other| other.launch_index).fold(role.launch_index, u32::max)
}

/// Depends on it by name, and not the other way round too.
fn depends(world: &World, role: &FarmRole, on: &FarmRole) -> bool {
    role.policy.depends_on.contains(&on.alias)
        && !all_needed(world, on).iter().any(|other| other.id == role.id)
}

/// Everything a farm role depends on, by whatever way.
fn all_needed<'a>(world: &World<'a>, role: &'a FarmRole) -> Vec<&'a FarmRole> {
    let mut open: Vec<&str> = role.policy.depends_on.iter().map(|name| name.as_str()).collect();
    let (mut seen, mut all) = (BTreeSet::new(), Vec::new());
    while let Some(alias) = open.pop() {
        if !seen.insert(alias) {
            continue;
        }
        let found = world.neighbours.iter().find(|other| other.role.alias.as_str() == alias);
        let found = found.map(|other| other.role);
        all.extend(found);
        open.extend(found.iter().flat_map(|found| &found.policy.depends_on).map(|n| n.as_str()));
    }
    all
}

fn wants(draft: &Draft, role: &FarmRole) -> bool {
    role.scaling.max > 0 && draft.targets.get(&role.id).is_some_and(|target| target.target > 0)
}

fn runs(draft: &Draft, role: &FarmRole) -> bool {
    draft.facts(role.id).serving > 0
}
