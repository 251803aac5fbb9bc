//! One process for certain: numbers of processes are used again, so each is kept with the boot of
//! the machine and the moment it began.

use crate::agent::collect::process_stat;
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};
use std::{fs, io};

/// A process that no later one can be taken for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KnownProcess {
    /// Its number, which others have after it.
    pub pid: i32,
    /// When it began: the boot, and the ticks since then.
    pub birth: String,
}

impl KnownProcess {
    /// The one that has this number now.
    pub fn identify(pid: i32) -> Option<KnownProcess> {
        Some(KnownProcess { pid, birth: birth(pid)? })
    }

    /// The process that asks.
    pub fn own() -> io::Result<KnownProcess> {
        let pid = i32::try_from(std::process::id()).map_err(io::Error::other)?;
        KnownProcess::identify(pid)
            .ok_or_else(|| io::Error::other("/proc does not tell of processes"))
    }

    /// Whether it is there; one that only waits to be reaped is not.
    pub fn is_alive(&self) -> bool {
        birth(self.pid).is_some_and(|birth| birth == self.birth)
    }

    /// Sends it a signal, if it is still there.
    pub fn signal(&self, signal: Signal) -> io::Result<()> {
        if !self.is_alive() {
            return Ok(());
        }
        known_gone(kill(Pid::from_raw(self.pid), signal))
    }

    /// Whether it began since the machine did.
    pub fn is_of_this_boot(&self) -> bool {
        boot().is_some_and(|boot| self.birth.starts_with(&boot))
    }
}

/// One that is gone needs no signal.
pub fn known_gone(sent: nix::Result<()>) -> io::Result<()> {
    match sent {
        Ok(()) | Err(Errno::ESRCH) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

/// When a process began: this boot, and the ticks since then. `None` where there is none.
fn birth(pid: i32) -> Option<String> {
    let boot = boot()?;
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let stat = process_stat(&stat)?;
    if matches!(stat.state, 'Z' | 'X') {
        return None;
    }
    Some(format!("{boot} {}", stat.start_ticks))
}

fn boot() -> Option<String> {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(boot.trim().to_owned())
}
