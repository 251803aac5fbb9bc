//! The `onboard` platform on the real machine: name spaces, control groups, links and mounts as
//! root, process groups as anybody. What it leaves behind is compared with what was there.
//!
//! Its agent is a shell script, so that this needs nothing of the real one.

use grange::base::random::{Stream, fresh_seed};
use grange::base::{Secret, ServerId};
use grange::clouds::contract::{self, Rig};
use grange::clouds::onboard::{Isolation, Onboard, OnboardConfig};
use grange::clouds::{Cloud, CloudError, CloudStep, LaunchRequest};
use grange::model::{CloudState, Sighting};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const GRANGE: &str = env!("CARGO_BIN_EXE_grange");

/// One appliance's platform in a directory of its own; gone, with its servers, when dropped.
struct Yard {
    directory: PathBuf,
    cloud: Onboard,
    isolation: Isolation,
}

impl Yard {
    fn new(name: &str, isolation: Isolation) -> Yard {
        if isolation == Isolation::Namespaces {
            assert!(nix::unistd::geteuid().is_root(), "this test needs root: sudo cargo test");
        }
        let unique = format!("grange-onboard-{name}-{}", std::process::id());
        let directory = std::env::temp_dir().join(unique);
        fs::create_dir_all(&directory).unwrap();
        let agent = directory.join("agent.sh");
        fs::write(&agent, "#!/bin/sh\necho agent $*\nexec sleep 86400\n").unwrap();
        fs::set_permissions(&agent, fs::Permissions::from_mode(0o755)).unwrap();
        let cloud = Onboard::open(config(&directory, isolation)).unwrap();
        Yard { directory, cloud, isolation }
    }

    /// What a restart of the appliance does: another manager on the same directory.
    fn reopen(&mut self) {
        self.cloud = Onboard::open(config(&self.directory, self.isolation)).unwrap();
    }

    fn request(&self, id: ServerId, index: u32, command: &[&str]) -> LaunchRequest {
        let mut request = contract::request(self, &self.cloud, id, index);
        request.command = command.iter().map(|word| (*word).to_owned()).collect();
        request.user_data = Secret::new(format!("{{\"hostname\":\"web-{index}\"}}"));
        request
    }

    fn launch(&self, id: ServerId, index: u32, command: &[&str]) -> Result<Sighting, CloudError> {
        let request = self.request(id, index, command);
        let applied = self.cloud.apply(&CloudStep::Launch(Box::new(request)))?;
        Ok(applied.sighting.expect("a launched server is seen"))
    }

    fn state(&self, id: ServerId) -> Option<CloudState> {
        let listed = self.cloud.list().unwrap();
        listed.iter().find(|sighting| sighting.server == id).map(|sighting| sighting.state)
    }

    /// The server's own root as the machine reaches it.
    fn root(&self, id: ServerId) -> PathBuf {
        match self.isolation {
            Isolation::Namespaces => {
                let pid = self.cloud.init_pid(id).expect("a running server has a pid 1");
                PathBuf::from(format!("/proc/{pid}/root"))
            }
            Isolation::Processes => {
                self.directory.join("state/servers").join(id.to_string()).join("home")
            }
        }
    }

    fn read_within(&self, id: ServerId, path: &str) -> Option<String> {
        fs::read_to_string(self.root(id).join(path.trim_start_matches('/'))).ok()
    }

    fn crash(&self, id: ServerId) {
        let pid = self.cloud.init_pid(id).expect("a running server has a pid 1");
        kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
    }
}

impl Drop for Yard {
    fn drop(&mut self) {
        let removed = self.cloud.remove_all(true);
        if !std::thread::panicking() {
            removed.unwrap();
            fs::remove_dir_all(&self.directory).unwrap();
        }
    }
}

impl Rig for Yard {
    fn settle(&self, until: &dyn Fn() -> bool) -> bool {
        eventually(until)
    }

    fn write(&self, server: ServerId, mount_point: &str, text: &str) {
        let at = self.root(server).join(mount_point.trim_start_matches('/'));
        fs::write(at.join("note"), text).unwrap();
    }

    fn read(&self, server: ServerId, mount_point: &str) -> Option<String> {
        self.read_within(server, &format!("{mount_point}/note"))
    }

    fn crash(&self, server: ServerId) {
        Yard::crash(self, server);
    }

    fn image(&self) -> (String, Vec<String>) {
        ("machine".to_owned(), vec!["sleep".to_owned(), "86400".to_owned()])
    }
}

fn config(directory: &Path, isolation: Isolation) -> OnboardConfig {
    OnboardConfig {
        state_dir: directory.join("state"),
        executable: PathBuf::from(GRANGE),
        agent_executable: directory.join("agent.sh"),
        masks: vec![PathBuf::from("/root"), PathBuf::from("/home")],
        isolation: Some(isolation),
    }
}

fn eventually(holds: impl Fn() -> bool) -> bool {
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(20) {
        if holds() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    false
}

fn ids() -> impl FnMut() -> ServerId {
    let mut stream = Stream::new(fresh_seed(), "servers");
    move || ServerId::draw(&mut stream)
}

/// Everything of a yard that the machine shows: mounts, links, control groups, processes.
fn traces(yard: &Yard, servers: &[ServerId]) -> BTreeSet<String> {
    let place = fs::read_to_string(yard.directory.join("state/onboard.json")).unwrap();
    let place: serde_json::Value = serde_json::from_str(&place).unwrap();
    let tag = place["tag"].as_str().unwrap().to_owned();
    let mut found = BTreeSet::new();
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
    let directory = yard.directory.display().to_string();
    for mount in mounts.lines().filter(|mount| mount.contains(&directory)) {
        found.insert(format!("mount {mount}"));
    }
    let named = |path: &Path| {
        let entries = fs::read_dir(path).into_iter().flatten().flatten();
        let paths = entries.map(|entry| entry.path().display().to_string());
        paths.filter(|path| path.contains(&tag)).collect::<Vec<String>>()
    };
    found.extend(named(Path::new("/sys/class/net")));
    for tree in fs::read_dir("/sys/fs/cgroup").into_iter().flatten().flatten() {
        found.extend(named(&tree.path()));
    }
    let marks: Vec<String> = servers.iter().map(|id| format!("GRANGE_SERVER={id}")).collect();
    for process in fs::read_dir("/proc").unwrap().flatten() {
        let environment = fs::read(process.path().join("environ")).unwrap_or_default();
        let mut entries = environment.split(|byte| *byte == 0);
        if entries.any(|entry| marks.iter().any(|mark| mark.as_bytes() == entry)) {
            let command = fs::read(process.path().join("cmdline")).unwrap_or_default();
            let command = String::from_utf8_lossy(&command).replace('\0', " ");
            found.insert(format!("{} {command}", process.path().display()));
        }
    }
    found
}

#[test]
fn with_name_spaces_it_keeps_the_contract() {
    let yard = Yard::new("contract", Isolation::Namespaces);
    assert_eq!(contract::check(&yard.cloud, &yard, fresh_seed()), Ok(()));
}

#[test]
fn without_name_spaces_it_keeps_the_contract() {
    let yard = Yard::new("plain-contract", Isolation::Processes);
    assert_eq!(contract::check(&yard.cloud, &yard, fresh_seed()), Ok(()));
}

#[test]
fn twenty_servers_at_once_leave_nothing_behind() {
    let mut yard = Yard::new("twenty", Isolation::Namespaces);
    let mut next = ids();
    let servers: Vec<ServerId> = (0..20).map(|_| next()).collect();
    std::thread::scope(|scope| {
        for (id, index) in servers.iter().zip(1..) {
            let yard = &yard;
            scope.spawn(move || yard.launch(*id, index, &["sleep", "86400"]).unwrap());
        }
    });
    let listed = yard.cloud.list().unwrap();
    let addresses: BTreeSet<&String> = listed.iter().flat_map(|s| &s.private_ips).collect();
    assert_eq!((listed.len(), addresses.len()), (20, 20));
    assert!(listed.iter().all(|s| s.state == CloudState::Running), "{listed:?}");
    assert!(traces(&yard, &servers).len() > 60, "{:?}", traces(&yard, &servers));

    yard.crash(servers[0]);
    yard.cloud.apply(&CloudStep::Suspend(servers[1])).unwrap();
    yard.reopen();
    yard.cloud.apply(&CloudStep::Terminate(servers[2])).unwrap();
    assert_eq!(yard.state(servers[0]), Some(CloudState::Stopped));
    assert_eq!(yard.state(servers[1]), Some(CloudState::Suspended));
    assert_eq!(yard.state(servers[2]), None);
    yard.reopen();
    assert_eq!(yard.cloud.list().unwrap().len(), 19);
    yard.cloud.remove_all(true).unwrap();
    assert!(eventually(|| traces(&yard, &servers).is_empty()), "{:?}", traces(&yard, &servers));
    let left = fs::read_dir(yard.directory.join("state/servers")).unwrap().count();
    assert_eq!(left, 0);
}

#[test]
fn a_launch_that_was_cut_off_is_listed_completed_and_swept() {
    let mut yard = Yard::new("cut", Isolation::Namespaces);
    let mut next = ids();
    let (whole, untagged) = (next(), next());
    yard.launch(whole, 1, &[]).unwrap();
    yard.crash(whole);
    assert!(eventually(|| yard.state(whole) == Some(CloudState::Stopped)));
    let servers = yard.directory.join("state/servers");
    // As a kill leaves it between the tag and the boot, and between the directory and the tag.
    fs::remove_file(servers.join(whole.to_string()).join("init.json")).unwrap();
    fs::create_dir(servers.join(untagged.to_string())).unwrap();
    yard.reopen();
    assert_eq!(yard.state(whole), Some(CloudState::Stopped));
    assert!(!servers.join(untagged.to_string()).exists());
    yard.launch(whole, 1, &[]).unwrap();
    assert_eq!(yard.state(whole), Some(CloudState::Running));
}

#[test]
fn a_death_is_noticed() {
    let yard = Yard::new("death", Isolation::Namespaces);
    let id = ids()();
    yard.launch(id, 1, &["sleep", "86400"]).unwrap();
    assert!(!yard.cloud.wait_for_change(Duration::from_millis(300)));
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| yard.cloud.wait_for_change(Duration::from_secs(20)));
        // The wait has to have seen it alive before it dies.
        std::thread::sleep(Duration::from_millis(300));
        yard.crash(id);
        assert!(waiting.join().unwrap());
    });
    assert_eq!(yard.state(id), Some(CloudState::Stopped));
    assert!(eventually(|| {
        let left = traces(&yard, &[id]);
        !left.iter().any(|trace| trace.starts_with("/proc/"))
    }));
}
