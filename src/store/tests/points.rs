//! Power that goes at every single operation of what the store does beside plain commits: making a
//! store, reading the log again, a group of several writes, moving the log into the database,
//! trimming the journal, closing, and taking over a store of an earlier format. What each leaves
//! is opened, in each of four ways a drive may have kept what was not synced.

use super::wal::format_2;
use super::{author, clock, declare, farm, inline};
use crate::base::problem::chain;
use crate::base::{FarmId, Problem, Seq};
use crate::model::{Farm, Grant};
use crate::store::group::{Task, Work};
use crate::store::{Disk, Mode, Reads, Store, Tx};
use std::sync::{Arc, Mutex};

/// What a power cut leaves: nothing that was not synced, all of it, or a part.
fn cut(disk: &Disk, keep: u32) -> Disk {
    let mut sector = keep;
    match keep {
        0 => disk.crash(),
        1 => disk.crash_keeping(|| true),
        _ => disk.crash_keeping(|| {
            sector = sector.wrapping_mul(1_103_515_245).wrapping_add(12_345);
            sector & 0x1_0000 != 0
        }),
    }
}

/// The names of the farms there are, and the last entry of the journal.
type State = (Vec<String>, Seq);

fn state(store: &Store) -> State {
    let all = store.read(&Grant::job("test"), |view| view.all::<Farm>()).unwrap();
    (all.into_iter().map(|found| found.record.name.to_string()).collect(), store.last_seq())
}

/// Lets the power go at each operation of `act` on what `prepare` made, and says how many there
/// are. What is found afterwards is what was there before or what would be there, and the latter
/// when `act` was done.
fn at_each_operation(what: &str, prepare: impl Fn() -> Disk, act: impl Fn(&Disk) -> bool) -> u64 {
    let (before, whole) = (prepare(), prepare());
    let begun = whole.operations();
    assert!(act(&whole), "{what}: it fails on a sound disk");
    let operations = whole.operations() - begun;
    let (before, after) = (state(&inline(&before.crash())), state(&inline(&whole.crash())));
    for good in 0..=operations {
        for keep in 0..4 {
            let disk = prepare();
            disk.fail_after(good);
            let done = act(&disk);
            let left = cut(&disk, keep);
            let said = format!("{what}, operation {good} of {operations}, kept {keep}");
            let store = Store::open_on(&left, clock(), Mode::Inline(None))
                .unwrap_or_else(|e| panic!("{said}: {}", chain(&e)));
            store.verify().unwrap_or_else(|e| panic!("{said}: {}", chain(&e)));
            let found = state(&store);
            assert!(found == after || !done && found == before, "{said}, done {done}: {found:?}");
            // And it is written on.
            declare(&store, "later");
            store.verify().unwrap_or_else(|e| panic!("{said}, later: {}", chain(&e)));
        }
    }
    operations
}

/// A store with some farms, whose last writes are in the log alone.
fn used() -> Disk {
    let disk = Disk::new();
    let store = inline(&disk);
    for n in 0..6 {
        declare(&store, &format!("farm-{n}"));
    }
    store.writer().run(Vec::new(), &mut || ());
    declare(&store, "last");
    // As a kill leaves it: nothing is closed, what was answered is synced.
    cut(&disk, 1)
}

fn opens(disk: &Disk) -> bool {
    Store::open_on(disk, clock(), Mode::Inline(None)).is_ok()
}

#[test]
fn a_store_is_made_or_not() {
    assert!(at_each_operation("making", Disk::new, opens) > 3);
}

#[test]
fn a_log_is_read_again_however_often_it_is_interrupted() {
    assert!(at_each_operation("opening", used, opens) > 0);
}

#[test]
fn a_store_of_an_earlier_format_is_taken_over_or_as_it_was() {
    assert!(at_each_operation("taking over", format_2, opens) > 1);
}

#[test]
fn a_group_of_writes_is_there_as_a_whole_or_not_at_all() {
    let group = |disk: &Disk| {
        let Ok(store) = Store::open_on(disk, clock(), Mode::Inline(None)) else { return false };
        let answers: Arc<Mutex<Vec<Result<(), Problem>>>> = Arc::default();
        let write = |id: u64| {
            let write = move |tx: &mut Tx<'_>| {
                tx.put(&farm(id, &format!("farm-{id}")))?;
                Ok(())
            };
            let answers = answers.clone();
            let done = move |outcome: Result<((), _), Problem>| {
                answers.lock().unwrap().push(outcome.map(|_| ()));
            };
            let author = author("points");
            let task = Task { author, write: Some(write), outcome: None, done };
            Box::new(task) as Box<dyn Work>
        };
        store.writer().run((20..25).map(write).collect(), &mut || ());
        let answers = answers.lock().unwrap();
        assert_eq!(answers.len(), 5);
        let well = answers.iter().filter(|answer| answer.is_ok()).count();
        assert!(well == 0 || well == 5, "{well} of a group were answered well");
        well == 5
    };
    assert!(at_each_operation("a group", used, group) > 2);
}

#[test]
fn the_log_is_moved_into_the_database_without_a_gap() {
    let checkpoint = |disk: &Disk| {
        let Ok(store) = Store::open_on(disk, clock(), Mode::Inline(None)) else { return false };
        for _ in 0..3 {
            store.writer().run(Vec::new(), &mut || ());
        }
        store.outage().is_none()
    };
    assert!(at_each_operation("moving the log", used, checkpoint) > 0);
}

#[test]
fn trimming_takes_the_oldest_entries_or_none() {
    let trim = |disk: &Disk| {
        let Ok(store) = Store::open_on(disk, clock(), Mode::Inline(None)) else { return false };
        store.set_journal_limit(1);
        store.trim_journal().is_ok()
    };
    assert!(at_each_operation("trimming", used, trim) > 2);
    let disk = used();
    let store = inline(&disk);
    store.set_journal_limit(1);
    assert!(store.trim_journal().unwrap() > 0, "there is nothing to trim");
    assert_eq!(
        store
            .read(&Grant::job("test"), |view| view.get::<Farm>(FarmId(1)))
            .unwrap()
            .unwrap()
            .revision,
        1
    );
}

#[test]
fn closing_loses_nothing() {
    let close = |disk: &Disk| {
        let Ok(store) = Store::open_on(disk, clock(), Mode::Inline(None)) else { return false };
        let declared = super::try_declare(&store, "closing").is_ok();
        store.close();
        declared
    };
    assert!(at_each_operation("closing", used, close) > 2);
}
