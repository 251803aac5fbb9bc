//! A role's work on this server: set up once, files in place, services kept running.
//!
//! What is ordered is held on disk before anything of it is done ([`held`]); from then on a thread
//! of its own brings it about ([`engine`]), whoever asks or not: an agent that was killed, or a
//! server that was restarted, goes on from what is on disk. Setup ([`setup`]) and services
//! ([`services`]) run under keepers ([`super::keeper`]), which go on without an agent; files
//! ([`files`]) are written within the server's own root ([`root`]).
//!
//! Everything is compared with what is there and only the difference is done, so that doing it all
//! again is always right. The one exception is setup, whose parts are begun once.
//!
//! What people see: the order's result, once, and until all is in place why the server is not
//! ready, step by step; afterwards which service does not run as it should.

mod engine;
mod files;
mod held;
mod root;
mod services;
mod setup;
mod states;

use super::orders::Outcome;
use crate::base::limit::AGENT_DETAIL_BYTES_MAX;
use crate::base::mask::Mask;
use crate::base::text::tidy;
use crate::base::{Clock, WallClock};
use crate::model::{ServiceState, Workload};
use held::{HeldWork, WorkMemory};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub use services::Trouble;
pub use states::ServicesTold;

/// Stack of the thread that brings work about: it reads files and waits for processes.
const STACK_BYTES: usize = 256 * 1024;
/// What is said while the work of a role has not come.
const NOT_HERE: &str = "the work of its role has not arrived yet";

/// Where things are on this server.
#[derive(Clone, Debug)]
pub struct WorkPlaces {
    /// The agent's state directory.
    pub state: PathBuf,
    /// What the server calls `/`.
    pub home: PathBuf,
    /// Where the server has data volumes.
    pub mounts: Vec<String>,
    /// The program whose stages keepers are.
    pub program: PathBuf,
}

/// The work of this server.
#[derive(Clone)]
pub struct RoleWork {
    shared: Arc<Shared>,
    places: WorkPlaces,
}

/// What the thread and those who ask it have in common.
pub struct Shared {
    inner: Mutex<Inner>,
    changed: Condvar,
    /// Ends what is under way: the agent stops.
    halt: AtomicBool,
    shelf: WorkMemory,
}

struct Inner {
    held: Option<Arc<HeldWork>>,
    /// Counts what was held, so that one is told from the next.
    version: u64,
    /// What came of which version, once.
    outcome: Option<(u64, Result<(), String>)>,
    status: Result<(), Trouble>,
    /// How each service is; `None` before the first look at them.
    services: Option<Vec<ServiceState>>,
    /// Whether the thread runs.
    runs: bool,
    /// The server is about to go: services are to stop.
    ends: bool,
}

/// Why something was not done.
#[derive(Debug, PartialEq, Eq)]
pub struct WorkFault {
    what: String,
    kind: WorkFaultKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum WorkFaultKind {
    /// It stays so until other work comes.
    Final,
    /// It is tried again after a while.
    Again,
    /// The agent stops.
    Halted,
    /// Other work came.
    Superseded,
}

impl WorkFault {
    fn final_(what: impl Into<String>) -> WorkFault {
        WorkFault { what: what.into(), kind: WorkFaultKind::Final }
    }

    fn again(what: impl Into<String>) -> WorkFault {
        WorkFault { what: what.into(), kind: WorkFaultKind::Again }
    }

    fn halted() -> WorkFault {
        WorkFault { what: "the agent stops".to_owned(), kind: WorkFaultKind::Halted }
    }

    fn superseded() -> WorkFault {
        WorkFault { what: "newer work came".to_owned(), kind: WorkFaultKind::Superseded }
    }

    /// The same, with what it is about.
    fn of(self, what: &str) -> WorkFault {
        WorkFault { what: format!("{what}: {}", self.what), ..self }
    }
}

impl From<io::Error> for WorkFault {
    fn from(error: io::Error) -> WorkFault {
        WorkFault::again(error.to_string())
    }
}

impl RoleWork {
    /// Goes on with what is held. `is_expected` says whether work will come where none is held.
    pub fn open(places: WorkPlaces, is_expected: bool) -> io::Result<RoleWork> {
        let dir = places.state.join("role");
        std::fs::create_dir_all(&dir)?;
        let shelf = WorkMemory::in_dir(&dir);
        let held = shelf.held()?.map(Arc::new);
        let status = match (&held, is_expected) {
            (Some(_), _) => Err(Trouble::Passing("its work is being looked at".to_owned())),
            (None, true) => Err(Trouble::Lasting(NOT_HERE.to_owned())),
            (None, false) => Ok(()),
        };
        let goes_on = held.is_some();
        let inner = Inner {
            held,
            version: 1,
            outcome: None,
            status,
            services: None,
            runs: false,
            ends: false,
        };
        let (inner, changed) = (Mutex::new(inner), Condvar::new());
        let shared = Shared { inner, changed, halt: AtomicBool::new(false), shelf };
        let work = RoleWork { shared: Arc::new(shared), places };
        if goes_on {
            work.start(&mut work.shared.lock())?;
        }
        Ok(work)
    }

    /// Starts the thread, once.
    fn start(&self, inner: &mut Inner) -> io::Result<()> {
        if inner.runs {
            return Ok(());
        }
        let engine = engine::Engine::new(self.shared.clone(), &self.places)?;
        std::thread::Builder::new()
            .name("work".to_owned())
            .stack_size(STACK_BYTES)
            .spawn(move || engine.run())?;
        inner.runs = true;
        Ok(())
    }

    /// Takes work and waits until it is done or cannot be. `None` when the agent stops meanwhile:
    /// the next one goes on and answers when it is asked again.
    pub fn take(&self, generation: u64, workload: Workload) -> Option<Outcome> {
        let version = match self.hold(generation, workload) {
            Ok(version) => version,
            Err(why) => return Some(Outcome::failed(why)),
        };
        let mut inner = self.shared.lock();
        loop {
            if self.shared.halt.load(Ordering::Relaxed) {
                return None;
            }
            if inner.version != version {
                let newer = inner.held.as_ref().map_or(0, |held| held.generation);
                let why = format!("generation {newer} came before {generation} was done");
                return Some(Outcome::failed(why));
            }
            match &inner.outcome {
                Some((of, Ok(()))) if *of == version => {
                    let done = format!("generation {generation} is in place");
                    return Some(Outcome::done(done));
                }
                Some((of, Err(why))) if *of == version => {
                    return Some(Outcome::failed(tidy(why, AGENT_DETAIL_BYTES_MAX)));
                }
                _ => {}
            }
            inner = self.shared.wait(inner, Duration::from_secs(1));
        }
    }

    /// Holds work from here on; gives its version.
    fn hold(&self, generation: u64, workload: Workload) -> Result<u64, String> {
        let mut inner = self.shared.lock();
        if let Some(held) = &inner.held {
            if held.generation > generation {
                let newer = held.generation;
                return Err(format!("generation {generation} is older than {newer}, which it has"));
            }
            if held.generation == generation && held.workload == workload {
                return Ok(inner.version);
            }
        }
        let held = HeldWork { generation, workload };
        let noted = self.shared.shelf.hold(&held);
        noted.map_err(|error| format!("the agent cannot note its work down: {error}"))?;
        inner.held = Some(Arc::new(held));
        inner.version += 1;
        self.start(&mut inner).map_err(|error| format!("the agent cannot begin: {error}"))?;
        self.shared.changed.notify_all();
        Ok(inner.version)
    }

    /// What is taken out of everything that is printed here, with more that is hidden.
    pub fn mask_with(&self, hidden: &[String]) -> Mask {
        let inner = self.shared.lock();
        Mask::new(inner.held.iter().flat_map(|held| &held.workload.hidden).chain(hidden))
    }

    /// What is wrong with the work, if anything is.
    pub fn status(&self) -> Result<(), Trouble> {
        self.shared.lock().status.clone()
    }

    /// How each service is; `None` where nobody has looked yet.
    pub fn services(&self) -> Option<Vec<ServiceState>> {
        self.shared.lock().services.clone()
    }

    /// The agent stops; what is kept running goes on.
    pub fn halt(&self) {
        self.shared.halt.store(true, Ordering::Relaxed);
        self.shared.changed.notify_all();
    }

    /// Stops every service, the last first: the server is about to go.
    pub fn end(&self) {
        let mut inner = self.shared.lock();
        if !inner.runs {
            return;
        }
        inner.ends = true;
        self.shared.changed.notify_all();
        while inner.runs && !self.shared.halt.load(Ordering::Relaxed) {
            inner = self.shared.wait(inner, Duration::from_secs(1));
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, inner: MutexGuard<'a, Inner>, at_most: Duration) -> MutexGuard<'a, Inner> {
        let waited = self.changed.wait_timeout(inner, at_most);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    /// Waits a moment, or less where something happens.
    fn pause(&self, at_most: Duration) -> Result<(), WorkFault> {
        let inner = self.wait(self.lock(), at_most);
        if self.halt.load(Ordering::Relaxed) || inner.ends {
            return Err(WorkFault::halted());
        }
        Ok(())
    }

    /// Says what is being done, since now: a moment, so that it is said once. A server that was in
    /// place before stays what it is while newer work is brought about.
    fn is_at(&self, what: &str) {
        if self.shelf.in_place().is_some() {
            return;
        }
        let now = WallClock::new().now().to_string();
        let since = now.get(11..19).unwrap_or_default();
        self.set_status(Err(Trouble::Lasting(format!("{what}, since {since} UTC"))));
    }

    fn set_status(&self, status: Result<(), Trouble>) {
        self.lock().status = status;
    }

    /// Both at once: whoever hears that the server is ready may ask how its services are.
    fn set_services(&self, services: Vec<ServiceState>, status: Result<(), Trouble>) {
        let mut inner = self.lock();
        inner.services = Some(services);
        inner.status = status;
    }

    /// Whether newer work than what is being done has come, and is such.
    fn is_superseded(&self, is_such: impl Fn(&Workload) -> bool) -> bool {
        let inner = self.lock();
        inner.held.as_ref().is_some_and(|held| is_such(&held.workload))
    }
}

/// Where a state directory has its logs.
fn logs(state: &Path) -> PathBuf {
    state.join("logs")
}
