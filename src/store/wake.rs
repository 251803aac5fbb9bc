//! Who is told of a commit: jobs by the tables they read, doors by the journal's last number.

use super::tables::Table;
use crate::base::Seq;
use crate::base::wake::Waker;
use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use tokio::sync::watch;

/// Everybody who listens.
pub(super) struct Listeners {
    wakers: Mutex<Vec<(BTreeSet<Table>, Waker)>>,
    last: watch::Sender<u64>,
}

impl Default for Listeners {
    fn default() -> Self {
        Listeners { wakers: Mutex::new(Vec::new()), last: watch::Sender::new(0) }
    }
}

impl Listeners {
    /// Wakes a job whenever one of these tables has changed.
    pub fn wake_on(&self, tables: &[Table], waker: Waker) {
        let mut wakers = self.wakers.lock().unwrap_or_else(PoisonError::into_inner);
        wakers.push((tables.iter().copied().collect(), waker));
    }

    /// The journal's last number, now and whenever it grows.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.last.subscribe()
    }

    /// The journal's last number.
    pub fn last(&self) -> Seq {
        Seq(*self.last.borrow())
    }

    /// Says where the journal ends, without a commit.
    pub fn start_at(&self, last: Seq) {
        self.last.send_replace(last.0);
    }

    /// Tells everybody of a commit.
    pub fn committed(&self, tables: &BTreeSet<Table>, last: Seq) {
        self.last.send_replace(last.0);
        for (wanted, waker) in &*self.wakers.lock().unwrap_or_else(PoisonError::into_inner) {
            if !wanted.is_disjoint(tables) {
                waker.wake();
            }
        }
    }
}
