//! Whose the leases of cloud accounts are, as far as this process knows. After a start it knows
//! nothing, and holds none.

use crate::base::limit::{LEASE_HELD_FOR, LEASE_OVER_AFTER};
use crate::base::{Millis, Timestamp};
use crate::clouds::lease::{LeaseHolder, LeaseMark};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Marks of ours that are remembered while none of them is the newest.
const TRIES_MAX: usize = 15;

/// Whose an account's lease is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LeaseStanding {
    /// Nobody looked since the start, or since the account's engine became another.
    Unasked,
    /// Its platform carries no marks.
    NotKept,
    /// It is ours: calls begin.
    Ours {
        /// How often the account has changed hands, the first included.
        epoch: u64,
        /// When it became ours.
        since: Timestamp,
        /// How long until calls begin; not 0 while the one it was taken from may not know yet.
        left: Millis,
    },
    /// It was ours, and for too long no mark could be written.
    Lapsed {
        /// What the platform said.
        why: String,
    },
    /// It is somebody else's.
    Other {
        /// The appliance that has it.
        holder: LeaseHolder,
        /// How long until it is taken over if no new mark is seen until then.
        left: Millis,
    },
}

impl LeaseStanding {
    /// Whether calls may begin; `required` where nobody may call unasked.
    pub fn lets_begin(&self, required: bool) -> bool {
        match self {
            LeaseStanding::Unasked => !required,
            LeaseStanding::NotKept => true,
            LeaseStanding::Ours { left, .. } => *left == 0,
            LeaseStanding::Lapsed { .. } | LeaseStanding::Other { .. } => false,
        }
    }
}

/// What is to be done about an account's mark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MarkTurn {
    /// The next mark is to be written: ours again, or for the first time.
    Write {
        /// The number it is to have.
        number: u64,
        /// The epoch it is to have.
        epoch: u64,
        /// Whom the account is taken over from.
        from: Option<LeaseHolder>,
    },
    /// It is somebody else's, who may live.
    Wait,
}

/// A look at an account's marks: which account, since when, and as whom.
#[derive(Clone, Debug)]
pub struct LeaseLook {
    /// The name of the account that is looked at.
    pub account: String,
    /// When it began, by the monotonic clock.
    pub begun: Millis,
    /// When it began, by the wall clock.
    pub begun_at: Timestamp,
    generation: u64,
}

#[derive(Default)]
struct Known {
    /// Rises when what was known is of another place than what is asked now.
    generation: u64,
    not_kept: bool,
    ours: Option<Ours>,
    /// Tokens and numbers of the marks we wrote: the last that was the newest, and what we tried
    /// since, whatever came of it.
    written: VecDeque<(String, u64)>,
    /// Another's mark, and since when it is the newest.
    other: Option<(LeaseMark, Millis)>,
    /// Why the last look failed.
    wrong: Option<String>,
}

struct Ours {
    epoch: u64,
    since: Timestamp,
    /// When calls begin.
    begins: Millis,
    /// When the newest mark began to be written, by both clocks: one of them stands still while
    /// the machine sleeps.
    marked: Millis,
    marked_at: Timestamp,
}

impl Ours {
    fn holds(&self, (elapsed, now): (Millis, Timestamp)) -> bool {
        elapsed.saturating_sub(self.marked) < LEASE_HELD_FOR
            && now.since(self.marked_at) < LEASE_HELD_FOR
    }
}

/// See the module's text; by account.
#[derive(Default)]
pub struct Leases {
    known: Mutex<BTreeMap<String, Known>>,
}

impl Leases {
    /// A look that begins now. What it finds counts for nothing when the account is asked
    /// elsewhere by then.
    pub fn look(&self, account: &str, (begun, begun_at): (Millis, Timestamp)) -> LeaseLook {
        let generation = self.lock().get(account).map_or(0, |known| known.generation);
        LeaseLook { account: account.to_owned(), begun, begun_at, generation }
    }

    /// The account is asked elsewhere from now on, or not at all.
    pub fn forget(&self, account: &str) {
        let mut all = self.lock();
        let known = all.entry(account.to_owned()).or_default();
        // Marks that we wrote are ours wherever they are met again.
        let written = std::mem::take(&mut known.written);
        *known = Known { generation: known.generation + 1, written, ..Known::default() };
    }

    /// The account's platform carries no marks.
    pub fn set_not_kept(&self, account: &str) {
        self.lock().entry(account.to_owned()).or_default().not_kept = true;
    }

    /// What the newest mark means, seen at a moment.
    pub fn decide(
        &self,
        look: &LeaseLook,
        newest: Option<&LeaseMark>,
        own: &LeaseHolder,
        now: Millis,
    ) -> MarkTurn {
        self.with(look, MarkTurn::Wait, |known| known.decide(newest, own, now))
    }

    /// A mark is about to be written.
    pub fn writing(&self, look: &LeaseLook, mark: &LeaseMark) {
        self.with(look, (), |known| {
            known.written.truncate(TRIES_MAX);
            known.written.push_front((mark.token.clone(), mark.number));
        });
    }

    /// The mark we wrote is the newest. It holds from when we began to write it; calls begin after
    /// a rest. Says whether it let none begin before.
    pub fn won(&self, look: &LeaseLook, mark: &LeaseMark, rest: Millis) -> bool {
        self.with(look, false, |known| {
            let at = (look.begun, look.begun_at);
            let before = known.ours.take().filter(|ours| ours.epoch == mark.epoch);
            let held = known.other.is_none() && before.as_ref().is_some_and(|ours| ours.holds(at));
            known.other = None;
            known.written.retain(|(token, _)| *token == mark.token);
            let (since, begins) = match &before {
                Some(ours) => (ours.since, ours.begins),
                None => (look.begun_at, look.begun.saturating_add(rest)),
            };
            let (epoch, marked, marked_at) = (mark.epoch, look.begun, look.begun_at);
            known.ours = Some(Ours { epoch, since, begins, marked, marked_at });
            !held
        })
    }

    /// A look failed, for a reason.
    pub fn failed(&self, look: &LeaseLook, why: String) {
        self.with(look, (), |known| known.wrong = Some(why));
    }

    /// Whose the lease is at a moment, by both clocks.
    pub fn standing(&self, account: &str, now: (Millis, Timestamp)) -> LeaseStanding {
        let all = self.lock();
        all.get(account).map_or(LeaseStanding::Unasked, |known| known.standing(now))
    }

    fn with<T>(&self, look: &LeaseLook, stale: T, f: impl FnOnce(&mut Known) -> T) -> T {
        let mut all = self.lock();
        let known = all.entry(look.account.clone()).or_default();
        if known.generation == look.generation { f(known) } else { stale }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn decide(&mut self, newest: Option<&LeaseMark>, own: &LeaseHolder, now: Millis) -> MarkTurn {
        self.wrong = None;
        let last = self.written.iter().map(|(_, number)| *number).max().unwrap_or(0);
        let Some(mark) = newest else {
            // Where there was another's it may write the next in a moment.
            let waits = |(_, since): &(LeaseMark, Millis)| now - since < LEASE_OVER_AFTER;
            if self.other.as_ref().is_some_and(waits) {
                return MarkTurn::Wait;
            }
            let epoch = self.ours.as_ref().map_or(1, |ours| ours.epoch);
            return MarkTurn::Write { number: last + 1, epoch, from: None };
        };
        let number = mark.number.max(last) + 1;
        let is_written = self.written.iter().any(|(token, _)| *token == mark.token);
        // Of a process before this one: it had the directory's lock, which is ours now.
        let is_former = mark.holder.place == own.place && mark.holder.process != own.process;
        if is_written || is_former {
            return MarkTurn::Write { number, epoch: mark.epoch, from: None };
        }
        let seen = self.other.take().filter(|(seen, _)| seen.token == mark.token);
        let since = seen.map_or(now, |(_, since)| since);
        self.other = Some((mark.clone(), since));
        if now.saturating_sub(since) < LEASE_OVER_AFTER {
            return MarkTurn::Wait;
        }
        let from = Some(mark.holder.clone());
        MarkTurn::Write { number, epoch: mark.epoch + 1, from }
    }

    fn standing(&self, now: (Millis, Timestamp)) -> LeaseStanding {
        if self.not_kept {
            return LeaseStanding::NotKept;
        }
        if let Some((mark, since)) = &self.other {
            let left = since.saturating_add(LEASE_OVER_AFTER).saturating_sub(now.0);
            return LeaseStanding::Other { holder: mark.holder.clone(), left };
        }
        match (&self.ours, &self.wrong) {
            (Some(ours), _) if ours.holds(now) => LeaseStanding::Ours {
                epoch: ours.epoch,
                since: ours.since,
                left: ours.begins.saturating_sub(now.0),
            },
            (None, None) => LeaseStanding::Unasked,
            (_, wrong) => LeaseStanding::Lapsed { why: wrong.clone().unwrap_or_default() },
        }
    }
}
