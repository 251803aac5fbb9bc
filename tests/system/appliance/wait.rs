//! Waiting for a condition, with a deadline.

use std::fmt::Debug;
use std::time::{Duration, Instant};

/// Looks until it is there; panics with what it waited for, and with how it looked last.
pub fn until<T, D: Debug>(what: &str, seconds: u64, mut look: impl FnMut() -> Result<T, D>) -> T {
    let begun = Instant::now();
    loop {
        match look() {
            Ok(found) => return found,
            Err(instead) if begun.elapsed() > Duration::from_secs(seconds) => {
                panic!("waited {seconds} s for {what}; instead: {instead:#?}")
            }
            Err(_) => std::thread::sleep(Duration::from_millis(50)),
        }
    }
}
