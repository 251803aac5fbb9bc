//! Pools of threads that blocking calls run on: of clouds, of listings, of checks. Threads are made
//! when a call needs one and end when there is nothing to do, so an idle appliance has none.

use crate::base::Waker;
use crate::base::limit::{CHECKS_MAX, CLOUD_CALLS_MAX};
use crate::jobs::Pool;
use crate::jobs::accounts::{AccountPlaces, MakePlaces};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A bounded number of calls at once.
pub struct CallPool {
    /// What its calls do, for the names of threads and the log.
    what: &'static str,
    places: usize,
    freed: Waker,
    running: Arc<Running>,
}

#[derive(Default)]
struct Running {
    count: Mutex<usize>,
    ended: Condvar,
    panics: AtomicUsize,
}

impl CallPool {
    /// A pool in which nothing runs.
    pub fn new(what: &'static str, places: usize) -> CallPool {
        CallPool { what, places, freed: Waker::new(), running: Arc::default() }
    }

    /// Waits until no call runs or the time is over; says whether all ended.
    pub fn drain(&self, at_most: Duration) -> bool {
        let count = self.running.count.lock().unwrap_or_else(PoisonError::into_inner);
        let (count, _) = self
            .running
            .ended
            .wait_timeout_while(count, at_most, |count| *count > 0)
            .unwrap_or_else(PoisonError::into_inner);
        *count == 0
    }
}

/// Every pool of an appliance.
pub struct Pools {
    /// Steps, of all clouds.
    pub calls: Arc<CallPool>,
    /// Checks of servers without an agent.
    pub checks: Arc<CallPool>,
    listings: BTreeMap<String, Arc<CallPool>>,
    /// Of accounts that people added, for as long as the process runs.
    added: Arc<Mutex<Vec<Arc<CallPool>>>>,
}

impl Pools {
    /// The pools for these platforms.
    pub fn new<'a>(platforms: impl Iterator<Item = &'a String>) -> Pools {
        let place = |name: &String| (name.clone(), Arc::new(CallPool::new("listing", 1)));
        Pools {
            calls: Arc::new(CallPool::new("cloud-call", CLOUD_CALLS_MAX)),
            checks: Arc::new(CallPool::new("check", CHECKS_MAX)),
            listings: platforms.map(place).collect(),
            added: Arc::default(),
        }
    }

    /// Makes places for an account that people added.
    pub fn maker(&self) -> MakePlaces {
        let added = self.added.clone();
        Box::new(move || {
            let calls = Arc::new(CallPool::new("cloud-call", CLOUD_CALLS_MAX));
            let listing = Arc::new(CallPool::new("listing", 1));
            let mut added = added.lock().unwrap_or_else(PoisonError::into_inner);
            // Those of accounts that are gone by now.
            added.retain(|pool| Arc::strong_count(pool) > 1);
            let lease = Arc::new(CallPool::new("lease", 1));
            added.extend([calls.clone(), listing.clone(), lease.clone()]);
            AccountPlaces { calls, listing, lease }
        })
    }

    /// A place for the listing of each platform.
    pub fn listings(&self) -> BTreeMap<String, Arc<dyn Pool>> {
        let shared = |pool: &Arc<CallPool>| -> Arc<dyn Pool> { pool.clone() };
        self.listings.iter().map(|(name, pool)| (name.clone(), shared(pool))).collect()
    }

    /// Waits until nothing runs, all together at most so long; says what still does.
    pub fn drain(&self, at_most: Duration) -> BTreeSet<&'static str> {
        let end = Instant::now() + at_most;
        let added = self.added.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let all = [&self.calls, &self.checks].into_iter().chain(self.listings.values());
        let all = all.chain(&added);
        let left = || end.saturating_duration_since(Instant::now());
        all.filter(|pool| !pool.drain(left())).map(|pool| pool.what).collect()
    }
}

impl Pool for CallPool {
    fn has_room(&self) -> bool {
        self.room() > 0
    }

    fn room(&self) -> usize {
        let running = *self.running.count.lock().unwrap_or_else(PoisonError::into_inner);
        self.places.saturating_sub(running)
    }

    fn run(&self, call: Box<dyn FnOnce() + Send>) {
        *self.running.count.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        let (running, freed, what) = (self.running.clone(), self.freed.clone(), self.what);
        let work = move || {
            if std::panic::catch_unwind(std::panic::AssertUnwindSafe(call)).is_err() {
                running.panics.fetch_add(1, Ordering::Relaxed);
                tracing::error!(what, "a call panicked; what it was about is looked at again");
            }
            *running.count.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
            running.ended.notify_all();
            freed.wake();
        };
        if let Err(error) = std::thread::Builder::new().name(what.into()).spawn(work) {
            // The closure is gone with the failed spawn: the step stays begun and is settled by
            // listing after its deadline, like any other lost answer.
            *self.running.count.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
            tracing::error!(what, %error, "no thread for a call");
        }
    }

    fn freed(&self) -> &Waker {
        &self.freed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    #[test]
    fn whoever_found_no_room_is_woken_when_there_is_some() {
        let pool = CallPool::new("call", 2);
        let waiting = Waker::new();
        waiting.follow(pool.freed());
        let (end, ends) = channel::<()>();
        let ends = Arc::new(Mutex::new(ends));
        for _ in 0..2 {
            let ends = ends.clone();
            pool.run(Box::new(move || ends.lock().unwrap().recv().unwrap()));
        }
        assert!(pool.room() == 0 && !waiting.is_up());
        end.send(()).unwrap();
        assert!(waiting.wait(Duration::from_secs(60)));
        assert_eq!(pool.room(), 1);
        end.send(()).unwrap();
        assert!(waiting.wait(Duration::from_secs(60)) && pool.drain(Duration::from_secs(60)));
    }
}
