//! Farms and farm roles.

use super::{Output, Row, Run};
use crate::api::Context;
use crate::api::answer::{Reply, value};
use crate::api::call::Call;
use crate::base::{FarmId, FarmRoleId, Result};
use crate::service::farms;
use crate::wire::api::{FarmRoleView, FarmView};
use crate::wire::input::{FarmFilter, FarmInput, FarmRoleFilter, NoInput};

const FARM_FILTERS: &[&str] = &["id", "name", "launchOrder", "status"];
const FARM_ROLE_FILTERS: &[&str] = &["id", "alias", "role", "cloudPlatform", "cloudLocation"];

/// Rows of this noun.
pub const ROWS: &[Row] = &[
    Row {
        method: "GET",
        path: "/{envId}/farms/",
        about: "Lists the farms of this environment.",
        query: FARM_FILTERS,
        input: None,
        output: Output::Page("Farm"),
        run: Run::Verb(list),
    },
    Row {
        method: "POST",
        path: "/{envId}/farms/",
        about: "Declares an empty farm.",
        query: &[],
        input: Some(("farmObject", "Farm")),
        output: Output::Made("Farm"),
        run: Run::Verb(create),
    },
    Row {
        method: "GET",
        path: "/{envId}/farms/{farmId}/",
        about: "Shows a farm.",
        query: &[],
        input: None,
        output: Output::One("Farm"),
        run: Run::Verb(|on, call| one(farms::get(&on.service, &call.actor, farm(call)?)?)),
    },
    Row {
        method: "PATCH",
        path: "/{envId}/farms/{farmId}/",
        about: "Changes a farm's own fields.",
        query: &[],
        input: Some(("farmObject", "Farm")),
        output: Output::One("Farm"),
        run: Run::Verb(update),
    },
    Row {
        method: "DELETE",
        path: "/{envId}/farms/{farmId}/",
        about: "Removes a farm; its servers go first.",
        query: &[],
        input: None,
        output: Output::Nothing,
        run: Run::Verb(remove),
    },
    Row {
        method: "POST",
        path: "/{envId}/farms/{farmId}/actions/launch/",
        about: "Wants every farm role of a farm to have its servers.",
        query: &[],
        input: None,
        output: Output::One("Farm"),
        run: Run::Verb(launch),
    },
    Row {
        method: "POST",
        path: "/{envId}/farms/{farmId}/actions/suspend/",
        about: "Shuts a farm's servers down in reverse launch order and keeps them.",
        query: &[],
        input: None,
        output: Output::One("Farm"),
        run: Run::Verb(suspend),
    },
    Row {
        method: "POST",
        path: "/{envId}/farms/{farmId}/actions/resume/",
        about: "Brings the servers of a farm that was stopped up again, in launch order.",
        query: &[],
        input: None,
        output: Output::One("Farm"),
        run: Run::Verb(resume),
    },
    Row {
        method: "POST",
        path: "/{envId}/farms/{farmId}/actions/terminate/",
        about: "Wants no server of a farm left.",
        query: &[],
        input: Some(("terminateFarmRequest", "TerminateFarmRequest")),
        output: Output::One("Farm"),
        run: Run::Verb(terminate),
    },
    Row {
        method: "GET",
        path: "/{envId}/farms/{farmId}/farm-roles/",
        about: "Lists the farm roles of a farm.",
        query: FARM_ROLE_FILTERS,
        input: None,
        output: Output::Page("FarmRole"),
        run: Run::Verb(list_farm_roles),
    },
    Row {
        method: "GET",
        path: "/{envId}/farm-roles/{farmRoleId}/",
        about: "Shows a farm role.",
        query: &[],
        input: None,
        output: Output::One("FarmRole"),
        run: Run::Verb(show_farm_role),
    },
    Row {
        method: "GET",
        path: "/{envId}/farm-roles/{farmRoleId}/scaling/",
        about: "Shows a farm role's range and the names of its scaling rules.",
        query: &[],
        input: None,
        output: Output::One("ScalingConfiguration"),
        run: Run::Verb(|on, call| {
            scaling(farms::role(&on.service, &call.actor, farm_role(call)?)?)
        }),
    },
    Row {
        method: "PATCH",
        path: "/{envId}/farm-roles/{farmRoleId}/scaling/",
        about: "Changes a farm role's range.",
        query: &[],
        input: Some(("scalingConfigurationObject", "ScalingConfiguration")),
        output: Output::One("ScalingConfiguration"),
        run: Run::Verb(update_scaling),
    },
];

fn farm(call: &Call) -> Result<FarmId> {
    call.param("farmId", "farm")
}

fn farm_role(call: &Call) -> Result<FarmRoleId> {
    call.param("farmRoleId", "farm role")
}

fn one(view: FarmView) -> Result<Reply> {
    Ok(Reply::One(value(&view)?, Some(view.grange.revision)))
}

fn scaling(view: FarmRoleView) -> Result<Reply> {
    Ok(Reply::One(value(&view.scaling)?, Some(view.grange.revision)))
}

fn list(on: &Context, call: &Call) -> Result<Reply> {
    let filter = FarmFilter {
        id: call.query("id", "a farm's number")?,
        name: call.text("name"),
        launch_order: call.text("launchOrder"),
        status: call.text("status"),
    };
    call.page(|page| farms::list(&on.service, &call.actor, &filter, page))
}

fn create(on: &Context, call: &Call) -> Result<Reply> {
    let view = farms::create(&on.service, &call.actor, &call.input::<FarmInput>()?)?;
    Ok(Reply::Made(value(&view)?, Some(view.grange.revision)))
}

fn update(on: &Context, call: &Call) -> Result<Reply> {
    let input = call.input::<FarmInput>()?;
    one(farms::update(&on.service, &call.actor, farm(call)?, &input, call.revision)?)
}

fn remove(on: &Context, call: &Call) -> Result<Reply> {
    farms::remove(&on.service, &call.actor, farm(call)?, call.revision)?;
    Ok(Reply::Nothing)
}

fn launch(on: &Context, call: &Call) -> Result<Reply> {
    let NoInput {} = call.input()?;
    one(farms::launch(&on.service, &call.actor, farm(call)?)?)
}

fn suspend(on: &Context, call: &Call) -> Result<Reply> {
    let NoInput {} = call.input()?;
    one(farms::suspend(&on.service, &call.actor, farm(call)?)?)
}

fn resume(on: &Context, call: &Call) -> Result<Reply> {
    let NoInput {} = call.input()?;
    one(farms::resume(&on.service, &call.actor, farm(call)?)?)
}

fn terminate(on: &Context, call: &Call) -> Result<Reply> {
    one(farms::terminate(&on.service, &call.actor, farm(call)?, call.input()?)?)
}

fn list_farm_roles(on: &Context, call: &Call) -> Result<Reply> {
    let filter = FarmRoleFilter {
        id: call.query("id", "a farm role's number")?,
        alias: call.text("alias"),
        role: call.query("role", "a role's number")?,
        cloud_platform: call.text("cloudPlatform"),
        cloud_location: call.text("cloudLocation"),
    };
    let farm = farm(call)?;
    call.page(|page| farms::farm_roles(&on.service, &call.actor, farm, &filter, page))
}

fn show_farm_role(on: &Context, call: &Call) -> Result<Reply> {
    let view = farms::role(&on.service, &call.actor, farm_role(call)?)?;
    Ok(Reply::One(value(&view)?, Some(view.grange.revision)))
}

fn update_scaling(on: &Context, call: &Call) -> Result<Reply> {
    let input = call.input()?;
    scaling(farms::scale(&on.service, &call.actor, farm_role(call)?, &input, call.revision)?)
}
