//! Disks that fail, fill up, or lose their power; and crashes at each commit.

use super::{author, clock, declare, farm, inline, named, try_declare};
use crate::base::{Code, Seq};
use crate::model::{Farm, Grant};
use crate::store::{Author, CrashHook, Disk, Mode, Moment, Purpose, Reads, Store};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Declares farms until the disk fails one; returns how many were answered well.
fn declare_until_failure(store: &Store) -> u64 {
    for n in 1..1000u64 {
        match try_declare(store, &format!("farm-{n}")) {
            Ok((id, _)) => assert_eq!(id.0, n),
            Err(problem) => {
                assert_eq!(problem.code, Code::ServiceUnavailable, "{problem}");
                return n - 1;
            }
        }
    }
    panic!("the disk never failed");
}

#[test]
fn whatever_operation_fails_nothing_answered_is_lost() {
    let per_write = {
        let disk = Disk::new();
        let store = inline(&disk);
        let before = disk.operations();
        declare(&store, "shop");
        disk.operations() - before
    };
    for good in 0..4 * per_write {
        let disk = Disk::new();
        let store = inline(&disk);
        disk.fail_after(good);
        let answered = declare_until_failure(&store);
        let left = disk.crash();
        disk.heal();
        // The same store goes on once the disk does.
        let (id, seq) = declare(&store, "after");
        assert!(id.0 > answered && id.0 <= answered + 2, "{good}: {id} after {answered}");
        assert_eq!(store.last_seq(), seq);
        assert_eq!(store.verify().unwrap().records, id.0);
        // And so does one opened on what a power cut left.
        let reopened = inline(&left);
        let verified = reopened.verify().unwrap();
        assert!((answered..=answered + 1).contains(&verified.records), "{good}: {verified:?}");
    }
}

#[test]
fn reading_goes_on_beside_a_failing_disk() {
    let disk = Disk::new();
    let store = Store::open_on(&disk, clock(), Mode::Thread).unwrap();
    declare(&store, "shop");
    disk.fail_after(0);
    for _ in 0..3 {
        let refused = try_declare(&store, "late").unwrap_err();
        assert_eq!(refused.code, Code::ServiceUnavailable);
    }
    assert!(store.outage().is_some());
    disk.heal();
    assert_eq!(declare(&store, "late").0.0, 2);
    assert_eq!(store.outage(), None);
    assert_eq!(named(&store, "shop").len(), 1);
    assert!(store.stats().failures >= 3);
    store.verify().unwrap();
}

#[test]
fn a_full_disk_refuses_writes_answers_reads_and_recovers() {
    let disk = Disk::new();
    let store = inline(&disk);
    declare(&store, "shop");
    disk.set_capacity(Some(disk.used() + 1024));
    let refused = try_declare(&store, "late").unwrap_err();
    assert_eq!(refused.code, Code::ServiceUnavailable);
    assert!(refused.to_string().contains("the disk is full: 1 KiB free"), "{refused}");
    let told = "the disk is full: 1 KiB free for the disk in memory, 4096 KiB are kept in reserve";
    assert_eq!(store.outage().as_deref(), Some(told));
    assert_eq!(named(&store, "shop").len(), 1);
    store.write(author("look"), |_| Ok(())).expect("what changes nothing needs no space");
    disk.set_capacity(None);
    declare(&store, "late");
    assert_eq!(store.outage(), None);
    assert_eq!(store.verify().unwrap().records, 2);
}

#[test]
fn a_disk_that_fills_up_under_a_commit_fails_it_and_nothing_else() {
    let disk = Disk::new();
    let store = inline(&disk);
    declare(&store, "shop");
    // Just above the reserve, and then more than the reserve at once.
    disk.set_capacity(Some(disk.used() + crate::base::limit::STORE_RESERVE_BYTES));
    let large = |tx: &mut crate::store::Tx<'_>| {
        for n in 10..40u64 {
            let mut farm = farm(n, &format!("large-{n}"));
            farm.description = "x".repeat(512 * 1024);
            tx.put(&farm)?;
        }
        Ok(())
    };
    let refused = store.write(author("test"), large).unwrap_err();
    assert_eq!(refused.code, Code::ServiceUnavailable, "{refused}");
    assert_eq!(store.read(&Grant::job("test"), |view| view.count::<Farm>()).unwrap(), 1);
    disk.set_capacity(None);
    store.write(author("test"), large).unwrap();
    assert_eq!(store.verify().unwrap().records, 31);
}

#[test]
fn a_crash_before_or_after_a_commit_is_all_or_nothing() {
    for (moment, there) in [(Moment::BeforeCommit, 2), (Moment::AfterCommit, 3)] {
        let disk = Disk::new();
        let count = Arc::new(AtomicU64::new(0));
        let seen = count.clone();
        let hook: CrashHook =
            Arc::new(move |now| now != moment || seen.fetch_add(1, Ordering::SeqCst) < 2);
        let store = Store::open_on(&disk, clock(), Mode::Inline(Some(hook))).unwrap();
        declare(&store, "a");
        declare(&store, "b");
        for _ in 0..2 {
            let refused = try_declare(&store, "c").unwrap_err();
            assert_eq!(refused.code, Code::ServiceUnavailable);
        }
        assert!(store.read(&Grant::job("test"), |view| view.count::<Farm>()).is_err());
        let reopened = inline(&disk);
        assert_eq!(reopened.verify().unwrap().records, there);
        assert_eq!(reopened.last_seq(), Seq(there));
        assert_eq!(inline(&disk.crash()).verify().unwrap().records, there);
    }
}

#[test]
fn how_full_the_disk_may_be_depends_on_what_a_write_is_for() {
    const MIB: u64 = 1024 * 1024;
    let held = crate::base::limit::STORE_HELD_BYTES;
    let disk = Disk::new();
    let store = inline(&disk);
    let (id, _) = declare(&store, "shop");
    let mut number = 0;
    let mut write = |purpose: Purpose| {
        number += 1;
        let description = format!("the {number}th");
        let author = Author { purpose, ..author("test") };
        store.write(author, move |tx| Ok(tx.put(&Farm { description, ..farm(id.0, "shop") })?))
    };
    let all = [Purpose::Growth, Purpose::Report, Purpose::Ending];
    // What is free, what of the held is there, and who is let in.
    for (free, there, good) in [
        (5 * MIB, held, [true, true, true]),
        (3 * MIB, held, [false, true, true]),
        (1024, held, [false, true, true]),
        (1024, 3 * MIB, [false, true, true]),
        (1024, 2 * MIB, [false, false, true]),
        (1024, MIB / 2, [false, false, false]),
    ] {
        disk.set_held(there);
        disk.set_capacity(Some(disk.used() + free));
        for (purpose, good) in all.into_iter().zip(good) {
            let what = format!("{purpose:?} with {free} free and {there} held");
            match write(purpose) {
                Ok(_) => assert!(good, "{what}"),
                Err(refused) => {
                    assert!(!good, "{what}: {refused}");
                    assert_eq!(refused.code, Code::ServiceUnavailable, "{what}");
                    assert!(refused.message.contains("the disk is full"), "{what}: {refused}");
                }
            }
        }
        assert_eq!(store.outage().is_none(), good[0], "{free} {there}");
    }
}

#[test]
fn what_is_held_for_a_full_disk_is_really_allocated_and_comes_back() {
    let dir = super::files::TempDir::new();
    let reserve = dir.0.join("store.reserve");
    let blocks = || std::fs::metadata(&reserve).map_or(0, |found| found.blocks() * 512);
    let open = || Store::open(&dir.0, clock(), Mode::Inline(None)).unwrap();
    let store = open();
    declare(&store, "shop");
    assert!(blocks() >= crate::base::limit::STORE_HELD_BYTES, "{}", blocks());
    assert!(store.close());
    // Given back by a commit that needed it, it is there again as soon as there is space.
    std::fs::write(&reserve, "").unwrap();
    let store = open();
    assert!(blocks() >= crate::base::limit::STORE_HELD_BYTES);
    std::fs::write(&reserve, "").unwrap();
    declare(&store, "late");
    store.writer().run(Vec::new(), &mut || ());
    assert!(blocks() >= crate::base::limit::STORE_HELD_BYTES);
}

type ChangeLog = Box<dyn Fn(&std::fs::File)>;

/// Whoever empties a log, as one does with logs, takes nothing with it: the database gets what only
/// the log had, and another log is begun.
#[test]
fn a_log_that_others_change_is_begun_anew() {
    let cut = |length: u64| move |log: &std::fs::File| log.set_len(length).unwrap();
    let zeroed = |log: &std::fs::File| log.write_all_at(&[0; 512], 0).unwrap();
    let changes: [ChangeLog; 4] =
        [Box::new(cut(0)), Box::new(cut(512)), Box::new(cut(4096)), Box::new(zeroed)];
    for (number, change) in changes.iter().enumerate() {
        let dir = super::files::TempDir::new();
        let store = Store::open(&dir.0, clock(), Mode::Inline(None)).unwrap();
        declare(&store, "shop");
        change(&std::fs::File::options().write(true).open(dir.0.join("store.wal")).unwrap());
        assert!(store.mended().is_none());
        declare(&store, "late");
        let mended = store.mended().unwrap_or_else(|| panic!("{number}: it is said"));
        assert!(mended.contains("store.wal was changed by somebody"), "{mended}");
        assert!(store.mended().is_none() && store.outage().is_none(), "{number}: once");
        declare(&store, "later");
        assert_found_after_a_kill(&dir.0, &["shop", "late", "later"]);
    }
}

/// Nobody writes for a while: it is seen all the same, and the next start has everything.
#[test]
fn a_log_that_others_change_while_nothing_is_written_is_begun_anew() {
    let dir = super::files::TempDir::new();
    let store = Store::open(&dir.0, clock(), Mode::Thread).unwrap();
    declare(&store, "shop");
    std::fs::File::options().write(true).open(dir.0.join("store.wal")).unwrap().set_len(0).unwrap();
    let begun = std::time::Instant::now();
    while store.mended().is_none() {
        assert!(begun.elapsed().as_secs() < 60, "it is never seen");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert_found_after_a_kill(&dir.0, &["shop"]);
}

/// Opens what a kill would leave.
fn assert_found_after_a_kill(dir: &std::path::Path, names: &[&str]) {
    let left = dir.join("left");
    std::fs::create_dir(&left).unwrap();
    for name in ["store.redb", "store.wal", "store.mark"] {
        // None is made before the next write.
        if dir.join(name).exists() {
            std::fs::copy(dir.join(name), left.join(name)).unwrap();
        }
    }
    let store = Store::open(&left, clock(), Mode::Inline(None)).unwrap();
    for name in names {
        assert!(!named(&store, name).is_empty(), "{name} is lost");
    }
}

#[test]
fn a_database_that_was_cut_takes_no_more_writes() {
    let dir = super::files::TempDir::new();
    let store = Store::open(&dir.0, clock(), Mode::Inline(None)).unwrap();
    declare(&store, "shop");
    let file = std::fs::File::options().write(true).open(dir.0.join("store.redb")).unwrap();
    file.set_len(16_384).unwrap();
    let refused = try_declare(&store, "late").unwrap_err();
    assert_eq!(refused.code, Code::ServiceUnavailable, "{refused}");
    assert!(store.outage().unwrap().contains("ends at byte 16384"), "{:?}", store.outage());
}

/// A file that was removed takes writes until it is closed, and then nobody has them.
#[test]
fn nothing_is_written_into_files_that_were_taken_away() {
    for (name, moved) in
        [("store.redb", false), ("store.wal", false), ("store.redb", true), ("store.wal", true)]
    {
        let dir = super::files::TempDir::new();
        let store = Store::open(&dir.0, clock(), Mode::Inline(None)).unwrap();
        declare(&store, "shop");
        let (path, aside) = (dir.0.join(name), dir.0.join("aside"));
        match moved {
            true => std::fs::rename(&path, &aside).unwrap(),
            false => std::fs::remove_file(&path).unwrap(),
        }
        let refused = try_declare(&store, "late").unwrap_err();
        assert_eq!(refused.code, Code::ServiceUnavailable, "{name} {moved}");
        assert!(refused.message.contains("was taken away while it is in use"), "{refused}");
        assert!(store.outage().unwrap().contains(name), "{name} {moved}");
        // Another file in its place is not it.
        std::fs::write(&path, "").unwrap();
        assert!(try_declare(&store, "late").is_err(), "{name} {moved}");
        std::fs::remove_file(&path).unwrap();
        if moved {
            std::fs::rename(&aside, &path).unwrap();
            assert!(try_declare(&store, "late").is_ok() && store.outage().is_none(), "{name}");
        }
    }
}

#[test]
fn a_disk_without_room_for_a_reserve_is_told() {
    let dir = super::files::TempDir::new();
    let store = Store::open(&dir.0, clock(), Mode::Inline(None)).unwrap();
    assert_eq!(store.lacks_reserve(), None);
    std::fs::remove_file(dir.0.join("store.reserve")).unwrap();
    assert!(store.lacks_reserve().unwrap().contains("could not be ended"));
}
