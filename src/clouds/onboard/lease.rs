//! The right to manage the servers of one tag on this machine: one process has it at a time.
//!
//! A state directory can be copied, moved, mounted twice and restored, and every copy carries the
//! same tag, so nothing in the directory alone says whose the servers are. What says it is
//!
//! - a name on the machine: `<register>/<tag>`, locked for as long as its process lives and
//!   carrying the mark ([`Owner`]) of whoever had it last; it goes with a reboot, as servers do;
//! - a socket name of the network name space, and a lock on the control group: both are the same
//!   in containers that do not share the register and do share what servers are made of;
//! - `owner.json` in the state directory, which names the directory it was written for. Where
//!   that one is still there, ours is a copy; where it is gone, ours was moved.
//!
//! Nothing of a server is touched before all of them are had.

use super::claim::{NameClaim, claim};
use super::failure::{Doing, Failure};
use super::place::Place;
use super::process::wait_until;
use super::record::{make_private, read_json, write_json};
use crate::base::{Clock, WallClock};
use crate::clouds::owner::{Owner, Refusal};
use nix::fcntl::{Flock, FlockArg};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The mark in a state directory.
pub const MARK: &str = "owner.json";

/// How long what a killed process held may take to be let go of.
const LEFT_WITHIN: Duration = Duration::from_secs(2);

/// The held lease; dropping it lets go.
pub struct Lease {
    owner: Owner,
    register: PathBuf,
    _named: File,
    _socket: Option<UnixListener>,
    groups: Mutex<Vec<Flock<File>>>,
}

impl Lease {
    /// Takes the lease for a state directory, given by its canonical path. With `take_over` the
    /// servers of an owner that does not run become ours.
    ///
    /// # Errors
    /// When somebody else has it or is the owner, as [`io::ErrorKind::ResourceBusy`]; when the
    /// register cannot be written.
    pub fn take(state: &Path, place: &Place, take_over: bool) -> Result<Lease, Failure> {
        let register = register();
        make_private(&register)?;
        check_private(&register)?;
        let path = register.join(&place.tag);
        let (mut named, socket, last) = acquire_patiently(&path, &place.tag)?;
        let ours = read_json::<Owner>(&state.join(MARK)).ok();
        let known = [ours.as_ref(), last.as_ref()].into_iter().flatten();
        let other = known.clone().find(|mark| is_elsewhere(mark, state, place));
        if let Some(other) = other.filter(|_| !take_over) {
            return Err(refused(Refusal::Copy(other.clone())));
        }
        let epoch = known.clone().map(|mark| mark.epoch).max().unwrap_or(0);
        let same = known.clone().all(|mark| mark.place == state);
        let owner = Owner {
            tag: place.tag.clone(),
            epoch: if same { epoch.max(1) } else { epoch + 1 },
            place: state.to_owned(),
            pid: i32::try_from(std::process::id()).unwrap_or_default(),
            since: WallClock::new().now(),
        };
        if let Some(other) = other {
            // So that the one it is taken from is refused for good, also after a reboot.
            write_json(&other.place.join(MARK), &owner)?;
        }
        keep_mark(state, &owner, ours.as_ref())?;
        let text = serde_json::to_vec(&owner).doing("encoding", "the mark")?;
        let written = named.set_len(0).and_then(|()| named.seek(SeekFrom::Start(0)));
        written.and_then(|_| named.write_all(&text)).doing("writing", path.display())?;
        let groups = Mutex::new(Vec::new());
        Ok(Lease { owner, register, _named: named, _socket: socket, groups })
    }

    /// Whose mark it is: ours.
    pub fn owner(&self) -> &Owner {
        &self.owner
    }

    /// Takes the groups that hold our servers', too.
    ///
    /// # Errors
    /// When somebody in another container has them, as [`io::ErrorKind::ResourceBusy`].
    pub fn take_groups(&self, groups: &[PathBuf]) -> Result<(), Failure> {
        let mut held = Vec::new();
        for path in groups {
            let file = File::open(path).doing("opening", path.display())?;
            match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
                Ok(lock) => held.push(lock),
                Err((_, nix::errno::Errno::EWOULDBLOCK)) => return Err(refused(Refusal::Unseen)),
                // A kernel that cannot lock a control group tells nothing by it.
                Err((_, errno)) => tracing::debug!(path = %path.display(), %errno, "not locked"),
            }
        }
        *self.groups.lock().unwrap_or_else(PoisonError::into_inner) = held;
        Ok(())
    }

    /// Takes our name off the machine, when nothing of ours is left on it.
    ///
    /// # Errors
    /// When the register cannot be written.
    pub fn forget(&self) -> Result<(), Failure> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner).clear();
        forget(&self.register, &self.owner.tag)
    }
}

/// Writes our mark. On a full disk the one that is there does as well, if only the process and the
/// time in it are of before: servers are to be ended all the same, which makes room.
fn keep_mark(state: &Path, owner: &Owner, known: Option<&Owner>) -> Result<(), Failure> {
    let same =
        known.is_some_and(|known| (known.epoch, &known.place) == (owner.epoch, &owner.place));
    match write_json(&state.join(MARK), owner) {
        Err(failure) if same && failure.source.kind() == io::ErrorKind::StorageFull => {
            tracing::warn!("{MARK} stays as it is: {}", failure.line());
            Ok(())
        }
        other => other,
    }
}

/// What says on the machine that the lease is ours, and the mark of whoever had it before.
type Held = (File, Option<UnixListener>, Option<Owner>);

/// Acquires it. A process that was killed while it started another leaves what it held to that
/// one until it becomes another program, so an owner that is gone is waited for; and so are we
/// ourselves, who may have let go of it while another thread started something.
fn acquire_patiently(path: &Path, tag: &str) -> Result<Held, Failure> {
    let mut taken = acquire(path, tag);
    wait_until(LEFT_WITHIN, || {
        let gone = taken.as_ref().is_ok_and(|held| match held {
            Err(Refusal::Alive(owner)) => {
                let own = i64::from(owner.pid) == i64::from(std::process::id());
                own || !Path::new("/proc").join(owner.pid.to_string()).exists()
            }
            Ok(_) | Err(_) => false,
        });
        if gone {
            taken = acquire(path, tag);
        }
        !gone
    });
    taken?.map_err(refused)
}

fn acquire(path: &Path, tag: &str) -> Result<Result<Held, Refusal>, Failure> {
    let mut named = OpenOptions::new();
    named.read(true).write(true).create(true).truncate(false).mode(0o600);
    let mut named = named.open(path).doing("opening", path.display())?;
    let last = read_mark(&mut named);
    match named.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Ok(Err(last.map_or(Refusal::Unseen, Refusal::Alive)));
        }
        Err(TryLockError::Error(error)) => return Err(error).doing("locking", path.display()),
    }
    Ok(bind_name(tag, last.as_ref())?.map(|socket| (named, socket, last)))
}

/// Takes a name off the register, and the register away when it was the last.
pub fn forget(register: &Path, tag: &str) -> Result<(), Failure> {
    super::record::remove_tree(&register.join(tag))?;
    match fs::remove_dir(register) {
        Ok(()) => Ok(()),
        // Others have names there.
        Err(error) if matches!(error.kind(), io::ErrorKind::DirectoryNotEmpty) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error).doing("removing", register.display()),
    }
}

/// Where the machine's tags are kept until it is switched off: one register for each user.
pub fn register() -> PathBuf {
    if nix::unistd::geteuid().is_root() {
        return PathBuf::from("/run/grange-onboard");
    }
    std::env::temp_dir().join(format!("grange-onboard-{}", nix::unistd::geteuid()))
}

/// The register of an ordinary user lies where anybody may make one of its name.
fn check_private(register: &Path) -> Result<(), Failure> {
    let found = fs::symlink_metadata(register).doing("looking at", register.display())?;
    if found.is_dir() && found.uid() == nix::unistd::geteuid().as_raw() {
        return Ok(());
    }
    let why = "it belongs to somebody else: remove it";
    Err(Failure::new(format!("using {}", register.display()), why))
}

/// Every name of a register: the tag, the last owner's mark, and whether that one lives.
pub fn names(register: &Path) -> Vec<(String, Option<Owner>, bool)> {
    let Ok(entries) = fs::read_dir(register) else { return Vec::new() };
    let mut found = Vec::new();
    for entry in entries.flatten() {
        let Ok(tag) = entry.file_name().into_string() else { continue };
        let Ok(mut file) = File::open(entry.path()) else { continue };
        let alive = matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock));
        found.push((tag, read_mark(&mut file), alive));
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}

/// Holds the name of a tag that nobody has, until the answer is dropped.
///
/// # Errors
/// When its owner lives.
pub fn hold(tag: &str) -> Result<Hold, Failure> {
    check_private(&register())?;
    let (named, socket, _) = acquire_patiently(&register().join(tag), tag)?;
    Ok(Hold { _named: named, _socket: socket })
}

/// A name while it is held.
pub struct Hold {
    _named: File,
    _socket: Option<UnixListener>,
}

/// Whether the place of a mark is there, has this tag and is not this directory by another name.
fn is_elsewhere(mark: &Owner, state: &Path, place: &Place) -> bool {
    let number = |path: &Path| fs::metadata(path).map(|m| (m.dev(), m.ino())).ok();
    let there = number(&mark.place);
    there.is_some() && there != number(state) && has_tag(&mark.place, &place.tag)
}

/// Whether a directory is the state of a tag no more: it is not there, is empty, or another
/// appliance's. One that cannot be looked at may still be.
pub fn is_gone(state: &Path, tag: &str) -> bool {
    match read_json::<Place>(&state.join("onboard.json")) {
        Ok(place) => place.tag != tag,
        Err(failure) if is_missing(&failure.source) => {
            let servers = fs::read_dir(state.join("servers"));
            servers.map_or_else(|e| is_missing(&e), |mut entries| entries.next().is_none())
        }
        Err(_) => false,
    }
}

fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// Whether a directory is the state of a tag.
pub fn has_tag(state: &Path, tag: &str) -> bool {
    read_json::<Place>(&state.join("onboard.json")).is_ok_and(|place| place.tag == tag)
}

fn read_mark(file: &mut File) -> Option<Owner> {
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}

/// Binds the tag's name in this network name space. A stranger who has taken it keeps nobody out:
/// only root and ourselves could manage these servers.
fn bind_name(
    tag: &str,
    last: Option<&Owner>,
) -> Result<Result<Option<UnixListener>, Refusal>, Failure> {
    let pid = match claim(&format!("grange-onboard-{tag}")).doing("taking the name of", tag)? {
        NameClaim::Ours(socket) => return Ok(Ok(Some(socket))),
        NameClaim::Strangers => return Ok(Ok(None)),
        NameClaim::Taken(pid) => pid,
    };
    let known = last.filter(|mark| mark.pid == pid).cloned();
    let seen = known.or_else(|| mark_of(pid));
    Ok(Err(seen.map_or(Refusal::Unseen, Refusal::Alive)))
}

/// The mark of a process, by the register it holds open.
fn mark_of(pid: i32) -> Option<Owner> {
    let files = fs::read_dir(format!("/proc/{pid}/fd")).ok()?.flatten();
    let named =
        |path: PathBuf| fs::read_link(&path).ok().filter(|to| to.parent() == Some(&register()));
    let path = files.map(|entry| entry.path()).find(|path| named(path.clone()).is_some())?;
    read_mark(&mut File::open(path).ok()?)
}

fn refused(refusal: Refusal) -> Failure {
    let source = io::Error::new(io::ErrorKind::ResourceBusy, refusal.to_string());
    Failure { doing: "managing the servers of this machine".to_owned(), source }
}
