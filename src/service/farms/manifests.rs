//! Manifests: a whole farm declared at once, or told what declaring it would change.

mod asked;
mod difference;
mod export;
mod outlook;
mod overrides;
mod published;
mod references;

pub use export::export;
pub(in crate::service) use outlook::{Outlook, outlook};
pub(in crate::service) use overrides::refuse as refuse_overrides;
pub(in crate::service) use published::unnamed as unnamed_port;

use crate::base::{Code, FarmId, FarmRoleId, Name, Problem, Result, Timestamp};
use crate::model::{
    Actor, Cause, Farm, FarmGoal, FarmRole, Grant, Permission, Role, RoleRevision, RolloutWish,
};
use crate::service::clouds::known;
use crate::service::{Service, authorise, farms, lookup, views};
use crate::store::{Author, Purpose, Reads, Tx};
use crate::wire::api::{ManifestRequest, ManifestResult};
use crate::wire::manifest::{self, DeclaredFarmRole, Fault, Manifest};
use crate::wire::proposal::{Base, BaseFarmRole, BaseRecord};
use difference::Difference;

/// A farm and its farm roles as they would be, what differs from what is, and what that was.
pub(in crate::service) struct Change {
    pub farm: Farm,
    pub farm_roles: Vec<FarmRole>,
    pub differences: Vec<Difference>,
    /// What it was made on.
    pub base: Base,
}

/// What a person asks of a manifest beside what it says.
#[derive(Clone, Copy, Debug)]
pub(in crate::service) struct Wish {
    /// Remove farm roles that are absent from it.
    pub prune: bool,
    /// Launch the farm as well.
    pub launch: bool,
}

/// How often what is shown is computed anew because the farm changed under it, before the asker is
/// told to come back: a plan commits in milliseconds, so a second time is rare already.
const TRIES: usize = 4;

/// Declares what a manifest says, or with `dry_run` says what that would change.
///
/// With the fingerprint of a dry run it declares only what that dry run showed: the same
/// differences to the same records, and the same servers stopped.
pub fn apply(service: &Service, actor: &Actor, input: &ManifestRequest) -> Result<ManifestResult> {
    let wish = Wish { prune: input.prune, launch: input.launch };
    let permission = if input.dry_run { Permission::FarmsRead } else { Permission::FarmsManage };
    let grant = authorise(actor, permission)?;
    if wish.launch && !input.dry_run {
        authorise(actor, Permission::FarmsLaunch)?;
    }
    let manifest = read(service, &grant, &input.manifest)?;
    let intent = ByManifest { text: input.manifest.clone(), manifest, wish };
    let asked = AskedHow { dry_run: input.dry_run, fingerprint: input.fingerprint.clone() };
    carry(service, &grant, intent, &asked)
}

/// What somebody wants of one farm, whose change is composed anew on the farm as it is then.
pub(in crate::service) trait Intent: Clone + Send + 'static {
    /// How the journal says it came about.
    const HOW: &'static str;

    /// The change as of now.
    fn compose(&self, read: &impl Reads, actor: &Actor, now: Timestamp) -> Result<Change>;

    /// What tells it from every other intent.
    fn text(&self) -> String;
}

/// How a change is asked for.
pub(in crate::service) struct AskedHow {
    /// Say what would change and change nothing.
    pub dry_run: bool,
    /// Only what the dry run with this fingerprint showed.
    pub fingerprint: Option<String>,
}

/// Declares what is wanted of a farm in one commit, or says what that would change.
pub(in crate::service) fn carry<I: Intent>(
    service: &Service,
    grant: &Grant,
    intent: I,
    asked: &AskedHow,
) -> Result<ManifestResult> {
    for _ in 0..TRIES {
        let now = service.now();
        let change = service.read(grant, |view| intent.compose(view, grant.actor(), now))?;
        let outlook = outlook(service, grant, &change)?;
        let fingerprint = outlook.fingerprint(&intent.text(), &change);
        if asked.fingerprint.as_ref().is_some_and(|shown| *shown != fingerprint) {
            return Err(moved("it is another change than the one that was shown"));
        }
        let mut result = outlook.result(&change, fingerprint);
        result.unwell =
            service.read(grant, |view| views::unwell_of_farm(service, view, change.farm.id))?;
        if asked.dry_run {
            return Ok(result);
        }
        // Without a fingerprint nobody saw anything that would have to hold.
        let shown = asked.fingerprint.is_some().then(|| (change.base.clone(), outlook.plan));
        let (intent, owner) = (intent.clone(), grant.actor().clone());
        let now = service.now();
        let author = Author::new(grant, VERB, Cause::Request, Purpose::Growth);
        let declared = service.write(author, move |tx| {
            let change = intent.compose(tx, &owner, now)?;
            if let Some((base, plan)) = shown
                && (change.base != base || current_plan(tx, &change.farm)? != plan)
            {
                return Ok(None);
            }
            declare(tx, change, I::HOW).map(Some)
        })?;
        if let Some(id) = declared {
            result.id = id.0;
            return Ok(result);
        }
    }
    Err(moved("it changes faster than it can be looked at"))
}

/// What a manifest says, with what is asked beside it.
#[derive(Clone)]
struct ByManifest {
    text: String,
    manifest: Manifest,
    wish: Wish,
}

impl Intent for ByManifest {
    const HOW: &'static str = "declared by manifest";

    fn compose(&self, read: &impl Reads, actor: &Actor, now: Timestamp) -> Result<Change> {
        compose(read, actor, &self.manifest, self.wish, now)
    }

    fn text(&self) -> String {
        text_of(&self.text, self.wish)
    }
}

/// What tells a manifest with what is asked beside it from every other.
pub(in crate::service) fn text_of(manifest: &str, wish: Wish) -> String {
    let Wish { prune, launch } = wish;
    serde_json::json!({"manifest": manifest, "prune": prune, "launch": launch}).to_string()
}

/// A change of a farm that is there to other farm roles, which stand in the order of the old ones.
pub(in crate::service) fn change_of(
    read: &impl Reads,
    farm: Farm,
    old: &[FarmRole],
    new: Vec<FarmRole>,
) -> Result<Change> {
    let base = base_of(read, Some(&farm), old)?;
    asked::refuse(read, &farm, old, &new)?;
    let both = old.iter().zip(&new);
    let differences = both
        .flat_map(|(old, new)| difference::of_farm_role(Some(old), new, |role| recipe(read, role)));
    let differences = differences.collect();
    Ok(Change { farm, farm_roles: new, differences, base })
}

/// What the role of a farm role is called.
fn recipe(read: &impl Reads, farm_role: &FarmRole) -> String {
    let found = lookup::role(read, farm_role.role).ok().flatten();
    found.map_or_else(|| format!("role {}", farm_role.role), |role| role.name.to_string())
}

/// The verb of the journal entries that declare a farm, by whichever way.
pub(in crate::service) const VERB: &str = "manifest.apply";

fn moved(how: &str) -> Problem {
    let message = format!("the farm changed meanwhile, nothing was done: {how}; look again");
    Problem::new(Code::RevisionConflict, message)
}

/// The number of a farm's current plan.
pub(in crate::service) fn current_plan(
    read: &impl Reads,
    farm: &Farm,
) -> Result<Option<crate::base::PlanId>> {
    Ok(read.current_plan(farm.id)?)
}

/// Reads a manifest; every fault at once, those of the text and those only we can find.
pub(in crate::service) fn read(service: &Service, grant: &Grant, text: &str) -> Result<Manifest> {
    let mut reading = manifest::read(text);
    let env = grant.actor().env;
    service.read(grant, |view| {
        references::look_up_names(view, env, &mut reading)?;
        let accounts = known::accounts(&service.settings, view, env)?;
        references::look_up(view, &accounts, env, &mut reading)?;
        asked::look_up(view, env, &mut reading)?;
        published::look_up(view, &service.settings.publishing, &mut reading)
    })?;
    references::look_up_zones(&service.settings.zones, &mut reading);
    reading.finish().map_err(refused)
}

fn refused(faults: Vec<Fault>) -> Problem {
    let unread = || Problem::invalid("manifest", "it could not be read");
    manifest::problem(faults).unwrap_or_else(unread)
}

/// What declaring a manifest would change, as of now.
pub(in crate::service) fn propose(
    service: &Service,
    grant: &Grant,
    manifest: &Manifest,
    wish: Wish,
) -> Result<Change> {
    let now = service.now();
    service.read(grant, |view| compose(view, grant.actor(), manifest, wish, now))
}

/// Writes a change down, with a sentence that begins with how it came about.
pub(in crate::service) fn declare(tx: &mut Tx, change: Change, how: &str) -> Result<FarmId> {
    let mut farm = change.farm;
    if change.differences.is_empty() {
        return Ok(farm.id);
    }
    if farm.id == FarmId(0) {
        farm.id = tx.next_id()?;
    }
    let said: Vec<String> =
        change.differences.iter().map(|difference| difference.sentence(&farm)).collect();
    tx.text(farm.name.to_string(), format!("{how}: {}", said.join("; ")));
    tx.put(&farm)?;
    for mut role in change.farm_roles {
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

pub(in crate::service) fn compose(
    read: &impl Reads,
    actor: &Actor,
    manifest: &Manifest,
    wish: Wish,
    now: Timestamp,
) -> Result<Change> {
    let found = lookup::farm_by_name(read, actor.env, &manifest.farm)?;
    let existing = match &found {
        Some(farm) => lookup::farm_roles_of(read, farm.id)?,
        None => Vec::new(),
    };
    let base = base_of(read, found.as_ref(), &existing)?;
    let farm = propose_farm(found.as_ref(), actor, manifest, wish, now);
    let mut differences = difference::of_farm(found.as_ref(), &farm);
    let recipe = |role: &FarmRole| recipe(read, role);
    let mut farm_roles = Vec::new();
    let there: Vec<Name> = existing.iter().map(|role| role.alias.clone()).collect();
    for (place, declared) in manifest.farm_roles.iter().enumerate() {
        let alias = &declared.alias;
        // It was looked up with its line; since then somebody else may have declared the other.
        if !there.contains(alias) && references::namesake(alias, &there).is_some() {
            return Err(moved("it has a farm role whose servers have that name now"));
        }
        if known::is_gone(read, declared.account.as_deref(), &declared.platform)? {
            return Err(moved("its cloud account was removed"));
        }
        let old = existing.iter().find(|role| role.alias == declared.alias);
        let id = old.map_or(FarmRoleId(u64::MAX - place as u64), |role| role.id);
        let role = lookup::role_by_name(read, actor.env, &declared.role)?
            .ok_or_else(|| Problem::not_found("role", &declared.role))?;
        let number = pinned(declared.role_revision, &role, old);
        let pin = lookup::role_revision(read, role.id, number)?;
        let missing = || Problem::not_found("revision", format!("{number} of role {}", role.name));
        let new = farm_role(&farm, id, declared, &pin.ok_or_else(missing)?, old, now);
        differences.extend(difference::of_farm_role(old, &new, recipe));
        farm_roles.push(new);
    }
    for old in &existing {
        if manifest.farm_roles.iter().any(|declared| declared.alias == old.alias) {
            continue;
        }
        let new = FarmRole { removed: old.removed || wish.prune, ..old.clone() };
        if new.removed && !old.removed {
            farms::refuse_locked(&lookup::live_servers_of_farm_role(read, old.id)?)?;
        }
        differences.extend(difference::of_farm_role(Some(old), &new, recipe));
        farm_roles.push(new);
    }
    asked::refuse(read, &farm, &existing, &farm_roles)?;
    if farm.goal == FarmGoal::Launched {
        farms::variables::require(read, &farm, &farm_roles)?;
    }
    published::refuse_twice(&farm_roles)?;
    Ok(Change { farm, farm_roles, differences, base })
}

fn base_of(read: &impl Reads, farm: Option<&Farm>, farm_roles: &[FarmRole]) -> Result<Base> {
    let at = |farm: &Farm| -> Result<BaseRecord> {
        Ok(BaseRecord { id: farm.id.0, revision: lookup::revision_of::<Farm>(read, farm.id)? })
    };
    let of_role = |role: &FarmRole| {
        let revision = lookup::revision_of::<FarmRole>(read, role.id)?;
        Ok(BaseFarmRole { alias: role.alias.to_string(), id: role.id.0, revision })
    };
    Ok(Base {
        farm: farm.map(at).transpose()?,
        farm_roles: farm_roles.iter().map(of_role).collect::<Result<_>>()?,
    })
}

fn propose_farm(
    found: Option<&Farm>,
    actor: &Actor,
    manifest: &Manifest,
    wish: Wish,
    now: Timestamp,
) -> Farm {
    let mut farm = found.cloned().unwrap_or_else(|| Farm {
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
    farm.launch_order = manifest.launch_order;
    farm.description.clone_from(&manifest.description);
    farm.removed = false;
    if wish.launch {
        farm.goal = FarmGoal::Launched;
    }
    farm
}

/// The revision of a role that a farm role pins: the one that is said, else the one it has, else
/// the role's current one.
fn pinned(said: Option<u64>, role: &Role, old: Option<&FarmRole>) -> u64 {
    let kept = old.filter(|old| old.role == role.id).map(|old| old.role_revision);
    said.or(kept).unwrap_or(role.revision)
}

fn farm_role(
    farm: &Farm,
    id: FarmRoleId,
    declared: &DeclaredFarmRole,
    pin: &RoleRevision,
    old: Option<&FarmRole>,
    now: Timestamp,
) -> FarmRole {
    let mut new = FarmRole {
        id,
        env: farm.env,
        farm: farm.id,
        alias: declared.alias.clone(),
        role: pin.role,
        role_revision: pin.number,
        account: declared.account.as_ref().unwrap_or(&declared.platform).clone(),
        location: declared.location.clone(),
        instance_type: declared.instance_type.clone(),
        launch_index: declared.launch_index,
        scaling: declared.scaling.clone(),
        storage: declared.storage.clone(),
        balance: declared.balance.clone(),
        check: declared.check.clone(),
        role_check: pin.recipe.check.clone(),
        setup_ms: pin.recipe.clone().with(&declared.overrides).setup_ms(),
        drain_ms: declared.drain_ms,
        launch_timeout_ms: declared.launch_timeout_ms,
        revision: 1,
        removed: false,
        policy: declared.policy.clone(),
        history: Vec::new(),
        rollout_wish: RolloutWish::default(),
        rollout_said: 0,
        publish: declared.publish.clone(),
        outbound: declared.outbound,
        overrides: declared.overrides.clone(),
        mended_at: old.and_then(|old| old.mended_at),
    };
    if let Some(old) = old {
        // What was said of an earlier rollout does not hold for another one.
        let other = new.follow(old, now);
        new.rollout_wish = if other { RolloutWish::default() } else { old.rollout_wish };
        new.rollout_said = old.rollout_said + u64::from(other);
    }
    new
}
