//! Reports: why each thing was or was not done, as values with their numbers.
//!
//! Every pass of the engine adds lines. A line that waits names what it waits for, so that
//! "nothing happened" always has a reason a person can read.

mod care;
mod ends;
mod words;

pub use care::Care;
pub use ends::End;

use crate::base::{FarmRoleId, Millis, ServerId};
use crate::model::{BreakerCause, HealMode, HoldKind, MissingPolicy};
use serde::{Deserialize, Serialize};

/// One sentence of a report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// The farm role it is about; `None` for the farm as a whole.
    pub farm_role: Option<FarmRoleId>,
    /// What it is about, as people say it: `shop`, `shop/web`, `shop/web-3`.
    pub about: String,
    /// The server it is about, when it is about one.
    pub server: Option<ServerId>,
    /// What was decided.
    pub decision: Decision,
}

/// What a pass decided about one thing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Decision {
    /// All is as it should be.
    Keep,
    /// A server is launched; the text says why.
    Launch(String),
    /// A server is retired; the text says why.
    Retire(String),
    /// Another step is taken; the text says which and why.
    Act(String),
    /// The target moves.
    Target {
        /// From how many.
        from: u32,
        /// To how many.
        to: u32,
        /// Which rule with which values.
        why: String,
    },
    /// Nothing is done yet, for this reason.
    Wait(Wait),
}

impl Decision {
    /// Whether it changes something, rather than keeping or waiting.
    pub fn is_change(&self) -> bool {
        match self {
            Decision::Launch(_)
            | Decision::Retire(_)
            | Decision::Act(_)
            | Decision::Target { .. } => true,
            Decision::Keep | Decision::Wait(_) => false,
        }
    }
}

/// Why something waits, with its numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Wait {
    /// Scaling changed the target a moment ago.
    CoolDown {
        /// How much longer.
        left: Millis,
    },
    /// Scaling wants more, but the declared maximum is reached.
    AtMax {
        /// The maximum.
        max: u32,
    },
    /// Scaling wants fewer, but the declared minimum is reached.
    AtMin {
        /// The minimum.
        min: u32,
    },
    /// Servers not confirmed gone fill the maximum, so nothing new may be asked for.
    MaxUnconfirmed {
        /// The maximum.
        max: u32,
        /// How many count.
        counted: u32,
        /// How many of them are on their way out or of unknown fate.
        leaving: u32,
    },
    /// Readings are missing, so nothing is scaled in.
    NoReadings {
        /// Servers that sent readings in the window.
        have: u32,
        /// Servers that should have.
        want: u32,
    },
    /// Servers are starting; the load is judged once they share it.
    Starting {
        /// How many.
        servers: u32,
    },
    /// A farm role before this one in the launch order has nothing running yet.
    LaunchOrder {
        /// Its alias.
        behind: String,
    },
    /// A farm role after this one in the launch order, or one that depends on it, still has
    /// servers, and goes first.
    LeavingOrder {
        /// Its alias.
        behind: String,
    },
    /// The agent is silent, but the platform says that the server runs: it is kept.
    AgentSilent {
        /// For how long.
        age: Millis,
    },
    /// So many missing servers are given up already; the next one when they are confirmed gone.
    Replacing {
        /// How many are given up and not confirmed gone.
        in_flight: u32,
        /// How many may be at once.
        allowed: u32,
    },
    /// A launch failed; the next try is later.
    Backoff {
        /// How much longer.
        left: Millis,
        /// Failures in a row.
        failures: u32,
    },
    /// The last sighting is too old, or there is none since the start: nothing is concluded.
    Stale {
        /// Its age; `None` when there is none.
        age: Option<Millis>,
    },
    /// It is stopped like all that were seen, but others were not seen yet: a crash, or everything?
    Unseen {
        /// How many were not seen yet.
        servers: u32,
    },
    /// The server is missing from listings, but not for long enough.
    Missing {
        /// For how long.
        age: Millis,
        /// How long it must be.
        needed: Millis,
    },
    /// The answer to a step is lost; a complete listing after its deadline will tell.
    UnknownOutcome {
        /// Which step.
        step: String,
    },
    /// A server is left to finish what it does.
    Draining {
        /// How much longer at most.
        left: Millis,
    },
    /// The server is getting ready.
    Readiness {
        /// For how long already.
        age: Millis,
        /// How long it may take.
        limit: Millis,
    },
    /// The volume of this index is still held by a server that is not confirmed gone.
    VolumeHeld {
        /// The index.
        index: u32,
    },
    /// Automation is stopped by ourselves.
    Frozen(String),
    /// A step is under way.
    InFlight {
        /// Which.
        step: String,
        /// For how long.
        age: Millis,
    },
    /// A farm role that this one depends on has nothing running yet.
    DependsOn {
        /// Its alias.
        on: String,
    },
    /// A person switched this kind of automation off.
    Held {
        /// What is switched off.
        what: HoldKind,
        /// How much longer; `None` until a person releases it.
        left: Option<Millis>,
        /// Why, in their words.
        reason: String,
    },
    /// A server failed and keeps its place, because its farm role says so or because a restart does
    /// not help.
    Unhealed {
        /// What is wrong with it.
        why: String,
        /// What its farm role says is done about it.
        heal: HealMode,
        /// How often it was started again already.
        restarts: u32,
    },
    /// Listings lack a server for long enough, and it keeps its place: its farm role says so.
    MissingKept {
        /// For how long.
        age: Millis,
        /// What its farm role says.
        policy: MissingPolicy,
    },
    /// There are more servers than the target wants, but people locked those that are left.
    Locked {
        /// How many are locked.
        servers: u32,
    },
    /// A person put a server to sleep, and nobody else wakes it.
    PutToSleep,
    /// A server is healthy, but not for as long as its farm role asks for.
    ReadyGate {
        /// How much longer it has to be.
        left: Millis,
    },
    /// A reboot is under way.
    Rebooting {
        /// For how long.
        age: Millis,
        /// How long it may take.
        limit: Millis,
    },
    /// A person stopped the farm.
    FarmStopped {
        /// How many servers are still up.
        up: u32,
    },
    /// Its cloud account failed too often in a row and is left alone for a while.
    Breaker {
        /// The account.
        account: String,
        /// How much longer; 0 while it is tried with another step.
        left: Millis,
        /// Calls that failed in a row.
        failures: u32,
        /// Why it is left alone.
        cause: BreakerCause,
    },
    /// Enough steps of its cloud account began in the last minute.
    Paced {
        /// The account.
        account: String,
        /// How many may in a minute.
        per_minute: u32,
        /// How long until the next one may.
        left: Millis,
    },
    /// A person paused the rollout.
    RolloutPaused {
        /// Servers of the new revision that run.
        ready: u32,
        /// Of how many.
        of: u32,
    },
    /// The rollout is at one of its checkpoints.
    RolloutCheckpoint {
        /// The share of servers that are of the new revision.
        percent: u32,
        /// How much longer; `None` until a person resumes it.
        left: Option<Millis>,
    },
    /// No server may be taken out for the rollout.
    RolloutHealthy {
        /// How many are healthy.
        healthy: u32,
        /// How many must stay so.
        needed: u32,
    },
    /// The batch before is not through the ready gate.
    RolloutGate {
        /// Servers that are starting, or are still to.
        starting: u32,
        /// Old ones that are not gone.
        leaving: u32,
        /// Servers of the wanted revision that run.
        ready: u32,
        /// Of how many.
        of: u32,
    },
    /// Servers of another revision are locked or asleep, and keep it.
    RolloutKept {
        /// How many.
        servers: u32,
    },
    /// Servers of the farm are missing, so nobody is taken out.
    RolloutMissing {
        /// How many.
        servers: u32,
    },
    /// The cloud account fails, so no batch is begun on it.
    RolloutAccount {
        /// Its name.
        account: String,
        /// How much longer it is left alone.
        left: Millis,
    },
    /// A rollout failed or was aborted, and its revision is not rolled out.
    RolloutOver {
        /// Its revision.
        revision: u64,
        /// New servers that did not get ready.
        failed: u32,
    },
    /// A server is to go, and its agent knows: it may finish what it does, and say when it has.
    Grace {
        /// How much longer at most.
        left: Millis,
        /// Of how long.
        of: Millis,
    },
    /// There are more servers than the target wants, and none more may be taken just now.
    Surplus {
        /// How many more.
        over: u32,
        /// How many of them all are healthy.
        healthy: u32,
        /// How many have to stay so.
        needed: u32,
        /// Servers of the farm that are missing: until that is settled nobody is taken.
        missing: u32,
    },
    /// A server makes room, and balancers before it may still send it requests.
    Balancers {
        /// Balancers that do not have the file without it yet.
        late: u32,
        /// How much longer it stays for them at most.
        left: Millis,
    },
    /// A server's check fails, so that it does not serve.
    Unhealthy {
        /// For how long.
        age: Millis,
        /// What is to be done about it.
        care: Care,
    },
    /// A server runs although it is to sleep, and what was done last may take a while to show.
    RunsAsleep {
        /// How much longer before it is put to sleep again.
        left: Millis,
    },
    /// The lease of its cloud account is not ours, so that nothing may begin in it.
    Lease {
        /// The cloud account it is in.
        account: String,
        /// Whose it is, machine and state directory; `None` while nobody knows.
        holder: Option<String>,
    },
}
