//! What is done about a server whose check fails, or what keeps us from it.

use crate::base::Millis;
use crate::base::time::say;
use crate::model::HealMode;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What is done about a server whose check fails, or what keeps us from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Care {
    /// It is replaced if the check goes on failing.
    Replace {
        /// For so much longer.
        left: Millis,
    },
    /// It is restarted if the check goes on failing.
    Restart {
        /// For so much longer.
        left: Millis,
    },
    /// The check fails on all servers of the farm role at once: it is likely the check, or what
    /// they depend on, and others would fare no better.
    All {
        /// How many.
        servers: u32,
    },
    /// No other server of the farm role is known to be healthy since the start: it may be all.
    Alone,
    /// It has data volumes, and its farm role does not say that it is replaced all the same.
    Volumes,
    /// Others of the farm role are on their way up or out: one after the other.
    Turn {
        /// How many.
        servers: u32,
        /// How many may be at once.
        allowed: u32,
    },
    /// Its farm role says so.
    Keep(HealMode),
    /// Balancers are all that speaks against it, and they reach none of the farm role: it is likely
    /// they, or the way there.
    Unreached {
        /// How many they do not reach.
        servers: u32,
    },
}

impl fmt::Display for Care {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Care::Replace { left } => write!(f, "replaced in {}", say(*left)),
            Care::Restart { left } => write!(f, "restarted in {}", say(*left)),
            Care::All { servers } => write!(
                f,
                "so it does on all {servers}: likely the check or what they depend on, none is \
                 replaced"
            ),
            Care::Unreached { servers } => write!(
                f,
                "balancers reach none of {servers}: likely they or the way there, none is replaced"
            ),
            Care::Alone => f.write_str("no other is known to be healthy, it is not replaced"),
            Care::Volumes => f.write_str(
                "it has volumes, and replaceWithVolumes is off: terminate it to have \
                             it replaced",
            ),
            Care::Turn { servers, allowed } => {
                write!(f, "{servers} starting or leaving, {allowed} may be at once")
            }
            Care::Keep(HealMode::Alert) => f.write_str("kept, people are told"),
            Care::Keep(HealMode::None | HealMode::Restart | HealMode::Replace) => {
                f.write_str("kept, nothing is done about it")
            }
        }
    }
}
