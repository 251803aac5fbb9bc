//! Everything one decision about one farm is made from, as values.
//!
//! The caller assembles it from one snapshot of the store and from what is in memory; whatever
//! is not here, the engine cannot know. Nothing in it is a promise that the outside still looks
//! like that: sightings have an age, and not having seen is [`Freshness::Unknown`].

use crate::base::{FarmRoleId, Millis, ServerId, Timestamp, Watch};
use crate::engine::RoleSummary;
use crate::model::{Breaker, Farm, FarmRole, Freshness, Hold, Plan, Server, Step};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The input of one decision about one farm.
#[derive(Clone, Debug, PartialEq)]
pub struct PlanInput {
    /// The moment the decision is made for.
    pub now: Timestamp,
    /// Where new ids come from. The same seed with another parent draws other ids.
    pub seed: u64,
    /// When this process began to look at the outside, or somebody set the clock: what happened
    /// before, it did not see.
    pub started_at: Timestamp,
    /// The farm.
    pub farm: Farm,
    /// Its farm roles, those being removed included. Any order.
    pub farm_roles: Vec<FarmRole>,
    /// Farm roles that this decision is not about, with what the others may ask of them. Their
    /// servers and steps are not here, and what was decided about them stays; empty decides about
    /// the whole farm.
    pub other_roles: BTreeMap<FarmRoleId, RoleSummary>,
    /// Its servers that are not terminated. Any order. Shared with whoever remembers them, because
    /// copying hundreds costs more than deciding about them.
    pub servers: Vec<Arc<Server>>,
    /// Its open steps, and those that failed within [`crate::base::limit::STEP_MEMORY`], also
    /// of servers that are terminated by now. Any order.
    pub steps: Vec<Step>,
    /// What was last seen of each server; one that is absent is unknown.
    pub sightings: BTreeMap<ServerId, Freshness>,
    /// Agents heard of since the start.
    pub agents: BTreeMap<ServerId, AgentPresence>,
    /// Some agent of the site is connected: where none is, it is probably we who are cut off.
    pub any_agent_connected: bool,
    /// Averages over each rule's window, by farm role and place in its list of rules.
    pub readings: BTreeMap<(FarmRoleId, usize), WindowReading>,
    /// Automation that people switched off for this farm or one of its farm roles, also holds
    /// that have ended by now.
    pub holds: Vec<Hold>,
    /// Cloud accounts that fail, by name.
    pub breakers: BTreeMap<String, Breaker>,
    /// Of farm roles that remove the least busy first: each server's average over the window of
    /// the first scaling rule.
    pub loads: BTreeMap<ServerId, f64>,
    /// Cloud accounts that have begun so many steps lately that the next one has to wait, by name.
    pub paced: BTreeMap<String, Paced>,
    /// Cloud accounts in which nothing may begin, since their lease is not ours, by name: whose it
    /// is, where that is known.
    pub unleased: BTreeMap<String, Option<String>>,
    /// Servers that make room and are due to stop, and how many balancers before each do not have
    /// the file without it yet.
    pub late: BTreeMap<ServerId, u32>,
    /// The farm's current plan.
    pub parent: Option<Plan>,
}

impl PlanInput {
    /// How far back its clock can be trusted.
    pub fn watch(&self) -> Watch {
        Watch { since: self.started_at, now: self.now }
    }
}

/// A cloud account whose next step has to wait for the pace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paced {
    /// Steps that may begin in a minute.
    pub per_minute: u32,
    /// How long until the next one may.
    pub left: Millis,
}

/// Whether an agent is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AgentPresence {
    /// Whether its connection is up.
    pub connected: bool,
    /// Since when it is up, or down.
    pub since: Timestamp,
    /// Since when its ready check fails; `None` while it passes, and while nothing is known.
    pub failing_since: Option<Timestamp>,
    /// It was said since the start that its ready check passes, and nothing else since.
    pub passes: bool,
    /// It fails by the word of its balancers alone, none of which reaches it.
    pub unreached: bool,
}

/// One scaling rule's metric, averaged over its window and over the running servers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WindowReading {
    /// The average over the servers that sent readings; `None` when none did.
    pub average: Option<f64>,
    /// How many running servers sent readings within the window.
    pub have: u32,
    /// How many should have: the running servers.
    pub want: u32,
    /// The newest reading in it.
    pub newest_at: Option<Timestamp>,
}
