//! What comes between what a verb read and what it writes.

use std::sync::Mutex;

/// A deed that is done right before the next write of a verb, once.
#[derive(Default)]
pub struct Between {
    deed: Mutex<Option<(&'static str, Deed)>>,
}

/// What somebody does meanwhile.
pub type Deed = Box<dyn FnOnce() + Send>;

impl Between {
    /// Does it before the next write of this verb.
    pub fn before(&self, verb: &'static str, deed: Deed) {
        *self.deed.lock().unwrap() = Some((verb, deed));
    }

    /// A verb is about to write.
    pub fn write(&self, verb: &'static str) {
        let next = self.deed.lock().unwrap().take_if(|(awaited, _)| *awaited == verb);
        // It writes too, so nothing is held on to here.
        if let Some((_, deed)) = next {
            deed();
        }
    }
}
