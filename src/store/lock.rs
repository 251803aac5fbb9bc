//! One process per state directory: a locked file that says who holds it.
//!
//! The lock is the kernel's (`flock`), so it ends with its process however that ends; the file
//! stays, because removing it would let two processes lock two files of the same name.
//!
//! A process that is killed while it starts another leaves the lock to that one until it becomes
//! another program (the file is closed on `exec`). So a lock of a process that is gone is waited
//! for; one of a process that lives is refused at once.

use super::error::OpenError;
use crate::base::limit::{STORE_LOCK_PAUSE, STORE_LOCK_TRIES};
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The held lock; dropping it lets go.
pub(super) struct DirectoryLock {
    file: Mutex<File>,
}

impl DirectoryLock {
    /// Makes the directory if it is not there, and takes its lock or says who has it.
    pub fn take(dir: &Path) -> Result<DirectoryLock, OpenError> {
        let run = dir.join("run");
        make_private(dir)?;
        make_private(&run)?;
        let path = run.join("lock");
        let mut file = private_file(&path)?;
        let mut tries = STORE_LOCK_TRIES;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if tries > 0 && holder_is_gone(dir) => {
                    tries -= 1;
                    std::thread::sleep(Duration::from_millis(STORE_LOCK_PAUSE));
                }
                Err(TryLockError::WouldBlock) => return Err(held_by(dir, &mut file)),
                Err(TryLockError::Error(cause)) => {
                    return Err(OpenError::File { doing: "locking", path, cause });
                }
            }
        }
        let lock = DirectoryLock { file: Mutex::new(file) };
        let written = lock.write(&format!("{}\n", std::process::id()));
        written.map_err(|cause| OpenError::File { doing: "writing", path, cause })?;
        Ok(lock)
    }

    /// Adds where this process can be reached, for whoever is refused.
    pub fn announce(&self, socket: &Path) -> std::io::Result<()> {
        self.write(&format!("{}\n{}\n", std::process::id(), socket.display()))
    }

    fn write(&self, text: &str) -> std::io::Result<()> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.set_len(0)?;
        file.seek(SeekFrom::Start(0))?;
        file.write_all(text.as_bytes())
    }
}

/// The process that wrote the lock file of a directory last; it may be gone.
pub fn holder(dir: &Path) -> Option<i32> {
    let text = std::fs::read_to_string(dir.join("run/lock")).ok()?;
    text.lines().next()?.parse().ok()
}

/// Whether whoever wrote the lock file last is no process any more.
fn holder_is_gone(dir: &Path) -> bool {
    holder(dir).is_some_and(|pid| !Path::new("/proc").join(pid.to_string()).exists())
}

/// Who has a directory whose lock file could not be locked.
pub(super) fn held_by(dir: &Path, file: &mut File) -> OpenError {
    let mut text = String::new();
    // Whoever holds it may be writing just now; then we know only that it is held.
    let read = file.read_to_string(&mut text);
    let mut lines = if read.is_ok() { text.lines() } else { "".lines() };
    OpenError::InUse {
        dir: dir.to_owned(),
        pid: lines.next().unwrap_or("of unknown id").to_owned(),
        socket: lines.next().map(PathBuf::from),
    }
}

/// A directory that only its owner enters; one that is there already is left as it is.
fn make_private(dir: &Path) -> Result<(), OpenError> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(dir);
    made.map_err(|cause| OpenError::File { doing: "making", path: dir.to_owned(), cause })
}

/// A file that only its owner reads and writes, opened or made.
pub(super) fn private_file(path: &Path) -> Result<File, OpenError> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    let opened = options.open(path);
    opened.map_err(|cause| OpenError::File { doing: "opening", path: path.to_owned(), cause })
}
