//! Which volumes a launch gets. Decided in the transaction that begins it, before a cloud hears of
//! it: so no crash makes a second volume for a place, and none is found by luck.

use super::said;
use crate::base::{Millis, Problem, Result, Timestamp, VolumeId};
use crate::clouds::volume::{VolumeMark, VolumeRequest};
use crate::model::{Farm, FarmRole, Server, Volume, VolumeOwner, VolumeSpec};
use crate::service::lookup;
use crate::store::{Reads, Tx};

/// Binds a volume to each mount point of a server that is to be launched: the one of its place, or
/// a new one.
pub(in crate::service) fn claim(
    tx: &mut Tx,
    server: &Server,
    about: &str,
    now: Timestamp,
) -> Result<()> {
    let Some(role) = lookup::farm_role(tx, server.farm_role)? else { return Ok(()) };
    let Some(make) = role.make_of(server.revision) else { return Ok(()) };
    if make.storage.is_empty() {
        return Ok(());
    }
    let Some(farm) = lookup::farm(tx, server.farm)? else { return Ok(()) };
    for spec in &make.storage {
        let owner = VolumeOwner {
            farm_role: role.id,
            farm: farm.name.clone(),
            alias: role.alias.clone(),
            index: server.index,
            mount_point: spec.mount_point.clone(),
        };
        let found = find(tx, &farm, server, &owner)?;
        let again = found.as_ref().is_some_and(|volume| volume.owner.as_ref() != Some(&owner));
        let volume = match found {
            Some(volume) => Volume { owner: Some(owner), size_bytes: spec.size_bytes, ..volume },
            None => make_new(tx, server, owner, spec, now)?,
        };
        if again {
            tx.text(about, format!("finds its volume {} of before again", said(&volume)));
        }
        tx.put(&volume)?;
    }
    Ok(())
}

/// The volume of a place. Where its farm role was removed it is the one that stayed; a farm role
/// that is still declared under that name elsewhere keeps its own.
fn find(tx: &Tx, farm: &Farm, server: &Server, wanted: &VolumeOwner) -> Result<Option<Volume>> {
    let mut fitting = Vec::new();
    for volume in lookup::volumes_of_place(tx, farm.env, &farm.name, &wanted.alias, wanted.index)? {
        let Some(owner) = &volume.owner else { continue };
        let same = owner.farm_role == wanted.farm_role;
        let there = volume.account == server.account
            && volume.location == server.location
            && volume.zone == server.zone
            && !volume.delete_requested
            && owner.mount_point == wanted.mount_point;
        if there && (same || lookup::farm_role(tx, owner.farm_role)?.is_none()) {
            // One that is known to be there before one that never came to be, and the latest.
            fitting.push(((same, volume.seen_at.is_some(), volume.id), volume));
        }
    }
    Ok(fitting.into_iter().max_by_key(|(rank, _)| *rank).map(|(_, volume)| volume))
}

fn make_new(
    tx: &mut Tx,
    server: &Server,
    owner: VolumeOwner,
    spec: &VolumeSpec,
    now: Timestamp,
) -> Result<Volume> {
    let id: VolumeId = tx.next_id()?;
    Ok(Volume {
        id,
        env: server.env,
        owner: Some(owner),
        account: server.account.clone(),
        location: server.location.clone(),
        zone: server.zone.clone(),
        cloud_volume_id: cloud_name(id, now.0.unsigned_abs()),
        size_bytes: spec.size_bytes,
        created_at: now,
        seen_at: None,
        delete_requested: false,
    })
}

/// Given once: a store that was restored counts from an earlier number, and what is on the cloud
/// by then has other moments.
fn cloud_name(id: VolumeId, at: Millis) -> String {
    format!("vol-{id}-{at:x}")
}

/// What a launch asks its cloud for, as [`claim`] has decided.
pub(in crate::service) fn requests(
    read: &impl Reads,
    server: &Server,
    role: &FarmRole,
    storage: &[VolumeSpec],
) -> Result<Vec<VolumeRequest>> {
    let farm = lookup::farm(read, server.farm)?;
    let farm = farm.ok_or_else(|| Problem::not_found("farm", server.farm))?;
    let bound = lookup::volumes_of_place(read, farm.env, &farm.name, &role.alias, server.index)?;
    let request = |spec: &VolumeSpec| {
        let is_its = |owner: &VolumeOwner| {
            owner.farm_role == role.id && owner.mount_point == spec.mount_point
        };
        let its = bound.iter().filter(|volume| volume.owner.as_ref().is_some_and(is_its));
        let on = its.filter(|volume| {
            !volume.delete_requested
                && (&volume.account, &volume.location, &volume.zone)
                    == (&server.account, &server.location, &server.zone)
        });
        let volume = on.max_by_key(|volume| (volume.seen_at.is_some(), volume.id));
        let volume = volume.ok_or_else(|| Problem::not_found("volume for", &spec.mount_point))?;
        Ok(VolumeRequest {
            cloud_volume_id: volume.cloud_volume_id.clone(),
            may_be_made: volume.seen_at.is_none(),
            mark: VolumeMark {
                env: volume.env,
                farm_role: role.id,
                farm: farm.name.to_string(),
                alias: role.alias.to_string(),
                index: server.index,
                mount_point: spec.mount_point.clone(),
                size_bytes: spec.size_bytes,
                location: volume.location.clone(),
                zone: volume.zone.clone(),
            },
        })
    };
    storage.iter().map(request).collect()
}
