//! How a commit wakes everybody who waits for news, without a thread for each.

use std::sync::Arc;
use tokio::sync::watch;

/// Rung after every commit; clones share it. Ringing costs nothing when nobody listens, and may
/// be done from any thread.
#[derive(Clone)]
pub struct Bell(Arc<watch::Sender<u64>>);

impl Bell {
    /// A bell nobody has rung.
    pub fn new() -> Bell {
        Bell(Arc::new(watch::Sender::new(0)))
    }

    /// Wakes everybody who listens.
    pub fn ring(&self) {
        self.0.send_modify(|rung| *rung = rung.wrapping_add(1));
    }

    /// How many listen at this moment: requests that wait for news, each from its first look on.
    pub fn listeners(&self) -> usize {
        self.0.receiver_count()
    }

    /// Somebody who hears every ring from now on.
    pub(super) fn listen(&self) -> watch::Receiver<u64> {
        self.0.subscribe()
    }
}

impl Default for Bell {
    fn default() -> Bell {
        Bell::new()
    }
}
