//! Taking up a revision of a role: the farm roles of one farm that use the role pin another.

use super::found;
use crate::base::{FarmId, Problem, Result, RoleId, Timestamp};
use crate::model::{Actor, FarmRole, Permission, RolloutWish};
use crate::service::clouds::known;
use crate::service::farms::images;
use crate::service::farms::manifests::{self, AskedHow, Change, Intent};
use crate::service::{Service, authorise, lookup};
use crate::store::Reads;
use crate::wire::api::ManifestResult;
use crate::wire::role::RoleUpgradeRequest;

/// Lets the farm roles of a farm that use a role take up a revision of it, or with `dry_run` says
/// what that would change. Their servers follow by the farm roles' own rollouts.
pub fn upgrade(
    service: &Service,
    actor: &Actor,
    role: RoleId,
    input: &RoleUpgradeRequest,
) -> Result<ManifestResult> {
    let permission = if input.dry_run { Permission::FarmsRead } else { Permission::FarmsManage };
    let grant = authorise(actor, permission)?;
    let intent = Upgrade { role, farm: FarmId(input.farm), number: input.role_revision };
    let asked = AskedHow { dry_run: input.dry_run, fingerprint: input.fingerprint.clone() };
    manifests::carry(service, &grant, intent, &asked)
}

/// A revision to take up.
#[derive(Clone)]
struct Upgrade {
    role: RoleId,
    farm: FarmId,
    /// `None` for the current one.
    number: Option<u64>,
}

impl Intent for Upgrade {
    const HOW: &'static str = "another revision of a role taken up";

    fn compose(&self, read: &impl Reads, actor: &Actor, now: Timestamp) -> Result<Change> {
        let role = found(read, self.role)?;
        let farm = lookup::farm(read, self.farm)?.filter(|farm| farm.env == actor.env);
        let farm = farm.ok_or_else(|| Problem::not_found("farm", self.farm))?;
        let number = self.number.unwrap_or(role.revision);
        let revision = lookup::role_revision(read, role.id, number)?;
        let missing = || Problem::not_found("revision", format!("{number} of role {}", role.name));
        let revision = revision.ok_or_else(missing)?;
        let old = lookup::farm_roles_of(read, farm.id)?;
        let take_up = |old: &FarmRole| {
            if old.role != role.id || old.removed {
                return Ok(old.clone());
            }
            let platform = &known::platform_of(read, &old.account)?;
            if revision.image(platform).is_none() {
                let name = &role.name;
                let text = format!(
                    "revision {number} of role {name} has no image for {platform}, where {} is",
                    old.alias
                );
                return Err(Problem::invalid("roleRevision", text));
            }
            if let Some(gone) = images::gone(read, role.env, &revision, platform)? {
                let text = format!("revision {number} of role {}: {gone}", role.name);
                return Err(Problem::invalid("roleRevision", text));
            }
            manifests::refuse_overrides(old, &role.name, &revision)?;
            let mut new = FarmRole {
                role_revision: number,
                role_check: revision.recipe.check.clone(),
                setup_ms: revision.recipe.clone().with(&old.overrides).setup_ms(),
                ..old.clone()
            };
            if new.follow(old, now) {
                new.rollout_wish = RolloutWish::default();
                new.rollout_said += 1;
            }
            Ok(new)
        };
        let new: Vec<FarmRole> = old.iter().map(take_up).collect::<Result<_>>()?;
        manifests::change_of(read, farm, &old, new)
    }

    fn text(&self) -> String {
        format!("role {} revision {:?}", self.role, self.number)
    }
}
