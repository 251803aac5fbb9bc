//! The journal as its readers see it: order, time, stories, the chain, and its end at the back.

use super::{author, clock, declare, farm, inline};
use crate::base::{FarmId, Seq, Timestamp};
use crate::model::{Cause, Farm, Install};
use crate::store::{Disk, Mode, Store, StoreError, Subject};

#[test]
fn journal_time_never_runs_backwards() {
    let clock = clock();
    let store = Store::open_on(&Disk::new(), clock.clone(), Mode::Inline(None)).unwrap();
    for (now, name) in [(500, "a"), (400, "b"), (600, "c")] {
        clock.jump_to(Timestamp(now));
        declare(&store, name);
    }
    let times: Vec<i64> = store.entries(Seq(0), 9).unwrap().iter().map(|e| e.at.0).collect();
    assert_eq!(times, [500, 500, 600]);
}

#[test]
fn entries_come_in_pages_and_stories_backwards() {
    let store = inline(&Disk::new());
    let (a, _) = declare(&store, "a");
    let (b, _) = declare(&store, "b");
    for n in 0..5u64 {
        let id = if n % 2 == 0 { a } else { b };
        let mut next = farm(id.0, "x");
        next.description = n.to_string();
        store.write(author("farm.update"), move |tx| Ok(tx.put(&next)?)).unwrap();
    }
    let seqs = |entries: Vec<crate::store::Entry>| -> Vec<u64> {
        entries.into_iter().map(|entry| entry.seq.0).collect()
    };
    assert_eq!(seqs(store.entries(Seq(2), 3).unwrap()), [3, 4, 5]);
    assert_eq!(seqs(store.entries(Seq(7), 3).unwrap()), [0u64; 0]);
    let about = |before, at_most| store.entries_about(Subject::Farm(a), before, at_most).unwrap();
    assert_eq!(seqs(about(None, 9)), [7, 5, 3, 1]);
    assert_eq!(seqs(about(Some(Seq(5)), 1)), [3]);
    assert_eq!(seqs(store.entries_about(Subject::Farm(b), None, 2).unwrap()), [6, 4]);
}

#[test]
fn an_entry_carries_the_epoch_and_the_cause() {
    let store = inline(&Disk::new());
    declare(&store, "a");
    let install = Install {
        id: "i".to_owned(),
        epoch: 4,
        seed: 1,
        created_at: Timestamp(0),
        authority: String::new(),
    };
    store.write(author("install.promote"), move |tx| Ok(tx.put(&install)?)).unwrap();
    let because = crate::store::Author { cause: Cause::Entry(Seq(2)), ..author("farm.delete") };
    store.write(because, |tx| Ok(tx.delete::<Farm>(FarmId(1))?)).unwrap();
    let entries = store.entries(Seq(0), 9).unwrap();
    assert_eq!(entries.iter().map(|e| e.epoch).collect::<Vec<_>>(), [1, 4, 4]);
    assert_eq!(
        (&entries[2].cause, entries[2].who.name.as_str()),
        (&Cause::Entry(Seq(2)), "job:test")
    );
    assert_eq!(entries[2].subjects, [Subject::Farm(FarmId(1))]);
}

#[test]
fn the_journal_is_bounded_and_whoever_is_too_late_is_told() {
    let disk = Disk::new();
    let store = inline(&disk);
    for n in 0..50 {
        declare(&store, &format!("farm-{n}"));
    }
    store.set_journal_limit(2000);
    let gone = store.trim_journal().unwrap();
    assert!((30..50).contains(&gone), "{gone}");
    let Err(StoreError::Gone { first }) = store.entries(Seq(0), 9) else { panic!("not gone") };
    assert_eq!(first, Seq(gone + 1));
    let left = store.entries(Seq(first.0 - 1), 99).unwrap();
    assert_eq!((left[0].seq, left.len() as u64), (first, 50 - gone));
    assert!(store.entry(Seq(gone)).unwrap().is_none());
    assert!(store.entries_about(Subject::Farm(FarmId(1)), None, 9).unwrap().is_empty());
    assert_eq!(store.verify().unwrap().first, first);
    declare(&store, "one-more");
    assert_eq!(store.verify().unwrap().last, Seq(51));
    assert!(store.verify().unwrap().first > first, "each commit trims too");
    drop(store);
    assert_eq!(inline(&disk).verify().unwrap().last, Seq(51));
}
