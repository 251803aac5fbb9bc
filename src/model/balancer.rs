//! What balancers call the servers behind them, and what they see of them.

use serde::{Deserialize, Serialize};

/// Ends the name of a member that is to go and is only used while no other is up.
pub const LEAVING: &str = ".leaving";

/// A server behind a balancer that the balancer does not reach.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MemberDown {
    /// What the balancer calls it.
    pub name: String,
    /// What its check found: `L4 timeout`.
    pub why: String,
}
