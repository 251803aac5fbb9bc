//! A bound for what a server writes: its layer lies on a file system of its own, in a file that
//! takes no more space than was written to it.
//!
//! Making a file system takes a while, so one of each size is made once, empty, and copied: half a
//! megabyte. Where the machine lends no loop devices or has no `mkfs.ext4`, servers are made
//! without a bound, and that is said for as long as it is so.

use super::failure::{Doing, Failure};
use super::init::{attach, look_for_devices};
use super::process::Process;
use super::record::{ServerDirectory, make_private, remove_tree};
use crate::clouds::InstanceType;
use crate::model::{Notice, NoticeKind};
use nix::sys::statvfs::statvfs;
use nix::unistd::{Whence, lseek};
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

/// The file in a server's directory.
pub const IMAGE: &str = "disk.img";
/// Eight times the memory: 512 MiB for the smallest, 4 GiB for the largest.
const BYTES_PER_MEMORY: u64 = 8;
/// Bytes copied at a time.
const PART: u64 = 4096;
/// A server is told of whose disk has less than this share left, in percent.
const FULL_PERCENT: u64 = 3;
/// What a setting may say a disk has, in MiB.
pub const DISK_MIB_RANGE: (u64, u64) = (64, 1024 * 1024);
/// Where `mkfs.ext4` is.
const MKFS: [&str; 2] = ["/usr/sbin/mkfs.ext4", "/sbin/mkfs.ext4"];

/// The empty file systems, and whether they are of use here.
pub struct Disks {
    templates: PathBuf,
    /// What each disk has, where a setting says so.
    set: Option<u64>,
    /// Why nothing is bounded, if nothing is.
    unbounded: Option<String>,
    /// Whether people are told: an ordinary user's servers never have bounds, as the docs say.
    told: bool,
    making: Mutex<()>,
}

impl Disks {
    /// Finds out what the machine lends, by trying it.
    pub fn open(state: &Path, sizes: &[InstanceType], set: Option<u64>) -> Disks {
        let mut disks = Disks {
            templates: state.join("disks"),
            set,
            unbounded: None,
            told: false,
            making: Mutex::new(()),
        };
        let tried = sizes.first().map(|size| {
            let template = disks.template(size)?;
            // Let go of at once.
            attach(&template).map(drop)
        });
        disks.unbounded = tried.and_then(Result::err).map(|failure| failure.line());
        disks.told = disks.unbounded.is_some();
        if let Some(why) = &disks.unbounded {
            tracing::warn!(why, "nothing bounds what servers write");
        }
        if let Some(why) = overcommitted(state) {
            tracing::warn!("{why}");
        }
        disks
    }

    /// None of them: for servers without name spaces, whose disk is their home.
    pub fn none(why: &str) -> Disks {
        let unbounded = Some(why.to_owned());
        let making = Mutex::new(());
        Disks { templates: PathBuf::new(), set: None, unbounded, told: false, making }
    }

    /// That nothing is bounded; and which servers have filled their disks.
    pub fn notices(&self, servers: &[ServerDirectory]) -> Vec<Notice> {
        let unbounded = self.unbounded.as_ref().filter(|_| self.told).map(|why| {
            let text = format!(
                "nothing bounds what servers write, and one can fill the machine's disk: {why}"
            );
            Notice { server: None, kind: NoticeKind::Disk, text, count: 0 }
        });
        unbounded.into_iter().chain(servers.iter().filter_map(full)).collect()
    }

    /// The bound of a size.
    pub fn bytes(&self, size: &InstanceType) -> u64 {
        self.set.unwrap_or(size.memory_bytes * BYTES_PER_MEMORY)
    }

    /// A server's file system, made if it has none; `None` where it has its layer in a directory,
    /// because nothing else was there when it was launched.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn of(
        &self,
        server: &ServerDirectory,
        size: &InstanceType,
    ) -> Result<Option<PathBuf>, Failure> {
        let image = server.join(IMAGE);
        if image.exists() {
            return Ok(Some(image));
        }
        if self.unbounded.is_some() || server.join("upper").exists() {
            return Ok(None);
        }
        let template = self.template(size)?;
        let new = server.join("disk.new");
        copy_sparsely(&template, &new)?;
        fs::rename(&new, &image).doing("renaming to", image.display())?;
        Ok(Some(image))
    }

    fn template(&self, size: &InstanceType) -> Result<PathBuf, Failure> {
        let _one_at_a_time = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = self.bytes(size);
        let path = self.templates.join(format!("{}.img", bytes >> 20));
        if path.exists() {
            return Ok(path);
        }
        make_private(&self.templates)?;
        let new = path.with_extension("new");
        remove_tree(&new)?;
        let mkfs = find_mkfs()?;
        let file = create(&new)?;
        file.set_len(bytes).doing("making", new.display())?;
        // Nothing is reserved for root, who is who writes; tables are made when they are needed.
        let options = ["-q", "-F", "-m", "0", "-J", "size=4", "-E", "lazy_itable_init=1,nodiscard"];
        let made = Command::new(mkfs)
            .args(options)
            .arg(&new)
            .stdin(Stdio::null())
            .output()
            .doing("starting", mkfs)?;
        if !made.status.success() {
            let said = String::from_utf8_lossy(&made.stderr).trim().to_owned();
            return Err(Failure::new(format!("making {}", new.display()), said));
        }
        fs::rename(&new, &path).doing("renaming to", path.display())?;
        Ok(path)
    }
}

/// What servers may still write together, where their disk has less: files take no space before
/// it is written, so that nothing keeps it for them.
pub fn overcommitted(state: &Path) -> Option<String> {
    let servers = fs::read_dir(state.join("servers")).ok()?.flatten();
    let images = servers.filter_map(|server| fs::metadata(server.path().join(IMAGE)).ok());
    let left: Vec<u64> =
        images.map(|image| image.len().saturating_sub(image.blocks() * 512)).collect();
    let promised = left.iter().sum::<u64>() >> 20;
    let disk = statvfs(state).ok()?;
    let free = (disk.blocks_available() * disk.fragment_size()) >> 20;
    (promised > free).then(|| {
        format!(
            "the {} servers here may write {promised} MiB more, and {free} MiB are free where they \
             lie: that disk can be full before they are",
            left.len()
        )
    })
}

/// Why nothing would bound what servers write on this machine, as far as a look can tell.
pub fn unbounded_by() -> Option<String> {
    find_mkfs().and_then(|_| look_for_devices()).err().map(|failure| failure.line())
}

fn find_mkfs() -> Result<&'static str, Failure> {
    let mkfs = MKFS.into_iter().find(|place| Path::new(place).exists());
    mkfs.ok_or_else(|| {
        Failure::new("making a file system", "mkfs.ext4 is missing: apt-get install e2fsprogs")
    })
}

/// That a server's disk is full, which is what its services then say of everything they write.
fn full(server: &ServerDirectory) -> Option<Notice> {
    let bound = fs::metadata(server.join(IMAGE)).ok()?.len() >> 20;
    let pid = server.init().filter(Process::is_alive)?.pid;
    let root = statvfs(format!("/proc/{pid}/root").as_str()).ok()?;
    let has_blocks = root.blocks_available() * 100 >= root.blocks() * FULL_PERCENT;
    if has_blocks && root.files_available() > 0 {
        return None;
    }
    let text = format!(
        "its disk is full: {bound} MiB is all that a server of its size may write; what is to stay \
         or to grow belongs on a data volume"
    );
    Some(Notice { server: Some(server.id), kind: NoticeKind::Disk, text, count: 0 })
}

fn create(path: &Path) -> Result<File, Failure> {
    let mut options = OpenOptions::new();
    options.create(true).truncate(true).read(true).write(true).mode(0o600);
    options.open(path).doing("creating", path.display())
}

/// Copies a file without its holes, and without what is only zeros: an empty journal is.
fn copy_sparsely(from: &Path, to: &Path) -> Result<(), Failure> {
    let mut source = File::open(from).doing("opening", from.display())?;
    let length = source.metadata().doing("looking at", from.display())?.len();
    let mut copy = create(to)?;
    copy.set_len(length).doing("making", to.display())?;
    let mut at: i64 = 0;
    // No more data is an error of its own, which ends it.
    while let Ok(begin) = lseek(&source, at, Whence::SeekData) {
        let end = lseek(&source, begin, Whence::SeekHole).doing("reading", from.display())?;
        let (mut next, last) = (begin.unsigned_abs(), end.unsigned_abs());
        source.seek(SeekFrom::Start(next)).doing("reading", from.display())?;
        while next < last {
            let mut part = Vec::new();
            let read = (&mut source).take(PART.min(last - next)).read_to_end(&mut part);
            read.doing("reading", from.display())?;
            if part.iter().any(|byte| *byte != 0) {
                copy.seek(SeekFrom::Start(next)).doing("writing", to.display())?;
                copy.write_all(&part).doing("writing", to.display())?;
            }
            next += PART;
        }
        at = end;
    }
    // Its name says that it is whole, also after the power failed.
    copy.sync_data().doing("writing", to.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_has_the_same_bytes_and_the_same_holes() {
        let directory = std::env::temp_dir().join(format!("grange-sparse-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        let [from, to] = ["from", "to"].map(|name| directory.join(name));
        let mut file = create(&from).unwrap();
        file.set_len(64 << 20).unwrap();
        for (at, text) in [(0, "first"), (5 << 20, "middle"), ((64 << 20) - 4, "last")] {
            file.seek(SeekFrom::Start(at)).unwrap();
            file.write_all(text.as_bytes()).unwrap();
        }
        copy_sparsely(&from, &to).unwrap();
        let same = fs::read(&from).unwrap() == fs::read(&to).unwrap();
        let blocks = fs::metadata(&to).unwrap().blocks();
        fs::remove_dir_all(&directory).unwrap();
        assert!(same && blocks <= 48, "{same} {blocks}");
    }
}
