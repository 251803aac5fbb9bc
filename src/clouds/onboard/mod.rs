//! The `onboard` platform: servers that are small systems on the appliance's own machine.
//!
//! For trying Grange, for tests, and for small services at home. As root each server has network,
//! process, mount, host-name and IPC name spaces of its own over an overlay of the machine's `/`;
//! as an ordinary user it is a process group with a loopback address and a home of its own. It is
//! not a security boundary: the kernel is shared, the machine's `/` is readable (but for the masked
//! directories) where no image is used, and root in a server is root, with fewer capabilities.
//!
//! **State is what the machine says.** The manager remembers nothing that matters: a server
//! exists when its directory carries `meta.json` (written first, removed last), runs when its
//! recorded pid 1 is alive, sleeps when its control group is frozen. So it does not matter when
//! the appliance is killed; the next one lists what is there (`record`, `init`).
//!
//! **Whose the servers are** is a lease on the machine, because a state directory can be copied:
//! see `lease`. Nothing of a server is touched without it.
//!
//! **What a server is given**, as a contract with agents and images:
//!
//! - `/etc/grange/agent.json`: user data, for the owner alone; the agent's `--config`.
//! - `/run/grange/limits.json`: `{cpuMillis, memoryBytes, cgroup}`, where `cgroup` is `v1`, `v2`
//!   or `none`.
//! - `/run/grange/cgroup/{cpuacct,memory,...}` (version 1) or `/run/grange/cgroup` (version 2):
//!   its own control groups, read-only. Not without name spaces.
//! - Data volumes at their mount points.
//! - `/var/log/grange/service.log`: what agent and service print.
//!
//! Without name spaces the same paths lie below the server's home, volumes as links.
//!
//! Agent and service have `GRANGE_SERVER`, `GRANGE_OWNER` (the tag), `GRANGE_HOSTNAME`,
//! `GRANGE_ADDRESS`, `GRANGE_HOME` (`/` with name spaces) and `GRANGE_RUN` in their environment.
//! In its command `{grange}`, `{address}` and `{home}` stand for binary, address and home. Both are
//! started again when they die, after a pause that doubles up to 30 s. Pid 1 takes `SIGTERM` as a
//! stop and `SIGHUP` as a restart of everything in the server.
//!
//! **Network**: one bridge per appliance with a private `/16`, one pair of links per server,
//! made over netlink; the appliance's address on it is the gateway. Servers reach the appliance and
//! each other; those of farm roles that say so reach what the machine reaches (`outbound`).
//!
//! **Published ports** lead to servers by a process that outlives the appliance (`publish`).
//!
//! **Data volumes** are directories with a mark beside each that says whose it is (`volume`).
//! Their size is not enforced.
//!
//! **Disks**: what a server writes goes to a file system of its own, in a file that takes no more
//! space than was written (`disk`); eight times the memory of its size. When it is full, that is
//! the server's own trouble.
//!
//! **Limits** are control groups; without them, and for an ordinary user, they are advisory, and
//! a server is put to sleep by stopping each of its processes.
//!
//! **Images** are root file systems that people import (`images`). A server of one sees nothing of
//! the machine but its kernel.

mod boot;
mod cgroup;
mod claim;
mod disk;
mod failure;
mod images;
mod init;
mod lease;
mod leave;
mod leftover;
mod memory;
mod mount_point;
mod names;
mod netlink;
mod network;
mod outbound;
mod place;
mod process;
mod publish;
mod record;
mod sight;
mod sizes;
mod volume;
mod watch;

pub use claim::{NameClaim, claim};
pub use disk::{DISK_MIB_RANGE, overcommitted, unbounded_by};
pub use failure::Failure;
pub use images::{ImageFailure, ImageShelf, ImageTurn, ImportedImage, IncomingImage, TreeBounds};
pub use init::init_main;
pub use leftover::{Leftover, leftovers, remove_leftover};
pub use network::{Probed, probe_network};
pub use process::lowest_port;
pub use record::Isolation;

use crate::base::{Millis, ServerId};
use crate::clouds::owner::Owner;
use crate::clouds::publication::{Published, ServerConnections};
use crate::clouds::volume::VolumeSighting;
use crate::clouds::{Applied, Cloud, CloudError, CloudStep, InstanceType, LaunchRequest};
use crate::model::{CloudState, Notice, Sighting};
use cgroup::Cgroups;
use disk::Disks;
use failure::Doing;
use images::is_digest;
use lease::Lease;
use memory::MemoryWatch;
use mount_point::check_mount_point;
use network::NetworkWatch;
use nix::sys::signal::Signal;
use place::Place;
use record::{ServerDirectory, ServerRecord, Shelf, make_private};
use sizes::sizes;
use std::collections::BTreeSet;
use std::fs::File;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use watch::Watch;

/// How long a step waits for another one on the same server; the longest is a boot.
const LOCK_WAIT: Duration = Duration::from_secs(30);
/// How often pid 1s are looked at while waiting for a change: one small read for each, and one
/// listing of a directory.
const LOOK_PERIOD: Duration = Duration::from_millis(250);
/// What the kernel's option parser would take for its own.
const FORBIDDEN_IN_PATHS: [char; 3] = [',', ':', '\\'];

/// What the platform is told by `boot`.
#[derive(Clone, Debug)]
pub struct OnboardConfig {
    /// Where servers and volumes are kept; made if missing, for the owner alone.
    pub state_dir: PathBuf,
    /// The `grange` binary: started again as every server's pid 1.
    pub executable: PathBuf,
    /// The binary whose `agent --config <file>` runs on every server.
    pub agent_executable: PathBuf,
    /// Directories and files that servers do not see, besides the state directory: keys, homes.
    pub masks: Vec<PathBuf>,
    /// How servers are kept apart; `None` takes the best this process may do.
    pub isolation: Option<Isolation>,
    /// What a new server may write; `None` for eight times its memory.
    pub disk_bytes: Option<u64>,
    /// Whether the servers of another state directory, which this one is a copy of and which is
    /// not in use, become ours.
    pub take_over: bool,
}

/// The platform. See the module's text.
pub struct Onboard {
    config: OnboardConfig,
    isolation: Isolation,
    shelf: Shelf,
    place: Place,
    lease: Lease,
    cgroups: Cgroups,
    disks: Disks,
    /// Only where servers have a root of their own.
    images: Option<Arc<ImageShelf>>,
    /// The address given last; held while one is chosen and its record written.
    last_address: Mutex<Option<Ipv4Addr>>,
    watch: Watch,
    memory: MemoryWatch,
    network: NetworkWatch,
    publisher: publish::Publisher,
    ways_out: outbound::WaysOut,
    names: names::NamesKept,
}

impl Onboard {
    /// Opens the platform: finds its state, or makes it, takes the lease on its servers, and makes
    /// its bridge.
    ///
    /// # Errors
    /// When somebody else manages these servers ([`Failure::is_taken`]), when the state directory
    /// or a binary cannot be used, or the kernel refuses the bridge.
    pub fn open(mut config: OnboardConfig) -> Result<Onboard, Failure> {
        for name in ["servers", "volumes"] {
            make_private(&config.state_dir.join(name))?;
        }
        for path in [&mut config.state_dir, &mut config.executable, &mut config.agent_executable] {
            *path = path.canonicalize().doing("finding", path.display())?;
        }
        // What is not there cannot be seen either.
        config.masks = config.masks.iter().filter_map(|path| path.canonicalize().ok()).collect();
        if config.state_dir.to_string_lossy().contains(FORBIDDEN_IN_PATHS) {
            let why = format!("its path has one of {FORBIDDEN_IN_PATHS:?} in it");
            return Err(Failure::new(format!("using {}", config.state_dir.display()), why));
        }
        let isolation = config.isolation.unwrap_or_else(process::best_isolation);
        let shelf = Shelf { state: config.state_dir.clone() };
        let place = Place::find(&config.state_dir, isolation)?;
        let lease = Lease::take(&config.state_dir, &place, config.take_over)?;
        let cgroups = match isolation {
            Isolation::Namespaces => Cgroups::detect(&place.group()).usable(),
            Isolation::Processes => Cgroups::none(),
        };
        lease.take_groups(&cgroups.ours())?;
        shelf.sweep()?;
        if isolation == Isolation::Namespaces {
            place.make_bridge()?;
        }
        let disks = match isolation {
            Isolation::Namespaces => Disks::open(&config.state_dir, &sizes(), config.disk_bytes),
            Isolation::Processes => Disks::none("servers of an ordinary user share its disk"),
        };
        for limit in cgroups.advisory() {
            tracing::warn!(limit, "no control group enforces it: the limit is advisory");
        }
        let has_roots = isolation == Isolation::Namespaces;
        let images = has_roots.then(|| ImageShelf::open(&config.state_dir)).transpose()?;
        let last_address = Mutex::new(None);
        Ok(Onboard {
            config,
            isolation,
            shelf,
            place,
            lease,
            cgroups,
            disks,
            images: images.map(Arc::new),
            last_address,
            watch: Watch::default(),
            memory: MemoryWatch::default(),
            network: NetworkWatch::default(),
            publisher: publish::Publisher::default(),
            ways_out: outbound::WaysOut::default(),
            names: names::NamesKept::default(),
        })
    }

    /// Where servers reach the appliance: its address on the bridge, or the loopback.
    pub fn gateway(&self) -> Ipv4Addr {
        self.place.gateway(self.isolation)
    }

    /// The images that servers can be started from; `None` where they are processes of the machine.
    pub fn images(&self) -> Option<Arc<ImageShelf>> {
        self.images.clone()
    }

    /// How servers are kept apart here.
    pub fn isolation(&self) -> Isolation {
        self.isolation
    }

    /// The pid of a server's pid 1 as the machine counts, while it is alive.
    pub fn init_pid(&self, id: ServerId) -> Option<i32> {
        let init = self.shelf.server(id).init()?;
        init.is_alive().then_some(init.pid)
    }

    /// Ends a server's pid 1 at once, as if its power had failed: for demos and tests.
    ///
    /// # Errors
    /// When it does not run, or the kernel refuses.
    pub fn crash(&self, id: ServerId) -> Result<(), Failure> {
        let init = self.shelf.server(id).init().filter(|init| init.is_alive());
        let init = init.ok_or_else(|| Failure::new(format!("ending {id}"), "it does not run"))?;
        init.signal(Signal::SIGKILL).doing("ending", id)
    }

    fn size(&self, name: &str) -> Result<InstanceType, Failure> {
        let known = self.instance_types().into_iter().find(|size| size.name == name);
        known.ok_or_else(|| Failure::new("choosing a size", format!("there is no {name:?} here")))
    }

    fn launch(&self, request: &LaunchRequest) -> Result<(), CloudError> {
        self.size(&request.instance_type).map_err(refused)?;
        for volume in &request.storage {
            check_mount_point(&volume.mark.mount_point)?;
        }
        self.check_volumes(request)?;
        self.require_image(Some(&request.image).filter(|image| is_digest(image)))?;
        let directory = self.shelf.server(request.server);
        if !directory.exists() {
            self.admit(request, &directory)?;
        }
        if request.outbound {
            self.let_out(request.farm_role).map_err(busy)?;
        }
        let lock = directory.lock(LOCK_WAIT).map_err(busy)?;
        let record = directory.record().map_err(refused)?;
        if directory.init().is_some_and(|init| init.is_alive()) {
            return Ok(());
        }
        let Err(failure) = self.boot(&directory, &record, &lock) else { return Ok(()) };
        // Nothing of it may stay, or it would be listed as a server that could be started.
        match self.terminate_locked(&directory) {
            Ok(()) => Err(busy(failure)),
            Err(left) => Err(CloudError::Unknown(format!("{}; {}", failure.line(), left.line()))),
        }
    }

    /// Gives the server an address and writes its tag.
    fn admit(&self, request: &LaunchRequest, at: &ServerDirectory) -> Result<(), CloudError> {
        let mut last = self.launching();
        if at.exists() {
            return Ok(());
        }
        let records = self.records().map_err(busy)?;
        if let Some(other) = Onboard::volume_user(&records, request) {
            let text = format!("{} still has the volumes of {}", other.server, request.hostname);
            return Err(CloudError::Busy(text));
        }
        let used: BTreeSet<Ipv4Addr> = records.iter().map(|record| record.address).collect();
        let address = self.place.next_address(self.isolation, &used, *last);
        let address =
            address.ok_or_else(|| CloudError::NoCapacity("every address is taken".to_owned()))?;
        *last = Some(address);
        self.make_volumes(request).map_err(busy)?;
        at.create(&ServerRecord::new(request, address, self.isolation)).map_err(busy)
    }

    /// Held while a launch chooses what nobody else may have: an address, volumes.
    fn launching(&self) -> MutexGuard<'_, Option<Ipv4Addr>> {
        self.last_address.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn records(&self) -> Result<Vec<ServerRecord>, Failure> {
        Ok(self.shelf.servers()?.iter().filter_map(|server| server.record().ok()).collect())
    }

    fn terminate(&self, directory: &ServerDirectory) -> Result<(), Failure> {
        if !directory.exists() {
            return directory.remove();
        }
        let _lock = directory.lock(LOCK_WAIT)?;
        self.terminate_locked(directory)
    }

    fn terminate_locked(&self, directory: &ServerDirectory) -> Result<(), Failure> {
        self.halt(directory, true)?;
        self.sweep(directory, directory.record().ok().as_ref())?;
        directory.remove()
    }

    /// Runs `change` on a server that is there, under its lock.
    fn with_server(
        &self,
        id: ServerId,
        change: impl FnOnce(&ServerDirectory, &ServerRecord, &File) -> Result<(), CloudError>,
    ) -> Result<(), CloudError> {
        let directory = self.shelf.server(id);
        if !directory.exists() {
            return Err(CloudError::NotFound(format!("there is no server {id}")));
        }
        let lock = directory.lock(LOCK_WAIT).map_err(busy)?;
        let record = directory.record().map_err(refused)?;
        change(&directory, &record, &lock)
    }

    fn sleep(&self, id: ServerId, asleep: bool) -> Result<(), CloudError> {
        self.with_server(id, |directory, record, _| {
            let state = self.state(directory);
            let wanted = if asleep { CloudState::Suspended } else { CloudState::Running };
            if state == wanted {
                return Ok(());
            }
            if !matches!(state, CloudState::Running | CloudState::Suspended) {
                return Err(CloudError::Refused(format!("{id} is not running")));
            }
            if self.cgroups.can_freeze() {
                return self.cgroups.freeze(id, asleep).map_err(busy);
            }
            let (stop, wake) = (nix::sys::signal::SIGSTOP, nix::sys::signal::SIGCONT);
            let signal = if asleep { stop } else { wake };
            self.signal_all(directory, record.isolation, signal).map_err(busy)
        })
    }

    fn restart(&self, id: ServerId, running_too: bool) -> Result<(), CloudError> {
        self.with_server(id, |directory, record, lock| {
            self.require_volumes(record)?;
            self.require_image(record.image.as_ref())?;
            if directory.init().is_some_and(|init| init.is_alive()) {
                if !running_too {
                    return Ok(());
                }
                self.halt(directory, true).map_err(unknown)?;
            }
            self.halt(directory, false).map_err(unknown)?;
            self.boot(directory, record, lock).map_err(unknown)
        })
    }

    /// A server that is stopped already is left as it is.
    fn stop(&self, id: ServerId) -> Result<(), CloudError> {
        self.with_server(id, |directory, _, _| self.halt(directory, true).map_err(unknown))
    }
}

impl Cloud for Onboard {
    fn platform(&self) -> &'static str {
        "onboard"
    }

    fn instance_types(&self) -> Vec<InstanceType> {
        sizes()
    }

    fn list(&self) -> Result<Vec<Sighting>, CloudError> {
        let servers = self.shelf.servers().map_err(unknown)?;
        Ok(servers.iter().map(|directory| self.sight(directory)).collect())
    }

    fn apply(&self, step: &CloudStep) -> Result<Applied, CloudError> {
        match step {
            CloudStep::Launch(request) => self.launch(request),
            CloudStep::Terminate(id) => self.terminate(&self.shelf.server(*id)).map_err(unknown),
            CloudStep::Suspend(id) => self.sleep(*id, true),
            CloudStep::Resume(id) => self.sleep(*id, false),
            CloudStep::Reboot(id) => self.restart(*id, true),
            CloudStep::Start(id) => self.restart(*id, false),
            CloudStep::Stop(id) => self.stop(*id),
        }?;
        let directory = self.shelf.server(step.server());
        Ok(Applied { sighting: directory.exists().then(|| self.sight(&directory)) })
    }

    fn volumes(&self) -> Result<Vec<VolumeSighting>, CloudError> {
        self.list_volumes().map_err(unknown)
    }

    fn remove_volume(&self, cloud_volume_id: &str) -> Result<(), CloudError> {
        self.destroy_volume(cloud_volume_id)
    }

    fn connect(&self, wanted: &ServerConnections) -> Result<Vec<Published>, CloudError> {
        self.keep_names(&wanted.names);
        self.connect_outside(wanted).map_err(busy)
    }

    fn examine(&self) -> Vec<Notice> {
        self.notices()
    }

    fn owner(&self) -> Option<Owner> {
        Some(self.lease.owner().clone())
    }

    /// A server is its directory, which the calling process itself makes and removes.
    fn settles_within(&self) -> Millis {
        0
    }

    fn wait_for_change(&self, at_most: Duration) -> bool {
        let begun = Instant::now();
        loop {
            if self.watch.look(&self.shelf) {
                return true;
            }
            let left = at_most.saturating_sub(begun.elapsed());
            if left.is_zero() {
                return false;
            }
            std::thread::sleep(left.min(LOOK_PERIOD));
        }
    }
}

fn refused(failure: Failure) -> CloudError {
    CloudError::Refused(failure.line())
}

fn busy(failure: Failure) -> CloudError {
    CloudError::Busy(failure.line())
}

fn unknown(failure: Failure) -> CloudError {
    CloudError::Unknown(failure.line())
}
