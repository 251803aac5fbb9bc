//! Images of `onboard`: root file systems that people import, each unpacked once and kept by its
//! content.
//!
//! ```text
//! <state>/images/<digest>/tree/      a root file system
//!                         listing    what is in it, line by line; its digest is the name
//! <state>/images/.<number>/          an import that goes on, or was cut off: gone at next start
//! ```
//!
//! An import takes a whole archive that lies on the disk ([`ImageShelf::begin`] makes the place
//! for it) and makes a tree of it or one refusal that names the entry. What it may be: a root file
//! system as a tar archive (`tar`, a debootstrap directory), or a container archive (`docker save`,
//! OCI layout; `container`), each as it is or packed with gzip. `archive` reads tar, `stream`
//! unpacks and bounds, `tree` places entries so that nothing outside the tree is touched whatever
//! the archive says, `listing` gives the tree its name and tells later whether it is as it was.
//!
//! **What is not taken over**: device nodes (servers have a `/dev` of their own), extended
//! attributes (so no file capabilities and no access lists), times of directories. Archives with
//! sparse files in PAX form, or packed with anything but gzip, are refused with what to do.
//!
//! **A crash leaves nothing half imported**: a tree is made in a directory of its own, synced to
//! the disk, and then given its name. **Nobody else writes here**; who did by hand is noticed
//! before a server starts from it ([`ImageShelf::check`]).
//!
//! To read one more form of archives: its reader beside `container`, and a table in `tests`.
//!
//! Not here: names, who uses an image and whether it may go; those are the service's.

mod archive;
mod container;
mod failure;
mod listing;
mod stream;
#[cfg(test)]
mod tests;
mod tree;

pub use container::is_digest;
pub use failure::ImageFailure;
pub use tree::TreeBounds;

use super::failure::{Doing, Failure};
use super::record::{make_private, remove_tree};
use crate::base::limit::IMAGE_IMPORT_DEADLINE;
use crate::model::ImageDefaults;
use archive::ArchiveReader;
use container::{ContainerImage, is_whiteout};
use failure::{ImportResult, refuse};
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2};
use nix::unistd::syncfs;
use std::cell::Cell;
use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};
use stream::{Budget, PlainArchive};
use tree::TreeBuilder;

/// How often every byte of an archive may be unpacked: to find out what it is, to compare its
/// digests, to place it.
const PASSES: u64 = 4;
/// Bytes that are taken between two looks at how full the disk is.
const RECEIVED_BYTES: u64 = 16 << 20;
/// Bytes of a system's description of itself that are looked at.
const RELEASE_BYTES_MAX: u64 = 16 * 1024;

/// The images of a state directory.
pub struct ImageShelf {
    directory: PathBuf,
    next: AtomicU64,
    /// Held by whoever has the [`ImageTurn`].
    turn: Mutex<()>,
}

/// The right to change which trees there are: somebody else's begins when this one is dropped, so
/// that a tree that was just made is not swept before anything names it.
pub struct ImageTurn<'a> {
    shelf: &'a ImageShelf,
    _turn: MutexGuard<'a, ()>,
}

/// An archive on its way, in a directory of its own. Dropped, it is gone.
pub struct IncomingImage {
    directory: PathBuf,
}

/// A tree that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportedImage {
    /// What it is called: the digest of what is in it.
    pub digest: String,
    /// Bytes of all its files.
    pub bytes: u64,
    /// Files, directories and links, those of lower layers too.
    pub entries: u64,
    /// Device nodes of the archive, which were left out.
    pub devices: u64,
    /// Which system it is by its own word, as `debian-12`; `None` where it says nothing.
    pub os: Option<String>,
    /// What the archive called it.
    pub tag: Option<String>,
    /// What it says of the program in it.
    pub defaults: ImageDefaults,
}

impl ImageShelf {
    /// Opens the images of a state directory, and removes what imports that were cut off left.
    ///
    /// # Errors
    /// When the directory cannot be read or written.
    pub fn open(state: &Path) -> Result<ImageShelf, Failure> {
        let directory = state.join("images");
        // Made when there is something to keep in it.
        if directory.exists() {
            let entries = fs::read_dir(&directory).doing("listing", directory.display())?;
            for entry in entries.flatten() {
                if entry.file_name().to_string_lossy().starts_with('.') {
                    remove_tree(&entry.path())?;
                }
            }
        }
        Ok(ImageShelf { directory, next: AtomicU64::new(1), turn: Mutex::new(()) })
    }

    /// The place for an archive that is about to arrive.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn begin(&self) -> Result<IncomingImage, Failure> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let directory = self.directory.join(format!(".{number}"));
        remove_tree(&directory)?;
        make_private(&directory)?;
        Ok(IncomingImage { directory })
    }

    /// Waits for the right to change which trees there are: one import may take minutes.
    pub fn turn(&self) -> ImageTurn<'_> {
        let turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        ImageTurn { shelf: self, _turn: turn }
    }

    /// The same without waiting; `None` while somebody else has it.
    pub fn try_turn(&self) -> Option<ImageTurn<'_>> {
        let turn = match self.turn.try_lock() {
            Ok(turn) => turn,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        Some(ImageTurn { shelf: self, _turn: turn })
    }

    /// Refuses so many bytes that would fill the disk.
    ///
    /// # Errors
    /// When they would.
    pub fn refuse_full(&self, bytes: u64, spared_bytes: u64) -> Result<(), Failure> {
        make_private(&self.directory)?;
        let directory = File::open(&self.directory).doing("opening", self.directory.display())?;
        tree::refuse_full(&directory, bytes, spared_bytes)
    }

    /// Where an image's root file system is.
    pub fn tree(&self, digest: &str) -> PathBuf {
        self.directory.join(digest).join("tree")
    }

    /// Whether an image is there and as it was imported, all but the contents of files whose size
    /// and time are as they were.
    ///
    /// # Errors
    /// What is not as it was.
    pub fn check(&self, digest: &str) -> Result<(), ImageFailure> {
        listing::compare_listing(&self.tree(digest), &self.directory.join(digest).join("listing"))
    }

    /// The images that are there, by digest.
    ///
    /// # Errors
    /// When the directory cannot be read: then nothing is known.
    pub fn digests(&self) -> Result<Vec<String>, Failure> {
        if !self.directory.exists() {
            return Ok(Vec::new());
        }
        let entries = fs::read_dir(&self.directory).doing("listing", self.directory.display())?;
        let mut found = Vec::new();
        for entry in entries {
            let entry = entry.doing("listing", self.directory.display())?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if !name.starts_with('.') {
                found.push(name);
            }
        }
        found.sort();
        Ok(found)
    }

    /// Which system a tree is, by its own word.
    fn os_of(&self, digest: &str) -> Option<String> {
        let tree = File::open(self.tree(digest)).ok()?;
        let how = OpenHow::new()
            .flags(OFlag::O_RDONLY | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK)
            .resolve(ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS);
        let release = openat2(&tree, "etc/os-release", how).map(File::from).ok()?;
        let mut text = Vec::new();
        release.take(RELEASE_BYTES_MAX).read_to_end(&mut text).ok()?;
        let text = String::from_utf8_lossy(&text).into_owned();
        let field = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='))?;
            let plain: String =
                line.chars().filter(|c| c.is_ascii_alphanumeric() || ".-_".contains(*c)).collect();
            (!plain.is_empty() && plain.len() <= 40).then_some(plain)
        };
        let id = field("ID")?;
        Some(field("VERSION_ID").map_or(id.clone(), |version| format!("{id}-{version}")))
    }
}

impl ImageTurn<'_> {
    /// Unpacks an archive that has arrived whole. The same content twice is one tree; one that
    /// somebody damaged is replaced, unless `in_use` says that servers run from it.
    ///
    /// # Errors
    /// The archive's fault, with the entry, or the machine's. Nothing of it stays then.
    pub fn import(
        &self,
        incoming: &IncomingImage,
        bounds: TreeBounds,
        in_use: &dyn Fn(&str) -> bool,
    ) -> Result<ImportedImage, ImageFailure> {
        let budget = Budget {
            bytes: Cell::new(bounds.bytes.saturating_mul(PASSES)),
            until: Instant::now() + Duration::from_millis(IMAGE_IMPORT_DEADLINE),
        };
        let file = incoming.plain(&budget)?;
        let bytes = file.metadata().doing("looking at", "the archive")?.len();
        let tree = incoming.directory.join("tree");
        let mut builder = TreeBuilder::begin(&tree, &incoming.directory.join("aside"), bounds)?;
        let container = container::find(&file, bytes, &budget)?;
        match &container {
            Some(image) => unpack_layers(image, &file, &budget, &mut builder)?,
            None => {
                let mut archive =
                    ArchiveReader::new(PlainArchive::open(&file, (0, bytes), &budget, "it")?);
                while let Some(entry) = archive.entry()? {
                    builder.place(&entry, &mut archive)?;
                }
            }
        }
        if !["bin", "sbin", "usr", "etc"].iter().any(|name| tree.join(name).exists())
            && container.is_none()
        {
            return refuse(
                "it has no /bin, /usr or /etc: no root file system, and no container archive",
            );
        }
        let (bytes, entries) = builder.placed();
        let devices = builder.devices;
        let digest = self.keep(incoming, &tree, in_use)?;
        let (tag, defaults) = match container {
            Some(image) => (image.tag, image.defaults),
            None => (None, ImageDefaults::default()),
        };
        let os = self.shelf.os_of(&digest);
        Ok(ImportedImage { digest, bytes, entries, devices, os, tag, defaults })
    }

    /// Gives a tree its name, once all of it is on the disk; the one that has it already stays,
    /// unless somebody damaged that.
    fn keep(
        &self,
        incoming: &IncomingImage,
        tree: &Path,
        in_use: &dyn Fn(&str) -> bool,
    ) -> Result<String, ImageFailure> {
        let listing = incoming.directory.join("listing");
        let digest = listing::write_listing(tree, &listing)?;
        let to = self.shelf.directory.join(&digest);
        if to.exists() {
            let Err(damage) = self.shelf.check(&digest) else { return Ok(digest) };
            if in_use(&digest) {
                let why = format!("it is there, damaged ({damage}), and servers run from it");
                return refuse(format!("{why}: terminate them before it is imported again"));
            }
            fs::rename(&to, incoming.directory.join("damaged"))
                .doing("moving away", to.display())?;
        }
        let whole = incoming.directory.join("whole");
        make_private(&whole)?;
        for name in ["tree", "listing"] {
            let from = incoming.directory.join(name);
            fs::rename(&from, whole.join(name)).doing("moving", from.display())?;
        }
        let directory =
            File::open(&self.shelf.directory).doing("opening", self.shelf.directory.display())?;
        syncfs(&directory).doing("syncing", "the image")?;
        fs::rename(&whole, &to).doing("renaming to", to.display())?;
        directory.sync_all().doing("syncing", self.shelf.directory.display())?;
        Ok(digest)
    }

    /// Removes every tree but those of these digests.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn sweep(&self, kept: &BTreeSet<String>) -> Result<(), Failure> {
        let there = self.shelf.digests()?;
        there.iter().filter(|digest| !kept.contains(*digest)).try_for_each(|one| self.remove(one))
    }

    /// Removes an image's tree; one that is not there is removed.
    /// What cannot be removed has no name any more, and goes at the next start.
    fn remove(&self, digest: &str) -> Result<(), Failure> {
        let from = self.shelf.directory.join(digest);
        if !from.exists() {
            return Ok(());
        }
        let doomed = self.shelf.begin()?;
        fs::rename(&from, doomed.directory.join("removed")).doing("moving away", from.display())
    }
}

fn unpack_layers(
    image: &ContainerImage,
    file: &File,
    budget: &Budget,
    builder: &mut TreeBuilder,
) -> ImportResult<()> {
    let ours = container::docker_architecture();
    if !image.architecture.is_empty() && image.architecture != ours {
        let theirs = archive::shown(image.architecture.as_bytes());
        return refuse(format!("it is for {theirs}, and this machine is {ours}"));
    }
    let hidden: Vec<Vec<Vec<u8>>> =
        image.layers.iter().map(|layer| layer.whiteouts(file, budget)).collect::<Result<_, _>>()?;
    for (layer, hidden) in image.layers.iter().zip(&hidden) {
        // They hide what lower layers have, and nothing of their own.
        for path in hidden {
            builder.white_out(path).map_err(|why| layer.within(why))?;
        }
        let mut archive = ArchiveReader::new(layer.open(file, budget)?);
        while let Some(entry) = archive.entry()? {
            if !is_whiteout(&entry.path) {
                builder.place(&entry, &mut archive).map_err(|why| layer.within(why))?;
            }
        }
    }
    Ok(())
}

impl IncomingImage {
    /// Where the archive's bytes are written to.
    pub fn archive(&self) -> PathBuf {
        self.directory.join("archive")
    }

    /// Writes what arrives, and says how many bytes that were.
    ///
    /// # Errors
    /// When it is too large, does not arrive whole, or the disk gets full.
    pub fn receive(
        &self,
        arriving: &mut dyn Read,
        bounds: TreeBounds,
    ) -> Result<u64, ImageFailure> {
        let path = self.archive();
        let mut options = OpenOptions::new();
        options.create_new(true).write(true).mode(0o600);
        let mut file = options.open(&path).doing("creating", path.display())?;
        let mut bytes = 0;
        loop {
            let part = io::copy(&mut (&mut *arriving).take(RECEIVED_BYTES), &mut file)?;
            bytes += part;
            if bytes > bounds.bytes {
                return refuse(format!("it has more than {} bytes", bounds.bytes));
            }
            if part < RECEIVED_BYTES {
                return Ok(bytes);
            }
            tree::refuse_full(&file, 0, bounds.spared_bytes)?;
        }
    }

    /// The archive without its packing, so that any part of it can be read at once.
    fn plain(&self, budget: &Budget) -> ImportResult<File> {
        let path = self.archive();
        let file = File::open(&path).doing("opening", path.display())?;
        let bytes = file.metadata().doing("looking at", path.display())?.len();
        let mut plain = PlainArchive::open(&file, (0, bytes), budget, "it")?;
        if !plain.is_packed() {
            return Ok(file);
        }
        let to = self.directory.join("plain");
        let mut options = OpenOptions::new();
        options.create_new(true).read(true).write(true).mode(0o600);
        let mut unpacked = options.open(&to).doing("creating", to.display())?;
        io::copy(&mut plain, &mut unpacked)?;
        Ok(unpacked)
    }
}

impl Drop for IncomingImage {
    fn drop(&mut self) {
        if let Err(failure) = remove_tree(&self.directory) {
            tracing::warn!(why = failure.line(), "an import leaves something until the next start");
        }
    }
}
