//! Many seeds on a few threads, each world on one of them. What broke is told at once, past the
//! test harness that would keep it to the end, and in the order of the seeds.

use crate::coverage;
use crate::crashes;
use crate::tally::Tally;
use crate::world::{self, Outcome};
use std::collections::BTreeMap;
use std::io::Write;
use std::panic::catch_unwind;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Threads that run seeds; each world stays on its own.
const THREADS: u64 = 2;
/// After every so many seeds, a life with a crash at each of its points.
const CRASH_EVERYWHERE: u64 = 500;
/// A long run says so often that it is alive.
const PROGRESS_EVERY: u64 = 1_000;

/// What came of many seeds.
#[derive(Default)]
pub struct Harvest {
    /// What all of them reached.
    pub tally: Tally,
    /// The seeds that broke a law.
    pub broken: Vec<u64>,
    /// Came in before one of a lower number.
    early: BTreeMap<u64, Outcome>,
    next: u64,
}

/// Runs so many seeds from one on.
pub fn run(from: u64, count: u64) -> Harvest {
    let next = AtomicU64::new(from);
    let harvest = Mutex::new(Harvest { next: from, ..Harvest::default() });
    std::thread::scope(|scope| {
        for _ in 0..THREADS.min(count) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::SeqCst);
                    if seed >= from + count {
                        return;
                    }
                    let outcome = catch_unwind(|| one(seed)).unwrap_or_else(panicked);
                    let mut harvest = harvest.lock().unwrap_or_else(PoisonError::into_inner);
                    harvest.take_in(seed, outcome);
                }
            });
        }
    });
    harvest.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// Does something for each of many, on the threads that seeds run on; the answers are in no order.
pub fn each<T: Sync, A: Send>(all: &[T], what: impl Fn(&T) -> A + Sync) -> Vec<A> {
    let next = AtomicUsize::new(0);
    let worker = || {
        let turns = std::iter::from_fn(|| all.get(next.fetch_add(1, Ordering::SeqCst)));
        turns.map(&what).collect::<Vec<A>>()
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..THREADS).map(|_| scope.spawn(worker)).collect();
        // A worker that panicked has said so; the test ends with it.
        workers.into_iter().flat_map(|worker| worker.join().expect("a worker")).collect()
    })
}

/// One seed, and after some of them a crash everywhere.
fn one(seed: u64) -> Outcome {
    let mut outcome = world::run(seed, false);
    if seed.is_multiple_of(CRASH_EVERYWHERE) {
        let mut more = crashes::everywhere(seed, u64::MAX);
        outcome.tally.merge(&more.tally);
        outcome.faults.append(&mut more.faults);
    }
    outcome
}

/// A panic is a broken law like any other.
fn panicked(panic: Box<dyn std::any::Any + Send>) -> Outcome {
    let text = panic.downcast_ref::<String>().cloned();
    let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
    let fault = format!("a panic: {}", text.unwrap_or_default());
    Outcome { faults: vec![fault], ..Outcome::default() }
}

impl Harvest {
    fn take_in(&mut self, seed: u64, outcome: Outcome) {
        self.early.insert(seed, outcome);
        while let Some(outcome) = self.early.remove(&self.next) {
            self.tally.merge(&outcome.tally);
            if !outcome.faults.is_empty() {
                self.broken.push(self.next);
                say(&format!("SEED={}: {}", self.next, outcome.faults.join("; ")));
            }
            self.next += 1;
            if self.tally.seeds.is_multiple_of(PROGRESS_EVERY) {
                say(&format!("{} seeds, {} broke", self.tally.seeds, self.broken.len()));
            }
        }
    }

    /// Says what was reached.
    pub fn tell(&self) {
        say(&format!("{}{}", self.tally, coverage::verdict(&self.tally)));
    }
}

/// Past the harness, which keeps what is printed until a test has ended.
pub fn say(text: &str) {
    let mut err = std::io::stderr().lock();
    // Nobody is left to be told that nobody listens.
    drop(writeln!(err, "{text}"));
}
