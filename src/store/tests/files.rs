//! A store in a directory: found again, one process at a time, nobody else's to read.

use super::{clock, declare, named};
use crate::store::pages::Pages;
use crate::store::wal::RealFile;
use crate::store::{Mode, OpenError, Store};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// A directory of the test's own, removed with everything in it.
pub struct TempDir(pub PathBuf);

impl TempDir {
    pub fn new() -> TempDir {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let n = COUNT.fetch_add(1, Ordering::SeqCst);
        let name = format!("grange-store-{}-{n}", std::process::id());
        TempDir(std::env::temp_dir().join(name))
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).unwrap();
    }
}

fn open(dir: &Path) -> Result<Store, OpenError> {
    Store::open(dir, clock(), Mode::Thread)
}

#[test]
fn a_store_is_found_again_and_only_its_owner_reads_it() {
    let dir = TempDir::new();
    declare(&open(&dir.0).unwrap(), "shop");
    let store = open(&dir.0).unwrap();
    assert_eq!(named(&store, "shop").len(), 1);
    assert_eq!(store.last_seq().0, 1);
    let mode = |path: &str| {
        let found = std::fs::metadata(dir.0.join(path)).unwrap();
        found.permissions().mode() & 0o777
    };
    assert_eq!((mode(""), mode("run")), (0o700, 0o700));
    assert_eq!((mode("store.redb"), mode("run/lock")), (0o600, 0o600));
}

#[test]
fn a_second_one_is_refused_and_told_who_has_it() {
    let dir = TempDir::new();
    let store = open(&dir.0).unwrap();
    let Err(OpenError::InUse { pid, socket, .. }) = open(&dir.0) else { panic!("not refused") };
    assert_eq!((pid, socket), (std::process::id().to_string(), None));
    store.announce(Path::new("/run/grange.sock")).unwrap();
    let refused = open(&dir.0).err().unwrap().to_string();
    let who = format!("process {} (listening on /run/grange.sock)", std::process::id());
    assert!(refused.ends_with(&who), "{refused}");
    assert!(store.close());
    open(&dir.0).unwrap();
}

#[test]
fn a_lock_that_a_killed_ones_child_still_has_is_waited_for() {
    let dir = TempDir::new();
    declare(&open(&dir.0).unwrap(), "shop");
    let path = dir.0.join("run/lock");
    let file = std::fs::File::open(&path).unwrap();
    file.lock().unwrap();
    // Above the largest id that a process can have.
    std::fs::write(&path, "4194305\n").unwrap();
    let mut child = std::process::Command::new("sleep").arg("0.2").stdin(file).spawn().unwrap();
    let found = open(&dir.0);
    child.wait().unwrap();
    assert_eq!(named(&found.unwrap(), "shop").len(), 1);
}

#[test]
fn what_is_no_directory_or_no_store_is_said_so() {
    let dir = TempDir::new();
    std::fs::create_dir(&dir.0).unwrap();
    std::fs::write(dir.0.join("file"), "x").unwrap();
    let refused = open(&dir.0.join("file")).err().unwrap();
    assert!(matches!(refused, OpenError::File { doing: "making", .. }), "{refused}");
    std::fs::write(dir.0.join("store.redb"), vec![7u8; 8192]).unwrap();
    let refused = open(&dir.0).err().unwrap();
    assert!(matches!(refused, OpenError::NoStore { .. }), "{refused}");
}

#[test]
fn a_later_versions_store_is_refused_byte_for_byte() {
    let dir = TempDir::new();
    declare(&open(&dir.0).unwrap(), "shop");
    let path = dir.0.join("store.redb");
    let pages = Pages::open(Box::new(RealFile(
        std::fs::File::options().read(true).write(true).open(&path).unwrap(),
    )));
    let database = redb::Builder::new().create_with_backend(pages.unwrap()).unwrap();
    let txn = database.begin_write().unwrap();
    let row = std::iter::once((&b"schema:farms"[..], Some(&[200][..])));
    crate::store::rows::put_rows(&txn, crate::store::rows::Space::META, row).unwrap();
    txn.commit().unwrap();
    drop(database);
    let before = std::fs::read(&path).unwrap();
    for _ in 0..2 {
        let refused = open(&dir.0).err().unwrap();
        assert!(matches!(refused, OpenError::Newer { .. }), "{refused}");
    }
    assert!(std::fs::read(&path).unwrap() == before, "it was written to");
}
