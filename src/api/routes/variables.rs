//! Global variables, in each scope, and the key that seals hidden ones.

use super::Row;
use crate::api::call::Call;
use crate::base::{FarmId, FarmRoleId, Result, ServerId};
use crate::model::VariableScope;
use crate::service::appliance::sealing;
use crate::service::farms::variables;
use crate::wire::sealing::KEY_ROTATE;
use crate::wire::variable::{environment, farm, farm_role, installation, server};
use std::sync::LazyLock;

/// The rows of one scope.
macro_rules! rows {
    ($scope:ident, $of:expr) => {
        [
            Row::rows(&$scope::LIST, |on, call, _, page| {
                variables::list(&on.service, &call.actor, $of(call)?, page)
            }),
            Row::created(&$scope::DECLARE, |on, call, input| {
                variables::declare(&on.service, &call.actor, $of(call)?, &input)
            }),
            Row::show(&$scope::SHOW, |on, call, _| {
                variables::get(&on.service, &call.actor, $of(call)?, &name(call)?)
            }),
            Row::object(&$scope::CHANGE, |on, call, input| {
                variables::change(&on.service, &call.actor, $of(call)?, &name(call)?, &input)
            }),
            Row::nothing(&$scope::REMOVE, |on, call| {
                variables::remove(&on.service, &call.actor, $of(call)?, &name(call)?)
            }),
        ]
    };
}

/// Rows of these nouns.
pub static ROWS: LazyLock<Vec<Row>> = LazyLock::new(|| {
    let rotate = Row::object(&KEY_ROTATE, |on, call, input| {
        sealing::rotate(&on.service, &call.actor, input)
    });
    let all = rows!(installation, of_installation).into_iter();
    all.chain(rows!(environment, of_environment))
        .chain(rows!(farm, of_farm))
        .chain(rows!(farm_role, of_farm_role))
        .chain(rows!(server, of_server))
        .chain([rotate])
        .collect()
});

fn name(call: &Call) -> Result<String> {
    call.param("globalVariableName", "global variable")
}

fn of_installation(_: &Call) -> Result<VariableScope> {
    Ok(VariableScope::Installation)
}

fn of_environment(call: &Call) -> Result<VariableScope> {
    Ok(VariableScope::Environment(call.actor.env))
}

fn of_farm(call: &Call) -> Result<VariableScope> {
    Ok(VariableScope::Farm(call.param::<FarmId>("farmId", "farm")?))
}

fn of_farm_role(call: &Call) -> Result<VariableScope> {
    Ok(VariableScope::FarmRole(call.param::<FarmRoleId>("farmRoleId", "farm role")?))
}

fn of_server(call: &Call) -> Result<VariableScope> {
    Ok(VariableScope::Server(call.param::<ServerId>("serverId", "server")?))
}
