//! Published ports: ports of the machine that lead to servers on it.
//!
//! A process of its own carries them, the *publisher*: the same binary, started as `grange
//! onboard-init publish <state>`. Connections are copied in user space, so that the machine's
//! packet filters, whoever wrote them, do not matter, and so that it is the same for root and for
//! an ordinary user. It outlives the appliance: `serve` may be killed or replaced, and what people
//! download goes on.
//!
//! ```text
//! <state>/publish.json      what is wanted: written whole by the appliance when it changes
//! <state>/published.json    how it is: written whole by the publisher when it changes
//! <state>/publisher.lock    held by the publisher that listens
//! <state>/publisher.log     what it could not say elsewhere
//! ```
//!
//! - [`run`]: the publisher's loop: follows the one file, writes the other, ends when there is
//!   nothing left to do.
//! - [`port`]: one published port: where it leads, its listeners, who has how many connections.
//! - [`stream`] and [`datagram`]: what goes through it. [`addresses`]: the machine's own.
//!
//! Each address of the machine has a listener of its own instead of one for all: a server of an
//! ordinary user listens on the loopback range itself, and one port cannot be had both at every
//! address and at one.
//!
//! A publisher of another build than the appliance's stops listening, lets what it carries end, and
//! goes ([`WANTED_BUILD`] is in the file); the new one listens as soon as the old one has let go.
//!
//! Not here: who is ready, which only the appliance knows. Between two words of it, a server that
//! refuses a connection is passed over for the next.

mod addresses;
mod datagram;
mod port;
mod run;
mod stream;

pub use run::run;

use super::failure::{Doing, Failure};
use super::process::Process;
use super::record::{Shelf, read_json, remove_tree, write_json};
use crate::base::FarmRoleId;
use crate::clouds::publication::{Publication, Published};
use nix::sys::signal::Signal;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Who has the port that servers ask names of: no farm role's number.
pub const RESOLVER: FarmRoleId = FarmRoleId(0);
/// What a publisher has to be of, to serve an appliance of ours.
const WANTED_BUILD: &str = env!("CARGO_PKG_VERSION");
/// Between two starts of a publisher that does not stay.
const START_AGAIN: Duration = Duration::from_secs(2);
/// A publisher wakes ten times a second; one that did not for so long carries nothing.
const SILENT_AFTER: Duration = Duration::from_secs(10);
/// How long people are told that one was replaced.
const REPLACED_TOLD_FOR: Duration = Duration::from_secs(600);
/// A killed process dies when its system call returns.
const DEATH: Duration = Duration::from_secs(10);

/// What is wanted of the publisher.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Feed {
    /// The build of the publisher that is to do it.
    build: String,
    /// Every port that is to be open, with where it leads.
    ports: Vec<Publication>,
}

/// How the publisher's ports are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Report {
    /// Who says so: worth nothing when it is dead.
    process: Process,
    /// What it was built as: another build's word is not for us.
    build: String,
    /// Every port it was told of.
    ports: Vec<Published>,
}

fn feed_path(state: &Path) -> PathBuf {
    state.join("publish.json")
}

fn report_path(state: &Path) -> PathBuf {
    state.join("published.json")
}

/// The appliance's side: what it last told the publisher, and the one it started.
#[derive(Default)]
pub struct Publisher {
    inner: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// What the file says, once it was written or read.
    told: Option<Feed>,
    /// The one we started, so that it is reaped.
    child: Option<Child>,
    started: Option<Instant>,
    /// Whose report there was at the last look, and its last sign of life.
    beat: Option<Beat>,
    /// When one was replaced, and why.
    replaced: Option<(Instant, String)>,
}

/// A publisher's sign of life: how often it went to sleep by itself (proc_pid_status(5)). It needs
/// no word of it and no write to a disk, and stands still where it is stopped or hangs.
struct Beat {
    process: Process,
    sleeps: u64,
    at: Instant,
}

fn sleeps_of(process: &Process) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.pid)).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"))?;
    line.trim().parse().ok()
}

impl Publisher {
    /// Tells the publisher what is wanted, starts one where there is none, and says how each port
    /// is by its last word.
    ///
    /// # Errors
    /// When it cannot be told or started.
    pub fn publish(
        &self,
        shelf: &Shelf,
        executable: &Path,
        tag: &str,
        wanted: &[Publication],
    ) -> Result<Vec<Published>, Failure> {
        let state = &shelf.state;
        let mut known = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        known.reap();
        let feed = Feed { build: WANTED_BUILD.to_owned(), ports: wanted.to_vec() };
        if wanted.is_empty() && !feed_path(state).exists() {
            return Ok(Vec::new());
        }
        // The file may be gone though we wrote it: then it is said once more.
        if known.told.as_ref() != Some(&feed) || !feed_path(state).exists() {
            write_json(&feed_path(state), &feed)?;
            known.told = Some(feed);
        }
        let report = read_json::<Report>(&report_path(state)).ok();
        let report = report.filter(|report| report.process.is_alive());
        let report = report.filter(|report| report.build == WANTED_BUILD);
        let report = report.filter(|report| known.lives(&report.process));
        if report.is_none() && !wanted.is_empty() {
            known.lose();
            known.start(state, executable, tag)?;
        }
        Ok(report.map(|report| report.ports).unwrap_or_default())
    }

    /// What is to be told of one that was replaced lately.
    pub fn notice(&self) -> Option<String> {
        let mut known = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        known.replaced.take_if(|(at, _)| at.elapsed() > REPLACED_TOLD_FOR);
        known.replaced.as_ref().map(|(_, why)| why.clone())
    }
}

impl Known {
    fn reap(&mut self) {
        if self.child.as_mut().is_some_and(|child| !matches!(child.try_wait(), Ok(None))) {
            self.child = None;
        }
    }

    /// Whether a publisher goes on; one that has stood still for too long is ended.
    fn lives(&mut self, process: &Process) -> bool {
        // One whose end is just being seen says nothing.
        let Some(sleeps) = sleeps_of(process) else { return true };
        match &mut self.beat {
            Some(beat) if beat.process == *process && beat.sleeps == sleeps => {
                if beat.at.elapsed() < SILENT_AFTER {
                    return true;
                }
                let stopped = if process.is_stopped() { "was stopped" } else { "hung" };
                let after = SILENT_AFTER.as_secs();
                self.beat = None;
                self.tell(format!("what carries published ports {stopped} for {after} s"));
                if let Err(error) = process.signal(Signal::SIGKILL) {
                    tracing::warn!(pid = process.pid, %error, "cannot end the publisher");
                }
                false
            }
            beat => {
                *beat = Some(Beat { process: process.clone(), sleeps, at: Instant::now() });
                true
            }
        }
    }

    /// There was one, and there is none any more.
    fn lose(&mut self) {
        if let Some(Beat { process, .. }) = self.beat.take()
            && !process.is_alive()
        {
            self.tell("what carries published ports was ended by somebody else".to_owned());
        }
    }

    fn tell(&mut self, why: String) {
        tracing::warn!(%why, "it is started anew; connections that it carried are cut");
        let text = format!(
            "{why}, and was started anew within the last 10 m; connections that it carried were cut"
        );
        self.replaced = Some((Instant::now(), text));
    }

    fn start(&mut self, state: &Path, executable: &Path, tag: &str) -> Result<(), Failure> {
        // One that was just started waits for the one before it, or reads its file.
        let rested = self.started.is_none_or(|started| started.elapsed() >= START_AGAIN);
        if self.child.is_some() || !rested {
            return Ok(());
        }
        let log = state.join("publisher.log");
        let log = File::create(&log).doing("creating", log.display())?;
        let child = Command::new(executable)
            .args(["onboard-init", "publish"])
            .arg(state)
            .env_clear()
            .env("GRANGE_OWNER", tag)
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .doing("starting", executable.display())?;
        self.child = Some(child);
        self.started = Some(Instant::now());
        Ok(())
    }
}

/// Ends the publisher of a state directory with everything it carries, and takes its files away.
///
/// # Errors
/// When it stays, or a file does.
pub fn end(state: &Path) -> Result<(), Failure> {
    // Whoever is about to listen finds nothing to listen for.
    remove_tree(&feed_path(state))?;
    if let Ok(Report { process, .. }) = read_json(&report_path(state)) {
        process.signal(Signal::SIGKILL).doing("ending", "the publisher")?;
        if !process.wait(DEATH) {
            return Err(Failure::new("ending the publisher", "it is still there"));
        }
    }
    remove_tree(&report_path(state))
}
