//! Every file of a used state directory, missing and damaged: it is made anew with a word in the
//! log, the journal and an alert, or the start is refused with a word. Nothing comes back in
//! silence but what is said here to be without harm.

use super::appliance::rig::{Rig, checked_web};
use super::appliance::wait::until;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// What a start makes of a file that is missing or damaged.
#[derive(Clone, Copy)]
enum Fate {
    /// It does not start, and says this.
    Refused(&'static str),
    /// It starts, and says what this part was.
    Remade(&'static str),
    /// It starts, and there is nothing to be said: why.
    Silent(&'static str),
}
use Fate::{Refused, Remade, Silent};

/// A file or directory, what becomes of it when it is missing, and when it is damaged.
const TABLE: [(&str, Fate, Fate); 12] = [
    ("store.redb", Refused("store.redb is missing"), Refused("is no store")),
    ("store.wal", Refused("is missing, and the last writes"), Refused("is no log")),
    ("store.mark", Remade("store.mark was missing"), Remade("store.mark was damaged")),
    (
        "store.reserve",
        Silent("space that is held has no content"),
        Silent("space that is held has no content"),
    ),
    ("keys/authority.pem", Refused("authority.pem"), Refused("authority.pem")),
    (
        "keys/server.pem",
        Remade("keys/server.pem was missing"),
        Remade("keys/server.pem was damaged"),
    ),
    (
        "keys/sealing.keys",
        Silent("nothing is sealed yet, and another key is as good"),
        Silent("nothing is sealed yet; appliance::secrets tries it with something sealed"),
    ),
    ("agents.json", Remade("agents.json was missing"), Remade("agents.json was damaged")),
    (
        "search/meta.json",
        Remade("search/meta.json was missing"),
        Remade("search/meta.json was damaged"),
    ),
    ("series", Remade("series was missing"), Silent("its records are tried by the damage part")),
    (
        "onboard/owner.json",
        Remade("onboard/owner.json was missing"),
        Remade("onboard/owner.json was damaged"),
    ),
    (
        "onboard/onboard.json",
        Refused("it is missing and there are servers"),
        Refused("onboard.json"),
    ),
];

/// What is not in the table, and who looks after it instead.
const ELSEWHERE: [&str; 6] = [
    // Locks and sockets, made at every start.
    "run/",
    // Segments of the index and of readings: the damage part.
    "search/",
    "series/",
    // Servers' own files; their tag is tried below.
    "onboard/servers/",
    "onboard/volumes/",
    "onboard/disks/",
];

#[test]
fn whatever_is_missing_or_damaged_is_made_anew_or_refused_with_a_word() {
    let mut rig = Rig::ordinary("survey");
    let data = rig.directory.join("data");
    rig.start();
    rig.apply(&checked_web(1, 1));
    rig.settled("web", 1, 60);
    until("the index to have a file", 30, || {
        if data.join("search/meta.json").exists() { Ok(()) } else { Err("it has none") }
    });
    // Its last commits are in its log alone, so that the log is needed.
    kill_with_readings(&mut rig);
    require_all_in_the_table(&data);
    for (path, missing, damaged) in TABLE {
        let path = data.join(path);
        for (is_damage, fate) in [(false, missing), (true, damaged)] {
            if is_damage && path.is_dir() {
                continue;
            }
            let kept = take_away(&path);
            if is_damage {
                put_back(&path, &kept);
                let mut bytes = kept[&path].clone();
                let end = bytes.len().min(600);
                bytes[..end].fill(0xa5);
                fs::write(&path, bytes).unwrap();
            }
            let what =
                format!("{} {}", path.display(), if is_damage { "damaged" } else { "missing" });
            if start_with(&mut rig, fate, &what) {
                put_back(&path, &kept);
            }
        }
    }
    everything_of_the_store_gone(&mut rig, &data);
    a_server_without_its_tag_can_be_ended(&mut rig);
}

/// Starts, compares with what is to come of it, and stops as it was. Whether it was refused.
fn start_with(rig: &mut Rig, fate: Fate, what: &str) -> bool {
    let logged = rig.log().len();
    match fate {
        Refused(word) => {
            let refused = rig.serve_command().output().unwrap();
            let said = String::from_utf8_lossy(&refused.stderr).into_owned();
            assert!(!refused.status.success(), "{what} was let in");
            assert!(said.contains(word), "{what}: {said}");
            return true;
        }
        Remade(word) => {
            rig.start();
            let alerts = rig.client.status().unwrap().alerts;
            assert!(alerts.iter().any(|alert| alert.contains(word)), "{what}: {alerts:?}");
            let events = rig.client.events(None, 50, 0, None).unwrap().events;
            let told = |e: &grange::wire::api::EventView| {
                e.verb == "start.remade" && e.text.contains(word)
            };
            assert!(events.iter().any(told), "{what}: {events:#?}");
            assert!(rig.log()[logged..].contains(word), "{what}: {}", rig.log());
        }
        Silent(_) => rig.start(),
    }
    if let Silent(why) = fate {
        let alerts = rig.client.status().unwrap().alerts;
        assert!(!alerts.iter().any(|alert| alert.contains("anew")), "{what}, {why}: {alerts:?}");
    }
    rig.settled("web", 1, 60);
    kill_with_readings(rig);
    false
}

/// Ends it once readings are on disk, of which a start that was just made has none yet.
fn kill_with_readings(rig: &mut Rig) {
    let series = rig.directory.join("data/series");
    until("readings to be kept", 60, || {
        if files_under(&series).is_empty() { Err("there are none") } else { Ok(()) }
    });
    rig.kill();
}

fn everything_of_the_store_gone(rig: &mut Rig, data: &Path) {
    let names = ["store.redb", "store.wal", "store.mark"];
    let kept: Vec<_> = names.iter().map(|name| take_away(&data.join(name))).collect();
    assert!(start_with(rig, Refused("has no store any more"), "a store that is gone"));
    for file in names {
        drop(fs::remove_file(data.join(file)));
    }
    for (name, kept) in names.iter().zip(kept) {
        put_back(&data.join(name), &kept);
    }
}

fn a_server_without_its_tag_can_be_ended(rig: &mut Rig) {
    let servers = rig.onboard().join("servers");
    let server = fs::read_dir(&servers).unwrap().next().unwrap().unwrap();
    let id = server.file_name().into_string().unwrap();
    let pid = rig.pid_1(&id).expect("it runs");
    fs::remove_file(server.path().join("meta.json")).unwrap();
    rig.start();
    let ended = rig.grange(&["farm", "terminate", "shop", "--yes"]);
    assert!(ended.status.success(), "{ended:?}");
    until("a server without its tag to be ended", 60, || {
        let runs = Path::new("/proc").join(pid.to_string()).exists();
        if runs || server.path().exists() { Err(rig.servers().len()) } else { Ok(()) }
    });
    rig.stop();
}

/// Takes a file or directory away, and says what it had.
fn take_away(path: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let kept: BTreeMap<PathBuf, Vec<u8>> =
        files_under(path).into_iter().map(|file| (file.clone(), fs::read(file).unwrap())).collect();
    assert!(!kept.is_empty(), "{} was not there", path.display());
    if path.is_dir() {
        fs::remove_dir_all(path).unwrap();
    } else {
        fs::remove_file(path).unwrap();
    }
    kept
}

fn put_back(path: &Path, kept: &BTreeMap<PathBuf, Vec<u8>>) {
    for (file, bytes) in kept {
        let parent = file.parent().unwrap();
        fs::create_dir_all(parent).unwrap();
        fs::write(file, bytes).unwrap();
        for made in [file.as_path(), parent] {
            std::os::unix::fs::chown(made, Some(super::appliance::rig::NOBODY), None).unwrap();
        }
    }
    assert!(path.exists());
}

fn files_under(path: &Path) -> Vec<PathBuf> {
    if !path.is_dir() {
        return vec![path.to_owned()];
    }
    let entries = fs::read_dir(path).unwrap().flatten();
    entries.flat_map(|entry| files_under(&entry.path())).filter(|file| file.is_file()).collect()
}

/// A new kind of file has to say here what comes of it.
fn require_all_in_the_table(data: &Path) {
    for file in files_under(data) {
        let name = file.strip_prefix(data).unwrap().display().to_string();
        let known = TABLE.iter().any(|(path, ..)| *path == name)
            || ELSEWHERE.iter().any(|place| name.starts_with(place));
        assert!(known, "nobody says what comes of {name} when it is missing");
    }
}
