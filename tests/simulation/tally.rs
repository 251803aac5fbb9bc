//! What was reached: faults by kind, states of steps, reasons to wait. A fault that never happens
//! and a state that is never reached prove nothing, so a long run fails where its coverage is thin.

use std::collections::BTreeMap;
use std::fmt;

/// Counts of everything worth counting.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Runs.
    pub seeds: u64,
    /// Events of all runs.
    pub ticks: u64,
    /// Simulated milliseconds.
    pub simulated: u64,
    /// Faults by kind.
    pub faults: BTreeMap<String, u64>,
    /// Steps by kind and status.
    pub steps: BTreeMap<String, u64>,
    /// Servers by status.
    pub servers: BTreeMap<String, u64>,
    /// Reasons to wait.
    pub waits: BTreeMap<String, u64>,
    /// What else happened.
    pub deeds: BTreeMap<String, u64>,
}

/// Counts one more.
pub fn add(counts: &mut BTreeMap<String, u64>, what: impl Into<String>) {
    *counts.entry(what.into()).or_default() += 1;
}

impl Tally {
    /// Adds what another run reached.
    pub fn merge(&mut self, other: &Tally) {
        self.seeds += other.seeds;
        self.ticks += other.ticks;
        self.simulated += other.simulated;
        let pairs = [
            (&mut self.faults, &other.faults),
            (&mut self.steps, &other.steps),
            (&mut self.servers, &other.servers),
            (&mut self.waits, &other.waits),
            (&mut self.deeds, &other.deeds),
        ];
        for (mine, theirs) in pairs {
            for (what, count) in theirs {
                *mine.entry(what.clone()).or_default() += count;
            }
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hours = self.simulated / 3_600_000;
        let each = self.ticks / self.seeds.max(1);
        writeln!(
            f,
            "{} seeds, {} ticks, {each} a seed, {hours} simulated hours",
            self.seeds, self.ticks
        )?;
        let parts = [
            ("faults", &self.faults),
            ("steps", &self.steps),
            ("servers", &self.servers),
            ("waits", &self.waits),
            ("deeds", &self.deeds),
        ];
        for (title, counts) in parts {
            let items: Vec<String> =
                counts.iter().map(|(what, count)| format!("{what} {count}")).collect();
            writeln!(f, "{title}: {}", items.join(", "))?;
        }
        Ok(())
    }
}
