//! What was last seen of the outside, with its age. Unknown is a value.

use crate::base::{ServerId, Timestamp};
use serde::{Deserialize, Serialize};

/// One server as a platform's listing showed it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sighting {
    /// The tag it carries: our server's id. A thing without our tag is not ours and not listed.
    pub server: ServerId,
    /// The platform's id for it.
    pub cloud_server_id: String,
    /// What the platform says of it.
    pub state: CloudState,
    /// Addresses, nearest network first.
    pub private_ips: Vec<String>,
    /// Addresses reachable from anywhere.
    pub public_ips: Vec<String>,
}

/// Something a platform sees that people have to know and no listing carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// The server it is about; `None` for everything on the platform.
    pub server: Option<ServerId>,
    /// What kind of thing it is.
    pub kind: NoticeKind,
    /// What is seen, and what would help: one sentence each.
    pub text: String,
    /// How often it has happened; a higher number than before is news. 0 for what lasts.
    pub count: u64,
}

/// The kinds of notices. The name is what the condition of a server is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NoticeKind {
    /// The kernel ended processes of a server, which wanted more memory than it may have.
    OutOfMemory,
    /// Servers do not reach one another, or the appliance.
    Network,
    /// Nothing bounds what servers write.
    Disk,
    /// Something of the platform's was taken away or stood still, and was put right: no server is
    /// the worse for it now.
    Repaired,
}

impl NoticeKind {
    /// Every kind, in the order in which alerts are raised.
    pub const ALL: [NoticeKind; 4] =
        [NoticeKind::OutOfMemory, NoticeKind::Network, NoticeKind::Disk, NoticeKind::Repaired];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            NoticeKind::OutOfMemory => "outOfMemory",
            NoticeKind::Network => "network",
            NoticeKind::Disk => "disk",
            NoticeKind::Repaired => "repaired",
        }
    }
}

/// What a platform says of a server, reduced to what decisions need.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CloudState {
    /// Accepted, not up yet.
    Pending,
    /// Up.
    Running,
    /// There, but not running: crashed, powered off, or lost its power with us.
    Stopped,
    /// Asleep with its memory kept.
    Suspended,
    /// On its way out.
    Terminating,
    /// The platform itself says it is gone for good.
    Gone,
}

/// What is known of one server just now: a listing's word, or that there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// Not seen since we started, or no complete listing yet: nothing may be concluded.
    Unknown,
    /// In the last complete listing.
    Seen {
        /// As it was shown.
        state: CloudState,
        /// When that listing began.
        at: Timestamp,
    },
    /// Missing from complete listings that began after its launch was accepted.
    Missing {
        /// Start of the first complete listing without it.
        since: Timestamp,
        /// Start of the latest complete listing without it.
        at: Timestamp,
        /// How many complete listings in a row did not have it.
        listings: u32,
    },
}
