//! Why a role is as it is: its revisions, who uses which, and what taking up the current one would
//! do or why it cannot be.

use super::LINKS_MAX;
use super::past::Past;
use crate::base::{FarmId, Result};
use crate::model::{Actor, FarmRole, Role, RoleRevision};
use crate::service::farms::{images, roles};
use crate::service::lookup;
use crate::service::views::{self, ailments};
use crate::wire::api::{BecauseView, ExplainView};
use crate::wire::role::RoleUpgradeRequest;
use std::collections::BTreeSet;

/// Farms for which it is worked out what an upgrade would do: each is a plan of its own.
const FARMS_MAX: usize = 5;
/// Changes named of one such upgrade.
const CHANGES_MAX: usize = 6;

pub(super) fn story(past: &Past, actor: &Actor, role: &Role) -> Result<ExplainView> {
    let view = past.view;
    let revisions = lookup::role_revisions(view, role.id)?;
    let Some(current) = revisions.iter().find(|it| it.number == role.revision) else {
        let now = "it has no revision, and does nothing".to_owned();
        return Ok(ExplainView { about: about(role), now, ..ExplainView::default() });
    };
    let mut users = lookup::farm_roles_with(view, role.id)?;
    users.retain(|user| user.env == actor.env && !user.removed);
    let mut waiting = image_faults(past, current)?;
    waiting.extend(uses(past, role, &users)?);
    waiting.extend(upgrades(past, actor, role, &users)?);
    waiting.extend(faults(past, &users)?);
    if users.is_empty() {
        waiting.push("nothing: no farm role uses it".to_owned());
    }
    Ok(ExplainView {
        about: about(role),
        now: now(past, role, current, users.len())?,
        because: because(past, &revisions)?,
        waiting,
        ..ExplainView::default()
    })
}

fn about(role: &Role) -> String {
    format!("role {}", role.name)
}

/// `revision 3, 2 services; image onboard host; used by 2 farm roles`.
fn now(past: &Past, role: &Role, current: &RoleRevision, users: usize) -> Result<String> {
    let images = current.images.iter();
    let images: Vec<String> =
        images.map(|image| format!("{} {}", image.platform, image.cloud_image_id)).collect();
    let images = match images.is_empty() {
        true => "no image, so that no server can be made of it".to_owned(),
        false => format!("images: {}", images.join(", ")),
    };
    let by = views::person(past.view, current.by)?;
    let used = match users {
        1 => "used by 1 farm role".to_owned(),
        many => format!("used by {many} farm roles"),
    };
    let summary = match roles::summary(&current.recipe) {
        summary if summary.is_empty() => "does nothing on its servers".to_owned(),
        summary => summary,
    };
    let number = role.revision;
    Ok(format!("revision {number} by {by}, {summary}; {images}; {used}"))
}

/// What each kept revision changed, the latest first.
fn because(past: &Past, revisions: &[RoleRevision]) -> Result<Vec<BecauseView>> {
    let mut links = Vec::new();
    for (nth, revision) in revisions.iter().enumerate().rev().take(LINKS_MAX) {
        let by = views::person(past.view, revision.by)?;
        let what = match nth.checked_sub(1).map(|before| &revisions[before]) {
            Some(before) => roles::changes(before, revision).join("; "),
            None => "the first that is kept".to_owned(),
        };
        let text = format!("revision {}: {what} (by {by})", revision.number);
        let root = if revision.by.0 == 0 { "" } else { "person" };
        links.push(BecauseView { seq: 0, at: revision.at.0, text, root: root.to_owned() });
    }
    Ok(links)
}

/// Images of the current revision that are not there any more.
fn image_faults(past: &Past, current: &RoleRevision) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for image in &current.images {
        let gone = images::gone(past.view, current.env, current, &image.platform)?;
        found.extend(gone.map(|why| format!("[person] on {}: {why}", image.platform)));
    }
    Ok(found)
}

/// Who declares which revision, and which its servers are made of.
fn uses(past: &Past, role: &Role, users: &[FarmRole]) -> Result<Vec<String>> {
    let mut lines = Vec::new();
    for user in users {
        let name = views::farm_role_name(past.view, user)?;
        let servers = lookup::live_servers_of_farm_role(past.view, user.id)?;
        let made = servers.iter().filter_map(|server| user.make_of(server.revision));
        let made = made.filter(|make| make.role == role.id).map(|make| make.role_revision);
        let made: BTreeSet<u64> = made.collect();
        let others: Vec<String> =
            made.iter().filter(|it| **it != user.role_revision).map(u64::to_string).collect();
        let still = match others.is_empty() {
            true => String::new(),
            false => format!(", and servers of it are still made of {}", others.join(" and ")),
        };
        let behind = match user.role_revision == role.revision {
            true => "the current one",
            false => "not the current one",
        };
        lines.push(format!("{name} declares revision {}, {behind}{still}", user.role_revision));
    }
    Ok(lines)
}

/// What taking up the current revision would do in each farm that declares another.
fn upgrades(past: &Past, actor: &Actor, role: &Role, users: &[FarmRole]) -> Result<Vec<String>> {
    let behind = users.iter().filter(|user| user.role_revision != role.revision);
    let farms: BTreeSet<FarmId> = behind.map(|user| user.farm).collect();
    let mut lines = Vec::new();
    for farm in farms.iter().take(FARMS_MAX) {
        let name = lookup::farm(past.view, *farm)?.map(|farm| farm.name.to_string());
        let name = name.unwrap_or_default();
        let input = RoleUpgradeRequest { farm: farm.0, dry_run: true, ..Default::default() };
        let what = match roles::upgrade(past.service, actor, role.id, &input) {
            Err(problem) => {
                let (number, why) = (role.revision, problem.message);
                lines.push(format!("[person] {name} cannot take up {number}: {why}"));
                continue;
            }
            Ok(outcome) => outcome,
        };
        let mut told = what.changes;
        let more = told.len().saturating_sub(CHANGES_MAX);
        told.truncate(CHANGES_MAX);
        if more > 0 {
            told.push(format!("and {more} more"));
        }
        let stops = match what.stops {
            0 => "no server would stop".to_owned(),
            1 => "1 server would stop".to_owned(),
            many => format!("{many} servers would stop"),
        };
        lines.push(format!(
            "[person] grange role upgrade {} --farm {name} takes up {}: {}; {stops}",
            role.name,
            role.revision,
            told.join("; ")
        ));
    }
    if let Some(more) = farms.len().checked_sub(FARMS_MAX).filter(|more| *more > 0) {
        lines.push(format!("and {more} more farms declare an earlier revision"));
    }
    Ok(lines)
}

/// Servers of it whose services are not well.
fn faults(past: &Past, users: &[FarmRole]) -> Result<Vec<String>> {
    let mut lines = Vec::new();
    for user in users {
        let name = views::farm_role_name(past.view, user)?;
        let farm = name.split('/').next().unwrap_or_default().to_owned();
        let found = ailments(past.service, past.view, user.farm, Some(user.id))?;
        lines.extend(found.into_iter().map(|why| format!("[person] {farm}/{why}")));
    }
    Ok(lines)
}
