//! Which servers died since somebody last looked.
//!
//! It remembers across looks, and finds servers by itself: one that dies between two waits, or
//! before the first look after its launch, is told as well, and each death once.

use super::process::Process;
use super::record::Shelf;
use crate::base::ServerId;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// The pid 1 of each server as it was at the last look.
#[derive(Default)]
pub struct Watch {
    seen: Mutex<BTreeMap<ServerId, (Process, bool)>>,
}

impl Watch {
    /// Looks at each server's pid 1; says whether one is dead that was not known to be.
    pub fn look(&self, shelf: &Shelf) -> bool {
        // A directory that cannot be read is told by the listing, which reads the same.
        let Ok(servers) = shelf.servers() else { return false };
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::take(&mut *seen);
        let mut died = false;
        for directory in servers {
            let known = before.get(&directory.id);
            if let Some((process, true)) = known
                && process.is_alive()
            {
                seen.insert(directory.id, (process.clone(), true));
                continue;
            }
            // Before its first boot there is none; a reboot makes another.
            let Some(process) = directory.init() else { continue };
            let alive = process.is_alive();
            let now = (process, alive);
            died |= !alive && known != Some(&now);
            seen.insert(directory.id, now);
        }
        died
    }
}
