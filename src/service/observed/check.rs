//! Checks from outside, which stand in for a server's agent.

use crate::base::{Millis, Timestamp};

/// What checks from outside found of a server without an agent.
#[derive(Clone, Copy, Default)]
pub(super) struct Check {
    pub(super) under_way: bool,
    pub(super) began: Option<Millis>,
    pub(super) passes: Option<bool>,
    pub(super) failures: u32,
    pub(super) failing_since: Option<Timestamp>,
}
