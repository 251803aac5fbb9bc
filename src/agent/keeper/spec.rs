//! What a keeper is told, and what it says: the files of its directory.

use super::process::KnownProcess;
use crate::agent::state::{read, replace};
use crate::base::limit::RESTARTS_KEPT_MAX;
use crate::base::{Millis, Timestamp};
use crate::model::{Restart, StopBy};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// The file of a [`Spec`], written by the agent.
pub const SPEC: &str = "spec.json";
/// What is said of it.
pub const REPORT: &str = "report.json";
/// Held by the keeper for as long as it lives.
pub const LOCK: &str = "lock";
/// Why the command could not be begun, in the words of the last step before it.
pub const FAULT: &str = "fault";

/// What a keeper keeps. Keepers outlive the agent that started them, so an agent reads what
/// keepers of older versions wrote, and the other way round: fields are only added.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Spec {
    /// Program and arguments, looked for as a shell would.
    pub command: Vec<String>,
    /// What its environment has beyond the agent's.
    pub environment: BTreeMap<String, String>,
    /// Values that are taken out of what it prints.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hidden: Vec<String>,
    /// The user it runs as; `None` for the agent's own.
    pub user: Option<String>,
    /// The directory it starts in, which has to be there.
    pub directory: PathBuf,
    /// How many files it may have open; `None` for what the agent may have.
    pub open_files: Option<u64>,
    /// How it is stopped.
    pub stop: StopBy,
    /// The file its output goes to.
    pub log: PathBuf,
    /// Whether it runs once or goes on running.
    pub kind: KeptFor,
}

/// For how long something is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum KeptFor {
    /// Once in the server's life; the keeper ends with it.
    #[serde(rename_all = "camelCase")]
    Once {
        /// Ended, with all that it started, after this long.
        timeout_ms: Millis,
    },
    /// For as long as the keeper is not told to stop.
    #[serde(rename_all = "camelCase")]
    Service {
        /// When it is started again.
        restart: Restart,
    },
}

/// What a keeper says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeeperReport {
    /// The keeper that says so, to be told from one before it.
    pub keeper: KnownProcess,
    /// What it is at.
    pub phase: Phase,
    /// How often the command was begun.
    pub starts: u64,
    /// How often in a row it ended soon after it was begun.
    pub early_ends: u32,
    /// How it last ended, and when.
    pub last: Option<(CommandEnd, Timestamp)>,
    /// Since when its starts are counted; `None` of a keeper that did not say so.
    #[serde(default)]
    pub counted_since: Option<Timestamp>,
    /// When it was begun again, the last [`RESTARTS_KEPT_MAX`] times.
    #[serde(default)]
    pub restarted: Vec<Timestamp>,
}

/// What a keeper is at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Phase {
    /// The command is about to begin: if nothing follows, nobody knows how far it came.
    Beginning,
    /// It has begun and has not ended.
    Running {
        /// The process, which leads its group.
        process: KnownProcess,
        /// Since when, by the server's clock.
        since: Timestamp,
    },
    /// It ended and is begun again then.
    Pausing {
        /// The moment at which it is due.
        until: Timestamp,
    },
    /// It ended and is not begun again.
    Over,
    /// The keeper was told to stop, and has.
    Stopped,
}

/// How a command ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum CommandEnd {
    /// By itself, with this code.
    Exited(i32),
    /// By a signal of this name.
    Died(String),
    /// It was ended because its time was over.
    Late(Millis),
    /// It was ended because its keeper was told to stop.
    Told,
    /// It could not begin.
    NotBegun(String),
    /// Its keeper was ended while it ran.
    CutOff,
}

impl KeeperReport {
    /// What a keeper says that begins to keep, with what the one before it counted.
    pub fn begin(keeper: KnownProcess, before: Option<KeeperReport>, now: Timestamp) -> Self {
        let mut report = KeeperReport {
            keeper,
            phase: Phase::Pausing { until: now },
            starts: 0,
            early_ends: 0,
            last: None,
            counted_since: Some(now),
            restarted: Vec::new(),
        };
        // A machine that went down, and a stop that was asked for, are no restarts of a service.
        let goes_on = |before: &KeeperReport| {
            before.phase != Phase::Stopped && before.keeper.is_of_this_boot()
        };
        if let Some(before) = before.filter(goes_on) {
            if matches!(before.phase, Phase::Beginning | Phase::Running { .. }) {
                // The kernel has killed it when its keeper was.
                report.last = Some((CommandEnd::Died("SIGKILL".to_owned()), now));
            } else {
                report.last = before.last;
            }
            report.starts = before.starts;
            report.counted_since = before.counted_since;
            report.restarted = before.restarted;
        }
        report
    }

    /// Notes that the command is about to begin.
    pub fn note_start(&mut self, now: Timestamp) {
        self.starts += 1;
        if self.starts > 1 {
            self.restarted.push(now);
            let over = self.restarted.len().saturating_sub(RESTARTS_KEPT_MAX);
            self.restarted.drain(..over);
        }
    }
}

impl CommandEnd {
    /// Whether it did what it was there for.
    pub fn is_good(&self) -> bool {
        *self == CommandEnd::Exited(0)
    }

    /// In words that follow "it".
    pub fn words(&self) -> String {
        match self {
            CommandEnd::Exited(code) => format!("ended with exit code {code}"),
            CommandEnd::Died(signal) => format!("died of {signal}"),
            CommandEnd::Late(after) => {
                format!("was not done within {}", crate::base::time::say(*after))
            }
            CommandEnd::Told => "was stopped before it was done".to_owned(),
            CommandEnd::NotBegun(why) => format!("could not begin: {why}"),
            CommandEnd::CutOff => {
                "was cut off while it ran, as by a restart of the server; it is not run a \
                            second time"
                    .to_owned()
            }
        }
    }
}

/// Reads a file of a keeper's directory; one that is not there, or is not understood, is `None`.
pub fn load<T: DeserializeOwned>(dir: &Path, name: &str) -> io::Result<Option<T>> {
    Ok(read(&dir.join(name))?.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
}

/// Replaces it; it is on the disk when this returns.
pub fn store<T: Serialize>(dir: &Path, name: &str, value: &T) -> io::Result<()> {
    let bytes = serde_json::to_vec(value).map_err(io::Error::other)?;
    replace(&dir.join(name), &bytes)
}
