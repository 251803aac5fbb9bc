//! Floor 5: what runs by itself. Jobs are rows in a table.
//!
//! A job takes no input: each activation reads the world anew, or what changed in it since the one
//! before (`plan`), does what it can, and says when it wants to look again. It is woken by commits
//! and sightings, and by a period in case a wake was
//! lost; waking it twice, or for nothing, is harmless. It never retries inside: what did not work
//! is still there at the next activation. Nothing here spawns or sleeps, so the simulator runs the
//! same jobs on one thread; `boot::driver` gives each a thread of its own.
//!
//! ```text
//! lease       accounts whose newest mark is ours -> the next mark; whose the others are
//! observe     clouds -> sightings, and the transitions a listing proves
//! examine     what servers stand on -> notices
//! ready       words, checks and time -> servers that run
//! plan        what changed -> an input about those farm roles -> engine -> a committed plan
//! execute     planned steps -> begun -> clouds -> outcome
//! balancers   live topology -> file orders
//! workloads   roles and live topology -> orders to do what they say
//! publish     servers that serve -> ports of the machine that lead to them
//! orders      open orders -> agents
//! tell        agents that do not know where we are by now -> orders
//! index       journal -> search index
//! minutes     servers and readings of each farm role -> the minute that is over
//! volumes     data volumes of clouds -> which are there, which nobody knows; the end of some
//! upkeep      what is gone is cleaned up, what is old is trimmed
//! ```
//! To add a job: a file here with a [`Job`], its row in [`table`], and what wakes it.

pub mod accounts;
pub mod balancers;
pub mod examine;
pub mod execute;
pub mod holds;
pub mod index;
pub mod lease;
pub mod minutes;
pub mod observe;
pub mod orders;
pub mod plan;
pub mod publish;
pub mod ready;
pub mod scrub;
pub mod table;
pub mod tell;
pub mod upkeep;
pub mod volumes;
pub mod workloads;

use crate::base::{ServerId, Timestamp, Waker};
use crate::clouds::Cloud;
use crate::model::ReadyCheck;
use crate::service::Service;
use accounts::Accounts;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What jobs work with. The simulator hands in its own.
pub struct Ports {
    /// The verbs.
    pub service: Arc<Service>,
    /// Clouds that are there with the machine, each an account of its platform's name.
    pub clouds: BTreeMap<String, Arc<dyn Cloud>>,
    /// Where their blocking calls run.
    pub pool: Arc<dyn Pool>,
    /// Where each of them is listed: one place for each, so that one that hangs keeps no other
    /// waiting.
    pub listings: BTreeMap<String, Arc<dyn Pool>>,
    /// Accounts that people added.
    pub added: Accounts,
    /// Where servers without an agent are checked.
    pub checks: Arc<dyn Pool>,
    /// How orders reach agents.
    pub courier: Arc<dyn Courier>,
    /// How servers without an agent are checked.
    pub checker: Arc<dyn Checker>,
}

/// Runs blocking calls elsewhere, a bounded number at once.
pub trait Pool: Send + Sync {
    /// Whether another call can start now.
    fn has_room(&self) -> bool;
    /// How many more calls can start now.
    fn room(&self) -> usize {
        usize::from(self.has_room())
    }
    /// Starts a call.
    fn run(&self, call: Box<dyn FnOnce() + Send>);
    /// Raised when a call has ended and its place is free again. A job that found no room follows
    /// it: the commit of a call's outcome comes before that, and wakes a job that finds no room.
    fn freed(&self) -> &Waker;
}

/// Checks servers from outside.
pub trait Checker: Send + Sync {
    /// Whether a server passes its check, within [`crate::base::limit::CHECK_DEADLINE`]; otherwise
    /// why not. Blocks.
    fn check(
        &self,
        server: ServerId,
        address: &str,
        check: &ReadyCheck,
    ) -> std::result::Result<(), String>;
}

/// Brings orders to agents.
pub trait Courier: Send + Sync {
    /// Sends one order; false when the agent is not connected.
    fn send(&self, server: ServerId, message: Vec<u8>) -> bool;
    /// Ends a server's connection at once: its server is gone, or was woken and is to say so.
    fn disconnect(&self, server: ServerId);
    /// Nobody comes in any more by what agents were told before: what listens there goes.
    fn close_former(&self) {}
}

/// One background job.
pub trait Job: Send {
    /// One activation. The text says how it went, for the status page.
    fn step(&mut self, ports: &Ports) -> Work;
}

/// How an activation went and when the next is wanted at the latest.
#[derive(Debug, PartialEq, Eq)]
pub struct Work {
    /// What was done, or why it failed, in a few words.
    pub note: String,
    /// Whether it failed.
    pub failed: bool,
    /// Not later than this; `None` is the row's period.
    pub next: Option<Timestamp>,
}

impl Work {
    /// It went well.
    pub fn done(note: impl Into<String>) -> Work {
        Work { note: note.into(), failed: false, next: None }
    }

    /// It did not.
    pub fn failed(error: &dyn std::error::Error) -> Work {
        Work { note: crate::base::problem::chain(error), failed: true, next: None }
    }

    /// It went well, unless something failed on the way: then that is all there is to say.
    pub fn unless(failures: &[String], note: impl Into<String>) -> Work {
        if failures.is_empty() {
            return Work::done(note);
        }
        Work { note: failures.join("; "), failed: true, next: None }
    }

    /// The same, with a moment to look again.
    pub fn by(self, next: Option<Timestamp>) -> Work {
        Work { next, ..self }
    }
}
