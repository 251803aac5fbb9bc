//! Roles: what servers are made from.

use super::Row;
use crate::api::call::Call;
use crate::base::{Result, RoleId};
use crate::service::farms::roles;
use crate::wire::api::farms::ROLES;
use crate::wire::role::{
    ROLE, ROLE_APPLY, ROLE_CLONE, ROLE_CREATE, ROLE_MANIFEST, ROLE_REMOVE, ROLE_REVISIONS,
    ROLE_UPDATE, ROLE_UPGRADE,
};
use std::sync::LazyLock;

/// Rows of this noun.
pub static ROWS: LazyLock<[Row; 10]> = LazyLock::new(|| {
    [
        Row::rows(&ROLES, |on, call, filter, page| {
            roles::list(&on.service, &call.actor, &filter, page)
        }),
        Row::created(&ROLE_CREATE, |on, call, input| {
            roles::create(&on.service, &call.actor, &input)
        }),
        Row::show(&ROLE, |on, call, _| roles::get(&on.service, &call.actor, role(call)?)),
        Row::object(&ROLE_UPDATE, |on, call, input| {
            roles::update(&on.service, &call.actor, role(call)?, &input, call.revision)
        }),
        Row::nothing(&ROLE_REMOVE, |on, call| {
            roles::remove(&on.service, &call.actor, role(call)?, call.revision)
        }),
        Row::object(&ROLE_CLONE, |on, call, input| {
            roles::clone(&on.service, &call.actor, role(call)?, &input)
        }),
        Row::object(&ROLE_APPLY, |on, call, input| roles::apply(&on.service, &call.actor, &input)),
        Row::show(&ROLE_MANIFEST, |on, call, asked| {
            roles::export(&on.service, &call.actor, role(call)?, &asked)
        }),
        Row::rows(&ROLE_REVISIONS, |on, call, _, page| {
            roles::revisions(&on.service, &call.actor, role(call)?, page)
        }),
        Row::object(&ROLE_UPGRADE, |on, call, input| {
            roles::upgrade(&on.service, &call.actor, role(call)?, &input)
        }),
    ]
});

fn role(call: &Call) -> Result<RoleId> {
    call.param("roleId", "role")
}
