//! Launch order: in a sequential farm, a farm role with nothing running waits for the ones before
//! it. Not a pass of its own: `count` and `cold_start` ask.

use crate::engine::draft::Draft;
use crate::engine::world::{RoleView, World};

/// The alias of a farm role that must have something running first. One that is to have no
/// servers at all is not waited for, or nothing would ever follow it.
pub fn behind(world: &World, draft: &Draft, view: &RoleView) -> Option<String> {
    if !world.is_sequential() || runs(draft, view) {
        return None;
    }
    world
        .wanted_roles()
        .take_while(|before| before.role.launch_index < view.role.launch_index)
        .find(|before| wants(draft, before) && !runs(draft, before))
        .map(|before| before.role.alias.to_string())
}

fn wants(draft: &Draft, view: &RoleView) -> bool {
    view.role.scaling.max > 0
        && draft.targets.get(&view.role.id).is_some_and(|target| target.target > 0)
}

fn runs(draft: &Draft, view: &RoleView) -> bool {
    view.servers.iter().any(|server| server.is_running() && draft.is_wanted(server))
}
