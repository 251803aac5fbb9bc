//! Commands under way, on disk by their process group: what an agent that was killed leaves running
//! the next one ends, since nobody would ever say how it ended.
//!
//! A number of a process is used again, so each is kept with the boot and the moment its process
//! began; a group whose first process is gone is somebody else's by then, or a daemon, and is left
//! alone.

use super::keeper::KnownProcess;
use super::state::{State, number_name, numbers, read, replace};
use nix::errno::Errno;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use std::path::PathBuf;
use std::{fs, io};

/// Process groups of commands under way.
pub struct Groups {
    dir: PathBuf,
}

/// A group that is noted until this is dropped.
pub struct Noted(Option<PathBuf>);

impl Groups {
    /// Ends what an earlier agent left running.
    pub fn open(state: &State) -> io::Result<Groups> {
        let groups = Groups { dir: state.room("commands")? };
        for leader in numbers(&groups.dir)? {
            let path = groups.path(leader);
            let noted = read(&path)?.unwrap_or_default();
            if birth(leader).is_some_and(|birth| birth.as_bytes() == noted) {
                end(leader);
            }
            fs::remove_file(path)?;
        }
        Ok(groups)
    }

    /// Notes the group of a process that leads it. One that the disk does not take is run all the
    /// same.
    pub fn note(&self, leader: u32) -> Noted {
        let path = self.path(u64::from(leader));
        let Some(birth) = birth(u64::from(leader)) else { return Noted(None) };
        match replace(&path, birth.as_bytes()) {
            Ok(()) => Noted(Some(path)),
            Err(error) => {
                tracing::warn!(%error, "a command's process group is not noted");
                Noted(None)
            }
        }
    }

    fn path(&self, leader: u64) -> PathBuf {
        self.dir.join(number_name(leader))
    }
}

impl Drop for Noted {
    fn drop(&mut self) {
        if let Some(path) = &self.0
            && let Err(error) = fs::remove_file(path)
        {
            tracing::warn!(%error, "a command's process group stays noted");
        }
    }
}

/// When a process began. `None` where there is none.
fn birth(process: u64) -> Option<String> {
    Some(KnownProcess::identify(i32::try_from(process).ok()?)?.birth)
}

fn end(leader: u64) {
    let Ok(group) = i32::try_from(leader) else { return };
    tracing::warn!(group, "ending a command that an earlier agent left running");
    let killed = killpg(Pid::from_raw(group), Signal::SIGKILL);
    if !matches!(killed, Ok(()) | Err(Errno::ESRCH)) {
        tracing::warn!(?killed, group, "it cannot be killed");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::tests::scratch;
    use crate::base::ServerId;
    use std::os::unix::process::{CommandExt, ExitStatusExt};
    use std::path::Path;
    use std::process::{Child, Command};
    use std::time::{Duration, Instant};

    fn state(dir: &Path) -> State {
        State::open(dir, ServerId(1), "aa").unwrap()
    }

    fn sleeper() -> Child {
        Command::new("sleep").arg("300").process_group(0).spawn().unwrap()
    }

    #[test]
    fn what_is_left_running_is_ended_and_nothing_else() {
        let dir = scratch("leftover");
        let (mut left, mut other, mut done) = (sleeper(), sleeper(), sleeper());
        {
            let groups = Groups::open(&state(&dir)).unwrap();
            std::mem::forget(groups.note(left.id()));
            // Its number had been another process's, which was noted.
            std::mem::forget(groups.note(other.id()));
            fs::write(groups.path(u64::from(other.id())), "another boot 7").unwrap();
            drop(groups.note(done.id()));
        }
        let groups = Groups::open(&state(&dir)).unwrap();
        let deadline = Instant::now() + Duration::from_secs(20);
        let status = loop {
            if let Some(status) = left.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < deadline, "it is left running");
            std::thread::sleep(Duration::from_millis(5));
        };
        assert_eq!(status.signal(), Some(9));
        for alive in [&mut other, &mut done] {
            assert!(alive.try_wait().unwrap().is_none());
            alive.kill().unwrap();
            alive.wait().unwrap();
        }
        assert_eq!(numbers(&groups.dir).unwrap(), [0; 0], "nothing is noted any more");
        assert!(groups.note(u32::MAX).0.is_none(), "there is no such process");
    }
}
