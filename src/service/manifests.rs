//! Manifests: a whole farm declared at once, or told what declaring it would change.

use crate::base::{EnvironmentId, FarmId, FarmRoleId, Problem, Result, Timestamp};
use crate::engine;
use crate::model::{
    Actor, Automation, Cause, Farm, FarmGoal, FarmRole, Move, Permission, Role, RolloutWish,
};
use crate::service::{Service, authorise, explain, lookup, plans};
use crate::store::{Author, Reads, Tx};
use crate::wire::api::{ManifestRequest, ManifestResult};
use crate::wire::manifest::{self, DeclaredFarmRole, Fault, Manifest, Reading, Reference};
use std::collections::BTreeMap;

/// A farm and its farm roles as they would be, with what differs from what is.
struct Proposal {
    farm: Farm,
    farm_roles: Vec<FarmRole>,
    changes: Vec<String>,
}

/// Declares what a manifest says, or with `dry_run` says what that would change.
pub fn apply(service: &Service, actor: &Actor, input: &ManifestRequest) -> Result<ManifestResult> {
    let permission = if input.dry_run { Permission::FarmsRead } else { Permission::FarmsManage };
    authorise(actor, permission)?;
    if input.launch && !input.dry_run {
        authorise(actor, Permission::FarmsLaunch)?;
    }
    let manifest = read(service, actor, &input.manifest)?;
    let proposal = service.read(|view| propose(service, view, actor, &manifest, input))?;
    let assembled =
        plans::assemble_with(service, proposal.farm.clone(), proposal.farm_roles.clone())?;
    let plan = engine::plan(&assembled);
    let stops = plan.moves.iter().filter(|m| matches!(m, Move::Retire { .. })).count();
    let changed = plan.report.iter().filter(|line| line.decision.is_change());
    let mut result = ManifestResult {
        farm: proposal.farm.name.to_string(),
        id: proposal.farm.id.0,
        changes: proposal.changes,
        steps: changed.map(explain::line).collect(),
        stops: u32::try_from(stops).unwrap_or(u32::MAX),
    };
    if !input.dry_run {
        result.id = declare(service, actor, manifest, input)?.0;
    }
    Ok(result)
}

/// Reads a manifest; every fault at once, those of the text and those only we can find.
pub(super) fn read(service: &Service, actor: &Actor, text: &str) -> Result<Manifest> {
    let mut reading = manifest::read(text);
    let known = &service.settings.platforms;
    service.read(|view| look_up(view, known, actor.env, &mut reading))?;
    reading.finish().map_err(refused)
}

fn refused(faults: Vec<Fault>) -> Problem {
    let unread = || Problem::invalid("manifest", "it could not be read");
    manifest::problem(faults).unwrap_or_else(unread)
}

/// The same proposal again, inside the transaction that commits it.
fn declare(
    service: &Service,
    actor: &Actor,
    manifest: Manifest,
    input: &ManifestRequest,
) -> Result<FarmId> {
    let (owner, input) = (actor.clone(), input.clone());
    let now = service.now();
    service.write(Author::new(actor, "manifest.apply", Cause::Request), move |tx| {
        let found = lookup::farm_by_name(tx, owner.env, &manifest.farm)?;
        let proposal = compose(tx, &owner, found, &manifest, &input, now)?;
        if proposal.changes.is_empty() {
            return Ok(proposal.farm.id);
        }
        commit(tx, proposal)
    })
}

fn commit(tx: &mut Tx, proposal: Proposal) -> Result<FarmId> {
    let mut farm = proposal.farm;
    if farm.id == FarmId(0) {
        farm.id = tx.next_id()?;
    }
    let own = format!("{}: ", farm.name);
    let said: Vec<&str> =
        proposal.changes.iter().map(|text| text.strip_prefix(&own).unwrap_or(text)).collect();
    tx.text(farm.name.to_string(), format!("declared by manifest: {}", said.join("; ")));
    tx.put(&farm)?;
    for mut role in proposal.farm_roles {
        role.farm = farm.id;
        // New farm roles carry placeholder numbers from the top of the range.
        if role.id.0 > NEW_ROLE_FROM {
            role.id = tx.next_id()?;
        }
        tx.put(&role)?;
    }
    Ok(farm.id)
}

/// Farm roles not numbered yet count down from the top, so that a proposal can tell them apart.
const NEW_ROLE_FROM: u64 = u64::MAX / 2;

fn propose(
    service: &Service,
    read: &impl Reads,
    actor: &Actor,
    manifest: &Manifest,
    input: &ManifestRequest,
) -> Result<Proposal> {
    let found = lookup::farm_by_name(read, actor.env, &manifest.farm)?;
    let now = service.now();
    compose(read, actor, found, manifest, input, now)
}

fn compose(
    read: &impl Reads,
    actor: &Actor,
    found: Option<Farm>,
    manifest: &Manifest,
    input: &ManifestRequest,
    now: crate::base::Timestamp,
) -> Result<Proposal> {
    let mut changes = Vec::new();
    let existing = match &found {
        Some(farm) => lookup::farm_roles_of(read, farm.id)?,
        None => Vec::new(),
    };
    let farm = propose_farm(found, actor, manifest, input, now, &mut changes);
    let mut farm_roles = Vec::new();
    for (place, declared) in manifest.farm_roles.iter().enumerate() {
        let old = existing.iter().find(|role| role.alias == declared.alias);
        let id = old.map_or(FarmRoleId(u64::MAX - place as u64), |role| role.id);
        let role = lookup::role_by_name(read, actor.env, &declared.role)?
            .ok_or_else(|| Problem::not_found("role", &declared.role))?;
        let new = farm_role(&farm, id, declared, &role, old, now);
        describe(&farm, old, &new, &mut changes);
        farm_roles.push(new);
    }
    for mut gone in existing {
        if manifest.farm_roles.iter().any(|declared| declared.alias == gone.alias) {
            continue;
        }
        if input.prune && !gone.removed {
            changes.push(format!("{}/{}: removed", farm.name, gone.alias));
            gone.removed = true;
        }
        farm_roles.push(gone);
    }
    Ok(Proposal { farm, farm_roles, changes })
}

fn propose_farm(
    found: Option<Farm>,
    actor: &Actor,
    manifest: &Manifest,
    input: &ManifestRequest,
    now: crate::base::Timestamp,
    changes: &mut Vec<String>,
) -> Farm {
    let is_new = found.is_none();
    let mut farm = found.unwrap_or_else(|| Farm {
        id: FarmId(0),
        env: actor.env,
        name: manifest.farm.clone(),
        description: manifest.description.clone(),
        launch_order: manifest.launch_order,
        goal: FarmGoal::Terminated,
        removed: false,
        created_at: now,
        created_by: actor.user,
    });
    let mut note = |text: String| changes.push(format!("{}: {text}", manifest.farm));
    if is_new {
        note("new farm".into());
    }
    if farm.launch_order != manifest.launch_order {
        note(format!("launchOrder {:?} -> {:?}", farm.launch_order, manifest.launch_order));
        farm.launch_order = manifest.launch_order;
    }
    if farm.description != manifest.description {
        note("description changed".into());
        farm.description.clone_from(&manifest.description);
    }
    if input.launch && farm.goal != FarmGoal::Launched {
        note("launched".into());
        farm.goal = FarmGoal::Launched;
    }
    if farm.removed {
        note("no longer to be removed".into());
        farm.removed = false;
    }
    farm
}

/// Looks up what farm roles refer to, and adds what is wrong with it.
fn look_up(
    read: &impl Reads,
    platforms: &BTreeMap<String, Vec<String>>,
    env: EnvironmentId,
    reading: &mut Reading,
) -> Result<()> {
    for reference in reading.references.clone() {
        let at = |field: &str| format!("{}.{field}", reference.path);
        let size = reference.instance_type.as_ref();
        match reference.platform.as_ref().map(|platform| (platform, platforms.get(platform))) {
            Some((platform, None)) => {
                let known: Vec<&str> = platforms.keys().map(String::as_str).collect();
                let text = format!("no platform {platform}: use {}", known.join(" or "));
                reading.add(&at("cloudPlatform"), text);
            }
            Some((platform, Some(sizes))) => {
                if let Some(size) = size.filter(|size| !sizes.contains(size)) {
                    let sizes = sizes.join(", ");
                    let text = format!("{platform} has no size {size}: use one of {sizes}");
                    reading.add(&at("instanceType"), text);
                }
            }
            None => {}
        }
        let Some(name) = &reference.role else { continue };
        match lookup::role_by_name(read, env, name)? {
            None => {
                let known = lookup::all_roles(read)?;
                let known: Vec<&str> = known.iter().map(|role| role.name.as_str()).collect();
                let text = format!("no role {name}: there are {}", known.join(", "));
                reading.add(&at("role"), text);
            }
            Some(role) => check_role(&role, &reference, reading),
        }
    }
    Ok(())
}

fn check_role(role: &Role, reference: &Reference, reading: &mut Reading) {
    let at = |field: &str| format!("{}.{field}", reference.path);
    if let Some(platform) = reference.platform.as_ref().filter(|p| role.image(p).is_none()) {
        reading.add(&at("role"), format!("role {} has no image for {platform}", role.name));
    }
    let balances = role.automation.contains(&Automation::Haproxy);
    if balances && !reference.balances {
        let text = format!("role {} balances: say what under grange.balance", role.name);
        reading.add(&at("grange.balance"), text);
    }
    if !balances && reference.balances {
        let text = format!("role {} is no balancer: use role haproxy, or remove this", role.name);
        reading.add(&at("grange.balance"), text);
    }
}

fn farm_role(
    farm: &Farm,
    id: FarmRoleId,
    declared: &DeclaredFarmRole,
    role: &Role,
    old: Option<&FarmRole>,
    now: Timestamp,
) -> FarmRole {
    let mut new = FarmRole {
        id,
        env: farm.env,
        farm: farm.id,
        alias: declared.alias.clone(),
        role: role.id,
        platform: declared.platform.clone(),
        location: declared.location.clone(),
        instance_type: declared.instance_type.clone(),
        launch_index: declared.launch_index,
        scaling: declared.scaling.clone(),
        storage: declared.storage.clone(),
        balance: declared.balance.clone(),
        check: declared.check.clone(),
        drain_ms: declared.drain_ms,
        launch_timeout_ms: declared.launch_timeout_ms,
        revision: 1,
        removed: false,
        policy: declared.policy.clone(),
        history: Vec::new(),
        rollout_wish: RolloutWish::default(),
        rollout_said: 0,
    };
    if let Some(old) = old {
        // What was said of an earlier rollout does not hold for another one.
        let other = new.follow(old, now);
        new.rollout_wish = if other { RolloutWish::default() } else { old.rollout_wish };
        new.rollout_said = old.rollout_said + u64::from(other);
    }
    new
}

/// What differs, field by field.
fn describe(farm: &Farm, old: Option<&FarmRole>, new: &FarmRole, changes: &mut Vec<String>) {
    let about = format!("{}/{}", farm.name, new.alias);
    let Some(old) = old else {
        let (min, max) = new.bounds();
        changes.push(format!("{about}: new farm role, {min} to {max} servers"));
        return;
    };
    let mut field = |name: &str, from: String, to: String| {
        if from != to {
            changes.push(format!("{about}: {name} {from} -> {to}"));
        }
    };
    field("role", old.role.to_string(), new.role.to_string());
    field("cloudPlatform", old.platform.clone(), new.platform.clone());
    field("cloudLocation", old.location.clone(), new.location.clone());
    field("instanceType", old.instance_type.clone(), new.instance_type.clone());
    field("launchIndex", old.launch_index.to_string(), new.launch_index.to_string());
    field("minInstances", old.scaling.min.to_string(), new.scaling.min.to_string());
    field("maxInstances", old.scaling.max.to_string(), new.scaling.max.to_string());
    field("scaling.enabled", old.scaling.enabled.to_string(), new.scaling.enabled.to_string());
    field("scaling.rules", rules(old), rules(new));
    field("storage", storage(old), storage(new));
    field("grange.balance", format!("{:?}", old.balance), format!("{:?}", new.balance));
    field("grange.check", format!("{:?}", old.check), format!("{:?}", new.check));
    field("grange.drain", ms(old.drain_ms), ms(new.drain_ms));
    field("grange.launchTimeout", ms(old.launch_timeout_ms), ms(new.launch_timeout_ms));
    let cooldowns = |role: &FarmRole| {
        format!("{}/{}", ms(role.scaling.cooldown_up_ms), ms(role.scaling.cooldown_down_ms))
    };
    field("cooldowns", cooldowns(old), cooldowns(new));
    field("policy", format!("{:?}", old.policy), format!("{:?}", new.policy));
    field("revision", old.revision.to_string(), new.revision.to_string());
    if old.removed {
        changes.push(format!("{about}: no longer to be removed"));
    }
}

fn ms(length: u64) -> String {
    crate::base::time::say(length)
}

fn rules(role: &FarmRole) -> String {
    let rules = role.scaling.rules.iter().map(crate::service::views::rule);
    format!("[{}]", rules.collect::<Vec<_>>().join("; "))
}

fn storage(role: &FarmRole) -> String {
    let volumes = role.storage.iter().map(|v| format!("{} {} bytes", v.mount_point, v.size_bytes));
    format!("[{}]", volumes.collect::<Vec<_>>().join("; "))
}
