//! The lease of a cloud account: which appliance manages what is in it, as a mark on the platform.
//!
//! Two appliances with one state (a copy that was started, a backup that was restored beside the
//! original) carry one tag, and each takes what the other does for what went wrong. So an appliance
//! acts in an account only while the newest mark there is its own. A mark has a number, and the
//! platform promises one thing about it: of two who write a mark of one number, one has written it
//! and both learn who. Everything else (who may write when) is decided by
//! [`crate::service::clouds::lease`].
//!
//! Whether a holder lives is told by its marks alone: it writes a new one every
//! [`LEASE_PERIOD`](crate::base::limit::LEASE_PERIOD), and whoever waits counts by its own clock,
//! from when it first saw a mark. No two machines' clocks are ever compared.
//!
//! Not here: `onboard`, whose servers cannot leave its machine, has a lock on that machine instead
//! ([`super::owner`]); a platform that carries no marks, as a launch command, has no lease.

use super::CloudError;
use crate::base::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The appliance that holds a lease or would.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LeaseHolder {
    /// Drawn by each process as it starts.
    pub process: String,
    /// The same for each process of one state directory on one machine, from one boot to the next.
    /// Only one of them at a time can have the directory's lock.
    pub place: String,
    /// The machine's name, for people.
    pub host: String,
    /// The state directory there, for people.
    pub directory: String,
    /// When the process started.
    pub since: Timestamp,
}

impl fmt::Display for LeaseHolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.directory)
    }
}

/// A mark in an account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LeaseMark {
    /// One more than that of the mark before; the highest is the one that counts.
    pub number: u64,
    /// One more than before whenever the account changes hands.
    pub epoch: u64,
    /// Drawn for this mark, so that whoever wrote it knows it again, and nobody else takes it for
    /// its own: not even a copy of the whole machine's memory.
    pub token: String,
    /// The appliance that wrote it.
    pub holder: LeaseHolder,
}

/// Marks in an account, as a platform keeps them.
pub trait LeaseMarks: Send + Sync {
    /// The mark with the highest number; `None` where there is none.
    ///
    /// # Errors
    /// Also when there is one that cannot be read.
    fn newest(&self) -> Result<Option<LeaseMark>, CloudError>;

    /// Writes a mark, unless another one has its number already, and removes marks that are older
    /// than the one before it. Who has won says [`LeaseMarks::newest`].
    fn write(&self, mark: &LeaseMark) -> Result<(), CloudError>;

    /// Removes every mark: the account is given up.
    fn clear(&self) -> Result<(), CloudError>;
}
