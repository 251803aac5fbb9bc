//! The store on real files: killed in the middle of writing, and on a disk that is full.

use grange::base::{Code, EnvironmentId, FarmId, Name, Problem, Seq, Timestamp, UserId, WallClock};
use grange::model::{Cause, Farm, FarmGoal, Grant, LaunchOrder};
use grange::store::{Author, Mode, Purpose, Reads, Store};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

/// Under which name the child is told where to write.
const CHILD_DIR: &str = "GRANGE_TEST_STORE_DIR";
/// The same of the child that compacts.
const COMPACTING: &str = "GRANGE_TEST_COMPACT_DIR";
/// Kills of one run; each at another moment of writing.
const KILLS: u64 = 8;

struct TempDir(PathBuf);

impl TempDir {
    fn new(name: &str) -> TempDir {
        let path = std::env::temp_dir().join(format!("grange-{name}-{}", std::process::id()));
        std::fs::create_dir(&path).unwrap();
        TempDir(path)
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).unwrap();
    }
}

fn open(dir: &Path) -> Store {
    Store::open(dir, Arc::new(WallClock::new()), Mode::Thread).unwrap()
}

fn declare(store: &Store, description_bytes: usize) -> Result<(FarmId, Seq), Problem> {
    let author = Author::new(&Grant::job("test"), "farm.create", Cause::Request, Purpose::Growth);
    store.write(author, move |tx| {
        let id = tx.next_id::<FarmId>()?;
        tx.put(&Farm {
            id,
            env: EnvironmentId(1),
            name: Name::new(&format!("farm-{id}")).map_err(|e| Problem::invalid("name", e.0))?,
            description: "x".repeat(description_bytes),
            launch_order: LaunchOrder::Simultaneous,
            goal: FarmGoal::Terminated,
            removed: false,
            created_at: Timestamp(0),
            created_by: UserId(0),
        })?;
        Ok(id)
    })
}

#[test]
fn killed_while_writing_it_has_everything_it_answered() {
    // The child is this test again, told by its environment that it is the child.
    if let Some(dir) = std::env::var_os(CHILD_DIR) {
        return write_until_killed(Path::new(&dir));
    }
    let dir = TempDir::new("killed");
    let mut known = 0;
    for kill in 0..KILLS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "store::killed_while_writing_it_has_everything_it_answered"])
            .arg("--nocapture")
            .env(CHILD_DIR, &dir.0)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut answered =
            lines.filter_map(|line| line.unwrap().strip_prefix("seq ")?.parse().ok());
        // The latest of all, for a writer may be slow to say what it was answered before others.
        let at_least = 21 + 7 * usize::try_from(kill).unwrap();
        let first: Vec<u64> = answered.by_ref().take(at_least).collect();
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(first.len(), at_least, "it ended by itself");
        // What it still said before it died counts as well.
        known = first.into_iter().chain(answered).max().unwrap();
        let store = open(&dir.0);
        let verified = store.verify().unwrap();
        // It has four writers, so that four writes may have been on disk without an answer.
        let most = Seq(known + 4);
        assert!((Seq(known)..=most).contains(&verified.last), "{verified:?}, answered {known}");
    }
    assert!(known >= KILLS * 20);
}

/// What the child does: writes and says so, until it is killed.
fn write_until_killed(dir: &Path) {
    let store = open(dir);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    println!("seq {}", declare(&store, 100).unwrap().1);
                }
            });
        }
    });
}

/// Declares farms that stay and farms that go, until the store is large and most of it is free.
fn make_large(dir: &Path) -> u64 {
    let store = open(dir);
    store.set_journal_limit(1024 * 1024);
    for _ in 0..60 {
        declare(&store, 900_000).unwrap();
    }
    // Those that stay lie far apart, so that the file cannot end before them.
    for id in (1..=60).filter(|id| id % 6 != 0) {
        let author =
            Author::new(&Grant::job("test"), "farm.remove", Cause::Request, Purpose::Ending);
        let removed = store.write(author, move |tx| {
            tx.delete::<Farm>(FarmId(id))?;
            Ok(())
        });
        removed.unwrap();
    }
    store.trim_journal().unwrap();
    let last = store.last_seq().0;
    assert!(store.close());
    last
}

#[test]
fn killed_while_compacting_it_is_whole() {
    if let Some(dir) = std::env::var_os(COMPACTING) {
        assert!(open(Path::new(&dir)).close());
        return;
    }
    let (large, dir) = (TempDir::new("large"), TempDir::new("compacting"));
    let last = make_large(&large.0);
    let length = |path: PathBuf| std::fs::metadata(path).map_or(0, |found| found.len());
    let before = length(large.0.join("store.redb"));
    let mut in_the_middle = 0;
    // As soon as the new file is so large; the last time it is left alone.
    for at_least in [1, 1 << 20, 4 << 20, 8 << 20, u64::MAX] {
        for name in ["store.redb", "store.wal", "store.mark"] {
            std::fs::copy(large.0.join(name), dir.0.join(name)).unwrap();
        }
        let new = || length(dir.0.join("store.redb.compact"));
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "store::killed_while_compacting_it_is_whole"])
            .env(COMPACTING, &dir.0)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let ended = loop {
            if new() >= at_least {
                child.kill().unwrap();
                break child.wait().unwrap();
            }
            if let Some(ended) = child.try_wait().unwrap() {
                break ended;
            }
            std::thread::yield_now();
        };
        in_the_middle += usize::from(!ended.success() && new() > 0);
        let store = open(&dir.0);
        let verified = store.verify().unwrap();
        assert_eq!(verified.last, Seq(last), "killed at {at_least}");
        assert_eq!(store.read(&Grant::job("test"), |view| view.count::<Farm>()).unwrap(), 10);
        declare(&store, 10).unwrap();
        assert!(store.close());
        let after = length(dir.0.join("store.redb"));
        assert!(after < before / 2, "{after} of {before}, killed at {at_least}");
        assert_eq!(new(), 0, "nothing of it is left");
    }
    assert!(in_the_middle >= 2, "{in_the_middle} kills met it at work");
    println!("compaction: {before} bytes before");
}

/// A file system in memory of a size, gone when dropped.
struct SmallDisk(TempDir);

impl SmallDisk {
    fn new(name: &str, bytes: u64) -> SmallDisk {
        let dir = TempDir::new(name);
        let options = format!("size={bytes},mode=0700");
        let mounted = mount(
            Some("grange-test"),
            &dir.0,
            Some("tmpfs"),
            MsFlags::MS_NOSUID,
            Some(options.as_str()),
        );
        mounted.expect("mounting a tmpfs needs root: run the system tests as root");
        SmallDisk(dir)
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        umount2(&self.0.0, MntFlags::MNT_DETACH).unwrap();
    }
}

#[test]
fn a_full_disk_is_said_so_and_loses_nothing() {
    let disk = SmallDisk::new("full", 16 * 1024 * 1024);
    let (dir, filler) = (disk.0.0.join("state"), disk.0.0.join("filler"));
    let store = open(&dir);
    let mut last = Seq(0);
    // Half a megabyte each, twice with the journal: the disk is full long before this ends.
    let refused = (0..100).find_map(|_| match declare(&store, 512 * 1024) {
        Ok((_, seq)) => {
            last = seq;
            None
        }
        Err(problem) => Some(problem),
    });
    let refused = refused.expect("the disk was never full");
    assert_eq!(refused.code, Code::ServiceUnavailable, "{refused}");
    let count =
        |store: &Store| store.read(&Grant::job("test"), |view| view.count::<Farm>()).unwrap();
    assert!(count(&store) >= last.0 && last.0 > 3, "{last} answered");
    store.verify().unwrap();
    // Then somebody else takes what is left, to the last byte.
    let filled = std::fs::write(&filler, vec![1u8; 16 * 1024 * 1024]);
    assert_eq!(filled.unwrap_err().kind(), std::io::ErrorKind::StorageFull);
    let refused = declare(&store, 10).unwrap_err();
    assert!(refused.to_string().contains("the disk is full"), "{refused}");
    assert!(store.close());
    let store = open(&dir);
    assert!(count(&store) >= last.0);
    assert!(declare(&store, 10).is_err());
}

#[test]
fn a_full_disk_recovers_when_there_is_space_again() {
    let disk = SmallDisk::new("filling", 28 * 1024 * 1024);
    let (dir, filler) = (disk.0.0.join("state"), disk.0.0.join("filler"));
    let store = open(&dir);
    declare(&store, 10).unwrap();
    let before = store.last_seq();
    // Enough for the reserve, too little for one write of many megabytes.
    std::fs::write(&filler, vec![1u8; 15 * 1024 * 1024]).unwrap();
    let author = Author::new(&Grant::job("test"), "farm.create", Cause::Request, Purpose::Growth);
    let farm = store
        .read(&Grant::job("test"), |view| view.get::<Farm>(FarmId(1)))
        .unwrap()
        .unwrap()
        .record;
    let large = store.write(author, move |tx| {
        for _ in 0..20 {
            let id = tx.next_id::<FarmId>()?;
            tx.put(&Farm { id, description: "x".repeat(1_000_000), ..farm.clone() })?;
        }
        Ok(())
    });
    let problem = large.unwrap_err();
    assert_eq!(problem.code, Code::ServiceUnavailable, "{problem}");
    assert!(problem.to_string().contains("the disk failed"), "{problem}");
    assert!(store.outage().is_some());
    assert_eq!(store.verify().unwrap().last, before);
    std::fs::remove_file(&filler).unwrap();
    assert_eq!(declare(&store, 10).unwrap().1.0, before.0 + 1);
    assert_eq!(store.outage(), None);
    store.verify().unwrap();
}
