//! The state directory: what the agent must still know after a restart.
//!
//! Small files, each replaced whole: written beside, flushed, renamed. Everything is readable for
//! the owner alone, because the key is in here. The directory belongs to one server and one
//! appliance; found with another's (an image made of a running server), it is emptied.

use crate::base::ServerId;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Whose state this is; see [`State::open`].
const OWNER: &str = "owner";

/// The state directory, held by this process alone.
pub struct State {
    dir: PathBuf,
    /// Holds the lock for as long as it lives.
    _lock: File,
}

/// Why there is no state to work with.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// Another agent is at work in it.
    #[error("state directory {0} is held by another agent")]
    Held(PathBuf),
    /// It cannot be made, read or written.
    #[error("preparing the state directory {path}")]
    Io {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Whatever the agent before was just starting has its lock until it is another program.
const LOCK_WITHIN: Duration = Duration::from_millis(500);
/// Between two looks whether the lock is free.
const LOCK_LOOK: Duration = Duration::from_millis(20);

impl State {
    /// Opens or makes the directory and locks it.
    pub fn open(dir: &Path, server: ServerId, ca_fingerprint: &str) -> Result<State, StateError> {
        let failed = |source| StateError::Io { path: dir.to_owned(), source };
        make_dir(dir).map_err(failed)?;
        let lock = private_file(&dir.join("lock")).map_err(failed)?;
        let begun = Instant::now();
        loop {
            match lock.try_lock() {
                Ok(()) => break,
                Err(fs::TryLockError::WouldBlock) if begun.elapsed() < LOCK_WITHIN => {
                    std::thread::sleep(LOCK_LOOK);
                }
                Err(fs::TryLockError::WouldBlock) => return Err(StateError::Held(dir.to_owned())),
                Err(fs::TryLockError::Error(source)) => return Err(failed(source)),
            }
        }
        let state = State { dir: dir.to_owned(), _lock: lock };
        let owner = format!("{server} {ca_fingerprint}\n");
        let found = state.text(OWNER).map_err(failed)?.unwrap_or_default();
        if found != owner {
            // One that cannot be read says nothing: a key that was thrown away with it would lock
            // the server out for good, since its token is bound to that key.
            if is_owner(&found) {
                tracing::warn!("the state of another server was here and is removed");
                state.clear().map_err(failed)?;
            } else if state.dir.join("key.pem").exists() {
                tracing::warn!("whose state this is was missing or damaged: taken for our own");
            }
            state.write(OWNER, owner.as_bytes()).map_err(failed)?;
        }
        Ok(state)
    }

    /// Where it is.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// A directory of its own for one kind of thing.
    pub fn room(&self, name: &str) -> io::Result<PathBuf> {
        let dir = self.dir.join(name);
        make_dir(&dir)?;
        Ok(dir)
    }

    /// A file's bytes, or `None` when there is none.
    pub fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        read(&self.dir.join(name))
    }

    /// A file's text, or `None` when there is none or it is not text.
    pub fn text(&self, name: &str) -> io::Result<Option<String>> {
        Ok(self.read(name)?.and_then(|bytes| String::from_utf8(bytes).ok()))
    }

    /// Replaces a file; it is on the disk when this returns.
    pub fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        replace(&self.dir.join(name), bytes)
    }

    fn clear(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.dir)? {
            let entry = entry?;
            if entry.file_name() == "lock" {
                continue;
            }
            if entry.file_type()?.is_dir() {
                fs::remove_dir_all(entry.path())?;
            } else {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }
}

/// Whether a text says whose a state directory is, whosever.
fn is_owner(text: &str) -> bool {
    let Some((server, fingerprint)) = text.trim_end().split_once(' ') else { return false };
    let is_digit = |c: char| c.is_ascii_hexdigit();
    server.parse::<ServerId>().is_ok()
        && !fingerprint.is_empty()
        && fingerprint.chars().all(is_digit)
}

/// A file's bytes, or `None` when there is none.
pub fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Replaces a private file whole: there is never a half of it, whenever the power goes.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let beside = path.with_extension("new");
    let mut file = private_file(&beside)?;
    file.set_len(0)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    path.parent().map_or(Ok(()), sync_dir)
}

/// The same for what only counts until the machine goes off: it is whole for whoever reads it while
/// the machine runs, and after that it may be missing or damaged. It waits for no disk.
pub fn replace_until_reboot(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let beside = path.with_extension("new");
    let mut file = private_file(&beside)?;
    file.set_len(0)?;
    file.write_all(bytes)?;
    fs::rename(&beside, path)
}

/// Makes the names in a directory durable.
pub fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// Removes a file; one that is not there is removed already.
pub fn remove_file(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Opens a file that only the owner may read, making it where needed.
pub fn private_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)
}

/// The numbers that the names in a directory begin with, ascending; other names are skipped.
pub fn numbers(dir: &Path) -> io::Result<Vec<u64>> {
    let mut numbers = Vec::new();
    for entry in fs::read_dir(dir)? {
        if let Some(number) = entry?.file_name().to_str().and_then(|name| name.parse().ok()) {
            numbers.push(number);
        }
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// A number as a file name, so that names sort as numbers do.
pub fn number_name(number: u64) -> String {
    format!("{number:020}")
}

fn make_dir(dir: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    fs::set_permissions(dir, fs::Permissions::from_mode(0o700))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::tests::scratch;

    #[test]
    fn files_are_private_and_survive_a_reopening() {
        let dir = scratch("state");
        let state = State::open(&dir, ServerId(1), "aa").unwrap();
        state.write("epoch", b"7").unwrap();
        state.write("epoch", b"8").unwrap();
        assert!(matches!(State::open(&dir, ServerId(1), "aa"), Err(StateError::Held(_))));
        drop(state);
        let state = State::open(&dir, ServerId(1), "aa").unwrap();
        assert_eq!(state.text("epoch").unwrap().as_deref(), Some("8"));
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&dir), mode(&dir.join("epoch"))), (0o700, 0o600));
    }

    #[test]
    fn the_state_of_another_server_or_appliance_is_emptied() {
        let check = |server: u128, ca: &str, kept: bool| {
            let dir = scratch("owner");
            let state = State::open(&dir, ServerId(1), "aa").unwrap();
            state.write("key.pem", b"secret").unwrap();
            fs::write(state.room("spool").unwrap().join("1"), b"x").unwrap();
            drop(state);
            let state = State::open(&dir, ServerId(server), ca).unwrap();
            assert_eq!(state.read("key.pem").unwrap().is_some(), kept, "{server} {ca}");
            assert_eq!(dir.join("spool").exists(), kept, "{server} {ca}");
        };
        check(1, "aa", true);
        check(2, "aa", false);
        check(1, "bb", false);
    }
}
