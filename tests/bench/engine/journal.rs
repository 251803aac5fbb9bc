//! Journal commits: writers that each insert one record, wait until it is on disk, and go on.
//!
//! A commit is what a verb of the product makes: the record with its index rows, and a journal
//! entry with a sentence. The record is a role of about 190 bytes, as long as a row of sysbench's
//! `oltp_insert`, with a number that is drawn and one more index, as that has.

use grange::base::{EnvironmentId, Name, RoleId, Seq, Timestamp, UserId, WallClock};
use grange::model::{Cause, Grant, Role};
use grange::store::{Author, Mode, Purpose, Store};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Rows of one commit when the store is filled.
const FILL: u64 = 1000;

fn open(directory: &str) -> Store {
    Store::open(Path::new(directory), Arc::new(WallClock::new()), Mode::Thread).expect("a store")
}

fn role(id: RoleId, of: u64) -> Role {
    // Names without order, as sysbench's keys are.
    let text = format!("role-{:016x}", of.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    Role {
        id,
        env: EnvironmentId(1),
        name: Name::new(&text).expect("a name"),
        description: "x".repeat(160),
        automation: Vec::new(),
        images: Vec::new(),
        built_in: false,
        revision: 1,
        created_by: UserId(0),
        created_at: Timestamp(0),
    }
}

fn author() -> Author {
    Author::new(&Grant::job("bench"), "role.create", Cause::Request, Purpose::Growth)
}

/// Makes a store with so many records.
pub fn prepare(directory: &str, rows: u64) {
    let store = open(directory);
    for from in (0..rows).step_by(FILL as usize) {
        let fill = move |tx: &mut grange::store::Tx<'_>| {
            for n in from..(from + FILL).min(rows) {
                let id = tx.next_id::<RoleId>()?;
                tx.put(&role(id, n))?;
            }
            Ok(())
        };
        store.write(author(), fill).expect("a commit");
    }
    assert!(store.close(), "the store did not close");
}

/// One insert, on disk when this returns.
fn insert(store: &Store, of: u64) -> Seq {
    let write = move |tx: &mut grange::store::Tx<'_>| {
        let id = tx.next_id::<RoleId>()?;
        tx.put(&role(id, of))?;
        tx.text("web", "role web declared");
        Ok(())
    };
    store.write(author(), write).expect("a commit").1
}

/// Prints how many commits a second so many writers make.
pub fn commits(directory: &str, writers: u64, seconds: u64) {
    let store = open(directory);
    let (first, before) = (store.last_seq(), store.stats());
    let stop = AtomicBool::new(false);
    let (count, slowest) = (AtomicU64::new(0), AtomicU64::new(0));
    let began = Instant::now();
    std::thread::scope(|scope| {
        for writer in 0..writers {
            let (store, stop, count, slowest) = (&store, &stop, &count, &slowest);
            scope.spawn(move || {
                let mut of = (first.0 << 24) + (writer << 40);
                while !stop.load(Ordering::Relaxed) {
                    let asked = Instant::now();
                    insert(store, of);
                    of += 1;
                    let took = u64::try_from(asked.elapsed().as_micros()).unwrap_or(u64::MAX);
                    count.fetch_add(1, Ordering::Relaxed);
                    slowest.fetch_max(took, Ordering::Relaxed);
                }
            });
        }
        std::thread::sleep(Duration::from_secs(seconds));
        stop.store(true, Ordering::Relaxed);
    });
    let took = began.elapsed().as_secs_f64();
    let (count, groups) = (count.into_inner(), store.stats().commits - before.commits);
    assert_eq!(store.last_seq().0 - first.0, count, "every commit has an entry");
    println!("{:.1} {groups} {:.1}", count as f64 / took, slowest.into_inner() as f64 / 1000.0);
    assert!(store.close(), "the store did not close");
}
