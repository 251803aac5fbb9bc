//! Starting and stopping one server, as the appliance does it. Whoever calls holds the server's
//! lock.

use super::Onboard;
use super::failure::{Doing, Failure};
use super::init::{Boot, Network, OK};
use super::place::PREFIX;
use super::process::{inhabitants, members, wait_until};
use super::record::{Isolation, ServerDirectory, ServerRecord, remove_tree, write_json};
use crate::base::limit::ONBOARD_BOOT_DEADLINE;
use crate::clouds::{CloudError, InstanceType};
use nix::sys::signal::Signal;
use std::fs::File;
use std::io::Read;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

/// Pid 1 gives its services 2 s; what is left a second later is killed.
const GRACE: Duration = Duration::from_secs(3);
/// A killed process dies when its system call returns; on a busy disk that takes a while.
const DEATH: Duration = Duration::from_secs(10);

impl Onboard {
    /// Boots the server and returns when its pid 1 supervises. The lock goes with the boot: it is
    /// held until both are done.
    pub(super) fn boot(
        &self,
        directory: &ServerDirectory,
        record: &ServerRecord,
        lock: &File,
    ) -> Result<(), Failure> {
        let size = self.size(&record.instance_type)?;
        // A server that was never stopped by us may have left links or sleeping groups.
        self.sweep(directory, Some(record))?;
        if record.isolation == Isolation::Namespaces {
            // There already, unless a person or the end of a demo has removed it.
            self.place.make_bridge()?;
        }
        let boot = self.describe(directory, record, &size)?;
        let path = directory.join("boot.json");
        write_json(&path, &boot)?;
        let lock = lock.try_clone().doing("sharing", "the lock")?;
        let log = directory.join("log");
        let log = File::create(&log).doing("creating", log.display())?;
        let mut child = Command::new(&self.config.executable)
            .args(["onboard-init", "outer"])
            .arg(&path)
            .env_clear()
            .env("GRANGE_SERVER", record.server.to_string())
            .env("GRANGE_OWNER", &self.place.tag)
            .current_dir("/")
            .stdin(lock)
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .doing("starting", self.config.executable.display())?;
        let mut ended = None;
        let deadline = Duration::from_millis(ONBOARD_BOOT_DEADLINE);
        let said = wait_until(deadline, || {
            ended = child.try_wait().ok().flatten();
            ended.is_some()
        });
        if !said {
            child.kill().and_then(|()| child.wait()).doing("giving up", record.server)?;
            return Err(Failure::new(format!("booting {}", record.server), "it took too long"));
        }
        let mut answer = String::new();
        if let Some(mut output) = child.stdout.take() {
            output.read_to_string(&mut answer).doing("hearing from", "the boot")?;
        }
        match answer.trim_end() {
            OK => Ok(()),
            "" => Err(Failure::new(format!("booting {}", record.server), "it died silently")),
            other => Err(Failure::new(format!("booting {}", record.server), other)),
        }
    }

    fn describe(
        &self,
        directory: &ServerDirectory,
        record: &ServerRecord,
        size: &InstanceType,
    ) -> Result<Boot, Failure> {
        let network = (record.isolation == Isolation::Namespaces).then(|| Network {
            bridge: self.place.bridge(),
            link: self.place.link(record.address),
            prefix: PREFIX,
            gateway: self.gateway(),
        });
        let mut masks = self.config.masks.clone();
        masks.push(self.shelf.state.clone());
        Ok(Boot {
            record: record.clone(),
            owner: self.place.tag.clone(),
            directory: directory.path.clone(),
            executable: self.config.executable.clone(),
            agent: self.config.agent_executable.clone(),
            tree: self.tree_of(record),
            disk: self.disks.of(directory, size)?,
            volumes: self.volumes_of(record),
            masks,
            network,
            names: self.names_of(record),
            groups: self.cgroups.create(record.server, size)?,
            cgroup: self.cgroups.version,
            cpu_millis: size.cpu_millis,
            memory_bytes: size.memory_bytes,
        })
    }

    fn tree_of(&self, record: &ServerRecord) -> Option<PathBuf> {
        Some(self.images.as_ref()?.tree(record.image.as_ref()?))
    }

    /// Refuses to start a server from an image that is not as it was imported.
    pub(super) fn require_image(&self, image: Option<&String>) -> Result<(), CloudError> {
        let Some(digest) = image else { return Ok(()) };
        let refused = |why: String| Err(CloudError::Refused(why));
        let Some(shelf) = &self.images else {
            return refused("servers of an ordinary user are started from no image".to_owned());
        };
        match shelf.check(digest) {
            Ok(()) => Ok(()),
            Err(why) => refused(format!(
                "the files of its image were damaged: {why}; importing the archive again under \
                 another name mends them"
            )),
        }
    }

    /// Stops the server, if it runs: politely, then for certain. Nothing of it runs afterwards.
    pub(super) fn halt(&self, directory: &ServerDirectory, polite: bool) -> Result<(), Failure> {
        let id = directory.id;
        if self.cgroups.is_frozen(id) {
            // A frozen process takes no signal, not even the last one.
            self.cgroups.freeze(id, false)?;
        }
        let record = directory.record().ok();
        let isolation = record.map_or(self.isolation, |r| r.isolation);
        if let Some(init) = directory.init() {
            if init.is_stopped() {
                self.signal_all(directory, isolation, Signal::SIGCONT)?;
            }
            if polite {
                init.signal(Signal::SIGTERM).doing("stopping", id)?;
            }
            if !polite || !init.wait(GRACE) {
                init.signal(Signal::SIGKILL).doing("killing", id)?;
            }
            if !init.wait(DEATH) {
                return Err(Failure::new(format!("killing {id}"), "pid 1 is still there"));
            }
        }
        // With name spaces the kernel has killed them all together with pid 1.
        let plain = isolation == Isolation::Processes;
        if plain && !wait_until(DEATH, || self.kill_members(directory)) {
            return Err(Failure::new(format!("killing {id}"), "processes are still there"));
        }
        Ok(())
    }

    /// Removes what a dead server holds of the machine: its link and its groups. Without a
    /// record, as far as it is known.
    pub(super) fn sweep(
        &self,
        directory: &ServerDirectory,
        record: Option<&ServerRecord>,
    ) -> Result<(), Failure> {
        if let Some(record) = record.filter(|r| r.isolation == Isolation::Namespaces) {
            self.place.remove_link(&self.place.link(record.address))?;
        }
        self.cgroups.remove(directory.id)?;
        remove_tree(&directory.join("init.json"))
    }

    /// Signals every process of a server, pid 1 too.
    pub(super) fn signal_all(
        &self,
        directory: &ServerDirectory,
        isolation: Isolation,
        signal: Signal,
    ) -> Result<(), Failure> {
        let all = match isolation {
            Isolation::Namespaces => directory.init().as_ref().map(inhabitants).unwrap_or_default(),
            Isolation::Processes => members(directory.id, &self.place.tag),
        };
        all.iter().try_for_each(|one| one.signal(signal).doing("signalling", one.pid))
    }

    fn kill_members(&self, directory: &ServerDirectory) -> bool {
        let left = members(directory.id, &self.place.tag);
        for process in &left {
            if let Err(error) = process.signal(Signal::SIGKILL) {
                tracing::warn!(pid = process.pid, %error, "a process of a server stays");
            }
        }
        left.is_empty()
    }
}
