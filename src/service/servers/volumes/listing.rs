//! What clouds show of their volumes: which came to be, which are missing, and which no record
//! knows.

use super::{about, said};
use crate::base::limit::STRANGE_NAMES_MAX;
use crate::base::{EnvironmentId, FarmRoleId, Name, Result, Timestamp, VolumeId};
use crate::clouds::volume::{VolumeMark, VolumeSighting};
use crate::model::{Actor, Cause, Grant, Permission, Volume, VolumeOwner};
use crate::service::{Service, authorise, lookup};
use crate::store::{Author, Purpose, Tx};
use std::collections::{BTreeMap, BTreeSet};

/// Records of volumes written in one transaction at the most.
const BATCH: usize = 500;

/// Takes in a complete listing of a platform's volumes.
pub fn take(
    service: &Service,
    actor: &Actor,
    platform: &str,
    sightings: Vec<VolumeSighting>,
) -> Result<()> {
    let grant = authorise(actor, Permission::Operate)?;
    let mut ours = service.read(&grant, lookup::all_volumes)?;
    ours.retain(|volume| volume.account == platform);
    let known: BTreeSet<&str> = ours.iter().map(|v| v.cloud_volume_id.as_str()).collect();
    let seen: BTreeSet<String> = sightings.iter().map(|s| s.cloud_volume_id.clone()).collect();
    let strange: BTreeSet<String> =
        seen.iter().filter(|id| !known.contains(id.as_str())).cloned().collect();
    let came: Vec<VolumeId> = ours
        .iter()
        .filter(|volume| volume.seen_at.is_none() && seen.contains(&volume.cloud_volume_id))
        .map(|volume| volume.id)
        .collect();
    // One that was deleted while it was listed shows once more; who shows twice is there.
    let stay = service.observed.volumes.set(platform, seen, strange);
    let found: Vec<VolumeSighting> =
        sightings.into_iter().filter(|s| stay.contains(&s.cloud_volume_id)).take(BATCH).collect();
    if !came.is_empty() || !found.is_empty() {
        commit(service, actor, platform.to_owned(), came, found)?;
    }
    tell(service, platform)
}

fn commit(
    service: &Service,
    actor: &Actor,
    platform: String,
    came: Vec<VolumeId>,
    found: Vec<VolumeSighting>,
) -> Result<()> {
    let now = service.now();
    let grant = authorise(actor, Permission::Operate)?;
    service.write(Author::new(&grant, "volume.seen", Cause::Listing, Purpose::Report), move |tx| {
        for id in came.into_iter().take(BATCH) {
            let Some(volume) = lookup::volume(tx, id)? else { continue };
            tx.put(&Volume { seen_at: Some(now), ..volume })?;
        }
        for sighting in found {
            adopt(tx, &platform, &sighting, now)?;
        }
        Ok(())
    })
}

/// Gives a record to a volume that has none.
fn adopt(tx: &mut Tx, platform: &str, seen: &VolumeSighting, now: Timestamp) -> Result<()> {
    let mark = match (&seen.mark, seen.place) {
        (Some(mark), _) => Some(mark.clone()),
        (None, Some(place)) => mark_of(tx, place)?,
        (None, None) => None,
    };
    let volume = Volume {
        id: tx.next_id()?,
        env: mark.as_ref().map_or(EnvironmentId(1), |mark| mark.env),
        owner: mark.as_ref().and_then(owner_of),
        account: platform.to_owned(),
        location: mark.as_ref().map(|mark| mark.location.clone()).unwrap_or_default(),
        zone: mark.as_ref().and_then(|mark| mark.zone.clone()),
        cloud_volume_id: seen.cloud_volume_id.clone(),
        size_bytes: mark.map_or(0, |mark| mark.size_bytes),
        created_at: now,
        seen_at: Some(now),
        delete_requested: false,
    };
    let text = format!("volume {} is on {platform} and had no record", said(&volume));
    tx.text(about(&volume), text);
    tx.put(&volume)?;
    Ok(())
}

/// What a volume would carry that was made before there were marks.
fn mark_of(tx: &Tx, place: (FarmRoleId, u32, usize)) -> Result<Option<VolumeMark>> {
    let (farm_role, index, ordinal) = place;
    let Some(role) = lookup::farm_role(tx, farm_role)? else { return Ok(None) };
    let Some(farm) = lookup::farm(tx, role.farm)? else { return Ok(None) };
    let Some(spec) = role.storage.get(ordinal) else { return Ok(None) };
    Ok(Some(VolumeMark {
        env: role.env,
        farm_role,
        farm: farm.name.to_string(),
        alias: role.alias.to_string(),
        index,
        mount_point: spec.mount_point.clone(),
        size_bytes: spec.size_bytes,
        location: role.location.clone(),
        zone: None,
    }))
}

fn owner_of(mark: &VolumeMark) -> Option<VolumeOwner> {
    Some(VolumeOwner {
        farm_role: mark.farm_role,
        farm: Name::new(&mark.farm).ok()?,
        alias: Name::new(&mark.alias).ok()?,
        index: mark.index,
        mount_point: mark.mount_point.clone(),
    })
}

/// Raises and clears what people have to see of a platform's volumes.
fn tell(service: &Service, platform: &str) -> Result<()> {
    let (mut missing, mut strange) = (Vec::new(), Vec::new());
    let mut of_servers = BTreeMap::new();
    for volume in service.read(&Grant::job("volumes"), lookup::all_volumes)? {
        if volume.account != platform || volume.delete_requested {
            continue;
        }
        if volume.owner.is_none() {
            strange.push(said(&volume));
        }
        if service.observed.volumes.is_missing(&volume) {
            missing.push(format!("{} of {}", said(&volume), about(&volume)));
            if let Some(owner) = &volume.owner {
                let why = format!("{} is not there any more", said(&volume));
                of_servers.insert((owner.farm_role, owner.index), why);
            }
        }
    }
    service.observed.volumes.set_missing(platform, of_servers);
    let told: [(&str, &str, Vec<String>); 2] = [
        ("missing", "a data volume is not there any more", missing),
        ("unknown", "data volumes that nobody knows (grange volume list)", strange),
    ];
    for (key, what, which) in told {
        let text = (!which.is_empty()).then(|| format!("{platform}: {what}: {}", list(&which)));
        service.observed.set_alert(&format!("volumes-{key}-{platform}"), text);
    }
    Ok(())
}

fn list(which: &[String]) -> String {
    let named = which.iter().take(STRANGE_NAMES_MAX).cloned().collect::<Vec<_>>().join(", ");
    match which.len().saturating_sub(STRANGE_NAMES_MAX) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}

/// What came of asking a cloud to destroy a volume that somebody wants gone.
pub fn took_away(
    service: &Service,
    actor: &Actor,
    id: VolumeId,
    failure: Option<String>,
) -> Result<()> {
    let grant = authorise(actor, Permission::Operate)?;
    let alert = format!("volume-{id}");
    if let Some(why) = failure {
        let text = format!("volume {id} cannot be deleted: {why}");
        service.observed.set_alert(&alert, Some(text));
        return Ok(());
    }
    service.write(
        Author::new(&grant, "volume.deleted", Cause::Listing, Purpose::Report),
        move |tx| {
            let Some(volume) = lookup::volume(tx, id)?.filter(|volume| volume.delete_requested)
            else {
                return Ok(());
            };
            tx.text(about(&volume), format!("volume {} is deleted with its data", said(&volume)));
            tx.delete::<Volume>(id)?;
            Ok(())
        },
    )?;
    service.observed.set_alert(&alert, None);
    Ok(())
}
