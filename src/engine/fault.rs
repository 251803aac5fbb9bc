//! What the second pair of eyes objects to.

use crate::base::{FarmRoleId, ServerId};
use std::fmt;

/// One objection to a plan. A plan with any is not committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Which rule it breaks.
    pub rule: Rule,
    /// The farm role it is about.
    pub farm_role: Option<FarmRoleId>,
    /// The server it is about.
    pub server: Option<ServerId>,
    /// What is wrong, with its numbers.
    pub what: String,
}

/// What a plan must never do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// Ask for more than the declared maximum (law 1).
    Max,
    /// Give two servers one id.
    UniqueId,
    /// Give two servers of a farm role one index.
    UniqueIndex,
    /// Destroy on a stale or unknown sighting (law 3).
    Sighting,
    /// Move one server twice.
    OneMove,
    /// Move what it does not know, or what is not in a state for it.
    Known,
    /// Launch or destroy or restart while automation is frozen.
    Frozen,
    /// Want what nobody declared.
    Declared,
    /// Take away a server that a person locked.
    Locked,
    /// Do about a failed server what its farm role does not say, or restart it for ever.
    Heal,
    /// Retire more at once than certainty or a person's wish covers.
    AtOnce,
    /// Do what a person switched off.
    Held,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.rule, self.what)
    }
}
