//! How much each agent may say (law 9): buckets that fill by the monotonic clock.
//!
//! An agent that follows its protocol meets neither of them. What is over is not acknowledged, so
//! that the agent sends it again later; nothing is lost and the journal grows no faster.

use super::Observed;
use crate::base::limit::{
    AGENT_ENTRIES_BURST, AGENT_ENTRY_EVERY, AGENT_MESSAGE_EVERY, AGENT_MESSAGES_MAX,
};
use crate::base::{Millis, ServerId};
use std::collections::BTreeMap;

/// The buckets of all agents.
#[derive(Default)]
pub(super) struct Talk {
    agents: BTreeMap<ServerId, Agent>,
}

#[derive(Default)]
struct Agent {
    messages: Bucket,
    entries: Bucket,
    delayed: u64,
}

/// What was taken out and has not been filled up again, in milliseconds of filling.
#[derive(Clone, Copy, Default)]
struct Bucket {
    owed: Millis,
    at: Millis,
}

impl Bucket {
    fn take(&mut self, most: u64, every: Millis, now: Millis) -> bool {
        self.owed = self.owed.saturating_sub(now.saturating_sub(self.at));
        self.at = now;
        let there = self.owed + every <= most * every;
        if there {
            self.owed += every;
        }
        there
    }
}

impl Talk {
    /// Whether one more message of an agent is taken now.
    pub(super) fn may_speak(&mut self, server: ServerId, now: Millis) -> bool {
        let agent = self.agents.entry(server).or_default();
        let may = agent.messages.take(AGENT_MESSAGES_MAX as u64, AGENT_MESSAGE_EVERY, now);
        agent.delayed += u64::from(!may);
        may
    }

    /// Whether one more change that an agent brings about by itself is committed now.
    pub(super) fn may_note(&mut self, server: ServerId, now: Millis) -> bool {
        let agent = self.agents.entry(server).or_default();
        let may = agent.entries.take(AGENT_ENTRIES_BURST, AGENT_ENTRY_EVERY, now);
        agent.delayed += u64::from(!may);
        may
    }

    /// How many messages of an agent were told to come later.
    pub(super) fn delayed(&self, server: ServerId) -> u64 {
        self.agents.get(&server).map_or(0, |agent| agent.delayed)
    }

    /// A server is gone.
    pub(super) fn forget(&mut self, server: ServerId) {
        self.agents.remove(&server);
    }
}

impl Observed {
    /// Whether one more message of an agent is taken now.
    pub fn may_speak(&self, server: ServerId, now: Millis) -> bool {
        self.lock().talk.may_speak(server, now)
    }

    /// Whether one more change that an agent brings about by its word alone is committed now.
    pub fn may_note(&self, server: ServerId, now: Millis) -> bool {
        self.lock().talk.may_note(server, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_then_one_each_period() {
        let mut talk = Talk::default();
        let (loud, quiet) = (ServerId(1), ServerId(2));
        let mut noted = 0;
        for second in 0..3_600 {
            for _ in 0..50 {
                noted += u64::from(talk.may_note(loud, second * 1_000));
            }
        }
        assert_eq!(noted, AGENT_ENTRIES_BURST + 3_599_000 / AGENT_ENTRY_EVERY);
        assert_eq!(talk.delayed(loud), 3_600 * 50 - noted);
        assert!(talk.may_note(quiet, 3_600_000) && talk.delayed(quiet) == 0);
        let all = (0..1_000).filter(|_| talk.may_speak(quiet, 3_600_000)).count();
        assert_eq!(all, AGENT_MESSAGES_MAX);
        talk.forget(loud);
        assert_eq!(talk.delayed(loud), 0);
    }
}
