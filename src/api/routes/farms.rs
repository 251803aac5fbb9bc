//! Farms and farm roles.

use super::Row;
use crate::api::call::Call;
use crate::base::{FarmId, FarmRoleId, Result};
use crate::service::farms;
use crate::wire::api::farms::{
    FARM, FARM_CREATE, FARM_LAUNCH, FARM_REMOVE, FARM_RESUME, FARM_ROLE, FARM_ROLES, FARM_SUSPEND,
    FARM_TERMINATE, FARM_UPDATE, FARMS, SCALING, SCALING_UPDATE,
};
use crate::wire::api::{FarmRoleView, ScalingView};
use std::sync::LazyLock;

/// Rows of this noun.
pub static ROWS: LazyLock<[Row; 13]> = LazyLock::new(|| {
    [
        Row::rows(&FARMS, |on, call, filter, page| {
            farms::list(&on.service, &call.actor, &filter, page)
        }),
        Row::created(&FARM_CREATE, |on, call, input| {
            farms::create(&on.service, &call.actor, &input)
        }),
        Row::show(&FARM, |on, call, _| farms::get(&on.service, &call.actor, farm(call)?)),
        Row::object(&FARM_UPDATE, |on, call, input| {
            farms::update(&on.service, &call.actor, farm(call)?, &input, call.revision)
        }),
        Row::nothing(&FARM_REMOVE, |on, call| {
            farms::remove(&on.service, &call.actor, farm(call)?, call.revision)
        }),
        Row::object(&FARM_LAUNCH, |on, call, _| {
            farms::launch(&on.service, &call.actor, farm(call)?)
        }),
        Row::object(&FARM_SUSPEND, |on, call, _| {
            farms::suspend(&on.service, &call.actor, farm(call)?)
        }),
        Row::object(&FARM_RESUME, |on, call, _| {
            farms::resume(&on.service, &call.actor, farm(call)?)
        }),
        Row::object(&FARM_TERMINATE, |on, call, input| {
            farms::terminate(&on.service, &call.actor, farm(call)?, input)
        }),
        Row::rows(&FARM_ROLES, |on, call, filter, page| {
            farms::farm_roles(&on.service, &call.actor, farm(call)?, &filter, page)
        }),
        Row::show(&FARM_ROLE, |on, call, _| {
            farms::role(&on.service, &call.actor, farm_role(call)?)
        }),
        Row::show_revised(&SCALING, |on, call, _| {
            farms::role(&on.service, &call.actor, farm_role(call)?).map(scaling)
        }),
        Row::revised(&SCALING_UPDATE, |on, call, input| {
            let (id, revision) = (farm_role(call)?, call.revision);
            farms::scale(&on.service, &call.actor, id, &input, revision).map(scaling)
        }),
    ]
});

fn farm(call: &Call) -> Result<FarmId> {
    call.param("farmId", "farm")
}

fn farm_role(call: &Call) -> Result<FarmRoleId> {
    call.param("farmRoleId", "farm role")
}

/// A range has the revision of its farm role.
fn scaling(view: FarmRoleView) -> (ScalingView, Option<u64>) {
    (view.scaling, Some(view.grange.revision))
}
