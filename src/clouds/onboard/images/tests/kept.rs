//! How trees are kept: once for the same content, whole or not at all, and looked at again.

use super::super::{ImageFailure, ImageShelf};
use super::made::{Pack, gzip, shell};
use super::{BOUNDS, World};
use std::collections::BTreeSet;
use std::fs;

#[test]
fn the_same_content_is_one_tree() {
    let world = World::new();
    let one = world.import(&Pack::root().file("x", "y").end()).unwrap();
    let two = world.import(&gzip(&Pack::root().file("x", "old").file("x", "y").end())).unwrap();
    assert_eq!(one.digest, two.digest);
    let other = world.import(&Pack::root().file("x", "z").end()).unwrap();
    let mut both = [one.digest.clone(), other.digest.clone()];
    both.sort();
    assert_eq!(world.shelf.digests().unwrap(), both);
    let kept = BTreeSet::from([other.digest.clone()]);
    world.shelf.turn().sweep(&kept).unwrap();
    world.shelf.turn().sweep(&kept).unwrap();
    assert_eq!(world.shelf.digests().unwrap(), [other.digest]);
    world.is_as_it_was();
}

#[test]
fn a_cut_off_import_is_gone_at_the_next_start() {
    let world = World::new();
    let incoming = world.shelf.begin().unwrap();
    fs::write(incoming.archive(), "half of").unwrap();
    // As a process leaves it that was killed.
    std::mem::forget(incoming);
    let state = world.directory.join("state");
    assert_eq!(fs::read_dir(state.join("images")).unwrap().count(), 1);
    ImageShelf::open(&state).unwrap();
    world.is_as_it_was();
}

#[test]
fn a_tree_that_somebody_changed_is_told_and_replaced() {
    let world = World::new();
    let archive = Pack::root().file("etc/x", "1").file("z", "2").end();
    let digest = world.import(&archive).unwrap().digest;
    let tree = world.shelf.tree(&digest);
    let check = |words: &str| {
        let why = world.shelf.check(&digest).unwrap_err().to_string();
        assert_eq!(why, words);
        let incoming = world.shelf.begin().unwrap();
        fs::write(incoming.archive(), &archive).unwrap();
        let used =
            world.shelf.turn().import(&incoming, BOUNDS, &|used| used == digest).unwrap_err();
        assert!(used.to_string().contains("servers run from it"), "{used}");
        drop(incoming);
        assert_eq!(world.import(&archive).unwrap().digest, digest);
        world.shelf.check(&digest).unwrap();
    };
    fs::write(tree.join("etc/x"), "11").unwrap();
    check("/etc/x is not as it was imported");
    fs::remove_file(tree.join("etc/x")).unwrap();
    check("/etc/x is gone");
    fs::write(tree.join("etc/y"), "").unwrap();
    check("/etc/y was not imported");
    fs::remove_file(tree.join("z")).unwrap();
    check("/z is gone");
    fs::write(tree.join("zz"), "").unwrap();
    check("/zz was not imported");
    fs::remove_dir_all(tree.join("etc")).unwrap();
    check("/etc is gone");
}

#[test]
fn a_disk_that_is_full_is_the_machines_fault() {
    let world = World::new();
    let archive = Pack::root().file("x", &"y".repeat(70 << 20)).end();
    let incoming = world.shelf.begin().unwrap();
    fs::write(incoming.archive(), archive).unwrap();
    let bounds = super::TreeBounds { bytes: 1 << 30, spared_bytes: u64::MAX, ..BOUNDS };
    let why = world.shelf.turn().import(&incoming, bounds, &|_| false).unwrap_err();
    let ImageFailure::Failed(failure) = why else { panic!("{why}") };
    assert!(failure.line().contains("have to stay free"), "{}", failure.line());
}

#[test]
fn a_system_says_its_name() {
    let check = |release: &str, os: Option<&str>| {
        let world = World::new();
        let imported = world.import(&Pack::root().file("etc/os-release", release).end()).unwrap();
        assert_eq!(imported.os.as_deref(), os, "{release}");
    };
    check("PRETTY_NAME=\"Debian\"\nID=debian\nVERSION_ID=\"12\"\n", Some("debian-12"));
    check("ID=arch\n", Some("arch"));
    check("NAME=x\n", None);
    check("", None);
    let world = World::new();
    let pack = Pack::root().link("etc/os-release", "/usr/lib/os-release");
    let imported = world.import(&pack.file("usr/lib/os-release", "ID=alpine\n").end()).unwrap();
    assert_eq!(imported.os.as_deref(), Some("alpine"));
}

#[test]
fn what_gnu_tar_makes_of_a_directory_is_that_directory() {
    let archive = shell(
        "mkdir -p etc usr/bin; printf grange > etc/name; ln etc/name usr/bin/same; \
         ln -s usr/bin bin; mkfifo pipe; chmod 600 pipe; chmod 2750 usr; tar -cf - .",
    );
    let expected = [
        "bin -> usr/bin",
        "etc/",
        "etc/name = grange",
        "pipe | 600",
        "usr/ 2750",
        "usr/bin/",
        "usr/bin/same = grange",
    ];
    super::is_tree("a directory", &archive, &expected);
}
