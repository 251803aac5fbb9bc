//! Roles: the recipes servers are made from.

use crate::base::Result;
use crate::model::{Actor, Permission, Role};
use crate::service::{Service, authorise, lookup, views};
use crate::wire::input::{Page, RoleFilter, RoleView, Slice};

/// Roles that the actor's environment can use, by name.
pub fn list(
    service: &Service,
    actor: &Actor,
    filter: &RoleFilter,
    page: Page,
) -> Result<Slice<RoleView>> {
    let grant = authorise(actor, Permission::FarmsRead)?;
    let mut roles = service.read(&grant, lookup::all_roles)?;
    roles.sort_by(|a, b| a.name.cmp(&b.name));
    let wanted = |role: &Role| {
        filter.id.is_none_or(|id| id == role.id.0)
            && filter.name.as_ref().is_none_or(|name| name == role.name.as_str())
    };
    Ok(Slice::cut(roles.into_iter().filter(wanted), page).map(views::role))
}
