//! The members of a balancer, changed while it runs; and what it sees of them.
//!
//! The file on disk is all there is to want: it is in place before anything is changed, so that an
//! HAProxy that starts anew, for whatever reason, reads what is right. What runs is compared with
//! it and told the difference by the runtime API ([`runtime`], [`members`]), when the file is new
//! and every [`PERIOD`] from then on: so a change that a crash cut off is finished, and a member
//! that drains is removed once its last connection has ended. HAProxy reloads only when something
//! else than its members changed, which it says itself by the settings it has read, or when a
//! command fails.
//!
//! What it sees of its members is told to the appliance whenever it changes. What is wrong with it
//! (it does not answer, it runs other settings than its file's, it refused a file) fails the
//! server's check.

mod config;
mod members;
mod runtime;

pub use config::Config;

use super::work::Workshop;
use super::{Event, Events};
use crate::base::limit::AGENT_MEMBERS_MAX;
use crate::model::MemberDown;
use members::{Changes, compare};
use runtime::Runtime;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// How often a balancer is looked at.
const PERIOD: Duration = Duration::from_secs(2);
/// How long after a reload the old worker may still answer.
const HANDOVER: Duration = Duration::from_secs(5);

/// Where balancers run.
#[derive(Clone, Debug)]
pub struct BalancerPaths {
    /// The directory HAProxy runs in, which its socket is relative to.
    pub run_dir: PathBuf,
    /// The address it listens on; on all of them where the server was told none of its own, which
    /// is 127.0.0.1 here.
    pub address: IpAddr,
}

/// What is seen of a balancer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// What is wrong with it.
    pub problem: Option<String>,
    /// How many members it uses.
    pub members: u32,
    /// Those of them that it does not reach, by name.
    pub down: Vec<MemberDown>,
}

/// What was seen last; shared with the server's check.
#[derive(Clone, Default)]
pub struct Sight {
    problem: Arc<Mutex<Option<String>>>,
}

impl Sight {
    /// What is wrong with the balancer, if there is one.
    pub fn problem(&self) -> Option<String> {
        self.problem.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, problem: Option<String>) {
        *self.problem.lock().unwrap_or_else(PoisonError::into_inner) = problem;
    }
}

impl BalancerPaths {
    fn runtime(&self, config: &Config) -> Runtime {
        Runtime::new(&self.run_dir, &config.socket)
    }

    /// Gives a running HAProxy the members of a file that is in place. Says what was done, or why
    /// it has to reload instead.
    pub fn change(&self, config: &Config) -> Result<String, String> {
        let runtime = self.runtime(config);
        let info = runtime.info().map_err(|error| format!("HAProxy does not answer: {error}"))?;
        if info.settings != config.settings {
            return Err("its settings changed".to_owned());
        }
        let done = carry_out(&runtime, config)?;
        let left = difference(&runtime, config)?;
        match left.now.first() {
            None => Ok(done.to_string()),
            Some(command) => Err(format!("{command}: is still to be done after it was done")),
        }
    }

    /// Which worker answers now; asked before a reload.
    pub fn worker(&self, config: &Config) -> Option<u32> {
        self.runtime(config).info().ok().map(|info| info.pid)
    }

    /// Waits until another worker answers, for a while.
    pub fn await_handover(&self, config: &Config, before: Option<u32>) {
        let end = Instant::now() + HANDOVER;
        while before.is_some() && self.worker(config) == before && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Why a worker with this file could not start, as far as it can be told from outside.
    pub fn blame(&self, config: &Config) -> Option<String> {
        let all = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        let told = self.address != IpAddr::V4(Ipv4Addr::LOCALHOST);
        let address = if told { self.address } else { all };
        let error = TcpListener::bind(SocketAddr::new(address, config.port)).err()?;
        Some(format!("HAProxy cannot bind port {}: {error}", config.port))
    }

    /// Looks at it, and finishes what is left to do about its members.
    pub fn look(&self, config: &Config) -> Look {
        let runtime = self.runtime(config);
        let problem = match runtime.info() {
            Err(error) => {
                // One that hangs has its port.
                let runs = error.kind() == io::ErrorKind::TimedOut
                    || error.kind() == io::ErrorKind::WouldBlock;
                let blame = if runs { None } else { self.blame(config) };
                Some(blame.unwrap_or_else(|| format!("HAProxy does not answer: {error}")))
            }
            Ok(info) if info.settings != config.settings => {
                Some("HAProxy runs other settings than its file's".to_owned())
            }
            Ok(_) => carry_out(&runtime, config).err(),
        };
        let found = runtime.members().unwrap_or_default();
        let used = || config.members.keys().filter_map(|name| Some((name, found.get(name)?)));
        let down = used().filter_map(|(name, found)| {
            let why = found.down.clone()?;
            Some(MemberDown { name: name.clone(), why })
        });
        Look {
            problem,
            members: u32::try_from(used().count()).unwrap_or(u32::MAX),
            down: down.take(AGENT_MEMBERS_MAX).collect(),
        }
    }
}

fn difference(runtime: &Runtime, config: &Config) -> Result<Changes, String> {
    let found = runtime.members().map_err(|error| format!("asking for its members: {error}"))?;
    Ok(compare(&config.members, &found))
}

/// Carries out the difference between a file and what runs.
fn carry_out(runtime: &Runtime, config: &Config) -> Result<Changes, String> {
    let changes = difference(runtime, config)?;
    changes.now.iter().try_for_each(|command| runtime.order(command))?;
    for command in &changes.removals {
        if let Err(error) = runtime.order(command) {
            tracing::debug!(%error, "a member is removed later");
        }
    }
    Ok(changes)
}

/// Looks again and again, for as long as anybody listens. What it sees of its members is told
/// once it has been the same twice: a member that is down for a moment is nobody's business.
pub async fn watch(workshop: Arc<Workshop>, sight: Sight, events: Events) {
    let (mut before, mut told) = (None, None);
    while !events.is_closed() {
        // Most servers balance nothing, and shall have no thread for it.
        if !workshop.may_balance() {
            sleep(PERIOD).await;
            continue;
        }
        let workshop = workshop.clone();
        let looked = tokio::task::spawn_blocking(move || workshop.look_at_balancer()).await;
        if let Ok(Some(look)) = looked {
            sight.set(look.problem);
            let seen = Some((look.members, look.down));
            if seen == before && seen != told {
                told.clone_from(&seen);
                let (members, down) = seen.clone().unwrap_or_default();
                if events.send(Event::Members(members, down)).await.is_err() {
                    return;
                }
            }
            before = seen;
        }
        sleep(PERIOD).await;
    }
}

/// Reads the file of a balancer, if it is one.
pub fn read(path: &Path) -> Option<Config> {
    Config::parse(&std::fs::read_to_string(path).ok()?)
}
