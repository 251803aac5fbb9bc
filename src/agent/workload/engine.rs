//! The thread that brings work about: one pass over all of it, then a look at the services every
//! second until there is other work.

use super::files::RoleFiles;
use super::held::HeldWork;
use super::root::Root;
use super::services::{self, Places, Trouble};
use super::setup::{self, SetupPlaces};
use super::{Shared, WorkFault, WorkFaultKind, WorkPlaces, logs, states};
use crate::agent::keeper::Keepers;
use crate::base::mask::Mask;
use crate::base::{Clock, WallClock};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// How often services are looked at.
const LOOK: Duration = Duration::from_secs(1);
/// How often services are looked at until all of them have run for long enough.
const LOOK_AT_FIRST: Duration = Duration::from_millis(200);
/// How long services may take until all of them run, before the order is answered with why not.
const SETTLE: Duration = Duration::from_secs(20);
/// After how long what could not be done is tried again.
const AGAIN: Duration = Duration::from_secs(30);

/// What brings work about, on a thread of its own.
pub struct Engine {
    shared: Arc<Shared>,
    keepers: Keepers,
    files: RoleFiles,
    places: SetupPlaces,
    clock: WallClock,
}

impl Engine {
    /// An engine whose memory is in the state directory.
    pub fn new(shared: Arc<Shared>, places: &WorkPlaces) -> io::Result<Engine> {
        let dir = places.state.join("role");
        let logs = logs(&places.state);
        DirBuilder::new().recursive(true).mode(0o700).create(&logs)?;
        let root = Root::new(&places.home, &places.mounts);
        Ok(Engine {
            shared,
            keepers: Keepers::new(dir.join("kept"), places.program.clone()),
            files: RoleFiles::open(&dir, root)?,
            places: SetupPlaces {
                places: Places {
                    home: places.home.clone(),
                    logs,
                    environment: BTreeMap::new(),
                    setup_environment: BTreeMap::new(),
                    hidden: Vec::new(),
                },
                scripts: places.state.with_file_name("grange-setup"),
            },
            clock: WallClock::new(),
        })
    }

    /// Runs until the agent stops.
    pub fn run(mut self) {
        while !self.is_halted() {
            let (version, held) = {
                let inner = self.shared.lock();
                (inner.version, inner.held.clone())
            };
            let Some(held) = held else { break };
            let Err(fault) = self.work(version, &held);
            if matches!(fault.kind, WorkFaultKind::Final | WorkFaultKind::Again) {
                tracing::warn!(generation = held.generation, "not done: {}", fault.what);
                // Said before it is answered: whoever hears the answer may ask why at once.
                if self.shared.shelf.in_place().is_none() {
                    self.shared.set_status(Err(Trouble::Lasting(fault.what.clone())));
                }
                self.answer(version, Err(fault.what.clone()));
                self.wait_after(version, &fault);
            }
        }
        let mut inner = self.shared.lock();
        if inner.ends {
            let held = inner.held.clone();
            drop(inner);
            if let Some(held) = held {
                services::stop_all(&mut self.keepers, &held.workload.services);
            }
            inner = self.shared.lock();
        }
        inner.runs = false;
        drop(inner);
        self.shared.changed.notify_all();
    }

    fn is_halted(&self) -> bool {
        self.shared.halt.load(Ordering::Relaxed) || self.shared.lock().ends
    }

    /// Brings one work about and looks after it until there is another, or it fails.
    fn work(&mut self, version: u64, held: &HeldWork) -> Result<Infallible, WorkFault> {
        self.bring_about(held)?;
        self.settle(version, held)?;
        loop {
            self.look_after()?;
            self.wait_for_other(version, LOOK)?;
        }
    }

    fn bring_about(&mut self, held: &HeldWork) -> Result<(), WorkFault> {
        self.places.places.environment.clone_from(&held.workload.environment);
        let of_setup = &held.workload.setup_environment;
        self.places.places.setup_environment.clone_from(of_setup);
        self.places.places.hidden.clone_from(&held.workload.hidden);
        let is_set_up = self.shared.shelf.in_place().is_some();
        let steps = setup::steps(&held.workload.setup);
        setup::bring_about(&self.shared, &mut self.keepers, &steps, is_set_up, &self.places)?;
        self.shared.is_at("putting files in place");
        let mask = Mask::new(&held.workload.hidden);
        self.files.place(&held.workload.files, &self.shared.halt, &mask)?;
        self.shared.is_at("starting services");
        self.start_services(held)?;
        if self.is_halted() { Err(WorkFault::halted()) } else { Ok(()) }
    }

    fn start_services(&mut self, held: &HeldWork) -> Result<(), WorkFault> {
        let (owed, services) = (self.files.owed().to_vec(), &held.workload.services);
        services::bring_about(&mut self.keepers, services, &owed, &self.places.places)?;
        Ok(self.files.nothing_owed()?)
    }

    /// Waits until every service runs, and answers.
    fn settle(&mut self, version: u64, held: &HeldWork) -> Result<(), WorkFault> {
        let deadline = Instant::now() + SETTLE;
        loop {
            let trouble = self.look_after()?;
            match trouble {
                None => break,
                Some(Trouble::Lasting(what)) => self.answer(version, Err(what)),
                Some(Trouble::Passing(what)) if Instant::now() >= deadline => {
                    self.answer(version, Err(what));
                }
                Some(Trouble::Passing(_)) => {}
            }
            self.wait_for_other(version, LOOK_AT_FIRST)?;
        }
        self.shared.shelf.put_in_place(held.generation)?;
        setup::forget_others(&self.keepers, &setup::steps(&held.workload.setup))?;
        self.answer(version, Ok(()));
        Ok(())
    }

    /// Sees to it that every service has its keeper, and says what is wrong with one.
    fn look_after(&mut self) -> Result<Option<Trouble>, WorkFault> {
        self.keepers.reap();
        services::revive(&mut self.keepers)?;
        let (states, trouble) = states::look(&self.keepers, self.clock.now());
        self.shared.set_services(states, trouble.clone().map_or(Ok(()), Err));
        Ok(trouble)
    }

    /// Waits after a fault: for other work, or, where that may help, for a while. On a server that
    /// was set up before, what is in place goes on meanwhile.
    fn wait_after(&mut self, version: u64, fault: &WorkFault) {
        let again = Instant::now() + AGAIN;
        let is_set_up = self.shared.shelf.in_place().is_some();
        while fault.kind == WorkFaultKind::Final || Instant::now() < again {
            if is_set_up && let Err(fault) = self.look_after() {
                tracing::warn!("a service is not looked after: {}", fault.what);
            }
            if self.wait_for_other(version, LOOK).is_err() {
                return;
            }
        }
    }

    fn wait_for_other(&self, version: u64, at_most: Duration) -> Result<(), WorkFault> {
        self.shared.pause(at_most)?;
        if self.shared.lock().version != version { Err(WorkFault::superseded()) } else { Ok(()) }
    }

    /// Says what came of a version, the first time.
    fn answer(&self, version: u64, outcome: Result<(), String>) {
        let mut inner = self.shared.lock();
        let is_news = inner.outcome.as_ref().is_none_or(|(of, _)| *of != version);
        if is_news {
            inner.outcome = Some((version, outcome));
            self.shared.changed.notify_all();
        }
    }
}
