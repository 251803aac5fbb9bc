//! A cloud in memory, for tests and for the simulator.
//!
//! It is deterministic on one thread: time is the [`Clock`] it was handed, luck a stream of its
//! own seed, and nothing happens in it but when it is called. So a state is never set by a timer;
//! it is worked out from the clock when somebody looks. [`Faults`] say what goes wrong, the hooks
//! ([`Simulated::crash`], [`Simulated::vanish`], [`Simulated::cut_power`], ...) do what no caller
//! could ask for.
//!
//! With faults it breaks the contract in the ways real clouds do: a listing lags, an answer is
//! lost. Without, it keeps it, and is put through the same check as every platform.

mod faults;
mod world;

pub use faults::Faults;

use crate::base::random::Stream;
use crate::base::{Clock, Millis, ServerId};
use crate::clouds::lease::{LeaseMark, LeaseMarks};
use crate::clouds::volume::VolumeSighting;
use crate::clouds::{Applied, Cloud, CloudError, CloudStep, InstanceType};
use crate::model::{CloudState, Sighting};
use faults::Fate;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use world::{Power, World};

/// How long things take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delays {
    /// From the accepted launch until the server begins to boot.
    pub launch: Millis,
    /// From then, or from a reboot or start, until it runs.
    pub boot: Millis,
}

impl Default for Delays {
    fn default() -> Self {
        Delays { launch: 500, boot: 2000 }
    }
}

/// The cloud.
pub struct Simulated {
    clock: Arc<dyn Clock>,
    delays: Delays,
    inner: Mutex<Inner>,
    /// Where it carries a lease.
    marks: Option<Mutex<Marks>>,
}

/// Marks of a lease, newest last, and whether they can be reached.
#[derive(Default)]
struct Marks {
    kept: Vec<LeaseMark>,
    unreachable: bool,
}

struct Inner {
    stream: Stream,
    faults: Faults,
    /// When the calls of the last second were made.
    calls: VecDeque<Millis>,
    world: World,
}

impl Simulated {
    /// An empty cloud without faults.
    pub fn new(clock: Arc<dyn Clock>, seed: u64, delays: Delays) -> Simulated {
        let stream = Stream::new(seed, "simulated cloud");
        let inner = Inner {
            stream,
            faults: Faults::default(),
            calls: VecDeque::new(),
            world: World::default(),
        };
        Simulated { clock, delays, inner: Mutex::new(inner), marks: None }
    }

    /// One that carries a lease.
    #[must_use]
    pub fn with_lease(self) -> Simulated {
        Simulated { marks: Some(Mutex::default()), ..self }
    }

    /// Whether marks of its lease can be read and written from now on.
    pub fn reach_marks(&self, reachable: bool) {
        if let Some(mut marks) = self.marks() {
            marks.unreachable = !reachable;
        }
    }

    fn marks(&self) -> Option<MutexGuard<'_, Marks>> {
        Some(self.marks.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What goes wrong from now on.
    pub fn set_faults(&self, faults: Faults) {
        self.lock().faults = faults;
    }

    /// The server's system dies; its disk stays and it is listed as stopped.
    pub fn crash(&self, id: ServerId) {
        if let Some(server) = self.lock().world.servers.get_mut(&id) {
            server.power = Power::Stopped;
        }
    }

    /// Somebody puts a running server to sleep, or wakes one that sleeps, past us.
    pub fn turn(&self, id: ServerId) {
        let now = self.clock.monotonic();
        if let Some(server) = self.lock().world.servers.get_mut(&id) {
            server.power = match server.power {
                Power::Suspended => Power::Booting(now),
                Power::Booting(_) => Power::Suspended,
                Power::Stopped => Power::Stopped,
            };
        }
    }

    /// The server is gone at once and without a trace, as if somebody had deleted it by hand.
    pub fn vanish(&self, id: ServerId) {
        let now = self.clock.monotonic();
        self.lock().world.remove(id, now, 0);
    }

    /// Listings leave the server out while it goes on running, until [`Simulated::remember`].
    pub fn forget(&self, id: ServerId) {
        self.set_forgotten(id, true);
    }

    /// Listings show it again.
    pub fn remember(&self, id: ServerId) {
        self.set_forgotten(id, false);
    }

    /// Every server stops at once; disks and volumes stay.
    pub fn cut_power(&self) {
        for server in self.lock().world.servers.values_mut() {
            server.power = Power::Stopped;
        }
    }

    /// The truth, whatever listings say: every server there is, by id.
    pub fn servers(&self) -> Vec<Sighting> {
        let now = self.clock.monotonic();
        self.lock().world.servers.values().map(|s| s.sighting(now)).collect()
    }

    /// The truth about one server.
    pub fn state(&self, id: ServerId) -> Option<CloudState> {
        let now = self.clock.monotonic();
        self.lock().world.servers.get(&id).map(|s| s.state(now))
    }

    /// Writes to the data volume a server sees at `mount_point`; false when it has none there.
    pub fn write_volume(&self, id: ServerId, mount_point: &str, path: &str, text: &str) -> bool {
        let mut inner = self.lock();
        let Some(volume) = inner.volume_of(id, mount_point) else { return false };
        volume.files.insert(path.to_owned(), text.to_owned());
        true
    }

    /// Reads from it.
    pub fn read_volume(&self, id: ServerId, mount_point: &str, path: &str) -> Option<String> {
        self.lock().volume_of(id, mount_point)?.files.get(path).cloned()
    }

    /// A volume is gone at once, as if somebody had deleted it by hand.
    pub fn lose_volume(&self, cloud_volume_id: &str) {
        self.lock().world.volumes.remove(cloud_volume_id);
    }

    fn set_forgotten(&self, id: ServerId, forgotten: bool) {
        if let Some(server) = self.lock().world.servers.get_mut(&id) {
            server.forgotten = forgotten;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn volume_of(&mut self, id: ServerId, mount_point: &str) -> Option<&mut world::Volume> {
        let request = &self.world.servers.get(&id)?.request;
        let volume = request.storage.iter().find(|v| v.mark.mount_point == mount_point)?;
        self.world.volumes.get_mut(&volume.cloud_volume_id)
    }

    /// Counts a call; an error when the account has made too many.
    fn admit(&mut self, now: Millis) -> Result<(), CloudError> {
        while self.calls.front().is_some_and(|at| now.saturating_sub(*at) >= 1000) {
            self.calls.pop_front();
        }
        let most = self.faults.calls_per_second_max as usize;
        if most > 0 && self.calls.len() >= most {
            let oldest = self.calls.front().map_or(now, |at| at.saturating_add(1_000));
            let words = format!("over {most} calls a second");
            return Err(CloudError::throttled(Some(oldest.saturating_sub(now)), words));
        }
        if most > 0 {
            self.calls.push_back(now);
        }
        Ok(())
    }

    fn carry_out(
        &mut self,
        step: &CloudStep,
        now: Millis,
        delays: Delays,
    ) -> Result<Applied, CloudError> {
        let stillborn = self.stream.chance(self.faults.stillborn_percent);
        if let CloudStep::Terminate(id) = step {
            self.world.remove(*id, now, self.faults.lingers_for);
        }
        self.world.apply(step, now, delays, self.faults.appears_after, stillborn)?;
        let sighting = self.world.servers.get(&step.server()).map(|s| s.sighting(now));
        Ok(Applied { sighting })
    }
}

impl LeaseMarks for Simulated {
    fn newest(&self) -> Result<Option<LeaseMark>, CloudError> {
        match self.marks() {
            Some(marks) if marks.unreachable => Err(CloudError::Busy("no route".to_owned())),
            marks => Ok(marks.and_then(|marks| marks.kept.last().cloned())),
        }
    }

    fn write(&self, mark: &LeaseMark) -> Result<(), CloudError> {
        let Some(mut marks) = self.marks() else { return Ok(()) };
        if marks.unreachable {
            return Err(CloudError::Busy("no route".to_owned()));
        }
        if marks.kept.last().is_none_or(|newest| newest.number < mark.number) {
            marks.kept.push(mark.clone());
        }
        Ok(())
    }

    fn clear(&self) -> Result<(), CloudError> {
        self.marks().into_iter().for_each(|mut marks| marks.kept.clear());
        Ok(())
    }
}

impl Cloud for Simulated {
    fn platform(&self) -> &'static str {
        "simulated"
    }

    fn instance_types(&self) -> Vec<InstanceType> {
        let sizes = [("small", 250, 128), ("medium", 500, 256), ("large", 1000, 512)];
        sizes
            .map(|(name, cpu_millis, mebibytes)| InstanceType {
                name: name.to_owned(),
                cpu_millis,
                memory_bytes: mebibytes << 20,
            })
            .to_vec()
    }

    fn zones(&self) -> Vec<String> {
        ["a", "b", "c"].map(str::to_owned).to_vec()
    }

    fn list(&self) -> Result<Vec<Sighting>, CloudError> {
        let now = self.clock.monotonic();
        let mut inner = self.lock();
        inner.admit(now)?;
        let percent = inner.faults.list_failed_percent;
        if inner.stream.chance(percent) {
            return Err(CloudError::Unknown("the listing broke off".to_owned()));
        }
        Ok(inner.world.listing(now))
    }

    fn apply(&self, step: &CloudStep) -> Result<Applied, CloudError> {
        let now = self.clock.monotonic();
        let mut inner = self.lock();
        let inner = &mut *inner;
        inner.admit(now)?;
        match inner.faults.fate(&mut inner.stream) {
            Fate::Served => inner.carry_out(step, now, self.delays),
            Fate::Refused => Err(CloudError::Refused("no such size here today".to_owned())),
            Fate::Busy => Err(CloudError::Busy("out of capacity".to_owned())),
            Fate::LostRequest => Err(CloudError::Unknown("connection lost".to_owned())),
            Fate::LostAnswer => {
                // Whatever it would have answered, the caller never hears it.
                let unheard = inner.carry_out(step, now, self.delays);
                tracing::trace!(?unheard, "answer lost");
                Err(CloudError::Unknown("connection lost".to_owned()))
            }
        }
    }

    fn volumes(&self) -> Result<Vec<VolumeSighting>, CloudError> {
        Ok(self.lock().world.volume_listing())
    }

    fn remove_volume(&self, cloud_volume_id: &str) -> Result<(), CloudError> {
        self.lock().world.remove_volume(cloud_volume_id)
    }

    fn lease(&self) -> Option<&dyn LeaseMarks> {
        self.marks.as_ref().map(|_| self as &dyn LeaseMarks)
    }

    /// Returns at once: under a clock that is moved by hand there is nothing to wait for.
    fn wait_for_change(&self, _at_most: std::time::Duration) -> bool {
        false
    }
}

#[cfg(test)]
mod tests;
