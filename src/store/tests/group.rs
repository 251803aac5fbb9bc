//! The writer's thread: groups, refusals beside successes, panics, a full queue, closing.

use super::{author, clock, declare, farm};
use crate::base::limit::WRITER_QUEUE_MAX;
use crate::base::{Code, FarmId, Problem, Seq};
use crate::model::{Farm, Grant};
use crate::store::{Disk, Mode, Reads, Store, Tx};
use std::sync::mpsc::{channel, sync_channel};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(20);

fn threaded(disk: &Disk) -> Store {
    Store::open_on(disk, clock(), Mode::Thread).unwrap()
}

/// Keeps the writer busy until the returned sender is used or dropped.
fn occupy(store: &Store) -> std::sync::mpsc::Sender<()> {
    let (release, released) = channel::<()>();
    let (started, has_started) = channel();
    store.submit(
        author("test"),
        move |_| {
            // The test ends the wait; the deadline only keeps a broken test from hanging.
            let _ = started.send(());
            let _ = released.recv_timeout(PATIENCE);
            Ok(())
        },
        |_| (),
    );
    has_started.recv_timeout(PATIENCE).unwrap();
    release
}

#[test]
fn what_queues_up_shares_a_commit_and_fails_alone() {
    let disk = Disk::new();
    let store = threaded(&disk);
    let (answer, answers) = channel();
    let release = occupy(&store);
    for n in 0..9u64 {
        let answer = answer.clone();
        let write = move |tx: &mut Tx<'_>| -> Result<u64, Problem> {
            let id = tx.next_id::<FarmId>()?;
            tx.put(&farm(id.0, &format!("farm-{n}")))?;
            match n % 3 {
                0 => Ok(id.0),
                1 => Err(Problem::new(Code::UnicityViolation, "taken")),
                _ => panic!("a fault that this test wants"),
            }
        };
        store.submit(author("farm.create"), write, move |outcome| {
            answer.send((n, outcome.map_err(|p| p.code))).unwrap();
        });
    }
    drop(release);
    for n in 0..9u64 {
        let (which, outcome) = answers.recv_timeout(PATIENCE).unwrap();
        assert_eq!(which, n);
        match n % 3 {
            0 => assert_eq!(outcome, Ok((n / 3 + 1, Seq(n / 3 + 1)))),
            1 => assert_eq!(outcome, Err(Code::UnicityViolation)),
            _ => assert_eq!(outcome, Err(Code::InternalServerError)),
        }
    }
    let stats = store.stats();
    assert_eq!((stats.commits, stats.refused, stats.panics), (1, 3, 3));
    assert_eq!(store.read(&Grant::job("test"), |view| view.count::<Farm>()).unwrap(), 3);
    assert_eq!(store.verify().unwrap().entries, 3);
}

#[test]
fn a_full_queue_refuses_at_once() {
    let store = threaded(&Disk::new());
    let release = occupy(&store);
    let (answer, answers) = channel();
    for _ in 0..=WRITER_QUEUE_MAX {
        let answer = answer.clone();
        store.submit(
            author("test"),
            |_| Ok(()),
            move |outcome| {
                answer.send(outcome.map_err(|p| p.code)).unwrap();
            },
        );
    }
    assert_eq!(answers.try_recv().unwrap(), Err(Code::LimitExceeded));
    drop(release);
    for _ in 0..WRITER_QUEUE_MAX {
        answers.recv_timeout(PATIENCE).unwrap().unwrap();
    }
}

#[test]
fn closing_does_what_is_queued_and_refuses_the_rest() {
    let disk = Disk::new();
    let store = threaded(&disk);
    let release = occupy(&store);
    let (answer, answered) = sync_channel(1);
    let put = |tx: &mut Tx<'_>| Ok(tx.put(&farm(1, "shop"))?);
    store.submit(author("test"), put, move |outcome| answer.send(outcome.is_ok()).unwrap());
    drop(release);
    assert!(store.close());
    assert!(answered.try_recv().unwrap());
    let refused = store.write(author("test"), |_| Ok(())).unwrap_err();
    assert_eq!(refused.code, Code::ServiceUnavailable);
    assert!(store.read(&Grant::job("test"), |view| view.count::<Farm>()).is_err());
    assert!(store.close());
    assert_eq!(threaded(&disk).read(&Grant::job("test"), |view| view.count::<Farm>()).unwrap(), 1);
}

#[test]
fn a_write_inside_a_write_is_refused_instead_of_waiting_for_itself() {
    for mode in [Mode::Thread, Mode::Inline(None)] {
        let store = Store::open_on(&Disk::new(), clock(), mode).unwrap();
        let inner = store.clone();
        let write = move |_: &mut Tx<'_>| inner.write(author("test"), |_| Ok(())).map(|_| ());
        let refused = store.write(author("test"), write).unwrap_err();
        assert_eq!(refused.code, Code::InternalServerError);
    }
}

#[test]
fn many_writers_each_get_their_own_number() {
    let store = threaded(&Disk::new());
    let mut seqs: Vec<u64> = std::thread::scope(|scope| {
        let writers: Vec<_> = (0..8)
            .map(|w| {
                let store = store.clone();
                scope.spawn(move || {
                    let one = |n| declare(&store, &format!("farm-{w}-{n}")).1.0;
                    (0..25).map(one).collect::<Vec<u64>>()
                })
            })
            .collect();
        writers.into_iter().flat_map(|writer| writer.join().unwrap()).collect()
    });
    seqs.sort_unstable();
    assert_eq!(seqs, (1..=200).collect::<Vec<u64>>());
    assert_eq!(store.verify().unwrap().records, 200);
}
