//! Revisions of a farm role, and the rollout that takes its servers from one to another.
//!
//! A revision is a make: what servers are created from. Its number is its name. Declaring a make
//! that is still kept takes up its old number, so that a server is of the revision that is wanted
//! exactly when the numbers are equal, also after going back and forth. A role is part of it with
//! the revision that is pinned: a changed role, also a built-in one that an upgrade of Grange
//! brings another image of, changes no make and rolls nothing over before a person takes it up.

use crate::base::{Millis, RoleId, ServerId, Timestamp, limit};
use crate::model::{FarmRole, Overrides, ReadyCheck, VolumeSpec};
use serde::{Deserialize, Serialize};

/// What servers of one revision of a farm role are made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revision {
    /// Its number, counted from 1 in each farm role.
    pub number: u64,
    /// The recipe.
    pub role: RoleId,
    /// Which of the role's revisions.
    pub role_revision: u64,
    /// In which cloud account.
    pub account: String,
    /// Where on the platform.
    pub location: String,
    /// Which size.
    pub instance_type: String,
    /// Data volumes of every server.
    pub storage: Vec<VolumeSpec>,
    /// What makes a server ready, as the farm role says it.
    pub check: Option<ReadyCheck>,
    /// What makes it ready as the role says it, which counts where the farm role says nothing.
    pub role_check: Option<ReadyCheck>,
    /// How long all of its role's setup may take.
    pub setup_ms: Millis,
    /// What they do otherwise than the role says.
    pub overrides: Overrides,
    /// When another took its place; `None` for the one that is declared.
    pub left_at: Option<Timestamp>,
}

impl Revision {
    /// Whether servers of both are made of the same.
    pub fn is_like(&self, other: &Revision) -> bool {
        let make = |r: &Revision| (r.role, r.role_revision, r.account.clone(), r.location.clone());
        make(self) == make(other)
            && self.instance_type == other.instance_type
            && self.storage == other.storage
            && self.ready_check() == other.ready_check()
            && self.overrides == other.overrides
    }

    /// The check its servers have to pass.
    pub fn ready_check(&self) -> Option<&ReadyCheck> {
        self.check.as_ref().or(self.role_check.as_ref())
    }
}

impl FarmRole {
    /// What is declared that servers are made of.
    pub fn make(&self) -> Revision {
        Revision {
            number: self.revision,
            role: self.role,
            role_revision: self.role_revision,
            account: self.account.clone(),
            location: self.location.clone(),
            instance_type: self.instance_type.clone(),
            storage: self.storage.clone(),
            check: self.check.clone(),
            role_check: self.role_check.clone(),
            setup_ms: self.setup_ms,
            overrides: self.overrides.clone(),
            left_at: None,
        }
    }

    /// What servers of a revision are made of, as far back as is kept.
    pub fn make_of(&self, number: u64) -> Option<Revision> {
        if number == self.revision {
            return Some(self.make());
        }
        self.history.iter().find(|kept| kept.number == number).cloned()
    }

    /// Takes over another make.
    pub fn remake(&mut self, make: Revision) {
        self.role = make.role;
        self.role_revision = make.role_revision;
        self.account = make.account;
        self.location = make.location;
        self.instance_type = make.instance_type;
        self.storage = make.storage;
        self.check = make.check;
        self.role_check = make.role_check;
        self.setup_ms = make.setup_ms;
        self.overrides = make.overrides;
    }

    /// Numbers what is declared now after what was declared `before`, and keeps that if servers
    /// are made of something else now. Says whether they are.
    pub fn follow(&mut self, before: &FarmRole, now: Timestamp) -> bool {
        self.history.clone_from(&before.history);
        self.revision = before.revision;
        let (made, left) = (self.make(), before.make());
        if made.is_like(&left) {
            return false;
        }
        self.history.push(Revision { left_at: Some(now), ..left });
        match self.history.iter().position(|kept| kept.is_like(&made)) {
            Some(place) => self.revision = self.history.remove(place).number,
            None => {
                let highest = self.history.iter().map(|kept| kept.number).max().unwrap_or(0);
                self.revision = highest + 1;
            }
        }
        let over = self.history.len().saturating_sub(limit::REVISIONS_MAX);
        self.history.drain(..over);
        true
    }
}

/// What a person wants of a rollout beyond its policy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RolloutWish {
    /// It goes on, also past the checkpoint or the failure it stopped at.
    #[default]
    Go,
    /// No new batch is begun.
    Pause,
    /// It ends, and what was rolled over goes back to the revision before.
    Abort,
}

/// A rollout, as the planner remembers it: until every server is of the wanted revision, and after
/// a failure until a person says more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rollout {
    /// The revision it comes from.
    pub from: u64,
    /// The revision it goes to.
    pub to: u64,
    /// When it began.
    pub began_at: Timestamp,
    /// How it stands.
    pub state: RolloutState,
    /// When it came into that state.
    pub since: Timestamp,
    /// Servers of the new revision that did not get ready.
    pub failed: u32,
    /// Checkpoints passed.
    pub checkpoint: u32,
    /// How often people had said what they want of it when it came into its state.
    pub said: u64,
    /// Servers of the new revision that are not ready yet: what becomes of each is counted once.
    pub starting: Vec<ServerId>,
    /// Balancers show a maintenance page instead of the servers.
    pub maintenance: bool,
}

/// How a rollout stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RolloutState {
    /// Batches go on.
    Rolling,
    /// It waits at a checkpoint.
    Checkpoint,
    /// A person paused it.
    Paused,
    /// It goes back to the revision before.
    RollingBack,
    /// It failed, and stays where it is until a person says more.
    Failed,
    /// It went back, and stays there until a person says more.
    RolledBack,
}

impl Rollout {
    /// The revision that servers are launched from and kept at.
    pub fn wanted(&self) -> u64 {
        match self.state {
            RolloutState::Rolling | RolloutState::Checkpoint | RolloutState::Paused => self.to,
            RolloutState::RollingBack | RolloutState::Failed | RolloutState::RolledBack => {
                self.from
            }
        }
    }
}

impl RolloutState {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            RolloutState::Rolling => "rolling",
            RolloutState::Checkpoint => "checkpoint",
            RolloutState::Paused => "paused",
            RolloutState::RollingBack => "rolling back",
            RolloutState::Failed => "failed",
            RolloutState::RolledBack => "rolled back",
        }
    }

    /// Whether servers are being rolled over, or wait to be.
    pub fn is_under_way(self) -> bool {
        match self {
            RolloutState::Rolling
            | RolloutState::Checkpoint
            | RolloutState::Paused
            | RolloutState::RollingBack => true,
            RolloutState::Failed | RolloutState::RolledBack => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{FarmId, FarmRoleId, Name};

    fn web(size: &str, before: Option<&FarmRole>) -> FarmRole {
        let mut role = FarmRole::plain(FarmRoleId(1), FarmId(1), Name::new("web").unwrap());
        role.instance_type = size.to_owned();
        if let Some(before) = before {
            role.follow(before, Timestamp(1));
        }
        role
    }

    #[test]
    fn a_make_that_comes_again_has_its_number_again() {
        let numbers = |role: &FarmRole| {
            let kept: Vec<u64> = role.history.iter().map(|kept| kept.number).collect();
            (role.revision, kept)
        };
        let small = web("small", None);
        let large = web("large", Some(&small));
        assert_eq!(numbers(&large), (2, vec![1]));
        let same = web("large", Some(&large));
        assert_eq!(numbers(&same), (2, vec![1]));
        let again = web("small", Some(&same));
        assert_eq!(numbers(&again), (1, vec![2]));
        let third = web("medium", Some(&again));
        assert_eq!(numbers(&third), (3, vec![2, 1]));
        assert_eq!(third.make_of(2).unwrap().instance_type, "large");
        assert_eq!(third.make_of(3).unwrap().left_at, None);
        assert_eq!(third.make_of(9), None);
    }

    #[test]
    fn so_many_are_kept() {
        let mut role = web("0", None);
        for size in 1..30 {
            role = web(&size.to_string(), Some(&role));
        }
        assert_eq!(role.history.len(), limit::REVISIONS_MAX);
        assert_eq!((role.revision, role.history[0].number), (30, 20));
    }
}
