//! Reads everything in the store, a little at a time: what rotted on the disk is met by us, and not
//! first by whoever asks for it next year. What to do about it is in the store's own words, which
//! stand first in the status and in every answer from then on.

use crate::jobs::{Job, Ports, Work};
use crate::store::Scrub;

/// The job.
#[derive(Default)]
pub struct ReadEverything {
    pass: Scrub,
    passes: u64,
}

impl Job for ReadEverything {
    fn step(&mut self, ports: &Ports) -> Work {
        let store = &ports.service.store;
        match store.scrub(&mut self.pass) {
            Ok(over) => self.passes += u64::from(over),
            Err(error) => return Work::failed(&error),
        }
        let mib = store.file_bytes() / (1024 * 1024);
        Work::done(format!("{} passes over a store of {mib} MiB", self.passes))
    }
}
