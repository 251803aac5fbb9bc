//! Files: whole or not at all, where they belong, and what a change does.

use super::world::*;
use grange::model::{OnChange, RoleFile, Workload};
use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

#[test]
fn nobody_ever_reads_half_a_file() {
    let world = World::new("reader");
    let work = world.open();
    let content = |letter: u8| String::from_utf8(vec![letter; 1 << 20]).unwrap();
    said(work.take(1, files(vec![file("/etc/conf", &content(b'a'))]))).unwrap();
    let (path, over) = (world.dir.join("etc/conf"), Arc::new(AtomicBool::new(false)));
    let ends = over.clone();
    let reader = thread::spawn(move || {
        let mut seen = 0;
        while !ends.load(Ordering::Relaxed) {
            let bytes = fs::read(&path).unwrap();
            assert_eq!(bytes.len(), 1 << 20);
            assert!(bytes.iter().all(|byte| *byte == bytes[0]), "two files in one");
            seen += 1;
        }
        seen
    });
    for round in 0..26 {
        let now = content(b'a' + round);
        said(work.take(u64::from(round) + 2, files(vec![file("/etc/conf", &now)]))).unwrap();
    }
    over.store(true, Ordering::Relaxed);
    assert!(reader.join().unwrap() > 0);
    assert_eq!(fs::read_dir(world.dir.join("etc")).unwrap().count(), 1, "nothing lies beside it");
    work.halt();
}

#[test]
fn a_refused_file_leaves_the_one_before() {
    let world = World::new("check");
    let work = world.open();
    let checked = |content: &str| RoleFile {
        check: ["sh", "-c", "echo looked at $0; ! grep -H wrong $0", "{}"]
            .map(str::to_owned)
            .to_vec(),
        ..file("/etc/conf", content)
    };
    said(work.take(1, files(vec![checked("good")]))).unwrap();
    let why = said(work.take(2, files(vec![checked("wrong")]))).unwrap_err();
    let start = "file /etc/conf: its check refuses it with exit code 1; the file before stays: ";
    assert!(why.starts_with(start) && why.ends_with("conf.grange-new:wrong"), "{why}");
    assert_eq!((world.read("etc/conf").as_str(), world.in_place()), ("good", Some(1)));
    assert_eq!(fs::read_dir(world.dir.join("etc")).unwrap().count(), 1);
    // What was in place goes on being so.
    assert_eq!(trouble(&work), "");
    said(work.take(3, files(vec![checked("better")]))).unwrap();
    assert_eq!(world.read("etc/conf"), "better");
    work.halt();
}

#[test]
fn a_change_reloads_or_restarts_what_it_names() {
    let world = World::new("change");
    let work = world.open();
    let script = "echo begun $(cat etc/a etc/b) >> log; \
                  trap 'echo reloaded $(cat etc/a) >> log' HUP; while :; do sleep 0.05; done";
    let take = |generation, a: &str, b: &str| {
        let restarts = Some(OnChange::Restart("web".to_owned()));
        let workload = Workload {
            files: vec![
                reloads(file("/etc/a", a), "web"),
                RoleFile { on_change: restarts, ..file("/etc/b", b) },
            ],
            services: vec![service("web", script)],
            ..Workload::default()
        };
        said(work.take(generation, workload)).unwrap();
    };
    take(1, "1", "1");
    take(2, "1", "1");
    take(3, "2", "1");
    until("the reload", || world.read("log").ends_with("reloaded 2\n"));
    take(4, "2", "2");
    take(5, "3", "3");
    assert_eq!(world.read("log"), "begun 11\nreloaded 2\nbegun 22\nbegun 33\n");
    work.halt();
}

#[test]
fn files_stay_within_the_server() {
    let world = World::new("within");
    let outside = World::new("outside");
    let work = world.open();
    fs::create_dir(world.dir.join("real")).unwrap();
    symlink("real", world.dir.join("inner")).unwrap();
    symlink(&outside.dir, world.dir.join("outer")).unwrap();
    symlink("../..", world.dir.join("up")).unwrap();
    symlink("loop", world.dir.join("loop")).unwrap();
    symlink(outside.dir.join("target"), world.dir.join("link")).unwrap();
    fs::write(world.dir.join("plain"), "x").unwrap();
    let mut generation = 0;
    let mut take = |path: &str| {
        generation += 1;
        said(work.take(generation, files(vec![file(path, "x")])))
    };
    let refused = [
        ("/outer/x", "a link leads out of the server, to "),
        ("/outer/deep/x", "a link leads out of the server, to "),
        ("/up/x", "a link leads out of the server, to "),
        ("/real/../x", "it has .. in it"),
        ("relative", "it is not an absolute path"),
        ("/", "it is not the path of a file"),
        ("/dir/", "it is not the path of a file"),
        ("/loop/x", "oo many "),
        ("/plain/x", "plain is not a directory"),
        ("/real", "s a directory"),
    ];
    for (path, why) in refused {
        let said = take(path).unwrap_err();
        assert!(said.starts_with(&format!("file {path}: ")) && said.contains(why), "{said}");
    }
    assert_eq!(fs::read_dir(&outside.dir).unwrap().count(), 1, "nothing is made outside");
    for (path, at) in [("/inner/x", "real/x"), ("/link", "link"), ("/new/deep/x", "new/deep/x")] {
        assert_eq!(take(path).err(), None, "{path}");
        assert_eq!(world.read(at), "x");
        assert!(world.dir.join(at).is_file());
    }
    assert!(!outside.dir.join("target").exists(), "a link gives way, it is not followed");
    work.halt();
}

#[test]
fn modes_and_owners_are_kept_and_what_is_gone_from_the_work_goes() {
    let world = World::new("owner");
    let work = world.open();
    let secret = RoleFile { mode: 0o4640, owner: Some("nobody".into()), ..file("/a", "x") };
    said(work.take(1, files(vec![secret.clone(), file("/b", "x"), file("/c", "x")]))).unwrap();
    let at = |name: &str| fs::metadata(world.dir.join(name)).unwrap();
    assert_eq!((at("a").mode() & 0o7777, at("a").uid(), at("a").gid()), (0o4640, 65534, 65534));
    assert_eq!((at("b").mode() & 0o7777, at("b").uid()), (0o644, 0));
    let before = at("a").ino();
    fs::write(world.dir.join("c"), "by hand").unwrap();
    said(work.take(2, files(vec![secret.clone()]))).unwrap();
    assert_eq!(at("a").ino(), before, "what does not differ is not written");
    assert!(!world.dir.join("b").exists() && world.read("c") == "by hand");
    said(work.take(3, files(vec![RoleFile { mode: 0o600, ..secret.clone() }]))).unwrap();
    assert_eq!(at("a").mode() & 0o7777, 0o600);
    let nobody = RoleFile { owner: Some("not-a-user".into()), ..secret };
    let why = said(work.take(4, files(vec![nobody]))).unwrap_err();
    let expected = "file /a: there is no user \"not-a-user\" on this server: setup has to make it";
    assert_eq!(why, expected);
    work.halt();
}
