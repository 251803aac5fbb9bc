//! Farms and farm roles.

use super::{Output, Row, Run};
use crate::api::Verbs;
use crate::api::answer::{Reply, value};
use crate::api::call::Call;
use crate::base::{FarmId, FarmRoleId, Result};
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
        run: Run::Verb(|verbs, call| one(verbs.farm(&call.actor, farm(call)?)?)),
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
        run: Run::Verb(|verbs, call| scaling(verbs.farm_role(&call.actor, farm_role(call)?)?)),
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

fn list(verbs: &dyn Verbs, call: &Call) -> Result<Reply> {
    let filter = FarmFilter {
        id: call.query("id", "a farm's number")?,
        name: call.text("name"),
        launch_order: call.text("launchOrder"),
        status: call.text("status"),
    };
    call.page(|page| verbs.farms(&call.actor, &filter, page))
}

fn create(verbs: &dyn Verbs, call: &Call) -> Result<Reply> {
    let view = verbs.farm_create(&call.actor, &call.input::<FarmInput>()?)?;
    Ok(Reply::Made(value(&view)?, Some(view.grange.revision)))
}

fn update(verbs: &dyn Verbs, call: &Call) -> Result<Reply> {
    let input = call.input::<FarmInput>()?;
    one(verbs.farm_update(&call.actor, farm(call)?, &input, call.revision)?)
}

fn remove(verbs: &dyn Verbs, call: &Call) -> Result<Reply> {
    verbs.farm_remove(&call.actor, farm(call)?, call.revision)?;
    Ok(Reply::Nothing)
}

fn launch(verbs: &dyn Verbs, call: &Call) -> Result<Reply> {
    let NoInput {} = call.input()?;
    one(verbs.farm_launch(&call.actor, farm(call)?)?)
}

fn suspend(verbs: &dyn Verbs, call: &Call) -> Result<Reply> {
    let NoInput {} = call.input()?;
    one(verbs.farm_suspend(&call.actor, farm(call)?)?)
}

fn resume(verbs: &dyn Verbs, call: &Call) -> Result<Reply> {
    let NoInput {} = call.input()?;
    one(verbs.farm_resume(&call.actor, farm(call)?)?)
}

fn terminate(verbs: &dyn Verbs, call: &Call) -> Result<Reply> {
    one(verbs.farm_terminate(&call.actor, farm(call)?, call.input()?)?)
}

fn list_farm_roles(verbs: &dyn Verbs, call: &Call) -> Result<Reply> {
    let filter = FarmRoleFilter {
        id: call.query("id", "a farm role's number")?,
        alias: call.text("alias"),
        role: call.query("role", "a role's number")?,
        cloud_platform: call.text("cloudPlatform"),
        cloud_location: call.text("cloudLocation"),
    };
    let farm = farm(call)?;
    call.page(|page| verbs.farm_roles(&call.actor, farm, &filter, page))
}

fn show_farm_role(verbs: &dyn Verbs, call: &Call) -> Result<Reply> {
    let view = verbs.farm_role(&call.actor, farm_role(call)?)?;
    Ok(Reply::One(value(&view)?, Some(view.grange.revision)))
}

fn update_scaling(verbs: &dyn Verbs, call: &Call) -> Result<Reply> {
    let input = call.input()?;
    scaling(verbs.scaling_update(&call.actor, farm_role(call)?, &input, call.revision)?)
}
