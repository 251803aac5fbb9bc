//! Checks from outside, which stand in for a server's agent.

use super::health::Health;
use crate::base::Millis;

/// What checks from outside found of a server without an agent.
#[derive(Clone, Default)]
pub(super) struct Check {
    pub(super) under_way: bool,
    pub(super) began: Option<Millis>,
    pub(super) failures: u32,
    pub(super) health: Health,
}
