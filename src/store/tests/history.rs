//! The journal as its readers see it: order, time, stories, the chain, and its end at the back.

use super::{author, clock, declare, farm, inline};
use crate::base::limit::JOURNAL_PEOPLE_SHARE;
use crate::base::{FarmId, Seq, Timestamp, UserId};
use crate::model::{Actor, Alert, Cause, Farm, Grant, Install, Permission, authorise};
use crate::store::{Author, Disk, Mode, Purpose, Store, StoreError, Subject, Tx, journal};

#[test]
fn journal_time_never_runs_backwards() {
    let clock = clock();
    let store = Store::open_on(&Disk::new(), clock.clone(), Mode::Inline(None)).unwrap();
    for (now, name) in [(500, "a"), (400, "b"), (600, "c")] {
        clock.jump_to(Timestamp(now));
        declare(&store, name);
    }
    let times: Vec<i64> =
        store.entries(&Grant::job("test"), Seq(0), 9).unwrap().iter().map(|e| e.at.0).collect();
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
    assert_eq!(seqs(store.entries(&Grant::job("test"), Seq(2), 3).unwrap()), [3, 4, 5]);
    assert_eq!(seqs(store.entries(&Grant::job("test"), Seq(7), 3).unwrap()), [0u64; 0]);
    let about = |before, at_most| {
        store.entries_about(&Grant::job("test"), Subject::Farm(a), before, at_most).unwrap()
    };
    assert_eq!(seqs(about(None, 9)), [7, 5, 3, 1]);
    assert_eq!(seqs(about(Some(Seq(5)), 1)), [3]);
    assert_eq!(
        seqs(store.entries_about(&Grant::job("test"), Subject::Farm(b), None, 2).unwrap()),
        [6, 4]
    );
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
        sealing_key: None,
    };
    store.write(author("install.promote"), move |tx| Ok(tx.put(&install)?)).unwrap();
    let because = crate::store::Author { cause: Cause::Entry(Seq(2)), ..author("farm.delete") };
    store.write(because, |tx| Ok(tx.delete::<Farm>(FarmId(1))?)).unwrap();
    let entries = store.entries(&Grant::job("test"), Seq(0), 9).unwrap();
    assert_eq!(entries.iter().map(|e| e.epoch).collect::<Vec<_>>(), [1, 4, 4]);
    assert_eq!(
        (&entries[2].cause, entries[2].who.name.as_str()),
        (&Cause::Entry(Seq(2)), "job:test")
    );
    let env = Subject::Environment(crate::base::EnvironmentId(1));
    assert_eq!(entries[2].subjects, [Subject::Farm(FarmId(1)), env]);
}

#[test]
fn what_people_did_outlives_what_jobs_and_agents_write() {
    let disk = Disk::new();
    let store = inline(&disk);
    let by = |user: u64, name: &str, n: usize| {
        let actor = Actor { user: UserId(user), ..Actor::job(name) };
        let alert = Alert { key: format!("{name}-{n}"), text: n.to_string(), since: Timestamp(0) };
        let author = Author::new(
            &authorise(&actor, Permission::Operate).unwrap(),
            "test",
            Cause::Clock,
            Purpose::Growth,
        );
        let write = move |tx: &mut Tx<'_>| {
            tx.subject(Subject::Farm(FarmId(1)))?;
            Ok(tx.put(&alert)?)
        };
        store.write(author, write).unwrap();
    };
    let (limit, people) = (40_000, 10);
    store.set_journal_limit(limit);
    let mut all = 0;
    for n in 0..2_000 {
        if n % 200 == 0 {
            by(7, "admin", n);
            all += 1;
        }
        by(0, "agent", n);
    }
    assert_eq!(all, people);
    let first = store.verify().unwrap().first;
    assert!(first > Seq(1_000), "{first}");
    let kept = store.entries_kept(&Grant::job("test"), 100).unwrap();
    assert!(kept.iter().all(|entry| entry.seq < first && entry.is_of_people()));
    let later = store.entries(&Grant::job("test"), Seq(first.0 - 1), 10_000).unwrap();
    let theirs = later.iter().filter(|entry| entry.is_of_people()).count();
    assert_eq!(kept.len() + theirs, people, "all that people did is there");
    assert_eq!(store.entries_kept(&Grant::job("test"), 2).unwrap(), kept[kept.len() - 2..]);
    let story =
        store.entries_about(&Grant::job("test"), Subject::Farm(FarmId(1)), None, 10_000).unwrap();
    assert_eq!(story.len(), kept.len() + later.len());
    assert_eq!(store.entry(&Grant::job("test"), kept[0].seq).unwrap().as_ref(), Some(&kept[0]));
    // What they did later is all that pushes it out, and only beyond its share.
    for n in 0..2_000 {
        by(7, "admin", n);
    }
    store.verify().unwrap();
    let kept = store.entries_kept(&Grant::job("test"), 10_000).unwrap();
    let bytes: usize = kept.iter().map(|entry| journal::encode(entry).unwrap().len()).sum();
    let share = (limit / JOURNAL_PEOPLE_SHARE) as usize;
    assert!(bytes <= share && bytes > share * 9 / 10, "{bytes}");
    drop(store);
    inline(&disk).verify().unwrap();
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
    let Err(StoreError::Gone { first }) = store.entries(&Grant::job("test"), Seq(0), 9) else {
        panic!("not gone")
    };
    assert_eq!(first, Seq(gone + 1));
    let left = store.entries(&Grant::job("test"), Seq(first.0 - 1), 99).unwrap();
    assert_eq!((left[0].seq, left.len() as u64), (first, 50 - gone));
    assert!(store.entry(&Grant::job("test"), Seq(gone)).unwrap().is_none());
    assert!(
        store
            .entries_about(&Grant::job("test"), Subject::Farm(FarmId(1)), None, 9)
            .unwrap()
            .is_empty()
    );
    assert_eq!(store.verify().unwrap().first, first);
    declare(&store, "one-more");
    assert_eq!(store.verify().unwrap().last, Seq(51));
    assert!(store.verify().unwrap().first > first, "each commit trims too");
    drop(store);
    assert_eq!(inline(&disk).verify().unwrap().last, Seq(51));
}
