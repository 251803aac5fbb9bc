//! The volumes of each platform as its last complete listing showed them, in memory.

use crate::model::Volume;
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
}

impl SeenVolumes {
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
        platforms.insert(platform.to_owned(), Listing { seen, strange });
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
