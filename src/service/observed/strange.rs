//! What agents did that no agent does, in memory, until it is some time ago.

use super::Observed;
use crate::base::limit::{NONSENSE_ALERT_AFTER, STRANGE_FOR};
use crate::base::{Millis, ServerId};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// One such thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Oddity {
    /// A batch with so many readings that cannot be right, the first of them in words.
    Nonsense {
        /// In words.
        what: String,
        /// How many.
        count: u64,
    },
    /// Another machine showed its certificate while it lives.
    Copy {
        /// Where it is.
        agent: IpAddr,
        /// Where the other one is.
        copy: IpAddr,
    },
}

/// All of them of one agent, lately.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Oddities {
    /// Where it is and where its copy.
    pub copy: Option<(IpAddr, IpAddr)>,
    copied_at: Millis,
    /// Batches with readings that cannot be right.
    pub nonsense_batches: u64,
    /// Such readings.
    pub nonsense_readings: u64,
    /// One of the last batch, in words.
    pub nonsense: String,
    nonsense_at: Millis,
}

/// All of them.
#[derive(Default)]
pub(super) struct Strange {
    agents: BTreeMap<ServerId, Oddities>,
}

impl Strange {
    /// Takes one in. Says whether that is news.
    pub(super) fn note(&mut self, server: ServerId, oddity: Oddity, now: Millis) -> bool {
        let odd = self.agents.entry(server).or_default();
        odd.age(now);
        match oddity {
            Oddity::Nonsense { what, count } => {
                odd.nonsense_batches += 1;
                odd.nonsense_readings += count;
                (odd.nonsense, odd.nonsense_at) = (what, now);
                odd.nonsense_batches == NONSENSE_ALERT_AFTER
            }
            Oddity::Copy { agent, copy } => {
                odd.copied_at = now;
                odd.copy.replace((agent, copy)) != Some((agent, copy))
            }
        }
    }

    /// Those of the last time; the others are forgotten.
    pub(super) fn lately(&mut self, now: Millis) -> BTreeMap<ServerId, Oddities> {
        self.agents.retain(|_, odd| {
            odd.age(now);
            odd.copy.is_some() || odd.nonsense_batches > 0
        });
        self.agents.clone()
    }

    /// Those of one agent.
    pub(super) fn of(&self, server: ServerId) -> Option<Oddities> {
        self.agents.get(&server).cloned()
    }

    /// A server is gone.
    pub(super) fn forget(&mut self, server: ServerId) {
        self.agents.remove(&server);
    }
}

impl Oddities {
    fn age(&mut self, now: Millis) {
        if now.saturating_sub(self.copied_at) >= STRANGE_FOR {
            self.copy = None;
        }
        if now.saturating_sub(self.nonsense_at) >= STRANGE_FOR {
            (self.nonsense_batches, self.nonsense_readings) = (0, 0);
        }
    }
}

impl Observed {
    /// An agent did what no agent does. Says whether that is news.
    pub fn note_oddity(&self, server: ServerId, oddity: Oddity, now: Millis) -> bool {
        self.lock().strange.note(server, oddity, now)
    }

    /// What agents did lately that no agent does; forgets what was longer ago.
    pub fn oddities(&self, now: Millis) -> BTreeMap<ServerId, Oddities> {
        self.lock().strange.lately(now)
    }

    /// The same of one agent, with how many of its messages were told to come later.
    pub fn oddities_of(&self, server: ServerId) -> (Option<Oddities>, u64) {
        let inner = self.lock();
        (inner.strange.of(server), inner.talk.delayed(server))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_told_until_some_time_after_the_last() {
        let (mut strange, web) = (Strange::default(), ServerId(1));
        let nonsense = || Oddity::Nonsense { what: "x".into(), count: 2 };
        strange.note(web, nonsense(), STRANGE_FOR);
        strange.note(web, nonsense(), 2 * STRANGE_FOR - 1);
        let lately = strange.lately(3 * STRANGE_FOR - 2);
        assert_eq!((lately[&web].nonsense_batches, lately[&web].nonsense_readings), (2, 4));
        assert!(strange.lately(3 * STRANGE_FOR - 1).is_empty() && strange.of(web).is_none());
    }
}
