//! What the jobs are handed instead of threads and a broker: calls that are carried out later,
//! and orders that wait in a letter box for the simulated agents.

use grange::base::limit::CLOUD_CALLS_MAX;
use grange::base::random::Stream;
use grange::base::{Clock, ManualClock, Millis, ServerId, Waker};
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
    places: usize,
    /// Whether some of its calls take very long.
    lingers: bool,
    freed: Waker,
    inner: Mutex<Inner>,
}

struct Inner {
    luck: Stream,
    waiting: Vec<OnItsWay>,
    /// A call that was taken keeps its place until it has ended.
    taken: usize,
    /// No call arrives before.
    hangs_until: Millis,
}

impl Calls {
    /// A pool with nothing to do, for a cloud's steps.
    pub fn new(clock: Arc<ManualClock>, seed: u64) -> Calls {
        Calls { lingers: true, ..Calls::brisk(clock, seed, "calls", CLOUD_CALLS_MAX) }
    }

    /// A pool whose calls end within two seconds unless it hangs.
    pub fn brisk(clock: Arc<ManualClock>, seed: u64, what: &str, places: usize) -> Calls {
        let (luck, waiting) = (Stream::new(seed, what), Vec::new());
        let inner = Mutex::new(Inner { luck, waiting, taken: 0, hangs_until: 0 });
        Calls { clock, places, lingers: false, freed: Waker::new(), inner }
    }

    /// No call that begins from now on arrives before.
    pub fn hang(&self, until: Millis) {
        self.inner().hangs_until = until;
    }

    /// When the next call arrives.
    pub fn next(&self) -> Option<Millis> {
        self.inner().waiting.iter().map(|call| call.due).min()
    }

    /// Takes one call that is due; the caller carries it out, and then says that it has
    /// [ended](Calls::end).
    pub fn take(&self, now: Millis) -> Option<OnItsWay> {
        let mut inner = self.inner();
        let place = inner.waiting.iter().position(|call| call.due <= now)?;
        inner.taken += 1;
        Some(inner.waiting.remove(place))
    }

    /// A call that was taken has ended.
    pub fn end(&self) {
        self.inner().taken -= 1;
        self.freed.wake();
    }

    /// Takes all there are: whoever waited for them is gone.
    pub fn take_all(&self) -> Vec<OnItsWay> {
        std::mem::take(&mut self.inner().waiting)
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pool for Calls {
    fn has_room(&self) -> bool {
        self.room() > 0
    }

    fn room(&self) -> usize {
        let inner = self.inner();
        self.places.saturating_sub(inner.waiting.len() + inner.taken)
    }

    fn run(&self, call: Box<dyn FnOnce() + Send>) {
        let mut inner = self.inner();
        let delay = match inner.luck.below(if self.lingers { 100 } else { 85 }) {
            0..85 => 20 + inner.luck.below(1500),
            85..97 => inner.luck.below(15_000),
            _ => inner.luck.below(40_000),
        };
        let due = (self.clock.monotonic() + delay).max(inner.hangs_until);
        inner.waiting.push(OnItsWay { due, call });
    }

    fn freed(&self) -> &Waker {
        &self.freed
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
