//! Data volumes: directories with a mark beside each, which says whose it is.
//!
//! A volume is made by the launch that names it for the first time, and only by that one. Whatever
//! starts a server later finds it or refuses: an empty directory in its place would look like a
//! server that has lost its data, to everybody but us.

use super::failure::{Doing, Failure};
use super::record::{ServerRecord, make_private, old_name, read_json, remove_tree, write_json};
use super::{Onboard, busy, refused, unknown};
use crate::base::FarmRoleId;
use crate::clouds::volume::{VolumeRequest, VolumeSighting};
use crate::clouds::{CloudError, LaunchRequest};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

impl Onboard {
    /// Every volume there is.
    pub(super) fn list_volumes(&self) -> Result<Vec<VolumeSighting>, Failure> {
        let at = self.shelf.volumes();
        let mut users = BTreeMap::new();
        for record in self.records()? {
            let named = record.named_volumes().into_iter();
            users.extend(named.map(|(name, _)| (name, record.server)));
        }
        let mut found = Vec::new();
        for entry in fs::read_dir(&at).doing("listing", at.display())? {
            let entry = entry.doing("listing", at.display())?;
            let name = entry.file_name();
            // One that begins with a dot is on its way out.
            let name = name.to_str().filter(|name| !name.starts_with('.'));
            let Some(name) = name.filter(|_| entry.path().is_dir()) else { continue };
            found.push(VolumeSighting {
                cloud_volume_id: name.to_owned(),
                mark: read_json(&self.mark_of(name)).ok(),
                place: place_of(name),
                server: users.get(name).copied(),
            });
        }
        found.sort_by(|a, b| a.cloud_volume_id.cmp(&b.cloud_volume_id));
        Ok(found)
    }

    /// Destroys one.
    pub(super) fn destroy_volume(&self, name: &str) -> Result<(), CloudError> {
        check_name(name)?;
        // Nothing is launched meanwhile that would find half of it.
        let launching = self.launching();
        if let Some(user) = self.records().map_err(busy)?.iter().find(|one| has(one, name)) {
            return Err(CloudError::Busy(format!("{} has it", user.server)));
        }
        let at = self.shelf.volumes().join(name);
        let going = self.shelf.volumes().join(format!(".{name}"));
        remove_tree(&going).map_err(unknown)?;
        if at.exists() {
            fs::rename(&at, &going).doing("removing", at.display()).map_err(unknown)?;
        }
        remove_tree(&self.mark_of(name)).map_err(unknown)?;
        drop(launching);
        remove_tree(&going).map_err(unknown)
    }

    /// Who has a volume that a launch asks for.
    pub(super) fn volume_user<'r>(
        records: &'r [ServerRecord],
        request: &LaunchRequest,
    ) -> Option<&'r ServerRecord> {
        let asked = |name: &str| request.storage.iter().any(|v| v.cloud_volume_id == name);
        let place = (request.farm_role, request.index);
        records.iter().find(|record| {
            let same_place = (record.farm_role, record.index) == place;
            let shares = record.named_volumes().iter().any(|(name, _)| asked(name));
            (same_place && !request.storage.is_empty()) || shares
        })
    }

    /// Refuses a launch whose volumes are not there and may not be made.
    pub(super) fn check_volumes(&self, request: &LaunchRequest) -> Result<(), CloudError> {
        for volume in &request.storage {
            check_name(&volume.cloud_volume_id)?;
            let at = self.shelf.volumes().join(&volume.cloud_volume_id);
            if !volume.may_be_made && !at.is_dir() {
                return Err(missing(&volume.cloud_volume_id, &volume.mark.mount_point));
            }
        }
        Ok(())
    }

    /// Makes a launch's volumes that are not there yet, and says on each whose it is.
    pub(super) fn make_volumes(&self, request: &LaunchRequest) -> Result<(), Failure> {
        for (ordinal, volume) in request.storage.iter().enumerate() {
            self.make_volume(request, ordinal, volume)?;
        }
        Ok(())
    }

    fn make_volume(
        &self,
        request: &LaunchRequest,
        ordinal: usize,
        volume: &VolumeRequest,
    ) -> Result<(), Failure> {
        let at = self.shelf.volumes().join(&volume.cloud_volume_id);
        let old = self.shelf.volumes().join(old_name(request.farm_role, request.index, ordinal));
        write_json(&self.mark_of(&volume.cloud_volume_id), &volume.mark)?;
        if !at.exists() && old.is_dir() {
            fs::rename(&old, &at).doing("renaming", old.display())?;
        }
        make_private(&at)?;
        // Services write to it under users of their own.
        let open = fs::Permissions::from_mode(0o755);
        fs::set_permissions(&at, open).doing("opening", at.display())
    }

    /// Where a server's volumes lie and where it sees them.
    pub(super) fn volumes_of(&self, record: &ServerRecord) -> Vec<(PathBuf, String)> {
        let named = record.named_volumes().into_iter();
        named.map(|(name, at)| (self.shelf.volumes().join(name), at)).collect()
    }

    /// Refuses to start a server without its data.
    pub(super) fn require_volumes(&self, record: &ServerRecord) -> Result<(), CloudError> {
        for (name, mount_point) in record.named_volumes() {
            if !self.shelf.volumes().join(&name).is_dir() {
                return Err(missing(&name, &mount_point));
            }
        }
        Ok(())
    }

    fn mark_of(&self, name: &str) -> PathBuf {
        self.shelf.volumes().join(format!("{name}.json"))
    }
}

fn has(record: &ServerRecord, name: &str) -> bool {
    record.named_volumes().iter().any(|(known, _)| known == name)
}

fn missing(name: &str, mount_point: &str) -> CloudError {
    CloudError::NotFound(format!(
        "its volume {name} for {mount_point} is not there any more: bring it back, or delete it \
         with grange volume delete to begin with an empty one"
    ))
}

/// A name is a part of a path.
fn check_name(name: &str) -> Result<(), CloudError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
    if !name.is_empty() && name.chars().all(plain) {
        return Ok(());
    }
    Err(refused(Failure::new("finding a volume", format!("{name:?} is no name of one"))))
}

/// What the name of a volume says that was made before each had a record.
fn place_of(name: &str) -> Option<(FarmRoleId, u32, usize)> {
    let mut parts = name.split('-');
    let place =
        (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    parts.next().is_none().then_some(place)
}
