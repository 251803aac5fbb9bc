//! Data volumes: whose each is, which stay behind, and their end.
//!
//! A volume is found by its place: environment, farm, farm role, index and mount point, all by
//! name, so that a farm that was removed and is declared again finds what it wrote. Nothing
//! deletes one but a person ([`delete`]); what lies on a cloud without a record is told, gets one,
//! and stays as well.

mod claim;
mod listing;
mod view;

pub(in crate::service) use claim::{claim, requests};
pub use listing::{take, took_away};
pub(in crate::service) use view::seen;

use crate::base::{Code, EnvironmentId, Name, Problem, Result, VolumeId};
use crate::model::{Actor, Cause, FarmRole, Permission, Server, Volume, VolumeOwner};
use crate::service::clouds::known::AccountPlatforms;
use crate::service::{Service, authorise, lookup};
use crate::store::{Author, Purpose, Reads, Tx};
use crate::wire::input::{Page, Slice, VolumeFilter};
use crate::wire::volume::VolumeView;
use view::Viewer;

/// Volumes of the actor's environment, by farm, farm role, index and mount point.
pub fn list(
    service: &Service,
    actor: &Actor,
    filter: &VolumeFilter,
    page: Page,
) -> Result<Slice<VolumeView>> {
    let grant = authorise(actor, Permission::FarmsRead)?;
    service.read(&grant, |view| {
        let mut volumes = lookup::all_volumes(view)?;
        let platforms = AccountPlatforms::read(view)?;
        volumes.retain(|volume| volume.env == actor.env && wanted(filter, volume, &platforms));
        volumes.sort_by(|a, b| order(a).cmp(&order(b)));
        let mut viewer = Viewer::new(service, view);
        // What a volume is takes a look at its servers, so only a filter by it looks at all.
        if let Some(status) = &filter.status {
            let mut fitting = Vec::new();
            for volume in volumes {
                let seen = viewer.view(volume)?;
                if seen.status == *status {
                    fitting.push(seen);
                }
            }
            return Ok(Slice::cut(fitting, page));
        }
        let shown = Slice::cut(volumes, page);
        let items: Result<_> = shown.items.into_iter().map(|volume| viewer.view(volume)).collect();
        Ok(Slice { items: items?, total: shown.total })
    })
}

/// By place; what nobody knows comes last.
fn order(volume: &Volume) -> (bool, &str, &str, u32, &str, VolumeId) {
    match &volume.owner {
        Some(owner) => {
            let (farm, alias) = (owner.farm.as_str(), owner.alias.as_str());
            (false, farm, alias, owner.index, &owner.mount_point, volume.id)
        }
        None => (true, "", "", 0, "", volume.id),
    }
}

fn wanted(filter: &VolumeFilter, volume: &Volume, platforms: &AccountPlatforms) -> bool {
    let owner = volume.owner.as_ref();
    let is = |wish: &Option<String>, name: fn(&VolumeOwner) -> &Name| {
        wish.as_ref().is_none_or(|wish| owner.is_some_and(|owner| name(owner).as_str() == wish))
    };
    filter.id.is_none_or(|id| id == volume.id)
        && is(&filter.farm, |owner| &owner.farm)
        && is(&filter.alias, |owner| &owner.alias)
        && filter.index.is_none_or(|index| owner.is_some_and(|owner| owner.index == index))
        && filter.cloud_platform.as_ref().is_none_or(|p| p == platforms.of(&volume.account))
}

/// One volume.
pub fn get(service: &Service, actor: &Actor, id: VolumeId) -> Result<VolumeView> {
    let grant = authorise(actor, Permission::FarmsRead)?;
    service.read(&grant, |view| seen(service, view, own(view, actor.env, id)?))
}

fn own(read: &impl Reads, env: EnvironmentId, id: VolumeId) -> Result<Volume> {
    let found = lookup::volume(read, id)?.filter(|volume| volume.env == env);
    found.ok_or_else(|| Problem::not_found("volume", id))
}

/// Wants a volume gone with everything on it. One that a server has, or is about to get, stays.
pub fn delete(service: &Service, actor: &Actor, id: VolumeId) -> Result<()> {
    let grant = authorise(actor, Permission::FarmsManage)?;
    let env = actor.env;
    service.write(
        Author::new(&grant, "volume.delete", Cause::Request, Purpose::Ending),
        move |tx| {
            let mut volume = own(tx, env, id)?;
            if let Some(user) = user_of(tx, &volume)? {
                let user = lookup::server_name(tx, &user)?;
                let text =
                    format!("{user} has volume {id}: it goes when no server has it any more");
                return Err(Problem::new(Code::UnacceptableState, text));
            }
            volume.delete_requested = true;
            tx.text(
                about(&volume),
                format!("volume {} is to be deleted with its data", said(&volume)),
            );
            tx.put(&volume)?;
            Ok(())
        },
    )
}

fn user_of(read: &impl Reads, volume: &Volume) -> Result<Option<Server>> {
    let Some(owner) = &volume.owner else { return Ok(None) };
    let Some(role) = lookup::farm_role(read, owner.farm_role)? else { return Ok(None) };
    let crew = lookup::live_servers_of_farm_role(read, role.id)?;
    Ok(who_has(owner, &role, &crew).cloned())
}

/// The server that has the volume of a place, or gets it with its launch: the one of its index,
/// where the revision it is made of mounts it.
fn who_has<'c>(owner: &VolumeOwner, role: &FarmRole, crew: &'c [Server]) -> Option<&'c Server> {
    let mounts = |server: &Server| {
        let make = role.make_of(server.revision);
        make.is_none_or(|make| make.storage.iter().any(|v| v.mount_point == owner.mount_point))
    };
    crew.iter().find(|server| server.index == owner.index && mounts(server))
}

/// A farm has another name from now on, and so have its volumes.
pub(in crate::service) fn rename(
    tx: &mut Tx,
    env: EnvironmentId,
    from: &Name,
    to: &Name,
) -> Result<()> {
    for mut volume in lookup::volumes_of_farm(tx, env, from)? {
        let Some(owner) = &mut volume.owner else { continue };
        // What an earlier farm of this name left stays under this name.
        if lookup::farm_role(tx, owner.farm_role)?.is_none() {
            continue;
        }
        owner.farm = to.clone();
        tx.put(&volume)?;
    }
    Ok(())
}

/// What an entry about a volume is about.
fn about(volume: &Volume) -> String {
    match &volume.owner {
        Some(owner) => owner.server(),
        None => format!("cloud {}", volume.account),
    }
}

/// `7 (/data)`, as entries have it.
fn said(volume: &Volume) -> String {
    match &volume.owner {
        Some(owner) => format!("{} ({})", volume.id, owner.mount_point),
        None => format!("{} ({})", volume.id, volume.cloud_volume_id),
    }
}
