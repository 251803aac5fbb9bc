//! Damage: copies of a used state directory, each damaged at one place by a seed. Each is either
//! whole, repaired with a word, or refused with a word; none answers anything that was not
//! committed, and `appliance doctor` agrees. `SEED=` and `COUNT=` choose others and more.

mod answers;

use super::appliance::rig::Rig;
use super::appliance::wait::until;
use answers::{Answers, Readings};
use grange::base::random::Stream;
use grange::base::{Seq, WallClock};
use grange::model::Grant;
use grange::pki::{self, Authority};
use grange::store::{Entry, Mode, Store, inspect};
use std::collections::BTreeMap;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

const SHOP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/examples/shop.yaml");
/// Longest that looking at one copy may take, all of it, on a busy machine.
const LOOKED_WITHIN: Duration = Duration::from_secs(30);
/// Of so many copies one is also given to the built binary.
const BINARY_EVERY: u64 = 10;

/// What is done to a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Bit,
    Cut,
    Zeroes,
    Block,
    Swap,
    Removal,
}

const KINDS: [Kind; 6] =
    [Kind::Bit, Kind::Cut, Kind::Zeroes, Kind::Block, Kind::Swap, Kind::Removal];

/// What came of a copy.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    /// It answers as if nothing had happened.
    Whole,
    /// The store was opened and met the damage when it was read.
    Met,
    /// It was not opened.
    Refused,
}

/// What a copy has to answer.
struct Truth {
    entries: Vec<Entry>,
    fingerprint: String,
    answers: Answers,
    readings: Readings,
}

fn number(name: &str, usual: u64) -> u64 {
    std::env::var(name).map_or(usual, |text| text.parse().expect("a number"))
}

#[test]
fn damaged_copies_are_whole_repaired_or_refused() {
    let (seed, count) = (number("SEED", 1), number("COUNT", 60));
    let rig = used();
    let from = rig.directory.join("data");
    let files = files_of(&from);
    let truth = truth(&rig);
    let mut figures: BTreeMap<(Kind, Fate), u64> = BTreeMap::new();
    for turn in 0..count {
        let mut random = Stream::new(seed, &format!("damage {turn}"));
        let kind = KINDS[usize::try_from(turn).unwrap() % KINDS.len()];
        let copy = rig.directory.join("copy");
        copy_of(&from, &copy, &files);
        let what = damage(kind, &copy, &files, &mut random);
        let what = format!("SEED={seed}, copy {turn}: {what}");
        let begun = Instant::now();
        let fate = look(&copy, &truth, &what);
        if turn % BINARY_EVERY == 0 {
            ask_binary(&copy, &what);
        }
        assert!(begun.elapsed() < LOOKED_WITHIN, "{what}: it took {:?}", begun.elapsed());
        *figures.entry((kind, fate)).or_default() += 1;
        fs::remove_dir_all(&copy).unwrap();
    }
    for ((kind, fate), times) in figures {
        println!("damage: {kind:?} {fate:?} {times}");
    }
}

/// A state directory with a history: started, used, killed, and started again and stopped.
fn used() -> Rig {
    let mut rig = Rig::ordinary("damage");
    let manifest = rig.directory.join("shop.yaml");
    fs::copy(SHOP, &manifest).unwrap();
    rig.start();
    let applied = rig.grange(&["apply", "-f", &manifest.display().to_string(), "--yes"]);
    assert!(applied.status.success(), "{applied:?}");
    rig.settled("web", 2, 60);
    let first = rig.of_role("web").remove(0);
    let gone = rig.grange(&["server", "terminate", &first.grange.name, "--yes"]);
    assert!(gone.status.success(), "{gone:?}");
    until("a server to be gone", 60, || {
        let left = rig.of_role("web");
        if left.iter().any(|server| server.id == first.id) { Err(left.len()) } else { Ok(()) }
    });
    rig.stop();
    rig.start();
    rig.settled("web", 2, 60);
    let token = rig.grange(&["token", "create", "--description", "laptop"]);
    assert!(token.status.success(), "{token:?}");
    let held = rig.grange(&["hold", "shop/web", "rollout", "--for", "1h", "--reason", "a look"]);
    assert!(held.status.success(), "{held:?}");
    until("the journal to be searched", 30, || {
        let found = rig.client.search("laptop", None, None);
        found.map_err(|error| format!("{error:?}")).and_then(|found| match found.events.len() {
            0 => Err("nothing is found".to_owned()),
            _ => Ok(()),
        })
    });
    // Its last commits are in the log alone.
    rig.kill();
    rig
}

/// Every file that is state: not the servers' own, nor what is made at each start.
fn files_of(data: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut left = vec![data.to_owned()];
    while let Some(directory) = left.pop() {
        for entry in fs::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(data).unwrap().to_owned();
            match name.to_str() {
                Some("run" | "onboard" | "store.reserve") => {}
                _ if path.is_dir() => left.push(path),
                _ if path.is_file() => found.push(name),
                _ => {}
            }
        }
    }
    found.sort();
    assert!(found.len() > 5, "{found:?}");
    found
}

fn copy_of(from: &Path, to: &Path, files: &[PathBuf]) {
    for file in files {
        let path = to.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::copy(from.join(file), path).unwrap();
    }
}

fn truth(rig: &Rig) -> Truth {
    let from = rig.directory.join("data");
    let copy = rig.directory.join("truth");
    copy_of(&from, &copy, &files_of(&from));
    let store = Store::open(&copy, Arc::new(WallClock::new()), Mode::Inline(None)).unwrap();
    let entries = store.entries(&Grant::job("test"), Seq(0), usize::MAX).unwrap();
    store.verify().unwrap();
    assert!(entries.len() > 20, "{}", entries.len());
    let authority = Authority::open_kept(&copy.join("keys"), None).unwrap();
    let answers = Answers::of(&store, &copy, &entries).unwrap();
    answers.require_used();
    let readings = Readings::of(&copy, &entries).unwrap();
    readings.require_used();
    Truth { entries, fingerprint: authority.fingerprint_text(), answers, readings }
}

/// Damages one file, or two; says what was done.
fn damage(kind: Kind, copy: &Path, files: &[PathBuf], random: &mut Stream) -> String {
    // Half of all damage is to the store, which is most of what there is to lose.
    let store: Vec<PathBuf> =
        files.iter().filter(|file| file.to_string_lossy().starts_with("store.")).cloned().collect();
    let among = if random.chance(50) { store.as_slice() } else { files };
    let file = &among[below(random, among.len())];
    let path = copy.join(file);
    let mut bytes = fs::read(&path).unwrap();
    let at = aim(&bytes, random);
    let said = match kind {
        Kind::Bit => {
            let bit = below(random, 8);
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << bit;
            }
            format!("bit {bit} of byte {at}")
        }
        Kind::Cut => {
            bytes.truncate(at);
            format!("cut at {at}")
        }
        Kind::Zeroes => {
            let end = (at + 1 + below(random, 8192)).min(bytes.len());
            bytes[at.min(end)..end].fill(0);
            format!("zeroes from {at} to {end}")
        }
        Kind::Block => {
            let block = 4096;
            let (a, b) = (at / block * block, aim(&bytes, random) / block * block);
            if a.max(b) + block <= bytes.len() {
                bytes.copy_within(a..a + block, b);
            }
            format!("block at {a} over that at {b}")
        }
        Kind::Swap => {
            let other = &files[below(random, files.len())];
            let theirs = fs::read(copy.join(other)).unwrap();
            fs::write(copy.join(other), &bytes).unwrap();
            bytes = theirs;
            format!("changed places with {}", other.display())
        }
        Kind::Removal => {
            fs::remove_file(&path).unwrap();
            return format!("{} removed", file.display());
        }
    };
    fs::write(&path, bytes).unwrap();
    format!("{} {said}", file.display())
}

/// Where in a file: three times of four where something is written, since most of a store's files
/// is space for what is to come.
fn aim(bytes: &[u8], random: &mut Stream) -> usize {
    const SECTOR: usize = 512;
    let used = |sector: &&[u8]| sector.iter().any(|byte| *byte != 0);
    let sectors = bytes.chunks(SECTOR).enumerate();
    let used: Vec<usize> =
        sectors.filter(|(_, sector)| used(sector)).map(|(number, _)| number).collect();
    if used.is_empty() || !random.chance(75) {
        return below(random, bytes.len().max(1));
    }
    let at = used[below(random, used.len())] * SECTOR;
    at + below(random, SECTOR.min(bytes.len() - at))
}

fn below(random: &mut Stream, bound: usize) -> usize {
    usize::try_from(random.below(bound as u64)).unwrap()
}

/// Looks at a copy in every way a start does, and compares what it answers.
fn look(copy: &Path, truth: &Truth, what: &str) -> Fate {
    let quiet = |call: &mut dyn FnMut() -> Fate| {
        catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|_| panic!("{what}: see above"))
    };
    let inspected = inspect(copy);
    let doctor_is_content = inspected.is_ok_and(|found| found.verified.is_ok());
    let fate = quiet(&mut || store(copy, truth, what));
    assert_eq!(doctor_is_content, fate == Fate::Whole, "{what}: the doctor does not agree");
    quiet(&mut || keys(copy, truth, what));
    quiet(&mut || {
        // What cannot be read is refused, or lost with a word; what is read was said by somebody.
        if let Ok(found) = Readings::of(copy, &truth.entries) {
            found.require_within(&truth.readings, what);
        }
        Fate::Whole
    });
    fate
}

fn store(copy: &Path, truth: &Truth, what: &str) -> Fate {
    // A start that finds none makes a new one; whoever lost the file has the mark to say so.
    let store = match Store::open(copy, Arc::new(WallClock::new()), Mode::Inline(None)) {
        Ok(store) => store,
        Err(_) => return Fate::Refused,
    };
    match store.entries(&Grant::job("test"), Seq(0), usize::MAX) {
        Ok(entries) => assert!(entries == truth.entries, "{what}: another history was served"),
        Err(_) => return Fate::Met,
    }
    match Answers::of(&store, copy, &truth.entries) {
        Ok(answers) => answers.require_same(&truth.answers, what),
        Err(_) => return Fate::Met,
    }
    match store.verify() {
        Ok(_) => Fate::Whole,
        Err(grange::store::VerifyError::Store(_)) => Fate::Met,
        Err(error) => panic!("{what}: {error}"),
    }
}

fn keys(copy: &Path, truth: &Truth, what: &str) -> Fate {
    let keys = copy.join("keys");
    let Ok(authority) = Authority::open_kept(&keys, Some(&truth.fingerprint)) else {
        return Fate::Refused;
    };
    let now = grange::base::Clock::now(&WallClock::new());
    let names = ["localhost".to_owned()];
    pki::server_identity(&authority, &keys, &names, now)
        .unwrap_or_else(|error| panic!("{what}: {error}"));
    Fate::Whole
}

/// The built binary's doctor ends, with 0 or 1, and says something that is JSON.
fn ask_binary(copy: &Path, what: &str) {
    let data = copy.display().to_string();
    let mut command = Command::new(env!("CARGO_BIN_EXE_grange"));
    let asked = command.args(["appliance", "doctor", "--data", &data, "--json"]).output().unwrap();
    assert!(matches!(asked.status.code(), Some(0 | 1)), "{what}: {asked:?}");
    let said: serde_json::Value = serde_json::from_slice(&asked.stdout).unwrap();
    assert!(said.as_array().is_some_and(|list| list.len() > 4), "{what}: {said}");
}
