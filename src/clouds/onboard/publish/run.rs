//! The publisher itself: one thread that follows what is wanted and says how it is.

use super::super::failure::{Doing, Failure};
use super::super::process::Process;
use super::super::record::{read_json, remove_tree, write_json};
use super::port::{PortTraffic, PublishedPort};
use super::{Feed, Report, WANTED_BUILD, feed_path, report_path};
use crate::base::output;
use crate::clouds::publication::{Publication, PublicationKey};
use nix::fcntl::{Flock, FlockArg};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::task::LocalSet;
use tokio::time::sleep;

/// How often it is looked whether something else is wanted: a server that drains gets no new
/// connection from a tenth of a second after the appliance has said so.
const FOLLOW: Duration = Duration::from_millis(100);
/// How often the machine's addresses are looked at, and a port that was taken is tried again.
const LISTEN_AGAIN: Duration = Duration::from_secs(2);
/// The publisher before us lets go of its ports as soon as it sees us wanted.
const LOCK_WITHIN: Duration = Duration::from_secs(10);
/// The state directory is gone when nothing says for so long what is wanted.
const ABANDONED_AFTER: Duration = Duration::from_secs(5);
/// What is still carried for an appliance of another build, or that wants nothing more, may go on
/// for this long.
const DRAIN_MAX: Duration = Duration::from_secs(60 * 60);
/// Connections through one port: with 16 KiB under way in each direction, 128 MiB at the worst.
const CARRIED_MAX: usize = 4096;
/// Files that are no connection: listeners, the log, the runtime's own.
const FILES_RESERVED: u64 = 256;

/// Carries published ports until there is nothing more to do.
pub fn run(state: &Path) -> ExitCode {
    match publish(state) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output::line(failure.line());
            ExitCode::FAILURE
        }
    }
}

fn publish(state: &Path) -> Result<(), Failure> {
    // Away from whoever started us and from its terminal.
    nix::unistd::setsid().doing("starting", "a session")?;
    nix::sys::prctl::set_no_new_privs().doing("giving up", "new privileges")?;
    let files = allow_files();
    let Some(lock) = lock(state)? else { return Ok(()) };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.doing("making", "the runtime")?;
    let process = i32::try_from(std::process::id()).unwrap_or_default();
    let process = Process::identify(process).doing("identifying", "this process")?;
    let publisher = Publisher {
        state: state.to_owned(),
        process,
        files,
        lock: Some(lock),
        ports: BTreeMap::new(),
        draining: Vec::new(),
        said: None,
    };
    LocalSet::new().block_on(&runtime, publisher.follow())
}

/// As many files as we may have; how many that is.
fn allow_files() -> u64 {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return 1024 };
    match setrlimit(Resource::RLIMIT_NOFILE, hard, hard) {
        Ok(()) => hard,
        Err(_) => soft,
    }
}

/// One publisher listens at a time; `None` when another one goes on.
fn lock(state: &Path) -> Result<Option<Flock<File>>, Failure> {
    let path = state.join("publisher.lock");
    let begun = Instant::now();
    loop {
        let mut options = OpenOptions::new();
        let file = options.create(true).truncate(false).write(true).mode(0o600).open(&path);
        let file = file.doing("opening", path.display())?;
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => return Ok(Some(lock)),
            Err(_) if begun.elapsed() < LOCK_WITHIN => std::thread::sleep(FOLLOW),
            Err(_) => return Ok(None),
        }
    }
}

struct Publisher {
    state: PathBuf,
    process: Process,
    files: u64,
    /// Gone once we listen no more.
    lock: Option<Flock<File>>,
    ports: BTreeMap<PublicationKey, PublishedPort>,
    /// What is not published any more and still has something going through it.
    draining: Vec<Rc<PortTraffic>>,
    said: Option<Report>,
}

impl Publisher {
    async fn follow(mut self) -> Result<(), Failure> {
        let mut seen = None;
        let mut told = Instant::now();
        let mut listened: Option<Instant> = None;
        let mut unwanted: Option<Instant> = None;
        let mut replaced = false;
        loop {
            let mark = mark(&feed_path(&self.state));
            if mark.is_some() {
                told = Instant::now();
            } else if told.elapsed() >= ABANDONED_AFTER {
                return Ok(());
            }
            if replaced && self.lock.is_some() {
                // What listened is closed by now. Another one speaks and listens from here on, also
                // where the appliance is of our build again.
                remove_tree(&report_path(&self.state))?;
                self.lock = None;
            }
            if mark.is_some()
                && mark != seen
                && !replaced
                && let Ok(feed) = read_json::<Feed>(&feed_path(&self.state))
            {
                seen = mark;
                listened = None;
                self.take(&feed);
                let idle = self.ports.is_empty();
                unwanted = if idle { unwanted.or(Some(Instant::now())) } else { None };
                replaced = feed.build != WANTED_BUILD;
            }
            if listened.is_none_or(|at| at.elapsed() >= LISTEN_AGAIN) {
                listened = Some(Instant::now());
                self.ports.values_mut().for_each(PublishedPort::listen);
                self.draining.retain(|traffic| !traffic.is_idle());
                self.say();
            }
            let over = unwanted.is_some_and(|since| since.elapsed() >= DRAIN_MAX);
            if over || (unwanted.is_some() && self.draining.iter().all(|traffic| traffic.is_idle()))
            {
                return Ok(());
            }
            sleep(FOLLOW).await;
        }
    }

    /// Takes in what is wanted now; of another build, nothing is.
    fn take(&mut self, feed: &Feed) {
        let ours = feed.build == WANTED_BUILD;
        let wanted: &[Publication] = if ours { &feed.ports } else { &[] };
        let gone = |key: &PublicationKey| !wanted.iter().any(|one| one.key == *key);
        let keys: Vec<PublicationKey> =
            self.ports.keys().filter(|key| gone(key)).cloned().collect();
        for key in keys {
            self.draining.extend(self.ports.remove(&key).map(|port| port.traffic()));
        }
        let most = share(self.files, wanted.len());
        for publication in wanted {
            let key = publication.key.clone();
            let port = self.ports.entry(key.clone()).or_insert_with(|| PublishedPort::new(key));
            port.lead_to(publication, most);
        }
    }

    /// Says how ports are, when that is news; where the disk is full, at the next look. Who no
    /// longer listens has nothing to say: the next one has the file.
    fn say(&mut self) {
        if self.lock.is_none() {
            return;
        }
        let ports = self.ports.values().map(PublishedPort::state).collect();
        let report =
            Report { process: self.process.clone(), build: WANTED_BUILD.to_owned(), ports };
        if self.said.as_ref() == Some(&report) || !feed_path(&self.state).exists() {
            return;
        }
        if write_json(&report_path(&self.state), &report).is_ok() {
            self.said = Some(report);
        }
    }
}

/// What each port may carry of the files there are: a connection takes two.
fn share(files: u64, ports: usize) -> usize {
    let connections = files.saturating_sub(FILES_RESERVED) / 2 / ports.max(1) as u64;
    usize::try_from(connections).unwrap_or(usize::MAX).clamp(1, CARRIED_MAX)
}

/// What changes when a file is written anew: each is another file.
fn mark(path: &Path) -> Option<(u64, i64, i64)> {
    let found = fs::metadata(path).ok()?;
    Some((found.ino(), found.mtime(), found.mtime_nsec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_shared_between_ports() {
        assert_eq!(share(1024, 1), 384);
        assert_eq!(share(1024, 4), 96);
        assert_eq!(share(100, 1), 1);
        assert_eq!(share(1 << 20, 1), CARRIED_MAX);
    }
}
