//! The pool of threads that blocking cloud calls run on. Threads are made when a call needs one
//! and end when there is nothing to do, so an idle appliance has none.

use crate::base::limit::CLOUD_CALLS_MAX;
use crate::jobs::Pool;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// At most [`CLOUD_CALLS_MAX`] calls at once.
#[derive(Default)]
pub struct CallPool {
    running: Arc<Running>,
}

#[derive(Default)]
struct Running {
    count: Mutex<usize>,
    ended: Condvar,
    panics: AtomicUsize,
}

impl CallPool {
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

impl Pool for CallPool {
    fn has_room(&self) -> bool {
        *self.running.count.lock().unwrap_or_else(PoisonError::into_inner) < CLOUD_CALLS_MAX
    }

    fn room(&self) -> usize {
        let running = *self.running.count.lock().unwrap_or_else(PoisonError::into_inner);
        CLOUD_CALLS_MAX.saturating_sub(running)
    }

    fn run(&self, call: Box<dyn FnOnce() + Send>) {
        *self.running.count.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        let running = self.running.clone();
        let work = move || {
            if std::panic::catch_unwind(std::panic::AssertUnwindSafe(call)).is_err() {
                running.panics.fetch_add(1, Ordering::Relaxed);
                tracing::error!("a cloud call panicked; its step is settled by listing");
            }
            *running.count.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
            running.ended.notify_all();
        };
        if let Err(error) = std::thread::Builder::new().name("cloud-call".into()).spawn(work) {
            // The closure is gone with the failed spawn: the step stays begun and is settled by
            // listing after its deadline, like any other lost answer.
            *self.running.count.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
            tracing::error!(%error, "no thread for a cloud call");
        }
    }
}
