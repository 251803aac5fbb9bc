//! Who uses a variable, and what a person has to know of that before it is changed.

use super::about;
use super::resolve::{Inherited, scopes_of};
use crate::automation::recipe::NamedWords;
use crate::base::{EnvironmentId, Problem, Result, Timestamp};
use crate::model::{FarmGoal, FarmRole, ScopeKind, VariableScope};
use crate::service::{lookup, views};
use crate::store::{Reads, Tx};

/// Farm roles of an environment whose role names a variable as a scope has it.
fn users(
    read: &impl Reads,
    env: EnvironmentId,
    scope: &VariableScope,
    name: &str,
) -> Result<Vec<FarmRole>> {
    let of_server = match scope {
        VariableScope::Server(id) => lookup::server(read, *id)?.map(|server| server.farm_role),
        _ => None,
    };
    let mut found = Vec::new();
    for role in lookup::all_farm_roles(read)?.into_iter().filter(|role| role.env == env) {
        let scopes = scopes_of(read, env, &VariableScope::FarmRole(role.id))?;
        let is_inside = scopes.contains(scope) || of_server == Some(role.id);
        if role.removed || !is_inside {
            continue;
        }
        let recipe = lookup::recipe_of_make(read, &role.make())?;
        if NamedWords::of(&recipe).has(name) {
            found.push(role);
        }
    }
    Ok(found)
}

/// The names of those farm roles, as `shop/web`.
pub(super) fn names_of_users(
    read: &impl Reads,
    env: EnvironmentId,
    scope: &VariableScope,
    name: &str,
) -> Result<Vec<String>> {
    let users = users(read, env, scope, name)?;
    let mut names: Vec<String> =
        users.iter().map(|role| views::farm_role_name(read, role)).collect::<Result<_>>()?;
    names.sort();
    Ok(names)
}

/// A variable has another value now: what failed to launch without it is tried at once.
pub(super) fn mend(
    tx: &mut Tx,
    env: EnvironmentId,
    scope: &VariableScope,
    name: &str,
    now: Timestamp,
) -> Result<()> {
    for role in users(tx, env, scope, name)? {
        let plan = lookup::current_plan(tx, role.farm)?;
        let target = plan.as_ref().and_then(|plan| plan.target(role.id));
        if target.is_some_and(|target| target.failed_launches > 0) {
            tx.put(&FarmRole { mended_at: Some(now), ..role })?;
        }
    }
    Ok(())
}

/// Refuses to require a value where something runs without one.
pub(super) fn refuse_unmet(
    read: &impl Reads,
    env: EnvironmentId,
    scope: &VariableScope,
    name: &str,
    kind: ScopeKind,
) -> Result<()> {
    /// Places named in one message.
    const NAMED: usize = 5;
    let mut without = Vec::new();
    for farm in lookup::all_farms(read)?.into_iter().filter(|farm| farm.env == env) {
        if farm.goal == FarmGoal::Terminated || farm.removed {
            continue;
        }
        let inner = match kind {
            ScopeKind::FarmRole => lookup::farm_roles_of(read, farm.id)?
                .iter()
                .filter(|role| !role.removed)
                .map(|role| VariableScope::FarmRole(role.id))
                .collect(),
            _ => vec![VariableScope::Farm(farm.id)],
        };
        for place in inner {
            let scopes = scopes_of(read, env, &place)?;
            let known = Inherited::named(read, &scopes, name)?;
            if scopes.contains(scope) && known.is_some_and(|known| known.is_missing(kind)) {
                without.push(about(read, &place)?);
            }
        }
    }
    if without.is_empty() {
        return Ok(());
    }
    let more = if without.len() > NAMED { " and more" } else { "" };
    let named = without[..without.len().min(NAMED)].join(", ");
    let text = format!(
        "{named}{more} runs and has no value of {name}: declare it without this, give it values, \
         then require it"
    );
    Err(Problem::invalid("requiredIn", text))
}
