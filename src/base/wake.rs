//! Wakers: how a commit on a low floor starts a job on a high one without knowing it.
//!
//! A waker is a flag that many may raise and one waits on. Raising it twice before it is seen
//! wakes once: jobs read the world anew each time, so no wake carries data and none may be
//! counted on to.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// A flag to wait on; clones share it, so only one may wait. Several that wait for the same thing
/// have a waker each, which [`Waker::follow`]s.
#[derive(Clone, Default)]
pub struct Waker {
    shared: Arc<(Mutex<bool>, Condvar)>,
    followers: Arc<Mutex<Vec<Waker>>>,
}

impl Waker {
    /// A waker that nobody has raised.
    pub fn new() -> Waker {
        Waker::default()
    }

    /// Raises the flag.
    pub fn wake(&self) {
        *self.shared.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.shared.1.notify_all();
        for follower in &*self.followers.lock().unwrap_or_else(PoisonError::into_inner) {
            follower.wake();
        }
    }

    /// From now on this one is raised whenever `leader` is; not the other way round.
    pub fn follow(&self, leader: &Waker) {
        let mut followers = leader.followers.lock().unwrap_or_else(PoisonError::into_inner);
        followers.push(self.clone());
    }

    /// Whether the flag is up; it stays as it is.
    pub fn is_up(&self) -> bool {
        *self.shared.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lowers the flag and says whether it was up. For the simulator, which never blocks.
    pub fn take(&self) -> bool {
        std::mem::take(&mut *self.shared.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits until the flag is up or the time is over; lowers it and says whether it was up.
    pub fn wait(&self, at_most: Duration) -> bool {
        let guard = self.shared.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut up, _) = self
            .shared
            .1
            .wait_timeout_while(guard, at_most, |up| !*up)
            .unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *up)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wake_before_the_wait_is_not_lost_and_counts_once() {
        let waker = Waker::new();
        waker.wake();
        waker.wake();
        assert!(waker.wait(Duration::ZERO));
        assert!(!waker.wait(Duration::ZERO));
    }

    #[test]
    fn each_that_follows_is_woken_and_takes_nobody_elses_wake() {
        let (leader, one, other) = (Waker::new(), Waker::new(), Waker::new());
        one.follow(&leader);
        other.follow(&leader);
        leader.wake();
        assert!(one.take() && other.take());
        one.wake();
        assert!(!other.take());
    }
}
