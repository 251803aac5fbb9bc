//! Processes of servers: told apart for certain, waited for, found again.
//!
//! A process id alone is no identity: ids are used again. With its start time and the boot of the
//! machine it is, so that is what is recorded. A zombie counts as dead: whoever inherited it will
//! reap it, and nothing of it runs any more.

use super::record::Isolation;
use crate::base::ServerId;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// One process, for certain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// Its id, in the name space of the appliance.
    pub pid: i32,
    /// When it started, in clock ticks since the machine booted (`/proc/<pid>/stat`, field 22).
    pub started: u64,
    /// The machine's boot.
    pub boot: String,
}

/// What `/proc/<pid>/stat` says (proc_pid_stat(5)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stat {
    state: char,
    started: u64,
}

impl Process {
    /// Identifies a process that is there now.
    ///
    /// # Errors
    /// When there is none with this id.
    pub fn identify(pid: i32) -> io::Result<Process> {
        let stat = stat(pid)?;
        Ok(Process { pid, started: stat.started, boot: boot_id()? })
    }

    /// Whether it runs, sleeps or is stopped; not whether it is a zombie.
    pub fn is_alive(&self) -> bool {
        self.state().is_some()
    }

    /// Whether it was stopped by a signal.
    pub fn is_stopped(&self) -> bool {
        self.state() == Some('T')
    }

    /// Sends a signal; one that is dead is left alone.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn signal(&self, signal: Signal) -> io::Result<()> {
        if !self.is_alive() {
            return Ok(());
        }
        match kill(Pid::from_raw(self.pid), signal) {
            Ok(()) | Err(nix::errno::Errno::ESRCH) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }

    /// What it has open, by name, and where it is.
    pub fn files(&self) -> Vec<PathBuf> {
        let own = format!("/proc/{}", self.pid);
        let open = fs::read_dir(format!("{own}/fd")).into_iter().flatten().flatten();
        let links = open.map(|entry| entry.path()).chain([PathBuf::from(format!("{own}/cwd"))]);
        links.filter_map(|link| fs::read_link(link).ok()).collect()
    }

    /// Waits until it is dead; false when the time is over first.
    pub fn wait(&self, at_most: Duration) -> bool {
        wait_until(at_most, || !self.is_alive())
    }

    fn state(&self) -> Option<char> {
        let stat = stat(self.pid).ok()?;
        let same = stat.started == self.started && boot_id().is_ok_and(|b| b == self.boot);
        (same && !matches!(stat.state, 'Z' | 'X')).then_some(stat.state)
    }
}

/// Looks every 2 ms whether something holds; false when the time is over first.
pub fn wait_until(at_most: Duration, mut holds: impl FnMut() -> bool) -> bool {
    let begun = Instant::now();
    loop {
        if holds() {
            return true;
        }
        if begun.elapsed() >= at_most {
            return false;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// The lowest port this process may listen on: capabilities(7), 10 is to bind any, and
/// `ip_unprivileged_port_start` in ip(7).
pub fn lowest_port() -> u16 {
    if capabilities() & (1 << 10) != 0 {
        return 1;
    }
    let start = fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start");
    start.ok().and_then(|start| start.trim().parse().ok()).unwrap_or(1024).max(1)
}

/// Name spaces need the system-administration and network-administration capabilities (21 and 12
/// in capabilities(7)), which root has, except in most containers.
pub fn best_isolation() -> Isolation {
    let needed = (1u64 << 21) | (1 << 12);
    if capabilities() & needed == needed { Isolation::Namespaces } else { Isolation::Processes }
}

/// What this process may do, a bit for each capability.
pub fn capabilities() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    effective.and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok()).unwrap_or(0)
}

/// Every living process that carries this server and its appliance's tag in its environment,
/// whatever group or parent it has by now: for servers without name spaces, where only processes
/// of the same user can be seen. A copy of the records elsewhere has the same ids, and another tag.
/// One without a tag was started before there were any.
pub fn members(server: ServerId, tag: &str) -> Vec<Process> {
    let marks = ["GRANGE_SERVER", "GRANGE_SERVER_ID"].map(|name| format!("{name}={server}"));
    let owner = format!("GRANGE_OWNER={tag}");
    identify_all(|pid| {
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        let has = |entry: &str| environment.split(|b| *b == 0).any(|e| e == entry.as_bytes());
        let tagged = environment.split(|b| *b == 0).any(|e| e.starts_with(b"GRANGE_OWNER="));
        marks.iter().any(|mark| has(mark)) && (has(&owner) || !tagged)
    })
}

/// Every living process of the servers of a tag, but this one.
pub fn owned(tag: &str) -> Vec<Process> {
    let own = i32::try_from(std::process::id()).unwrap_or_default();
    identify_all(|pid| pid != own && owner_of(pid).as_deref() == Some(tag))
}

/// Every tag whose servers have a process of this user's.
pub fn owners() -> BTreeSet<String> {
    let own = nix::unistd::geteuid().as_raw();
    let is_own = |pid: i32| fs::metadata(format!("/proc/{pid}")).is_ok_and(|m| m.uid() == own);
    let found = identify_all(|pid| is_own(pid) && owner_of(pid).is_some());
    found.iter().filter_map(|process| owner_of(process.pid)).collect()
}

/// The tag of a process that carries all that processes of servers are started with: one mark
/// alone may have come from a shell.
fn owner_of(pid: i32) -> Option<String> {
    let environment = fs::read(format!("/proc/{pid}/environ")).ok()?;
    let value = |name: &str| {
        let entries = environment.split(|byte| *byte == 0);
        let found = entries.filter_map(|entry| std::str::from_utf8(entry).ok());
        let mut values = found.filter_map(|entry| entry.strip_prefix(name)?.strip_prefix('='));
        values.next()
    };
    let is_id = |name: &str| value(name).is_some_and(|id| id.parse::<ServerId>().is_ok());
    if !is_id("GRANGE_SERVER") && !is_id("GRANGE_SERVER_ID") {
        return None;
    }
    value("GRANGE_OWNER").filter(|tag| is_tag(tag)).map(str::to_owned)
}

/// Whether it is what [`super::place`] draws.
fn is_tag(tag: &str) -> bool {
    tag.len() == 6 && tag.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Every living process of the process name space that `init` is pid 1 of, itself included.
pub fn inhabitants(init: &Process) -> Vec<Process> {
    let space = |pid: i32| fs::read_link(format!("/proc/{pid}/ns/pid")).ok();
    let Some(own) = space(init.pid).filter(|_| init.is_alive()) else { return Vec::new() };
    identify_all(|pid| space(pid).as_ref() == Some(&own))
}

fn identify_all(belongs: impl Fn(i32) -> bool) -> Vec<Process> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let pids = entries.flatten().filter_map(|e| e.file_name().to_str()?.parse::<i32>().ok());
    pids.filter(|pid| belongs(*pid))
        .filter_map(|pid| Process::identify(pid).ok())
        .filter(Process::is_alive)
        .collect()
}

fn stat(pid: i32) -> io::Result<Stat> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    parse_stat(&text).ok_or_else(|| io::Error::other("unreadable /proc/<pid>/stat"))
}

/// The name in parentheses may hold anything, parentheses too: fields count from the last one.
fn parse_stat(text: &str) -> Option<Stat> {
    let (_, rest) = text.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace();
    let state = fields.next()?.chars().next()?;
    let started = fields.nth(18)?.parse().ok()?;
    Some(Stat { state, started })
}

/// The machine's boot, a UUID.
///
/// # Errors
/// When `/proc` is not there.
fn boot_id() -> io::Result<String> {
    Ok(fs::read_to_string("/proc/sys/kernel/random/boot_id")?.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stat_is_read_behind_the_name() {
        let text = "7 (a) b (c)) S 1 7 7 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 4242 99 1\n";
        assert_eq!(parse_stat(text), Some(Stat { state: 'S', started: 4242 }));
        assert_eq!(parse_stat("7 (a"), None);
    }

    #[test]
    fn a_reused_id_is_another_process() {
        let me = Process::identify(i32::try_from(std::process::id()).unwrap()).unwrap();
        assert!(me.is_alive() && !me.is_stopped());
        assert!(!Process { started: me.started + 1, ..me.clone() }.is_alive());
        assert!(!Process { boot: "another".to_owned(), ..me }.is_alive());
    }
}
