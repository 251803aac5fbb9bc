//! A disk in memory that loses power, fills up and fails on request: for tests and the simulator.

use super::disk::Disk;
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Files in memory; clones share them, as a restarted process shares its disk.
#[derive(Clone, Default)]
pub struct MemoryDisk {
    shared: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    files: BTreeMap<String, Content>,
    /// Appends and syncs until one fails; `None` when none is to.
    fails_after: Option<u32>,
    /// What an append that fails still wrote.
    torn_bytes: usize,
    syncs: u64,
}

#[derive(Clone, Default)]
struct Content {
    bytes: Vec<u8>,
    synced: usize,
}

impl MemoryDisk {
    /// An empty disk.
    pub fn new() -> MemoryDisk {
        MemoryDisk::default()
    }

    /// A power cut: what was not synced is gone, but for its first `kept` bytes of each file.
    pub fn cut_power(&self, kept: usize) {
        for content in self.state().files.values_mut() {
            let length = content.bytes.len().min(content.synced + kept);
            content.bytes.truncate(length);
            content.synced = length;
        }
    }

    /// Lets `more` appends and syncs succeed and then fails every one, an append after having
    /// written `torn_bytes`; `heal` ends it.
    pub fn fail_after(&self, more: u32, torn_bytes: usize) {
        let mut state = self.state();
        state.fails_after = Some(more);
        state.torn_bytes = torn_bytes;
    }

    /// Appends and syncs succeed again.
    pub fn heal(&self) {
        self.state().fails_after = None;
    }

    /// A file's bytes as they are now.
    pub fn bytes(&self, name: &str) -> Vec<u8> {
        self.state().files.get(name).map(|content| content.bytes.clone()).unwrap_or_default()
    }

    /// How often something was synced.
    pub fn syncs(&self) -> u64 {
        self.state().syncs
    }

    /// Replaces a file, as a rotten disk or a person with an editor would.
    pub fn rot(&self, name: &str, bytes: Vec<u8>) {
        let synced = bytes.len();
        self.state().files.insert(name.to_owned(), Content { bytes, synced });
    }

    /// Names of the files there are, in order.
    pub fn names(&self) -> Vec<String> {
        self.state().files.keys().cloned().collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn spend(&mut self) -> io::Result<()> {
        match &mut self.fails_after {
            None => Ok(()),
            Some(0) => Err(io::Error::new(io::ErrorKind::StorageFull, "no space left on device")),
            Some(more) => {
                *more -= 1;
                Ok(())
            }
        }
    }
}

fn missing(name: &str) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, format!("no file {name}"))
}

impl Disk for MemoryDisk {
    fn list(&mut self) -> io::Result<Vec<String>> {
        Ok(self.names())
    }

    fn read(&mut self, name: &str) -> io::Result<Vec<u8>> {
        let state = self.state();
        state.files.get(name).map(|content| content.bytes.clone()).ok_or_else(|| missing(name))
    }

    fn append(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.state();
        let spent = state.spend();
        let torn = state.torn_bytes.min(bytes.len());
        let written = if spent.is_ok() { bytes } else { &bytes[..torn] };
        state.files.entry(name.to_owned()).or_default().bytes.extend_from_slice(written);
        spent
    }

    fn sync(&mut self, name: &str) -> io::Result<()> {
        let mut state = self.state();
        state.spend()?;
        state.syncs += 1;
        let content = state.files.get_mut(name).ok_or_else(|| missing(name))?;
        content.synced = content.bytes.len();
        Ok(())
    }

    fn length(&mut self, name: &str) -> io::Result<u64> {
        let state = self.state();
        let content = state.files.get(name).ok_or_else(|| missing(name))?;
        Ok(content.bytes.len() as u64)
    }

    fn replace(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.state();
        state.spend()?;
        let content = Content { bytes: bytes.to_vec(), synced: bytes.len() };
        state.files.insert(name.to_owned(), content);
        Ok(())
    }

    fn truncate(&mut self, name: &str, length: u64) -> io::Result<()> {
        let mut state = self.state();
        let content = state.files.get_mut(name).ok_or_else(|| missing(name))?;
        content.bytes.truncate(usize::try_from(length).unwrap_or(usize::MAX));
        content.synced = content.bytes.len();
        Ok(())
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        self.state().files.remove(name).map(drop).ok_or_else(|| missing(name))
    }
}
