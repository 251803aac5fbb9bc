//! Limits: one control group for each server, in version 1 or 2 of the kernel's interface.
//!
//! Version 1 has a tree for each controller, version 2 one tree for all (cgroups(7)); some
//! machines mount both and give version 2 no controllers. What decides is where `cpu` and
//! `memory` are. A controller that is nowhere leaves its limit advisory: the server is told of
//! it, nothing enforces it.

use super::failure::{Doing, Failure};
use super::process::wait_until;
use crate::base::ServerId;
use crate::clouds::InstanceType;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The controllers we use in version 1, each in its own tree.
const V1: [&str; 5] = ["cpu", "cpuacct", "memory", "pids", "freezer"];
/// What the one tree of version 2 is called here.
const UNIFIED: &str = "unified";
/// Processes and threads of one server: a busy server of ours has under 100.
const PIDS_MAX: u32 = 512;
/// Length of a scheduling period in microseconds: the kernel's own default.
const CPU_PERIOD_US: u32 = 100_000;

/// Which interface there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Version {
    /// One tree for each controller.
    V1,
    /// One tree for all.
    V2,
    /// No control groups that we could use: limits are advisory.
    None,
}

/// A control group directory as a server is told of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// The controller, or `unified` in version 2.
    pub controller: String,
    /// The directory.
    pub path: PathBuf,
}

/// The trees of this machine, and our place in them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cgroups {
    /// Which interface.
    pub version: Version,
    trees: BTreeMap<String, PathBuf>,
    ours: String,
}

impl Cgroups {
    /// Looks at what is mounted. `ours` is the name of the group that holds our servers'.
    pub fn detect(ours: &str) -> Cgroups {
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
        let controllers =
            |tree: &Path| fs::read_to_string(tree.join("cgroup.controllers")).unwrap_or_default();
        Cgroups::read(&mounts, controllers, ours)
    }

    /// Leaves out what is there and cannot be used, as in a container whose control groups are
    /// read-only.
    pub fn usable(mut self) -> Cgroups {
        let ours = self.ours.clone();
        self.trees.retain(|controller, tree| {
            let group = tree.join(&ours);
            let made = if controller == UNIFIED { delegate(&group) } else { make(&group) };
            if let Err(failure) = &made {
                tracing::warn!(controller, why = failure.line(), "a control group is of no use");
            }
            made.is_ok()
        });
        if self.trees.is_empty() { Cgroups { ours, ..Cgroups::none() } } else { self }
    }

    /// No limits at all: for servers without name spaces.
    pub fn none() -> Cgroups {
        Cgroups { version: Version::None, trees: BTreeMap::new(), ours: String::new() }
    }

    fn read(mounts: &str, controllers: impl Fn(&Path) -> String, ours: &str) -> Cgroups {
        let mut trees = BTreeMap::new();
        let mut unified = None;
        for line in mounts.lines() {
            let fields: Vec<&str> = line.split(' ').collect();
            let [_, at, kind, options, ..] = fields.as_slice() else { continue };
            match *kind {
                "cgroup" => {
                    for name in options.split(',').filter(|option| V1.contains(option)) {
                        trees.entry(name.to_owned()).or_insert_with(|| PathBuf::from(at));
                    }
                }
                "cgroup2" => {
                    let has = controllers(Path::new(at));
                    if has.split_whitespace().any(|name| name == "memory" || name == "cpu") {
                        unified = Some(PathBuf::from(at));
                    }
                }
                _ => {}
            }
        }
        let ours = ours.to_owned();
        match unified {
            Some(at) => {
                let trees = BTreeMap::from([(UNIFIED.to_owned(), at)]);
                Cgroups { version: Version::V2, trees, ours }
            }
            None if trees.is_empty() => Cgroups { ours, ..Cgroups::none() },
            None => Cgroups { version: Version::V1, trees, ours },
        }
    }

    /// The limits that nothing here enforces.
    pub fn advisory(&self) -> Vec<&'static str> {
        let enforced = |name: &str| match self.version {
            Version::V1 => self.trees.contains_key(name),
            Version::V2 => true,
            Version::None => false,
        };
        ["cpu", "memory", "pids"].into_iter().filter(|name| !enforced(name)).collect()
    }

    /// Makes a server's groups with its limits.
    ///
    /// # Errors
    /// When the kernel refuses a group or a limit.
    pub fn create(&self, id: ServerId, size: &InstanceType) -> Result<Vec<Group>, Failure> {
        let groups = self.groups(id);
        for group in &groups {
            make(&group.path)?;
        }
        let quota = u64::from(CPU_PERIOD_US) * u64::from(size.cpu_millis) / 1000;
        let limits = match self.version {
            Version::V1 => vec![
                ("cpu", "cpu.cfs_period_us", CPU_PERIOD_US.to_string()),
                ("cpu", "cpu.cfs_quota_us", quota.to_string()),
                ("memory", "memory.limit_in_bytes", size.memory_bytes.to_string()),
                ("pids", "pids.max", PIDS_MAX.to_string()),
            ],
            Version::V2 => vec![
                (UNIFIED, "cpu.max", format!("{quota} {CPU_PERIOD_US}")),
                (UNIFIED, "memory.max", size.memory_bytes.to_string()),
                // One process goes, the largest, and not the server: pid 1 starts it again.
                (UNIFIED, "memory.oom.group", "0".to_owned()),
                (UNIFIED, "pids.max", PIDS_MAX.to_string()),
            ],
            Version::None => Vec::new(),
        };
        for (controller, file, value) in limits {
            let Some(group) = groups.iter().find(|g| g.controller == controller) else { continue };
            let path = group.path.join(file);
            fs::write(&path, &value).doing("limiting", path.display())?;
        }
        Ok(groups)
    }

    /// The groups that hold our servers'.
    pub fn ours(&self) -> Vec<PathBuf> {
        let mut paths: Vec<_> = self.trees.values().map(|tree| tree.join(&self.ours)).collect();
        paths.sort();
        paths.dedup();
        paths
    }

    /// A server's groups, whether they are there or not. Controllers that share a tree (`cpu`
    /// and `cpuacct` often do) share a directory.
    pub fn groups(&self, id: ServerId) -> Vec<Group> {
        let group = |(controller, tree): (&String, &PathBuf)| Group {
            controller: controller.clone(),
            path: tree.join(&self.ours).join(id.to_string()),
        };
        self.trees.iter().map(group).collect()
    }

    /// Whether servers can be frozen.
    pub fn can_freeze(&self) -> bool {
        match self.version {
            Version::V1 => self.trees.contains_key("freezer"),
            Version::V2 => true,
            Version::None => false,
        }
    }

    /// Puts every process of a server to sleep, or wakes them, and waits until it is so.
    ///
    /// # Errors
    /// When there is no freezer, or the kernel does not get it done in time.
    pub fn freeze(&self, id: ServerId, frozen: bool) -> Result<(), Failure> {
        let Some((path, [thawed_word, frozen_word])) = self.freezer(id) else {
            return Err(Failure::new("suspending", "this machine mounts no freezer"));
        };
        let word = if frozen { frozen_word } else { thawed_word };
        fs::write(&path, word).doing("writing", path.display())?;
        if wait_until(Duration::from_secs(5), || self.is_frozen(id) == frozen) {
            return Ok(());
        }
        Err(Failure::new(format!("writing {word} to {}", path.display()), "no effect within 5 s"))
    }

    /// Whether a server sleeps.
    pub fn is_frozen(&self, id: ServerId) -> bool {
        let Some((path, [_, frozen_word])) = self.freezer(id) else { return false };
        if self.version == Version::V2 {
            let events = fs::read_to_string(path.with_file_name("cgroup.events"));
            return events.unwrap_or_default().lines().any(|line| line == "frozen 1");
        }
        fs::read_to_string(&path).unwrap_or_default().trim() == frozen_word
    }

    /// How many of a server's processes the kernel has ended because it wanted more memory than it
    /// may have, since its groups were made; `None` where nothing counts them.
    pub fn memory_kills(&self, id: ServerId) -> Option<u64> {
        let (controller, file) = match self.version {
            Version::V1 => ("memory", "memory.oom_control"),
            Version::V2 => (UNIFIED, "memory.events"),
            Version::None => return None,
        };
        let tree = self.trees.get(controller)?.join(&self.ours).join(id.to_string());
        let text = fs::read_to_string(tree.join(file)).ok()?;
        text.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok())
    }

    /// Removes a server's groups, once their last process is gone.
    ///
    /// # Errors
    /// When one is still busy after a while.
    pub fn remove(&self, id: ServerId) -> Result<(), Failure> {
        self.groups(id).iter().try_for_each(|group| remove(&group.path))
    }

    /// Removes the groups that held our servers', when they are empty.
    ///
    /// # Errors
    /// When they are not.
    pub fn remove_all(&self) -> Result<(), Failure> {
        self.trees.values().try_for_each(|tree| remove(&tree.join(&self.ours)))
    }

    /// The freezer's file with its words for awake and asleep.
    fn freezer(&self, id: ServerId) -> Option<(PathBuf, [&'static str; 2])> {
        let place = |tree: &PathBuf| tree.join(&self.ours).join(id.to_string());
        match self.version {
            Version::V1 => {
                let tree = self.trees.get("freezer")?;
                Some((place(tree).join("freezer.state"), ["THAWED", "FROZEN"]))
            }
            Version::V2 => {
                let tree = self.trees.get(UNIFIED)?;
                Some((place(tree).join("cgroup.freeze"), ["0", "1"]))
            }
            Version::None => None,
        }
    }
}

/// In version 2 a group has only the controllers that its parents hand down.
fn delegate(ours: &Path) -> Result<(), Failure> {
    make(ours)?;
    for path in [ours.parent().unwrap_or(ours), ours].map(|at| at.join("cgroup.subtree_control")) {
        for controller in ["cpu", "memory", "pids"] {
            let handed = fs::read_to_string(&path).unwrap_or_default();
            if !handed.split_whitespace().any(|name| name == controller) {
                fs::write(&path, format!("+{controller}")).doing("delegating", controller)?;
            }
        }
    }
    Ok(())
}

fn make(path: &Path) -> Result<(), Failure> {
    fs::create_dir_all(path).doing("making", path.display())
}

/// How long a process that was killed may take to go: on a busy disk its file systems do.
const LAST_PROCESS: Duration = Duration::from_secs(10);

/// Removes an empty group, waiting a while for its last process.
pub fn remove(path: &Path) -> Result<(), Failure> {
    let gone = || match fs::remove_dir(path) {
        Ok(()) => true,
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    };
    if wait_until(LAST_PROCESS, gone) {
        return Ok(());
    }
    fs::remove_dir(path).doing("removing", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    const V1_MOUNTS: &str = "cgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,cpu,cpuacct 0 0\n\
         cgroup /sys/fs/cgroup/memory cgroup rw,relatime,memory 0 0\n\
         cgroup2 /sys/fs/cgroup/unified cgroup2 rw,relatime 0 0\n";

    #[test]
    fn the_interface_is_told_from_the_mounts() {
        let check = |mounts: &str, controllers: &str, version: Version, advisory: &[&str]| {
            let found = Cgroups::read(mounts, |_| controllers.to_owned(), "grange-1");
            assert_eq!((found.version, found.advisory().as_slice()), (version, advisory));
        };
        check(V1_MOUNTS, "hugetlb\n", Version::V1, &["pids"]);
        let v2 = "cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n";
        check(v2, "cpuset cpu io memory pids\n", Version::V2, &[]);
        check("proc /proc proc rw 0 0\n", "", Version::None, &["cpu", "memory", "pids"]);
        check(v2, "", Version::None, &["cpu", "memory", "pids"]);
    }

    #[test]
    fn controllers_of_one_tree_share_a_directory() {
        let found = Cgroups::read(V1_MOUNTS, |_| String::new(), "grange-1");
        let groups = found.groups(ServerId(1));
        let paths: Vec<_> = groups.iter().map(|g| g.path.display().to_string()).collect();
        let id = ServerId(1);
        assert_eq!(
            paths,
            [
                format!("/sys/fs/cgroup/cpu,cpuacct/grange-1/{id}"),
                format!("/sys/fs/cgroup/cpu,cpuacct/grange-1/{id}"),
                format!("/sys/fs/cgroup/memory/grange-1/{id}"),
            ]
        );
    }
}
