//! The agent as a whole, against an appliance of a few lines on loopback.

use crate::agent::WorkPlaces;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// How the directories of these tests begin; the process they are of comes next.
const PREFIX: &str = "grange-agent-test-";

/// An empty directory of this test's own, under the system's place for temporary files. Those of
/// test runs that are over go when the next one begins.
pub fn scratch(name: &str) -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    if number == 0 {
        remove_former();
    }
    let dir = std::env::temp_dir().join(format!("{PREFIX}{}-{number}-{name}", std::process::id()));
    if dir.exists() {
        std::fs::remove_dir_all(&dir).unwrap();
    }
    std::fs::create_dir_all(&dir).unwrap();
    dir
}

fn remove_former() {
    for entry in std::fs::read_dir(std::env::temp_dir()).unwrap().flatten() {
        let name = entry.file_name();
        let pid = name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.split('-').next());
        if pid.is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
            // Another run that begins just now removes it as well.
            drop(std::fs::remove_dir_all(entry.path()));
        }
    }
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
