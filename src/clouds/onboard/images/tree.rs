//! Placing the entries of archives in one root file system, and nothing outside it.
//!
//! Every path is resolved by the kernel as if the tree were `/` (`openat2` with `RESOLVE_IN_ROOT`):
//! a link in it that says `/etc` or `../../etc` leads to the tree's own `etc`, as it will for who
//! runs in it, and never out. The directory an entry goes to is opened so, once, and the entry is
//! made through that handle by its last name alone, never over what is there: that is taken away
//! first. What was a directory is moved aside rather than removed, and goes with the import's own
//! directory.

use super::archive::{ArchiveEntry, ArchiveEntryKind, shown};
use super::failure::{ImageFailure, ImportResult, refuse};
use crate::base::limit::{IMAGE_BYTES_MAX, IMAGE_DEPTH_MAX, IMAGE_ENTRIES_MAX, IMAGE_SPARED_BYTES};
use crate::clouds::onboard::failure::{Doing, Failure};
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, OpenHow, ResolveFlag, openat, openat2, renameat};
use nix::sys::stat::{FileStat, Mode, SFlag, fchmod, fstatat, mkdirat};
use nix::sys::statvfs::fstatvfs;
use nix::unistd::{
    Gid, Uid, UnlinkatFlags, fchown, fchownat, linkat, mkfifoat, symlinkat, unlinkat,
};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

/// Bytes written between two looks at how full the disk is.
const LOOK_BYTES: u64 = 64 << 20;
/// Longest name of a file on Linux.
const NAME_BYTES_MAX: usize = 255;

/// What an archive may come to.
#[derive(Clone, Copy, Debug)]
pub struct TreeBounds {
    /// Bytes of all files, holes too.
    pub bytes: u64,
    /// Entries, those of lower layers too.
    pub entries: u64,
    /// Directories within each other.
    pub depth: usize,
    /// Bytes that stay free on the disk.
    pub spared_bytes: u64,
}

impl Default for TreeBounds {
    fn default() -> TreeBounds {
        TreeBounds {
            bytes: IMAGE_BYTES_MAX,
            entries: IMAGE_ENTRIES_MAX,
            depth: IMAGE_DEPTH_MAX,
            spared_bytes: IMAGE_SPARED_BYTES,
        }
    }
}

/// A root file system that is being made.
pub struct TreeBuilder {
    root: OwnedFd,
    /// Where what is replaced goes.
    aside: OwnedFd,
    moved: u64,
    bounds: TreeBounds,
    bytes: u64,
    entries: u64,
    looked_at: u64,
    /// Whether files get the owners that the archive says: only root can do that.
    keeps_owners: bool,
    /// Device nodes that were left out.
    pub devices: u64,
}

/// A place in the tree: the directory, open, and the name in it.
struct Spot {
    directory: OwnedFd,
    name: Vec<u8>,
}

impl Spot {
    fn name(&self) -> &OsStr {
        OsStr::from_bytes(&self.name)
    }
}

impl TreeBuilder {
    /// Begins with an empty tree in `tree`, beside `aside`.
    pub fn begin(tree: &Path, aside: &Path, bounds: TreeBounds) -> Result<TreeBuilder, Failure> {
        let open = |path: &Path| {
            fs::create_dir(path).doing("making", path.display())?;
            File::open(path).map(OwnedFd::from).doing("opening", path.display())
        };
        let root = open(tree)?;
        fchmod(&root, Mode::from_bits_truncate(0o755)).doing("opening", tree.display())?;
        Ok(TreeBuilder {
            root,
            aside: open(aside)?,
            moved: 0,
            bounds,
            bytes: 0,
            entries: 0,
            looked_at: 0,
            keeps_owners: Uid::effective().is_root(),
            devices: 0,
        })
    }

    /// Places an entry, whose content comes from `content`.
    pub fn place(&mut self, entry: &ArchiveEntry, content: &mut dyn Read) -> ImportResult<()> {
        self.entries += 1;
        if self.entries > self.bounds.entries {
            return refuse(format!("it has more than {} entries", self.bounds.entries));
        }
        let name = shown(&entry.path);
        let path = self.clean(&entry.path)?;
        if path.is_empty() {
            return match entry.kind {
                ArchiveEntryKind::Directory => self.dress_directory(&self.root, entry, &name),
                _ => {
                    refuse(format!("{name}: this is the root directory, and it is said to be none"))
                }
            };
        }
        if entry.kind == ArchiveEntryKind::Device {
            // Servers have a /dev of their own, and no other device is theirs.
            self.devices += 1;
            return Ok(());
        }
        let spot = self.spot(&path, &name)?;
        match &entry.kind {
            ArchiveEntryKind::Directory => self.directory(&spot, entry, &name),
            ArchiveEntryKind::File(length) => {
                self.file(&spot, entry, *length, &[(0, *length)], content, &name)
            }
            ArchiveEntryKind::Sparse { length, extents } => {
                self.file(&spot, entry, *length, extents, content, &name)
            }
            ArchiveEntryKind::SymbolicLink(text) => {
                self.clear(&spot, &name)?;
                let made = symlinkat(text.as_slice(), &spot.directory, spot.name.as_slice());
                made.map_err(|errno| told(errno, &name))?;
                self.own(&spot, entry, &name)
            }
            ArchiveEntryKind::HardLink(to) => self.hard_link(&spot, to, &name),
            ArchiveEntryKind::Pipe => {
                self.clear(&spot, &name)?;
                let mode = Mode::from_bits_truncate(entry.mode & 0o777);
                let made = mkfifoat(&spot.directory, spot.name.as_slice(), mode);
                made.map_err(|errno| told(errno, &name))?;
                self.own(&spot, entry, &name)
            }
            ArchiveEntryKind::Device => Ok(()),
        }
    }

    /// Takes away what a layer says is gone: `.wh.name` is one thing in its directory,
    /// `.wh..wh..opq` everything in its directory.
    pub fn white_out(&mut self, path: &[u8]) -> ImportResult<()> {
        let name = shown(path);
        let mut path = self.clean(path)?;
        let last = path.pop().unwrap_or_default();
        let Some(directory) = self.existing(&path, &name)? else { return Ok(()) };
        if last == OPAQUE {
            for name in names_in(&directory, &name)? {
                let directory = directory.try_clone().doing("opening", "a directory")?;
                self.clear(&Spot { directory, name }, &shown(path.last().map_or(b"/", |n| n)))?;
            }
            return Ok(());
        }
        let hidden = last.strip_prefix(WHITEOUT).unwrap_or_default();
        if matches!(hidden, b"" | b"." | b"..") {
            return refuse(format!("{name}: it hides nothing"));
        }
        self.clear(&Spot { directory, name: hidden.to_vec() }, &name)
    }

    /// Bytes of all files and number of all entries that were placed.
    pub fn placed(&self) -> (u64, u64) {
        (self.bytes, self.entries)
    }

    /// The parts of a path below the root. A leading `/` is the root's; `..` is nobody's.
    fn clean(&self, path: &[u8]) -> ImportResult<Vec<Vec<u8>>> {
        let parts = path.split(|byte| *byte == b'/').filter(|part| !matches!(*part, b"" | b"."));
        let parts: Vec<Vec<u8>> = parts.map(<[u8]>::to_vec).collect();
        let name = shown(path);
        if parts.iter().any(|part| part == b"..") {
            return refuse(format!("{name}: its name leads upwards"));
        }
        if parts.iter().any(|part| part.len() > NAME_BYTES_MAX) {
            return refuse(format!("{name}: a name of more than {NAME_BYTES_MAX} bytes"));
        }
        if parts.len() > self.bounds.depth {
            return refuse(format!("{name}: more than {} directories deep", self.bounds.depth));
        }
        Ok(parts)
    }

    /// Where an entry goes; directories on the way that no entry said are made.
    fn spot(&self, path: &[Vec<u8>], name: &str) -> ImportResult<Spot> {
        let (last, above) = path.split_last().map_or((&[][..], path), |(l, a)| (l.as_slice(), a));
        let directory = self.made(above, name)?;
        self.refuse_depth(&directory, name)?;
        Ok(Spot { directory, name: last.to_vec() })
    }

    fn made(&self, path: &[Vec<u8>], name: &str) -> ImportResult<OwnedFd> {
        if let Some(found) = self.existing(path, name)? {
            return Ok(found);
        }
        let (last, above) = path.split_last().map_or((&[][..], path), |(l, a)| (l.as_slice(), a));
        let parent = self.made(above, name)?;
        match mkdirat(&parent, last, Mode::from_bits_truncate(0o755)) {
            Ok(()) => {}
            Err(Errno::EEXIST) => {
                return refuse(format!("{name}: {} leads to nothing", shown(last)));
            }
            Err(errno) => return Err(told(errno, name)),
        }
        let made = self.existing(path, name)?;
        made.map_or_else(|| refuse(format!("{name}: it has no directory")), Ok)
    }

    /// A directory of the tree, through whatever links are in it; `None` where nothing is.
    fn existing(&self, path: &[Vec<u8>], name: &str) -> ImportResult<Option<OwnedFd>> {
        let joined = if path.is_empty() { b".".to_vec() } else { path.join(&b'/') };
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let resolve = ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS;
        let how = OpenHow::new().flags(flags).resolve(resolve);
        match openat2(&self.root, joined.as_slice(), how) {
            Ok(found) => Ok(Some(found)),
            Err(Errno::ENOENT) => Ok(None),
            Err(Errno::ENOTDIR) => refuse(format!("{name}: {} is no directory", shown(&joined))),
            Err(Errno::ELOOP) => refuse(format!("{name}: the links above it lead in a circle")),
            Err(errno) => Err(told(errno, name)),
        }
    }

    /// By links a short name can lead to a deep place.
    fn refuse_depth(&self, directory: &OwnedFd, name: &str) -> ImportResult<()> {
        let link = |fd: &OwnedFd| fs::read_link(format!("/proc/self/fd/{}", fd.as_raw_fd()));
        let (Ok(real), Ok(root)) = (link(directory), link(&self.root)) else {
            return refuse(format!("{name}: its directory has too long a name"));
        };
        let below = real.strip_prefix(&root).map(|below| below.components().count());
        match below {
            Ok(depth) if depth < self.bounds.depth => Ok(()),
            Ok(_) => refuse(format!("{name}: more than {} directories deep", self.bounds.depth)),
            Err(_) => refuse(format!("{name}: it would lie outside the image")),
        }
    }

    /// Takes away what is at a spot.
    fn clear(&mut self, spot: &Spot, name: &str) -> ImportResult<()> {
        match unlinkat(&spot.directory, spot.name.as_slice(), UnlinkatFlags::NoRemoveDir) {
            Ok(()) | Err(Errno::ENOENT) => Ok(()),
            Err(Errno::EISDIR | Errno::EPERM) => {
                self.moved += 1;
                let to = self.moved.to_string();
                let moved =
                    renameat(&spot.directory, spot.name.as_slice(), &self.aside, to.as_str());
                moved.map_err(|errno| told(errno, name))
            }
            Err(errno) => Err(told(errno, name)),
        }
    }

    fn directory(&mut self, spot: &Spot, entry: &ArchiveEntry, name: &str) -> ImportResult<()> {
        match self.look(spot) {
            Some(found) if is_directory(&found) => {}
            found => {
                if found.is_some() {
                    self.clear(spot, name)?;
                }
                let mode = Mode::from_bits_truncate(0o755);
                mkdirat(&spot.directory, spot.name.as_slice(), mode)
                    .map_err(|errno| told(errno, name))?;
            }
        }
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let opened = openat(&spot.directory, spot.name.as_slice(), flags, Mode::empty());
        let opened = opened.map_err(|errno| told(errno, name))?;
        self.dress_directory(&opened, entry, name)
    }

    fn look(&self, spot: &Spot) -> Option<FileStat> {
        fstatat(&spot.directory, spot.name.as_slice(), AtFlags::AT_SYMLINK_NOFOLLOW).ok()
    }

    fn dress_directory(
        &self,
        directory: &OwnedFd,
        entry: &ArchiveEntry,
        name: &str,
    ) -> ImportResult<()> {
        // Who is not root could not put anything into it otherwise.
        let mode = if self.keeps_owners { entry.mode } else { entry.mode | 0o700 };
        self.dress(directory, entry, mode, name)
    }

    /// The owner first: giving a file away takes set-user-id from it.
    fn dress(
        &self,
        file: &OwnedFd,
        entry: &ArchiveEntry,
        mode: u32,
        name: &str,
    ) -> ImportResult<()> {
        if self.keeps_owners {
            let (uid, gid) = (Uid::from_raw(entry.uid), Gid::from_raw(entry.gid));
            fchown(file, Some(uid), Some(gid)).map_err(|errno| told(errno, name))?;
        }
        fchmod(file, Mode::from_bits_truncate(mode)).map_err(|errno| told(errno, name))
    }

    /// The owner of what cannot be opened.
    fn own(&self, spot: &Spot, entry: &ArchiveEntry, name: &str) -> ImportResult<()> {
        if !self.keeps_owners {
            return Ok(());
        }
        let (uid, gid) = (Some(Uid::from_raw(entry.uid)), Some(Gid::from_raw(entry.gid)));
        let flags = AtFlags::AT_SYMLINK_NOFOLLOW;
        fchownat(&spot.directory, spot.name.as_slice(), uid, gid, flags)
            .map_err(|errno| told(errno, name))
    }

    fn file(
        &mut self,
        spot: &Spot,
        entry: &ArchiveEntry,
        length: u64,
        extents: &[(u64, u64)],
        content: &mut dyn Read,
        name: &str,
    ) -> ImportResult<()> {
        self.bytes = self.bytes.saturating_add(length);
        if self.bytes > self.bounds.bytes {
            return refuse(format!("{name}: it comes to more than {} bytes", self.bounds.bytes));
        }
        self.clear(spot, name)?;
        let flags =
            OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let mode = Mode::from_bits_truncate(0o600);
        let made = openat(&spot.directory, spot.name.as_slice(), flags, mode);
        let mut file = File::from(made.map_err(|errno| told(errno, name))?);
        let writing = || format!("writing {name}");
        if extents != [(0, length)] {
            file.set_len(length).map_err(|source| Failure { doing: writing(), source })?;
        }
        for (offset, bytes) in extents {
            let sought = file.seek(SeekFrom::Start(*offset));
            sought.map_err(|source| Failure { doing: writing(), source })?;
            self.copy(&mut file, *bytes, content, name)?;
        }
        let changed = UNIX_EPOCH + Duration::from_secs(entry.modified_s.max(0).unsigned_abs());
        // A moment that the file system cannot keep is none that matters.
        drop(file.set_modified(changed));
        self.dress(&OwnedFd::from(file), entry, entry.mode, name)
    }

    fn copy(
        &mut self,
        file: &mut File,
        bytes: u64,
        content: &mut dyn Read,
        name: &str,
    ) -> ImportResult<()> {
        let mut part = vec![0u8; 64 * 1024];
        let mut left = bytes;
        while left > 0 {
            let most = usize::try_from(left).unwrap_or(usize::MAX).min(part.len());
            let read = match content.read(&mut part[..most]) {
                Ok(0) => return refuse(format!("{name}: it ends in the middle of it")),
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    return refuse(format!("{name}: it ends in the middle of it"));
                }
                Err(error) => return Err(error.into()),
            };
            let wrote = file.write_all(&part[..read]);
            wrote.map_err(|source| Failure { doing: format!("writing {name}"), source })?;
            left -= read as u64;
            self.looked_at += read as u64;
            if self.looked_at >= LOOK_BYTES {
                self.looked_at = 0;
                refuse_full(&self.root, 0, self.bounds.spared_bytes)?;
            }
        }
        Ok(())
    }

    fn hard_link(&mut self, spot: &Spot, to: &[u8], name: &str) -> ImportResult<()> {
        let shown_to = shown(to);
        let mut path = self.clean(to).or_else(|_| {
            refuse(format!("{name}: a hard link to {shown_to}, which is not in the image"))
        })?;
        let missing =
            || ImageFailure::Refused(format!("{name}: there is no {shown_to} to link to"));
        let last = path.pop().ok_or_else(missing)?;
        let directory = self.existing(&path, name)?.ok_or_else(missing)?;
        let from = Spot { directory, name: last };
        let found = self.look(&from).ok_or_else(missing)?;
        if is_directory(&found) {
            return refuse(format!("{name}: a hard link to the directory {shown_to}"));
        }
        // To itself: it is there.
        if self
            .look(spot)
            .is_some_and(|there| (there.st_dev, there.st_ino) == (found.st_dev, found.st_ino))
        {
            return Ok(());
        }
        self.clear(spot, name)?;
        let flags = AtFlags::empty();
        linkat(&from.directory, from.name(), &spot.directory, spot.name(), flags)
            .map_err(|errno| told(errno, name))
    }
}

/// Refuses so many bytes more on a disk of which some are to stay free.
pub fn refuse_full(on: &impl AsFd, bytes: u64, spared_bytes: u64) -> Result<(), Failure> {
    let disk = fstatvfs(on).doing("looking at", "the disk")?;
    let free = disk.blocks_available() * disk.fragment_size();
    if free >= bytes.saturating_add(spared_bytes) {
        return Ok(());
    }
    let (free, bytes, spared) = (free >> 20, bytes >> 20, spared_bytes >> 20);
    let why = match bytes {
        0 => format!("{free} MiB are free on the disk, and {spared} have to stay free"),
        _ => format!("{free} MiB are free on the disk for {bytes}, and {spared} have to stay free"),
    };
    Err(Failure::new("importing the image", why))
}

/// What a layer's file is called that hides another one, and what follows is that one's name.
pub const WHITEOUT: &[u8] = b".wh.";
/// What it is called where all of a directory is hidden.
pub const OPAQUE: &[u8] = b".wh..wh..opq";

fn is_directory(found: &FileStat) -> bool {
    SFlag::from_bits_truncate(found.st_mode) & SFlag::S_IFMT == SFlag::S_IFDIR
}

fn names_in(directory: &OwnedFd, name: &str) -> ImportResult<Vec<Vec<u8>>> {
    let path = PathBuf::from(format!("/proc/self/fd/{}", directory.as_raw_fd()));
    let failed = |source| Failure { doing: format!("listing {name}"), source };
    let mut names = Vec::new();
    for entry in fs::read_dir(path).map_err(failed)? {
        names.push(entry.map_err(failed)?.file_name().into_vec());
    }
    Ok(names)
}

/// What the kernel says of an entry: the archive's fault where it asks for what cannot be, the
/// machine's otherwise.
fn told(errno: Errno, name: &str) -> ImageFailure {
    let theirs = matches!(
        errno,
        Errno::ENOENT
            | Errno::ENOTDIR
            | Errno::ELOOP
            | Errno::EISDIR
            | Errno::EEXIST
            | Errno::ENAMETOOLONG
            | Errno::EINVAL
            | Errno::EMLINK
            | Errno::EXDEV
    );
    if theirs {
        return ImageFailure::Refused(format!("{name}: it cannot be placed: {}", errno.desc()));
    }
    Failure { doing: format!("placing {name}"), source: errno.into() }.into()
}
