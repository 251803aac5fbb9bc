//! The agent as a whole, against an appliance of a few lines on loopback.

use crate::agent::WorkPlaces;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// An empty directory of this test's own, under the system's place for temporary files.
pub fn scratch(name: &str) -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let dir = std::env::temp_dir()
        .join(format!("grange-agent-test-{}-{number}-{name}", std::process::id()));
    if dir.exists() {
        std::fs::remove_dir_all(&dir).unwrap();
    }
    std::fs::create_dir_all(&dir).unwrap();
    dir
}

/// A server whose root is a directory, with work of no role.
pub fn places(dir: &Path) -> WorkPlaces {
    WorkPlaces {
        state: dir.join("state"),
        home: dir.to_owned(),
        mounts: Vec::new(),
        program: "/proc/self/exe".into(),
    }
}

pub mod appliance;
mod obeying;
mod reporting;
