//! The volumes of each platform as its last complete listing showed them, in memory.

use crate::base::FarmRoleId;
use crate::model::{Server, Volume};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// See the module's text.
#[derive(Default)]
pub struct SeenVolumes {
    platforms: Mutex<BTreeMap<String, Listing>>,
}

#[derive(Default)]
struct Listing {
    seen: BTreeSet<String>,
    /// Those that no record knew.
    strange: BTreeSet<String>,
    /// Which servers lack one, by farm role and index, and which.
    missing: BTreeMap<(FarmRoleId, u32), String>,
}

impl SeenVolumes {
    /// Says which servers of a platform lack a volume.
    pub fn set_missing(&self, platform: &str, missing: BTreeMap<(FarmRoleId, u32), String>) {
        self.lock().entry(platform.to_owned()).or_default().missing = missing;
    }

    /// Which volume a server lacks, if one.
    pub fn missing_of(&self, server: &Server) -> Option<String> {
        let place = (server.farm_role, server.index);
        self.lock().get(&server.account)?.missing.get(&place).cloned()
    }

    /// Replaces what is seen of a platform; gives those of the strange ones that were strange in
    /// the listing before, too.
    pub fn set(
        &self,
        platform: &str,
        seen: BTreeSet<String>,
        strange: BTreeSet<String>,
    ) -> BTreeSet<String> {
        let mut platforms = self.lock();
        let before = platforms.get(platform);
        let stay = strange.iter().filter(|id| before.is_some_and(|b| b.strange.contains(*id)));
        let stay = stay.cloned().collect();
        let missing = before.map(|before| before.missing.clone()).unwrap_or_default();
        platforms.insert(platform.to_owned(), Listing { seen, strange, missing });
        stay
    }

    /// Forgets what was seen in a cloud account.
    pub fn forget(&self, account: &str) {
        self.lock().remove(account);
    }

    /// Whether a volume that was there is not in the last listing. Nothing is missing before the
    /// first one.
    pub fn is_missing(&self, volume: &Volume) -> bool {
        let platforms = self.lock();
        let listing = platforms.get(&volume.account);
        volume.seen_at.is_some()
            && listing.is_some_and(|listing| !listing.seen.contains(&volume.cloud_volume_id))
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Listing>> {
        self.platforms.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
