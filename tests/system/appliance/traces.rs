//! What an appliance leaves on its machine: processes, name spaces, mounts, control groups, links
//! and directories, each told by something that only this appliance has.
//!
//! Other appliances may live and die on the machine meanwhile, so the machine before is not
//! simply compared with the machine after: what is listed is what is ours.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// How everything of one appliance is recognised.
#[derive(Clone, Debug, Default)]
pub struct Marks {
    /// Its directory: in mounts and in environments of processes.
    pub directory: PathBuf,
    /// Its binaries, which nobody else runs: device and inode.
    pub binaries: Vec<(u64, u64)>,
    /// What its links and control groups are named after, once it has drawn it.
    pub tag: Option<String>,
    /// Name spaces its processes were seen in, as `net:[4026532001]`.
    pub name_spaces: BTreeSet<String>,
}

const NAME_SPACES: [&str; 5] = ["net", "mnt", "pid", "uts", "ipc"];

impl Marks {
    /// Everything of the appliance that the machine shows now.
    pub fn find(&self) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        self.mounts(&mut found);
        if let Some(tag) = &self.tag {
            named_after(Path::new("/sys/class/net"), tag, "link", &mut found);
            control_groups(Path::new("/sys/fs/cgroup"), tag, 2, &mut found);
        }
        for entry in fs::read_dir("/run/grange-onboard").into_iter().flatten().flatten() {
            let mark = fs::read_to_string(entry.path()).unwrap_or_default();
            if mark.contains(&format!("\"{}/", self.directory.display())) {
                found.insert(format!("name in the register {}", entry.path().display()));
            }
        }
        let servers = self.directory.join("data/onboard/servers");
        for entry in fs::read_dir(servers).into_iter().flatten().flatten() {
            found.insert(format!("directory {}", entry.path().display()));
        }
        for process in processes() {
            let inside = self.in_our_name_spaces(&process);
            if self.is_ours(&process) || !inside.is_empty() {
                let command = fs::read(process.join("cmdline")).unwrap_or_default();
                let command = String::from_utf8_lossy(&command).replace('\0', " ");
                found.insert(format!("process {} {command}", process.display()));
            }
            found.extend(inside.into_iter().map(|space| format!("name space {space}")));
        }
        found
    }

    /// Remembers the name spaces that only our processes are in.
    pub fn learn(&mut self) {
        let own: BTreeSet<String> = name_spaces(Path::new("/proc/self")).collect();
        let ours: Vec<PathBuf> = processes().filter(|process| self.is_ours(process)).collect();
        let seen = ours.iter().flat_map(|process| name_spaces(process));
        self.name_spaces.extend(seen.filter(|space| !own.contains(space)));
    }

    fn is_ours(&self, process: &Path) -> bool {
        let binary = fs::metadata(process.join("exe")).map(|exe| (exe.dev(), exe.ino()));
        if binary.is_ok_and(|binary| self.binaries.contains(&binary)) {
            return true;
        }
        let has = |file: &str, text: &str| {
            let content = fs::read(process.join(file)).unwrap_or_default();
            String::from_utf8_lossy(&content).contains(text)
        };
        has("environ", &self.directory.display().to_string())
            || self.tag.as_ref().is_some_and(|tag| has("cgroup", &format!("grange-{tag}")))
    }

    /// Whether it is a server of another appliance. The kernel gives the number of a name space
    /// that is gone to the next one made, so a number of ours may be somebody else's by now.
    fn is_anothers(&self, process: &Path) -> bool {
        let groups = fs::read_to_string(process.join("cgroup")).unwrap_or_default();
        let ours = self.tag.as_ref().map(|tag| format!("grange-{tag}"));
        groups.contains("/grange-") && ours.is_none_or(|ours| !groups.contains(&ours))
    }

    fn in_our_name_spaces(&self, process: &Path) -> Vec<String> {
        if self.name_spaces.is_empty() || self.is_anothers(process) {
            return Vec::new();
        }
        name_spaces(process).filter(|space| self.name_spaces.contains(space)).collect()
    }

    /// Mounts below the directory, and name spaces that a mount keeps.
    fn mounts(&self, found: &mut BTreeSet<String>) {
        let directory = self.directory.display().to_string();
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
        for mount in mounts.lines() {
            let kept = self.name_spaces.iter().any(|space| mount.contains(space.as_str()));
            if mount.contains(&directory) || kept {
                found.insert(format!("mount {mount}"));
            }
        }
    }
}

fn processes() -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let numbered = |name: &str| name.bytes().all(|byte| byte.is_ascii_digit());
    entries.filter(move |entry| entry.file_name().to_str().is_some_and(numbered)).map(|e| e.path())
}

fn name_spaces(process: &Path) -> impl Iterator<Item = String> {
    let process = process.to_owned();
    NAME_SPACES
        .into_iter()
        .filter_map(move |kind| fs::read_link(process.join("ns").join(kind)).ok())
        .map(|link| link.display().to_string())
}

fn named_after(directory: &Path, tag: &str, what: &str, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().contains(tag) {
            found.insert(format!("{what} {}", entry.path().display()));
        }
    }
}

/// Ours are at the top of a tree, or at the top of a controller's.
fn control_groups(directory: &Path, tag: &str, depth: u32, found: &mut BTreeSet<String>) {
    named_after(directory, tag, "control group", found);
    if depth == 0 {
        return;
    }
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            control_groups(&entry.path(), tag, depth - 1, found);
        }
    }
}
