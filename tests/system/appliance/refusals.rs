//! What a person gets wrong: one clear error each, an exit code by kind, nothing lost.

use super::manifests::Shop;
use super::rig::Rig;
use super::wait::until;
use grange::base::WallClock;
use grange::store::{Mode, Store};
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::chown;
use std::process::Output;
use std::sync::Arc;

/// Ends with this code, with every one of these words on one or few lines of errors.
pub fn check(output: &Output, code: i32, words: &[&str]) {
    let said = String::from_utf8_lossy(&output.stderr);
    let told = format!("exit {:?}:\n{said}", output.status.code());
    assert_eq!(output.status.code(), Some(code), "{told}");
    for word in words {
        assert!(said.contains(word), "{word:?} is not said; {told}");
    }
    assert!(!said.contains("panicked"), "{told}");
    let errors = said.lines().filter(|line| line.starts_with("grange: ")).count();
    assert!(errors <= words.len().max(1), "more errors than faults; {told}");
}

#[test]
fn wrong_manifests_and_arguments_change_nothing() {
    let mut rig = Rig::new("wrong");
    rig.start();
    let seq = rig.client.status().unwrap().seq;
    let good = Shop { min: 2, max: 6, rule: Some((60, 20)), size: "small" }.manifest();
    let bad = good
        .replace("minInstances: 2", "minInstances: 9")
        .replace("role: haproxy", "role: haprocksy")
        .replace("cooldownUp: 2s", "cooldownUpp: 2s");
    assert_ne!(bad, good);
    let apply = |manifest: String| {
        let file = rig.directory.join("bad.yaml");
        fs::write(&file, manifest).unwrap();
        rig.grange(&["apply", "-f", &file.display().to_string(), "--yes"])
    };
    let words = ["minInstances", "cooldownUpp", "haprocksy", "line 9", "line 15", "line 18"];
    check(&apply(bad), 2, &words);
    let missing = rig.directory.join("missing.yaml").display().to_string();
    check(&rig.grange(&["apply", "-f", &missing, "--yes"]), 2, &["missing.yaml"]);
    check(&rig.grange(&["plant"]), 2, &["plant"]);
    check(&rig.grange(&["server", "terminate"]), 2, &["SERVER"]);
    check(&rig.grange(&["server", "show", "shop/web-7"]), 3, &["shop"]);
    check(&rig.grange(&["farm", "launch", "nowhere"]), 3, &["nowhere"]);
    let nobody = rig.directory.join("nobody.sock").display().to_string();
    let silent = rig.command(&["--socket", &nobody, "status"]).output().unwrap();
    check(&silent, 6, &["nobody.sock", "is grange serve running"]);
    assert_eq!(rig.client.status().unwrap().seq, seq, "nothing was changed");
}

#[test]
fn what_is_taken_or_closed_is_named() {
    let mut rig = Rig::new("taken");
    // A port in use.
    let taken = TcpListener::bind(("0.0.0.0", rig.agents_port)).unwrap();
    let address = taken.local_addr().unwrap().to_string();
    check(&rig.serve_command().output().unwrap(), 5, &[&address, "in use"]);
    drop(taken);
    // A second appliance on the same directory, told who holds it.
    rig.start();
    let second = rig.serve_command().output().unwrap();
    check(&second, 5, &["data", "in use by process", "api.sock"]);
    rig.ready();
    a_copy_is_refused(&rig);
    // A config file with a misspelt field.
    let config = rig.directory.join("grange.toml");
    fs::write(&config, "[listen]\nhtpps = \"127.0.0.1:1\"\n").unwrap();
    check(&rig.serve_command().output().unwrap(), 2, &["grange.toml", "htpps"]);
}

/// Also one without what says whose the servers are, on ports of its own.
fn a_copy_is_refused(rig: &Rig) {
    let (data, copy) = (rig.directory.join("data"), rig.directory.join("copy"));
    fs::create_dir_all(copy.join("keys")).unwrap();
    let names = ["store.redb", "store.wal", "store.mark", "keys/authority.pem"];
    for name in names {
        fs::copy(data.join(name), copy.join(name)).unwrap();
    }
    let config = rig.directory.join("copy.toml");
    fs::write(&config, "[listen]\nhttps = \"127.0.0.1:0\"\nagents = \"127.0.0.1:0\"\n").unwrap();
    let [config, copy] = [config, copy].map(|path| path.display().to_string());
    let refused = rig.command(&["serve", "--config", &config, "--data", &copy]).output().unwrap();
    check(&refused, 5, &["is the appliance of this installation already", "this one is a copy"]);
}

#[test]
fn a_directory_that_is_not_ours_is_named() {
    let rig = Rig::ordinary("closed");
    let data = rig.directory.join("data");
    chown(&data, Some(0), Some(0)).unwrap();
    let refused = rig.serve_command().output().unwrap();
    check(&refused, 1, &[&data.display().to_string(), "ermission denied"]);
    assert_eq!(fs::read_dir(&data).unwrap().count(), 0, "nothing was written");
}

#[test]
fn a_full_disk_is_told_and_loses_nothing() {
    let mut rig = Rig::new("full");
    let data = rig.directory.join("data");
    rig.on_a_small_disk(48);
    rig.start();
    let farm = |number: usize| format!("farm: farm-{number}\nfarmRoles: []\n");
    let file = rig.directory.join("farm.yaml");
    let apply = |rig: &Rig, number: usize| {
        fs::write(&file, farm(number)).unwrap();
        rig.grange(&["apply", "-f", &file.display().to_string(), "--yes"])
    };
    for number in 0..5 {
        check(&apply(&rig, number), 0, &[]);
    }
    let ballast = data.join("ballast");
    let mut full = fs::File::create(&ballast).unwrap();
    let filled = std::io::copy(&mut std::io::repeat(7), &mut full).unwrap_err();
    assert_eq!(filled.kind(), std::io::ErrorKind::StorageFull);
    drop(full);
    // What there is room for in the files already is still taken; the first that is refused says
    // why.
    let mut kept = 5;
    let refused = loop {
        let answer = apply(&rig, kept);
        if !answer.status.success() {
            break answer;
        }
        kept += 1;
        assert!(kept < 500, "the disk is full and nobody says so");
    };
    println!("full disk: farm {kept} was refused: {}", String::from_utf8_lossy(&refused.stderr));
    check(&refused, 6, &["disk", "full"]);
    assert_eq!(rig.client.farms().unwrap().len(), kept, "reading goes on");
    fs::remove_file(&ballast).unwrap();
    until("room to be noticed", 30, || {
        let answer = apply(&rig, kept);
        if answer.status.success() { Ok(()) } else { Err(answer) }
    });
    rig.kill();
    let store = Store::open(&data, Arc::new(WallClock::new()), Mode::Thread).unwrap();
    store.verify().unwrap();
    assert!(store.close());
    rig.start();
    assert_eq!(rig.client.farms().unwrap().len(), kept + 1);
    rig.stop();
}
