//! Files of a role at their places: within the server's own root, whole or not at all.
//!
//! A path is walked directory by directory, each opened from the one before, so that nobody can
//! exchange one meanwhile. A link on the way is followed where root or the agent's own user made
//! it: one that a service's user made could lead anywhere. Where the server's root is a directory
//! of the machine's, what lies outside of it is refused, but for the data volumes that its links
//! lead to.

use crate::agent::keeper::find_user;
use nix::errno::Errno;
use nix::fcntl::{OFlag, openat, readlinkat, renameat};
use nix::sys::stat::{FileStat, Mode, SFlag, fchmod, fstat, mkdirat};
use nix::unistd::{Gid, Uid, UnlinkatFlags, fchown, geteuid, unlinkat};
use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::{Component, Path, PathBuf};

/// Links on one way: as many as the kernel follows.
const LINKS_MAX: usize = 40;
/// Ends the name of a file that is not in place yet.
const BESIDE: &str = ".grange-new";

/// What the server calls `/`.
pub struct Root {
    home: PathBuf,
    /// Directories outside of it that its links may lead to.
    beyond: Vec<PathBuf>,
}

/// Where one file goes.
pub struct Spot {
    dir: OwnedFd,
    name: OsString,
    path: PathBuf,
}

impl Root {
    /// The root of a server whose data volumes are mounted, or linked to, at `mounts`.
    pub fn new(home: &Path, mounts: &[String]) -> Root {
        let home = fs::canonicalize(home).unwrap_or_else(|_| home.to_owned());
        let beyond = mounts
            .iter()
            .filter_map(|mount| fs::canonicalize(home.join(mount.trim_start_matches('/'))).ok());
        Root { beyond: beyond.collect(), home }
    }

    /// A path of the server as the machine calls it.
    pub fn path(&self, path: &str) -> PathBuf {
        self.home.join(path.trim_start_matches('/'))
    }

    /// Where a file goes; the directories above it are made.
    pub fn spot(&self, path: &str) -> io::Result<Spot> {
        let (above, name) = parts(path)?;
        let mut dir = open_dir(&self.home)?;
        let mut way: VecDeque<OsString> = above.into();
        let mut links = 0;
        while let Some(next) = way.pop_front() {
            match self.enter(&dir, &next)? {
                Entered::Dir(entered) => dir = entered,
                Entered::Link(target) => {
                    links += 1;
                    if links > LINKS_MAX {
                        return Err(Errno::ELOOP.into());
                    }
                    if target.is_absolute() {
                        dir = open_dir(Path::new("/"))?;
                    }
                    for part in target.components().rev() {
                        match part {
                            Component::Normal(part) => way.push_front(part.to_owned()),
                            Component::ParentDir => way.push_front("..".into()),
                            _ => {}
                        }
                    }
                }
            }
        }
        self.holds(&dir)?;
        Ok(Spot { dir, name, path: self.path(path) })
    }

    fn enter(&self, dir: &OwnedFd, name: &OsStr) -> io::Result<Entered> {
        let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let entered = match openat(dir, name, flags, Mode::empty()) {
            Ok(entered) => entered,
            Err(Errno::ENOENT) => {
                self.holds(dir)?;
                let made = mkdirat(dir, name, Mode::from_bits_truncate(0o755));
                made.or_else(|errno| if errno == Errno::EEXIST { Ok(()) } else { Err(errno) })?;
                sync(dir)?;
                openat(dir, name, flags, Mode::empty())?
            }
            Err(errno) => return Err(errno.into()),
        };
        let stat = fstat(&entered)?;
        if is(&stat, SFlag::S_IFLNK) {
            if ![0, geteuid().as_raw()].contains(&stat.st_uid) {
                let whose = stat.st_uid;
                let what = format!("{} on its way is a link of user {whose}", name.display());
                return Err(io::Error::other(what));
            }
            return Ok(Entered::Link(readlinkat(dir, name)?.into()));
        }
        if !is(&stat, SFlag::S_IFDIR) {
            return Err(io::Error::other(format!("{} is not a directory", name.display())));
        }
        Ok(Entered::Dir(entered))
    }

    /// Refuses a directory outside of the server's root.
    fn holds(&self, dir: &OwnedFd) -> io::Result<()> {
        let place = fs::read_link(format!("/proc/self/fd/{}", dir.as_raw_fd()))?;
        let allowed = [&self.home].into_iter().chain(&self.beyond);
        if allowed.into_iter().any(|root| place.starts_with(root)) {
            return Ok(());
        }
        Err(io::Error::other(format!("a link leads out of the server, to {}", place.display())))
    }
}

enum Entered {
    Dir(OwnedFd),
    Link(PathBuf),
}

/// What a file is to be.
pub struct Wanted<'a> {
    /// Its content.
    pub content: &'a [u8],
    /// Its permission bits, at most `0o7777`.
    pub mode: u32,
    /// Its user and group.
    pub owner: (Uid, Gid),
}

/// The user and group of an owner's name; the agent's own where there is none.
pub fn owner_of(name: Option<&str>) -> io::Result<(Uid, Gid)> {
    let Some(name) = name else { return Ok((geteuid(), nix::unistd::getegid())) };
    let user = find_user(name).map_err(io::Error::other)?;
    Ok((Uid::from_raw(user.uid), Gid::from_raw(user.gid)))
}

impl Spot {
    /// What is beside it until it is put in place.
    pub fn beside(&self) -> PathBuf {
        self.path.with_file_name(self.beside_name())
    }

    fn beside_name(&self) -> OsString {
        let mut name = self.name.clone();
        name.push(BESIDE);
        name
    }

    /// Whether it is in place already, with content, mode and owner.
    pub fn has(&self, wanted: &Wanted<'_>) -> io::Result<bool> {
        let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
        let file = match openat(&self.dir, self.name.as_os_str(), flags, Mode::empty()) {
            Ok(file) => file,
            // A link, or a socket: it gives way.
            Err(Errno::ENOENT | Errno::ELOOP | Errno::ENXIO) => return Ok(false),
            Err(errno) => return Err(errno.into()),
        };
        let stat = fstat(&file)?;
        if is(&stat, SFlag::S_IFDIR) {
            return Err(Errno::EISDIR.into());
        }
        let same = is(&stat, SFlag::S_IFREG)
            && stat.st_mode & 0o7777 == wanted.mode
            && (stat.st_uid, stat.st_gid) == (wanted.owner.0.as_raw(), wanted.owner.1.as_raw())
            && u64::try_from(stat.st_size).is_ok_and(|size| size == wanted.content.len() as u64);
        if !same {
            return Ok(false);
        }
        let mut content = Vec::new();
        File::from(file).take(wanted.content.len() as u64 + 1).read_to_end(&mut content)?;
        Ok(content == wanted.content)
    }

    /// Writes the new file beside its place, whole and on the disk.
    pub fn write_beside(&self, wanted: &Wanted<'_>) -> io::Result<()> {
        self.discard()?;
        let flags =
            OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let mode = Mode::from_bits_truncate(0o600);
        let file = openat(&self.dir, self.beside_name().as_os_str(), flags, mode)?;
        let mut file = File::from(file);
        file.write_all(wanted.content)?;
        let (uid, gid) = wanted.owner;
        let stat = fstat(&file)?;
        if (stat.st_uid, stat.st_gid) != (uid.as_raw(), gid.as_raw()) {
            fchown(&file, Some(uid), Some(gid))?;
        }
        // After the owner, whose change takes the bits of other users' rights away.
        fchmod(&file, Mode::from_bits_truncate(wanted.mode))?;
        file.sync_all()
    }

    /// Puts it in place, in one step, whatever was there.
    pub fn put(&self) -> io::Result<()> {
        let beside = self.beside_name();
        renameat(&self.dir, beside.as_os_str(), &self.dir, self.name.as_os_str())?;
        sync(&self.dir)
    }

    /// Removes what is beside it.
    pub fn discard(&self) -> io::Result<()> {
        self.unlink(&self.beside_name())
    }

    /// Removes it.
    pub fn remove(&self) -> io::Result<()> {
        self.unlink(&self.name)?;
        sync(&self.dir)
    }

    fn unlink(&self, name: &OsStr) -> io::Result<()> {
        match unlinkat(&self.dir, name, UnlinkatFlags::NoRemoveDir) {
            Ok(()) | Err(Errno::ENOENT) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }
}

/// The directories of a path, and its name.
fn parts(path: &str) -> io::Result<(Vec<OsString>, OsString)> {
    let wrong = |what: &str| Err(io::Error::new(io::ErrorKind::InvalidInput, what));
    let Some(rest) = path.strip_prefix('/') else { return wrong("it is not an absolute path") };
    if path.contains('\0') || path.ends_with('/') {
        return wrong("it is not the path of a file");
    }
    let mut names = Vec::new();
    for part in rest.split('/').filter(|part| !matches!(*part, "" | ".")) {
        if part == ".." {
            return wrong("it has .. in it");
        }
        names.push(OsString::from(part));
    }
    match names.pop() {
        Some(name) => Ok((names, name)),
        None => wrong("it is not the path of a file"),
    }
}

fn open_dir(path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    Ok(nix::fcntl::open(path, flags, Mode::empty())?)
}

/// Makes the names in a directory durable.
fn sync(dir: &OwnedFd) -> io::Result<()> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    File::from(openat(dir.as_fd(), ".", flags, Mode::empty())?).sync_all()
}

fn is(stat: &FileStat, kind: SFlag) -> bool {
    SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT == kind
}
