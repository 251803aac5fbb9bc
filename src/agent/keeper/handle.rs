//! The agent's side of keepers: starts them, reads what they say, tells them to stop.

use super::KEEPER;
use super::spec::{KeeperReport, LOCK, REPORT, SPEC, Spec, load, store};
use crate::agent::state::{private_file, remove_file};
use nix::sys::signal::Signal;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a keeper may take to say that it keeps.
const BEGIN_DEADLINE: Duration = Duration::from_secs(20);
/// What a keeper may take to stop beyond what its command may.
const STOP_RESERVE: Duration = Duration::from_secs(15);
const LOOK: Duration = Duration::from_millis(5);

/// Keepers and what they keep, each in a directory of its own.
pub struct Keepers {
    dir: PathBuf,
    /// The program whose stages keepers are.
    program: PathBuf,
    /// Those that this process started, to be reaped.
    children: Vec<Child>,
}

/// Why a keeper does not keep.
#[derive(Debug, thiserror::Error)]
pub enum KeeperError {
    /// Its directory cannot be written, or no process can be made.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It ended, or said nothing.
    #[error("its keeper {0}")]
    Keeper(String),
}

impl Keepers {
    /// Keepers whose directories are in `dir`.
    pub fn new(dir: PathBuf, program: PathBuf) -> Keepers {
        Keepers { dir, program, children: Vec::new() }
    }

    /// What is said of one; `None` if it never began, or was forgotten.
    pub fn report(&self, name: &str) -> Option<KeeperReport> {
        load(&self.dir.join(name), REPORT).ok().flatten()
    }

    /// What it was told to keep.
    pub fn spec(&self, name: &str) -> Option<Spec> {
        load(&self.dir.join(name), SPEC).ok().flatten()
    }

    /// Whether it has a keeper that lives.
    pub fn is_kept(&self, name: &str) -> bool {
        let Ok(lock) = private_file(&self.dir.join(name).join(LOCK)) else { return false };
        // Shared, so that two who ask are not in each other's way.
        matches!(lock.try_lock_shared(), Err(fs::TryLockError::WouldBlock))
    }

    /// Names of all that were begun and not forgotten.
    pub fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.dir).into_iter().flatten().flatten();
        let mut names: Vec<String> =
            entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.sort();
        names
    }

    /// Has something kept. What only runs once and has begun before is not begun again; its report
    /// says how it ended.
    pub fn begin(&mut self, name: &str, spec: &Spec) -> Result<(), KeeperError> {
        self.reap();
        let dir = self.dir.join(name);
        DirBuilder::new().recursive(true).mode(0o700).create(&dir)?;
        if self.spec(name).as_ref() != Some(spec) {
            store(&dir, SPEC, spec)?;
        }
        let mut child = Command::new(&self.program)
            .arg0("grange-agent")
            .arg(KEEPER)
            .arg(&dir)
            .current_dir("/")
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let said = self.hear_from(name, &mut child);
        self.children.push(child);
        said
    }

    fn hear_from(&self, name: &str, child: &mut Child) -> Result<(), KeeperError> {
        let pid = i32::try_from(child.id()).map_err(io::Error::other)?;
        let deadline = Instant::now() + BEGIN_DEADLINE;
        loop {
            let ended = child.try_wait()?;
            if self.report(name).is_some_and(|report| report.keeper.pid == pid) {
                return Ok(());
            }
            if let Some(status) = ended {
                // One that was there first keeps it.
                return match self.is_kept(name) {
                    true => Ok(()),
                    false => Err(KeeperError::Keeper(format!("ended: {status}"))),
                };
            }
            if Instant::now() >= deadline {
                return Err(KeeperError::Keeper("does not say that it keeps".to_owned()));
            }
            std::thread::sleep(LOOK);
        }
    }

    /// Tells what is kept to read its files again.
    pub fn reload(&self, name: &str) -> io::Result<()> {
        self.signal(name, Signal::SIGHUP)
    }

    /// Tells a keeper to stop what it keeps; [`Keepers::wait`] waits for that.
    pub fn stop(&self, name: &str) -> io::Result<()> {
        self.signal(name, Signal::SIGTERM)
    }

    /// Waits until a keeper that was told to stop is gone; one that does not go is killed.
    pub fn wait(&mut self, name: &str) -> io::Result<()> {
        let within = self.spec(name).map_or(0, |spec| spec.stop.within_ms);
        let deadline = Instant::now() + Duration::from_millis(within) + STOP_RESERVE;
        while self.is_kept(name) {
            self.reap();
            if Instant::now() >= deadline {
                tracing::warn!(name, "a keeper does not stop and is killed");
                self.signal(name, Signal::SIGKILL)?;
            }
            std::thread::sleep(LOOK);
        }
        Ok(())
    }

    /// Forgets one that is not kept any more.
    pub fn forget(&self, name: &str) -> io::Result<()> {
        remove(&self.dir.join(name))
    }

    /// Forgets how one ended, so that it can begin anew.
    pub fn forget_report(&self, name: &str) -> io::Result<()> {
        remove_file(&self.dir.join(name).join(REPORT))
    }

    /// Forgets what one was told, which may be secret, and not how it ended.
    pub fn forget_spec(&self, name: &str) -> io::Result<()> {
        remove_file(&self.dir.join(name).join(SPEC))
    }

    fn signal(&self, name: &str, signal: Signal) -> io::Result<()> {
        match self.report(name).filter(|_| self.is_kept(name)) {
            Some(report) => report.keeper.signal(signal),
            None => Ok(()),
        }
    }

    /// Reaps keepers that have ended.
    pub fn reap(&mut self) {
        self.children.retain_mut(|child| matches!(child.try_wait(), Ok(None)));
    }
}

fn remove(dir: &Path) -> io::Result<()> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
