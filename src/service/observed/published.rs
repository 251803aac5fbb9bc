//! How published ports were when they were last looked at, in memory.

use crate::clouds::publication::{Publication, PublicationKey, Published};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// See the module's text.
#[derive(Default)]
pub struct PublishedPorts {
    ports: Mutex<BTreeMap<PublicationKey, Seen>>,
}

/// How many servers are behind a port, and how it is, where anybody has said.
type Seen = (usize, Option<Published>);

impl PublishedPorts {
    /// Replaces everything that is known.
    pub fn set<'a>(
        &self,
        wanted: impl Iterator<Item = &'a Publication>,
        found: impl IntoIterator<Item = Published>,
    ) {
        let mut ports: BTreeMap<PublicationKey, Seen> = wanted
            .map(|publication| (publication.key.clone(), (publication.servers.len(), None)))
            .collect();
        for published in found {
            let seen = ports.entry(published.key.clone()).or_default();
            seen.1 = Some(published);
        }
        *self.ports.lock().unwrap_or_else(PoisonError::into_inner) = ports;
    }

    /// What is known of a port; `None` for one that nobody looked at yet.
    pub fn of(&self, key: &PublicationKey) -> Option<Seen> {
        self.ports.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }
}
