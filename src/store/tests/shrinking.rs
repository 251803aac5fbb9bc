//! A large database that is mostly free is made smaller at the next start, within its bounds.

use super::files::TempDir;
use super::{author, clock, farm};
use crate::base::limit::STORE_COMPACT_BYTES;
use crate::base::{FarmId, Seq};
use crate::model::{Farm, Grant};
use crate::store::compact;
use crate::store::{Entry, Mode, Reads, Store};
use std::path::Path;

const LARGE: u64 = 20;
const KEPT: u64 = 10;

fn open(dir: &Path) -> Store {
    let store = Store::open(dir, clock(), Mode::Inline(None)).unwrap();
    store.set_journal_limit(1024 * 1024);
    store
}

fn size(dir: &Path) -> u64 {
    std::fs::metadata(dir.join("store.redb")).unwrap().len()
}

/// A store that was large: farms of a megabyte each, which are gone, and small ones that stay.
fn used(dir: &Path) -> Store {
    let store = open(dir);
    for large in [true, false] {
        for id in 1..=LARGE {
            let mut farm = farm(id, &format!("farm-{id}"));
            farm.description = "x".repeat(if large { 1_000_000 } else { 10 });
            store.write(author("farm.update"), move |tx| Ok(tx.put(&farm)?)).unwrap();
        }
    }
    for id in KEPT + 1..=LARGE {
        let gone = move |tx: &mut crate::store::Tx<'_>| {
            tx.delete::<Farm>(FarmId(id))?;
            Ok(())
        };
        store.write(author("farm.remove"), gone).unwrap();
    }
    store.trim_journal().unwrap();
    assert!(size(dir) > STORE_COMPACT_BYTES, "{}", size(dir));
    store
}

/// What it has: its farms and the end of its journal.
fn content(store: &Store) -> (Vec<Farm>, Vec<Entry>) {
    store.verify().unwrap();
    let farms = store.read(&Grant::job("test"), |view| view.all::<Farm>()).unwrap();
    let last = store.last_seq();
    let entries = store.entries(&Grant::job("test"), Seq(last.0 - 10), 100).unwrap();
    assert_eq!((farms.len() as u64, entries.len()), (KEPT, 10));
    (farms.into_iter().map(|found| found.record).collect(), entries)
}

#[test]
fn what_was_large_is_small_after_the_next_start() {
    let dir = TempDir::new();
    let store = used(&dir.0);
    let before = content(&store);
    // Its last writes are in its log alone.
    store.writer().slot.fall();
    drop(store);
    let store = open(&dir.0);
    assert!(size(&dir.0) < 4 * 1024 * 1024, "{}", size(&dir.0));
    assert_eq!(content(&store), before);
    store.write(author("farm.update"), |tx| Ok(tx.put(&farm(1, "renamed"))?)).unwrap();
    let before = content(&store);
    assert!(store.close());
    assert_eq!(content(&open(&dir.0)), before);
}

#[test]
fn whoever_is_interrupted_finds_one_or_the_other() {
    let dir = TempDir::new();
    let store = used(&dir.0);
    let before = content(&store);
    assert!(store.close());
    // What is left of one that was killed half way, of any length.
    let large = std::fs::read(dir.0.join("store.redb")).unwrap();
    for length in [0, 1, 4096, 1024 * 1024] {
        std::fs::write(dir.0.join("store.redb"), &large).unwrap();
        std::fs::write(dir.0.join("store.redb.compact"), &large[..length]).unwrap();
        let store = open(&dir.0);
        assert_eq!(content(&store), before, "{length}");
        assert!(store.close());
        assert!(!dir.0.join("store.redb.compact").exists(), "{length}");
    }
}

#[test]
fn a_disk_without_room_for_it_leaves_it_as_it_is() {
    let dir = TempDir::new();
    let store = used(&dir.0);
    let before = content(&store);
    let path = dir.0.join("store.redb");
    let writer = store.writer();
    let compact = |free| {
        writer.slot.with_database(|database, pages| {
            compact::compact(&path, database, pages, free).unwrap()
        })
    };
    let large = size(&dir.0);
    assert!(!compact(Some(1024 * 1024)), "there is no room");
    assert_eq!(size(&dir.0), large);
    // A disk that refuses half way: here because there is a directory of that name.
    std::fs::create_dir(dir.0.join("store.redb.compact")).unwrap();
    assert!(!compact(None), "it cannot be made");
    assert_eq!(size(&dir.0), large);
    std::fs::remove_dir(dir.0.join("store.redb.compact")).unwrap();
    assert_eq!(content(&store), before);
    assert!(compact(None));
}
