//! The whole appliance on one thread: the real service, jobs, engine, store and series over a
//! simulated clock, cloud and agents, with people and faults drawn from a seed.
//!
//! A run has a storm, in which everything goes wrong that can, and a calm, in which the world has
//! to become what was declared. The laws are looked at after every event. The same seed gives the
//! same run, byte for byte:
//!
//! ```text
//! cargo test --test simulation                                  as many seeds as take a minute
//! SEEDS=20000 cargo test --profile sim --test simulation        many more
//! SEED=123 cargo test --test simulation -- --nocapture          one of them, with its ticks
//! ```
//! Reading order: `world` (what happens), `watch` and `laws` (what must not), `sky`, `fleet`,
//! `people`, `weather` (who does it), `house` and `calls` (what the appliance is handed). To add a
//! fault: a [`weather::Blow`] and its line in `world`. To add a law: a function in `laws` with a
//! world that breaks it, and a [`sabotage::Sabotage`] that it finds in a whole run.

#[path = "simulation/calls.rs"]
mod calls;
#[path = "simulation/fleet.rs"]
mod fleet;
#[path = "simulation/house.rs"]
mod house;
#[path = "simulation/laws.rs"]
mod laws;
#[path = "simulation/people.rs"]
mod people;
#[path = "simulation/sabotage.rs"]
mod sabotage;
#[path = "simulation/sky.rs"]
mod sky;
#[path = "simulation/tally.rs"]
mod tally;
#[path = "simulation/watch.rs"]
mod watch;
#[path = "simulation/weather.rs"]
mod weather;
#[path = "simulation/world.rs"]
mod world;

use std::panic::catch_unwind;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use tally::Tally;

/// Seeds of an ordinary test run.
const SEEDS: u64 = 100;
/// Threads that run seeds; each world stays on its own.
const THREADS: u64 = 2;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a number"))
}

#[test]
fn no_seed_breaks_a_law() {
    if let Some(seed) = number("SEED") {
        let outcome = world::run(seed, true);
        outcome.log.iter().for_each(|line| println!("{line}"));
        println!("{}", outcome.tally);
        assert!(outcome.faults.is_empty(), "seed {seed}: {:#?}", outcome.faults);
        return;
    }
    let from = number("FROM").unwrap_or(1);
    let seeds = number("SEEDS").unwrap_or(SEEDS);
    let next = AtomicU64::new(from);
    let (sum, broken) = (Mutex::new(Tally::default()), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::SeqCst);
                    if seed >= from + seeds {
                        return;
                    }
                    match catch_unwind(|| world::run(seed, false)) {
                        Ok(outcome) => {
                            sum.lock().unwrap().merge(&outcome.tally);
                            if !outcome.faults.is_empty() {
                                broken.lock().unwrap().push((seed, outcome.faults));
                            }
                        }
                        Err(_) => broken.lock().unwrap().push((seed, vec!["a panic".into()])),
                    }
                }
            });
        }
    });
    println!("{}", sum.lock().unwrap());
    let broken = broken.into_inner().unwrap();
    for (seed, faults) in &broken {
        println!("SEED={seed}: {}", faults.join("; "));
    }
    assert!(broken.is_empty(), "{} of {seeds} seeds broke", broken.len());
}

#[test]
fn every_planted_fault_is_found() {
    for (fault, findings) in sabotage::Sabotage::ALL {
        let is_finding = |text: &String| findings.iter().any(|begin| text.starts_with(begin));
        let found = (1..=SEEDS).find_map(|seed| {
            let all = world::run_with(seed, false, Some(fault)).faults;
            all.into_iter().find(is_finding).map(|finding| (seed, finding))
        });
        let (seed, finding) = found.unwrap_or_else(|| panic!("{fault:?} was never found"));
        println!("{fault:?}: seed {seed}: {finding}");
    }
}

#[test]
fn a_seed_replays_byte_for_byte() {
    for seed in [1, 2] {
        let (first, second) = (world::run(seed, true), world::run(seed, true));
        assert!(first.log.len() > 100, "{} lines", first.log.len());
        assert_eq!(first.log, second.log, "seed {seed}");
        assert_eq!(first.tally, second.tally, "seed {seed}");
    }
}
