//! A breaker: a cloud account that keeps failing is left alone for a while, visibly.

use crate::base::Timestamp;
use serde::{Deserialize, Serialize};

/// How a cloud account that failed stands. An account without one is well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Breaker {
    /// The account: the platform's name, as there is one account of each.
    pub account: String,
    /// Calls that failed in a row.
    pub failures: u32,
    /// What the last of them said.
    pub reason: String,
    /// When the first of them failed.
    pub since: Timestamp,
    /// No step is begun before this moment; then one is, as a trial. `None` while it is closed.
    pub open_until: Option<Timestamp>,
}
