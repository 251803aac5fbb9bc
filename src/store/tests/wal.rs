//! The log: crashes at every moment and byte of it, logs that are not the database's, damage.

use super::files::TempDir;
use super::{author, clock, declare, farm, inline, try_declare};
use crate::base::problem::chain;
use crate::base::{FarmId, Seq};
use crate::model::{Farm, Grant};
use crate::store::rows::{Space, put_rows};
use crate::store::{CrashHook, Disk, Mode, Moment, OpenError, Reads, Store, Tx, WalFault, inspect};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const SECTOR: usize = 512;

/// A disk whose store was never closed: one farm in the database, these in the log.
fn left_open(names: &[&str]) -> Disk {
    let disk = Disk::new();
    let store = inline(&disk);
    declare(&store, "first");
    for name in names {
        declare(&store, name);
    }
    disk.crash()
}

fn open(disk: &Disk) -> Result<Store, OpenError> {
    Store::open_on(disk, clock(), Mode::Inline(None))
}

fn refused(disk: &Disk) -> WalFault {
    match open(disk) {
        Err(OpenError::Log { fault, .. }) => fault,
        Err(other) => panic!("refused as {}", chain(&other)),
        Ok(_) => panic!("not refused"),
    }
}

/// Where each record of a log begins, by its sequence number from 1.
fn records(disk: &Disk) -> Vec<usize> {
    let log = disk.log_bytes();
    let starts = (SECTOR..log.len()).step_by(SECTOR);
    starts.filter(|at| log[*at..].starts_with(b"grangeR")).collect()
}

#[test]
fn what_only_the_log_has_is_found_again_however_often_it_is_read() {
    let mut disk = left_open(&["a", "b", "c"]);
    assert_eq!(records(&disk).len(), 3);
    for _ in 0..3 {
        let store = open(&disk).unwrap();
        assert_eq!((store.verify().unwrap().records, store.last_seq()), (4, Seq(4)));
        // And again: reading it changed nothing on the disk.
        disk = disk.crash();
    }
    let store = open(&disk).unwrap();
    assert_eq!(declare(&store, "d"), (FarmId(5), Seq(5)));
    let left = disk.crash();
    assert_eq!(records(&left).len(), 4);
    assert_eq!(open(&left).unwrap().verify().unwrap().records, 5);
    // One that is closed has everything in the database.
    assert!(store.close());
    disk.set_log_bytes(Vec::new());
    assert_eq!(open(&disk).unwrap().verify().unwrap().records, 5);
}

#[test]
fn a_last_record_cut_at_any_byte_was_never_answered() {
    let disk = left_open(&["a", "b"]);
    let log = disk.log_bytes();
    let last = records(&disk)[1];
    let end = last + log[last..].iter().rposition(|byte| *byte != 0).unwrap() + 1;
    for cut in last..end {
        let torn = disk.crash();
        let mut bytes = log.clone();
        bytes[cut..end].fill(0);
        if bytes == log {
            continue;
        }
        torn.set_log_bytes(bytes);
        let store = open(&torn).unwrap();
        assert_eq!((store.verify().unwrap().records, store.last_seq()), (2, Seq(2)), "{cut}");
        if cut % 97 == 0 {
            // It goes on where the torn one was.
            assert_eq!(declare(&store, "again"), (FarmId(3), Seq(3)));
            assert_eq!(open(&torn.crash()).unwrap().verify().unwrap().records, 3);
        }
    }
}

#[test]
fn a_record_that_rots_before_others_is_damage() {
    let disk = left_open(&["a", "b", "c", "d"]);
    let starts = records(&disk);
    for (n, at) in starts.iter().enumerate() {
        // In its magic, its epoch, its length, its checksum and its rows.
        for place in [0, 15, 26, 30, 40, 200] {
            let rotten = disk.crash();
            let mut bytes = disk.log_bytes();
            bytes[at + place] ^= 0x40;
            rotten.set_log_bytes(bytes);
            if n + 1 == starts.len() {
                assert_eq!(open(&rotten).unwrap().last_seq(), Seq(n as u64 + 1));
                continue;
            }
            match refused(&rotten) {
                WalFault::Damaged { offset, seq } => {
                    assert_eq!((offset, seq), (*at as u64, n as u64 + 1));
                }
                other => panic!("{other}"),
            }
        }
    }
}

#[test]
fn a_log_that_is_not_the_databases_is_refused() {
    let disk = left_open(&["a", "b"]);
    let with = |bytes: Vec<u8>| {
        let other = disk.crash();
        other.set_log_bytes(bytes);
        refused(&other)
    };
    assert!(matches!(with(Vec::new()), WalFault::Missing));
    assert!(matches!(with(left_open(&["a"]).log_bytes()), WalFault::Foreign));
    assert!(matches!(with(vec![0; disk.log_bytes().len()]), WalFault::Nameless));
    // The database comes from before the log began anew, as one restored alone does.
    let store = open(&disk).unwrap();
    let earlier = disk.crash();
    assert!(store.close());
    let closed = disk.crash();
    let store = open(&disk).unwrap();
    declare(&store, "c");
    declare(&store, "d");
    for before in [earlier, closed] {
        before.set_log_bytes(disk.log_bytes());
        assert!(matches!(refused(&before), WalFault::Ahead { .. }));
    }
    // The database was let go of with what the log has in it, and the log is an older copy.
    let older = disk.log_bytes();
    declare(&store, "e");
    drop(store);
    let crashed = crashed_after_commit(&disk);
    crashed.set_log_bytes(older);
    assert!(matches!(refused(&crashed), WalFault::Ahead { .. } | WalFault::Behind { .. }));
}

/// A disk on which the database itself, but not by a commit for good, has all the log has.
fn crashed_after_commit(disk: &Disk) -> Disk {
    let seen = Arc::new(AtomicU64::new(0));
    let hook: CrashHook = Arc::new(move |moment| {
        moment != Moment::AfterCommit || seen.fetch_add(1, Ordering::SeqCst) < 2
    });
    let store = Store::open_on(disk, clock(), Mode::Inline(Some(hook))).unwrap();
    for name in ["f", "g"] {
        declare(&store, name);
    }
    try_declare(&store, "h").unwrap_err();
    drop(store);
    disk.clone()
}

#[test]
fn a_database_that_has_what_the_log_has_takes_nothing_twice() {
    let disk = Disk::new();
    declare(&inline(&disk), "first");
    let disk = crashed_after_commit(&disk);
    assert_eq!(records(&disk).len(), 2);
    let store = open(&disk).unwrap();
    assert_eq!(store.last_seq(), Seq(4));
    assert_eq!(store.verify().unwrap().entries, 4);
    declare(&store, "more");
    assert_eq!(open(&disk.crash()).unwrap().last_seq(), Seq(5));
}

#[test]
fn a_full_log_is_started_over_and_a_large_write_passes_it_by() {
    let disk = Disk::new();
    let store = inline(&disk);
    let large = |n: u64, bytes: usize| {
        move |tx: &mut Tx<'_>| {
            let mut farm = farm(n, &format!("farm-{n}"));
            farm.description = "x".repeat(bytes);
            Ok(tx.put(&farm)?)
        }
    };
    for n in 1..=200u64 {
        let bytes = if n % 50 == 0 { 100_000 } else { 1_000 };
        store.write(author("test"), large(n, bytes)).unwrap();
        let left = disk.crash();
        assert_eq!(open(&left).unwrap().last_seq(), Seq(n));
    }
    assert_eq!(open(&disk.crash()).unwrap().verify().unwrap().records, 200);
}

#[test]
fn a_crash_at_each_moment_leaves_what_it_says() {
    // Whether the third farm is there after a power cut, by the moment of the crash.
    for (moment, for_sure, maybe) in [
        (Moment::BeforeCommit, false, false),
        (Moment::Logged, false, true),
        (Moment::Synced, true, true),
        (Moment::AfterCommit, true, true),
    ] {
        let disk = Disk::new();
        let left = Arc::new(std::sync::Mutex::new(Vec::new()));
        let (seen, at_crash, keep) = (AtomicU64::new(0), disk.clone(), left.clone());
        let skipped = if moment == Moment::Logged || moment == Moment::Synced { 1 } else { 2 };
        let hook: CrashHook = Arc::new(move |now| {
            if now != moment || seen.fetch_add(1, Ordering::SeqCst) < skipped {
                return true;
            }
            let mut keep = keep.lock().unwrap();
            keep.push(at_crash.crash());
            keep.push(at_crash.crash_keeping(|| true));
            false
        });
        let store = Store::open_on(&disk, clock(), Mode::Inline(Some(hook))).unwrap();
        declare(&store, "a");
        declare(&store, "b");
        try_declare(&store, "c").unwrap_err();
        assert!(store.read(&Grant::job("test"), |view| view.count::<Farm>()).is_err());
        let left = left.lock().unwrap();
        for (disk, there) in left.iter().zip([for_sure, maybe]) {
            let verified = open(disk).unwrap().verify().unwrap();
            assert_eq!(verified.records, 2 + u64::from(there), "{moment:?}");
        }
        assert_eq!(left.len(), 2);
    }
}

#[test]
fn a_log_that_cannot_be_synced_fails_its_group_and_no_other() {
    let disk = Disk::new();
    let store = inline(&disk);
    declare(&store, "a");
    declare(&store, "b");
    for good in 0..2 {
        let before = store.last_seq();
        disk.fail_after(good);
        try_declare(&store, "lost").unwrap_err();
        assert_eq!(store.stats().failures, good + 1);
        disk.heal();
        // The next one takes the same number, so nothing of the failed one is there.
        assert_eq!(declare(&store, &format!("next-{good}")).1.0, before.0 + 1);
        let left = open(&disk.crash_keeping(|| true)).unwrap();
        assert_eq!(left.last_seq().0, before.0 + 1);
        left.verify().unwrap();
    }
}

#[test]
fn a_killed_store_is_read_with_its_log_and_not_without() {
    let dir = TempDir::new();
    let copy = TempDir::new();
    let store = Store::open(&dir.0, clock(), Mode::Inline(None)).unwrap();
    for name in ["a", "b", "c"] {
        declare(&store, name);
    }
    std::fs::create_dir(&copy.0).unwrap();
    for name in ["store.redb", "store.wal"] {
        std::fs::copy(dir.0.join(name), copy.0.join(name)).unwrap();
    }
    let look = || inspect(&copy.0).unwrap_or_else(|error| panic!("{}", chain(&error)));
    for _ in 0..2 {
        let found = look();
        assert_eq!((found.verified.unwrap().records, found.logged, found.earlier), (3, 2, false));
    }
    assert!(store.close());
    assert_eq!(inspect(&dir.0).unwrap().logged, 0);
    std::fs::rename(copy.0.join("store.wal"), copy.0.join("elsewhere")).unwrap();
    let said = |path: &Path| {
        let error = inspect(path).expect_err("not refused");
        assert!(Store::open(path, clock(), Mode::Inline(None)).is_err());
        chain(&error)
    };
    let missing = said(&copy.0);
    assert!(missing.contains("store.wal is missing, and the last writes"), "{missing}");
    std::fs::write(copy.0.join("store.wal"), "").unwrap();
    assert!(said(&copy.0).contains("store.wal is no log"));
    std::fs::rename(copy.0.join("elsewhere"), copy.0.join("store.wal")).unwrap();
    assert_eq!(look().logged, 2);
    let store = Store::open(&copy.0, clock(), Mode::Inline(None)).unwrap();
    assert_eq!(store.last_seq(), Seq(3));
}

/// A store with one farm, as format 2 had it: without a log.
pub fn format_2() -> Disk {
    let disk = Disk::new();
    declare(&inline(&disk), "shop");
    let database = redb::Builder::new()
        .create_with_backend(crate::store::pages::Pages::open(Box::new(disk.database())).unwrap())
        .unwrap();
    let txn = database.begin_write().unwrap();
    let two = 2u64.to_be_bytes();
    let rows = [(&b"format"[..], Some(&two[..])), (&b"log"[..], None)];
    put_rows(&txn, Space::META, rows.into_iter()).unwrap();
    txn.commit().unwrap();
    drop(database);
    disk.set_log_bytes(Vec::new());
    disk
}

#[test]
fn a_store_of_format_2_begins_with_an_empty_log() {
    let disk = format_2();
    let other = Disk::new();
    declare(&inline(&other), "other");
    let log = other.log_bytes();
    let store = open(&disk).unwrap();
    assert_eq!(declare(&store, "more").1, Seq(2));
    assert_eq!(open(&disk.crash()).unwrap().verify().unwrap().records, 2);
    assert!(store.close());
    // A log that lies there already is another's.
    disk.set_log_bytes(log);
    assert!(matches!(refused(&disk), WalFault::Foreign));
}
