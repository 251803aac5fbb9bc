//! Floor 4: the verbs. One function per thing a person, an agent or a job can do.
//!
//! Every verb takes the [`Actor`](crate::model::Actor) who asks and gets from them a [`Grant`] for
//! a named permission, without which nothing can be read or written; it loads what it needs from
//! one snapshot, and writes in one transaction that carries who, what and why into the journal.
//! What belongs to another environment than the grant's is as if it were not there. All doors share
//! these verbs, and jobs use them too, so a rule enforced here is enforced everywhere: reading is
//! never enough to act.
//!
//! Nobody provisions by hand: no verb here creates a server. People change what is desired
//! ([`farms`]), the engine's plans are committed in [`plans`], and [`plans::steps`] writes down a
//! change before a cloud hears of it.
//!
//! ```text
//! farms      what people want, declared one by one or by manifests; roles; balancers' files
//! servers    what people may ask of one; when it counts as running; its end; its volumes
//! plans      what is decided, committed and done: plans, steps, proposals, rollouts, holds, pace
//! clouds     accounts: declared, how they answer; what listings prove, what platforms say
//! agents     admission, what agents say, what they are told
//! access     who may come in: tokens, users of the socket
//! orchestration  commands that people run on many servers
//! readings   what farm roles were like, minute by minute, and what other rules would have made
//! journal    the journal for people; why a thing is as it is; following it from a cursor
//! appliance  how it is, what it is called, what it forgets
//! ```
//! Beside them lies what all of them use: [`lookup`] finds records, [`observed`] is what was last
//! seen, [`views`] is what people are shown of both.
//!
//! To add a verb: a function here that starts with [`authorise`], its route in `api`, a scenario in
//! `tests/api`, and its line in `tests/fast/entrance/rights.rs`, which asks for it.

pub mod access;
pub mod agents;
pub mod appliance;
pub mod clouds;
pub mod farms;
pub mod journal;
pub mod lookup;
pub mod observed;
pub mod orchestration;
pub mod plans;
pub mod readings;
pub mod servers;
pub mod views;

use crate::base::{Clock, Millis, Result, Secret, Seq, Timestamp, Waker, Watch};
use crate::clouds::onboard::ImageShelf;
use crate::clouds::platform::OpeningAppliance;
use crate::model::Grant;
pub use crate::model::authorise;
use crate::pki::Authority;
use crate::series::Series;
use crate::store::{Author, Keyring, Store, Tx, View};
use crate::wire::api::EventView;
use observed::Observed;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

/// What the verbs need to know of this appliance, fixed at the start.
pub struct Settings {
    /// Platforms that are there with the machine, each an account of its own name, and the sizes
    /// each of them has.
    pub platforms: BTreeMap<String, Vec<String>>,
    /// What servers of accounts that people add have to know of the appliance.
    pub opening: OpeningAppliance,
    /// Availability zones of the platforms that have any.
    pub zones: BTreeMap<String, Vec<String>>,
    /// Platforms whose servers are reached by ports of the machine, and what of it they may have.
    pub publishing: BTreeMap<String, PublishLimits>,
    /// Where agents find the appliance, `address:port`, best first.
    pub agent_addresses: Vec<String>,
    /// How often agents read and send.
    pub agent_interval_ms: Millis,
    /// How long a cloud call is waited for.
    pub call_deadline_ms: Millis,
    /// The active node's epoch, which every order carries.
    pub epoch: u64,
    /// Seeds the plans' streams; a recorded seed replays a run.
    pub seed: u64,
    /// Makes one-time secrets; the simulator hands in a seeded one.
    pub secrets: fn() -> String,
}

/// What of the machine's ports farm roles of a platform may have.
#[derive(Clone, Debug, Default)]
pub struct PublishLimits {
    /// Lower ones are not for the user the appliance runs as.
    pub lowest_port: u16,
    /// Its servers know each other by name.
    pub names: bool,
    /// Where the appliance listens itself, and for whom.
    pub own: Vec<(SocketAddr, &'static str)>,
}

/// Finds journal entries by their words. It is behind them, by little; entries are in the journal.
pub trait Finder: Send + Sync {
    /// The last entry it looked at; 0 for none.
    fn cursor(&self) -> u64;
    /// Adds entries, oldest first, remembers having looked at all up to `through`, and forgets
    /// those before `first`.
    fn index(&self, events: &[EventView], through: u64, first: u64) -> Result<()>;
    /// The numbers of the entries that have all the words, newest first.
    fn query(&self, words: &str, at_most: usize) -> Result<Vec<u64>>;
    /// Compares everything with its checksums; whether all was whole. What was not is forgotten.
    fn examine(&self) -> Result<bool>;
    /// Forgets everything, and is at 0 again.
    fn clear(&self) -> Result<()>;
}

/// Everything the verbs use. One for the process, shared by all doors and jobs.
pub struct Service {
    /// Records and journal.
    pub store: Store,
    /// Seals what is secret in records, and opens it.
    pub keyring: Arc<Keyring>,
    /// Readings.
    pub series: Arc<Series>,
    /// The journal's words; `None` where there is no index of them.
    pub search: Option<Arc<dyn Finder>>,
    /// What was last seen.
    pub observed: Observed,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// How many steps begin in a minute.
    pub pace: Arc<plans::pace::Pace>,
    /// Signs agents' certificates.
    pub authority: Arc<Authority>,
    /// What servers print, on its way to who reads it.
    pub streams: agents::streams::Streams,
    /// Images of `onboard`; `None` where its servers have no root file system of their own.
    pub images: Option<Arc<ImageShelf>>,
    /// Fixed at the start.
    pub settings: Settings,
    /// Raised when something observed changed, which no commit tells.
    pub observation: Waker,
    /// Raised when an agent connects, because its open orders want sending.
    pub connection: Waker,
    /// Raised to list the clouds now instead of at the next period.
    pub listing: Waker,
    /// Called before each write; `None` outside tests.
    pub before_write: Option<BeforeWrite>,
}

/// Called with the verb of a write, between what its verb read and its transaction: a test does
/// there what somebody else might do meanwhile, which on one thread could never be.
pub type BeforeWrite = Box<dyn Fn(&'static str) + Send + Sync>;

impl Service {
    /// What time it is.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// What time it is, and how far back that can be trusted. Whoever finds that somebody set the
    /// clock tells planning, which may be about to wait for long.
    pub fn watch(&self) -> Watch {
        let (watch, jumped) = self.observed.watch(&*self.clock);
        if jumped {
            self.observation.wake();
        }
        watch
    }

    /// Reads from one snapshot what a grant shows.
    pub fn read<T>(&self, grant: &Grant, f: impl FnOnce(&View) -> Result<T>) -> Result<T> {
        self.store.read(grant, |view| Ok(f(view)))?
    }

    /// Writes in one transaction, with the journal entry it makes.
    pub fn write<T: Send + 'static>(
        &self,
        author: Author,
        f: impl FnOnce(&mut Tx) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        if let Some(before_write) = &self.before_write {
            before_write(author.verb);
        }
        self.store.write(author, f).map(|(value, _): (T, Seq)| value)
    }

    /// A fresh one-time secret.
    pub fn secret(&self) -> Secret {
        Secret::new((self.settings.secrets)())
    }
}
