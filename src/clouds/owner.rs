//! Who manages an account: one controller, whose mark lies where its servers are.
//!
//! Two appliances that manage the same servers destroy each other's: each takes what the other
//! did for what went wrong. So whoever manages an account leaves a mark there, with an epoch that
//! only rises, and whoever finds the mark of somebody else does not begin.
//! [`crate::clouds::onboard`] keeps its mark on the machine; a platform elsewhere keeps it as a
//! tag of the account.
//!
//! Not here: how a mark is kept and whether its owner lives, which each platform knows by itself.

use crate::base::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::PathBuf;

/// The mark of whoever manages an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Owner {
    /// What the servers carry: the same in every copy of a state directory.
    pub tag: String,
    /// Rises by one whenever the servers change hands: by a move, or taken over by a person.
    pub epoch: u64,
    /// The state directory, which is what tells a copy from the original.
    pub place: PathBuf,
    /// The process that took it.
    pub pid: i32,
    /// When that process took it.
    pub since: Timestamp,
}

/// Why somebody may not manage servers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Their owner runs.
    Alive(Owner),
    /// Their owner does not run; its state directory is there, and ours is a copy of it.
    Copy(Owner),
    /// A process that we cannot look into has them.
    Unseen,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Alive(Owner { place, pid, since, tag, .. }) => write!(
                f,
                "the servers of {tag} on this machine are managed from {} by process {pid}, since \
                 {since}: one state directory has one appliance. Stop that one first, or start \
                 with an empty directory",
                place.display()
            ),
            Refusal::Copy(Owner { place, since, tag, .. }) => write!(
                f,
                "the servers of {tag} on this machine belong to {}, last started {since}, and this \
                 is a copy of it. Start that one; or, if it is never to be started again, take its \
                 servers over with: grange serve --take-over",
                place.display()
            ),
            Refusal::Unseen => write!(
                f,
                "a process that cannot be seen from here, in another container, manages the \
                 servers of this state directory. Stop it first"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_whose_they_are_and_what_to_do() {
        let owner = Owner {
            tag: "a1b2c3".into(),
            epoch: 2,
            place: "/var/lib/grange/onboard".into(),
            pid: 77,
            since: Timestamp(1_790_000_000_000),
        };
        let check = |refusal: Refusal, parts: &[&str]| {
            let text = refusal.to_string();
            for part in parts {
                assert!(text.contains(part), "{text}: {part}");
            }
        };
        let alive = ["a1b2c3", "/var/lib/grange/onboard", "process 77", "2026", "Stop"];
        check(Refusal::Alive(owner.clone()), &alive);
        check(Refusal::Copy(owner), &["/var/lib/grange/onboard", "copy", "--take-over"]);
        check(Refusal::Unseen, &["another container"]);
    }
}
