//! What the jobs are handed instead of threads and a broker: calls that are carried out later,
//! and orders that wait in a letter box for the simulated agents.

use grange::base::limit::CLOUD_CALLS_MAX;
use grange::base::random::Stream;
use grange::base::{Clock, ManualClock, Millis, ServerId};
use grange::jobs::{Courier, Pool};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A call on its way.
pub struct OnItsWay {
    /// Arrives then.
    pub due: Millis,
    /// Does it.
    pub call: Box<dyn FnOnce() + Send>,
}

/// A pool that carries calls out at a later moment, in a seeded order.
pub struct Calls {
    clock: Arc<ManualClock>,
    inner: Mutex<(Stream, Vec<OnItsWay>)>,
}

impl Calls {
    /// A pool with nothing to do.
    pub fn new(clock: Arc<ManualClock>, seed: u64) -> Calls {
        Calls { clock, inner: Mutex::new((Stream::new(seed, "calls"), Vec::new())) }
    }

    /// When the next call arrives.
    pub fn next(&self) -> Option<Millis> {
        self.inner().1.iter().map(|call| call.due).min()
    }

    /// Takes one call that is due; the caller carries it out.
    pub fn take(&self, now: Millis) -> Option<OnItsWay> {
        let mut inner = self.inner();
        let place = inner.1.iter().position(|call| call.due <= now)?;
        Some(inner.1.remove(place))
    }

    /// Takes all there are: whoever waited for them is gone.
    pub fn take_all(&self) -> Vec<OnItsWay> {
        std::mem::take(&mut self.inner().1)
    }

    fn inner(&self) -> MutexGuard<'_, (Stream, Vec<OnItsWay>)> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pool for Calls {
    fn has_room(&self) -> bool {
        self.inner().1.len() < CLOUD_CALLS_MAX
    }

    fn run(&self, call: Box<dyn FnOnce() + Send>) {
        let mut inner = self.inner();
        let delay = match inner.0.below(100) {
            0..85 => 20 + inner.0.below(1500),
            85..97 => inner.0.below(15_000),
            _ => inner.0.below(40_000),
        };
        inner.1.push(OnItsWay { due: self.clock.monotonic() + delay, call });
    }
}

/// Orders by server, and the servers whose connections were ended.
type Letters = (BTreeMap<ServerId, Vec<Vec<u8>>>, BTreeSet<ServerId>);

/// Orders for agents, until they are fetched.
#[derive(Default)]
pub struct LetterBox {
    inner: Mutex<Letters>,
}

impl LetterBox {
    /// Takes what waits for an agent.
    pub fn fetch(&self, server: ServerId) -> Vec<Vec<u8>> {
        self.inner().0.remove(&server).unwrap_or_default()
    }

    /// Takes the servers whose connections were ended.
    pub fn cut(&self) -> BTreeSet<ServerId> {
        std::mem::take(&mut self.inner().1)
    }

    fn inner(&self) -> MutexGuard<'_, Letters> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Courier for LetterBox {
    fn send(&self, server: ServerId, message: Vec<u8>) -> bool {
        self.inner().0.entry(server).or_default().push(message);
        true
    }

    fn disconnect(&self, server: ServerId) {
        self.inner().1.insert(server);
    }
}
