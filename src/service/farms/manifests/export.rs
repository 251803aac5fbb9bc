//! A farm as a manifest again: what is declared of it, so that applied once more it changes
//! nothing.

use crate::base::{FarmId, Problem, Result};
use crate::model::{Actor, Farm, FarmGoal, FarmRole, Permission};
use crate::service::clouds::known;
use crate::service::{Service, authorise, lookup};
use crate::store::Reads;
use crate::wire::api::FarmManifestView;
use crate::wire::manifest::{DeclaredFarmRole, Manifest, write};

/// Writes a farm as a manifest. Farm roles on their way out are left out.
pub fn export(service: &Service, actor: &Actor, id: FarmId) -> Result<FarmManifestView> {
    let grant = authorise(actor, Permission::FarmsRead)?;
    service.read(&grant, |view| {
        let farm = lookup::farm(view, id)?.filter(|farm| farm.env == actor.env);
        let farm = farm.ok_or_else(|| Problem::not_found("farm", id))?;
        let mut farm_roles = lookup::farm_roles_of(view, id)?;
        // In the order they were declared.
        farm_roles.sort_by_key(|role| role.id);
        let (gone, kept): (Vec<FarmRole>, Vec<FarmRole>) =
            farm_roles.into_iter().partition(|role| role.removed);
        let manifest = Manifest {
            farm: farm.name.clone(),
            description: farm.description.clone(),
            launch_order: farm.launch_order,
            farm_roles: kept.iter().map(|role| declared(view, role)).collect::<Result<_>>()?,
        };
        Ok(FarmManifestView {
            farm: farm.name.to_string(),
            launched: farm.goal == FarmGoal::Launched,
            manifest: write(&manifest, &comments(&farm, &gone, &pins(view, &kept)?)),
        })
    })
}

/// What a reader of the file has to know that is not in it.
fn comments(farm: &Farm, gone: &[FarmRole], pins: &[String]) -> Vec<String> {
    let name = &farm.name;
    let mut all = vec![
        format!("Farm {name} as it is declared. What an edited copy changes: grange plan -f FILE"),
        "A field that is not here has its default: grange docs farms".to_owned(),
        "Holds, locks and where a rollout is are no part of a manifest.".to_owned(),
    ];
    match farm.goal {
        FarmGoal::Launched => {}
        FarmGoal::Terminated => all.push("It is terminated; --no-launch leaves it so.".to_owned()),
        FarmGoal::Suspended => all.push("It is stopped; --no-launch leaves it so.".to_owned()),
    }
    if farm.removed {
        all.push("It is to be removed; to apply this takes that back.".to_owned());
    }
    if !gone.is_empty() {
        let gone: Vec<&str> = gone.iter().map(|role| role.alias.as_str()).collect();
        all.push(format!("Left out, because they are to be removed: {}", gone.join(", ")));
    }
    all.extend_from_slice(pins);
    all
}

/// Which farm roles have another revision of their role than a new one would get.
fn pins(read: &impl Reads, farm_roles: &[FarmRole]) -> Result<Vec<String>> {
    let mut lines = Vec::new();
    for farm_role in farm_roles {
        let Some(role) = lookup::role(read, farm_role.role)? else { continue };
        let (alias, name, pin) = (&farm_role.alias, &role.name, farm_role.role_revision);
        if pin != role.revision {
            let now = role.revision;
            lines.push(format!(
                "{alias} keeps revision {pin} of role {name}; declared anew it gets revision {now}."
            ));
        }
    }
    Ok(lines)
}

/// A farm role as a manifest declares it. Taken apart whole, so that a field that is added to the
/// record and forgotten here does not compile.
fn declared(read: &impl Reads, role: &FarmRole) -> Result<DeclaredFarmRole> {
    let FarmRole {
        id: _,
        env: _,
        farm: _,
        alias,
        role,
        // It keeps its pin without being told; `comments` names it where it is not the current one.
        role_revision: _,
        account,
        location,
        instance_type,
        launch_index,
        scaling,
        storage,
        balance,
        check,
        role_check: _,
        setup_ms: _,
        drain_ms,
        launch_timeout_ms,
        revision: _,
        removed: _,
        policy,
        history: _,
        rollout_wish: _,
        rollout_said: _,
        publish,
        outbound,
        overrides,
        mended_at: _,
    } = role.clone();
    let recipe = lookup::role(read, role)?.ok_or_else(|| Problem::not_found("role", role))?;
    Ok(DeclaredFarmRole {
        path: String::new(),
        alias,
        role: recipe.name,
        role_revision: None,
        platform: known::platform_of(read, &account)?,
        account: lookup::cloud_account(read, &account)?.map(|_| account),
        location,
        instance_type,
        launch_index,
        scaling,
        storage,
        balance,
        check,
        drain_ms,
        launch_timeout_ms,
        policy,
        publish,
        outbound,
        overrides,
    })
}
