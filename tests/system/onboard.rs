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
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The built binary, or the copy of it that another user may run.
fn grange() -> PathBuf {
    let built = || PathBuf::from(env!("CARGO_BIN_EXE_grange"));
    std::env::var_os("GRANGE_UNDER_TEST").map_or_else(built, PathBuf::from)
}

/// A platform that can be closed: one process manages the servers of a state directory at a time.
pub struct Held(pub Option<Onboard>);

impl std::ops::Deref for Held {
    type Target = Onboard;

    fn deref(&self) -> &Onboard {
        self.0.as_ref().expect("the platform is open")
    }
}

/// Takes off the machine what an appliance made for its servers, with its name in the register: for
/// tests whose appliance was ended by a signal, after which servers live on.
pub fn take_off_machine(state_dir: &Path, isolation: Isolation) {
    if !state_dir.join("onboard.json").exists() {
        return;
    }
    let cloud = Onboard::open(OnboardConfig {
        state_dir: state_dir.to_owned(),
        executable: grange(),
        agent_executable: grange(),
        masks: Vec::new(),
        isolation: Some(isolation),
        disk_bytes: None,
        take_over: false,
    });
    if let Err(failure) = cloud.and_then(|cloud| cloud.remove_all(true)) {
        eprintln!("taking {} off the machine: {}", state_dir.display(), failure.line());
    }
}

/// One appliance's platform in a directory of its own; gone, with its servers, when dropped.
pub struct Yard {
    pub directory: PathBuf,
    pub cloud: Held,
    isolation: Isolation,
}

impl Yard {
    pub fn new(name: &str, isolation: Isolation) -> Yard {
        Yard::with_disks(name, isolation, None)
    }

    /// One whose servers may write that much.
    pub fn with_disks(name: &str, isolation: Isolation, disk_bytes: Option<u64>) -> Yard {
        if isolation == Isolation::Namespaces {
            assert!(nix::unistd::geteuid().is_root(), "this test needs root: sudo cargo test");
        }
        let unique = format!("grange-onboard-{name}-{}", std::process::id());
        let directory = std::env::temp_dir().join(unique);
        fs::create_dir_all(&directory).unwrap();
        let agent = directory.join("agent.sh");
        fs::write(&agent, "#!/bin/sh\necho agent $*\nexec sleep 86400\n").unwrap();
        fs::set_permissions(&agent, fs::Permissions::from_mode(0o755)).unwrap();
        let config = OnboardConfig { disk_bytes, ..config(&directory, isolation) };
        let cloud = Onboard::open(config).unwrap();
        Yard { directory, cloud: Held(Some(cloud)), isolation }
    }

    /// What a restart of the appliance does: another manager on the same directory.
    pub fn reopen(&mut self) {
        self.cloud.0 = None;
        self.cloud.0 = Some(Onboard::open(config(&self.directory, self.isolation)).unwrap());
    }

    /// Servers as their directories tell, whoever manages them.
    fn tagged(&self) -> usize {
        let entries = fs::read_dir(self.directory.join("state/servers")).unwrap().flatten();
        entries.filter(|entry| entry.path().join("meta.json").exists()).count()
    }

    fn request(&self, id: ServerId, index: u32, command: &[&str]) -> LaunchRequest {
        let mut request = contract::request(self, &*self.cloud, id, index);
        request.command = command.iter().map(|word| (*word).to_owned()).collect();
        request.user_data = Secret::new(format!("{{\"hostname\":\"web-{index}\"}}"));
        request
    }

    pub fn launch(
        &self,
        id: ServerId,
        index: u32,
        command: &[&str],
    ) -> Result<Sighting, CloudError> {
        let request = self.request(id, index, command);
        let applied = self.cloud.apply(&CloudStep::Launch(Box::new(request)))?;
        Ok(applied.sighting.expect("a launched server is seen"))
    }

    pub fn state(&self, id: ServerId) -> Option<CloudState> {
        let listed = self.cloud.list().unwrap();
        listed.iter().find(|sighting| sighting.server == id).map(|sighting| sighting.state)
    }

    /// The server's own root as the machine reaches it.
    /// A server's root, as its processes see it.
    pub fn root(&self, id: ServerId) -> PathBuf {
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

    pub fn read_within(&self, id: ServerId, path: &str) -> Option<String> {
        fs::read_to_string(self.root(id).join(path.trim_start_matches('/'))).ok()
    }

    pub fn crash(&self, id: ServerId) {
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
        executable: grange(),
        agent_executable: directory.join("agent.sh"),
        masks: vec![PathBuf::from("/root"), PathBuf::from("/home")],
        isolation: Some(isolation),
        disk_bytes: None,
        take_over: false,
    }
}

pub fn eventually(holds: impl Fn() -> bool) -> bool {
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(20) {
        if holds() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    false
}

pub fn ids() -> impl FnMut() -> ServerId {
    let mut stream = Stream::new(fresh_seed(), "servers");
    move || ServerId::draw(&mut stream)
}

/// Everything of a yard that the machine shows: mounts, links, control groups, processes.
pub fn traces(yard: &Yard, servers: &[ServerId]) -> BTreeSet<String> {
    let place = fs::read_to_string(yard.directory.join("state/onboard.json")).unwrap();
    let place: serde_json::Value = serde_json::from_str(&place).unwrap();
    let tag = place["tag"].as_str().unwrap().to_owned();
    let mut found = BTreeSet::new();
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
    let directory = yard.directory.display().to_string();
    for mount in mounts.lines().filter(|mount| mount.contains(&directory)) {
        found.insert(format!("mount {mount}"));
    }
    for device in fs::read_dir("/sys/block").unwrap().flatten() {
        let file = fs::read_to_string(device.path().join("loop/backing_file")).unwrap_or_default();
        if file.contains(&directory) {
            found.insert(format!("device {:?} {}", device.file_name(), file.trim_end()));
        }
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
    assert_eq!(contract::check(&*yard.cloud, &yard, fresh_seed()), Ok(()));
}

#[test]
fn without_name_spaces_it_keeps_the_contract() {
    let yard = Yard::new("plain-contract", Isolation::Processes);
    assert_eq!(contract::check(&*yard.cloud, &yard, fresh_seed()), Ok(()));
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
    let all = eventually(|| traces(&yard, &servers).len() > 60);
    assert!(all, "{:?}", traces(&yard, &servers));

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
    assert!(!yard.cloud.wait_for_change(Duration::ZERO), "each death is told once");
    // Nobody waits while this one is launched, and dies.
    let unwatched = ids()();
    yard.launch(unwatched, 2, &["sleep", "86400"]).unwrap();
    yard.crash(unwatched);
    assert!(eventually(|| yard.state(unwatched) == Some(CloudState::Stopped)));
    assert!(yard.cloud.wait_for_change(Duration::ZERO));
    assert!(eventually(|| {
        let left = traces(&yard, &[id]);
        !left.iter().any(|trace| trace.starts_with("/proc/"))
    }));
}

/// What a server of a yard says of itself, in one file on its volume.
const REPORT: &str = "
    echo host $(hostname) $(cat /etc/hostname)
    echo self $GRANGE_ADDRESS $(grep -c $GRANGE_ADDRESS /proc/net/fib_trie)
    echo links $(ls /sys/class/net | xargs)
    echo run $GRANGE_RUN $(cat $GRANGE_RUN/limits.json)
    echo config $(stat -c '%a %u' /etc/grange/agent.json) $(cat /etc/grange/agent.json)
    echo pids $(tr '\\0' ' ' < /proc/1/cmdline | cut -d' ' -f1-3)
    echo $(grep -E 'CapBnd|NoNewPrivs' /proc/self/status)
    echo signals $(grep SigBlk /proc/self/status)
    echo state $(ls -A \"$1\" | xargs)
    echo home $(ls -A /root /home | xargs)
    echo sysctl $(echo 1 2>/dev/null > /proc/sys/kernel/panic && echo writable || echo read-only)
    echo left > /left-in-the-root
    echo done";

#[test]
fn a_server_sees_itself_and_not_the_appliance() {
    let yard = Yard::new("inside", Isolation::Namespaces);
    let id = ids()();
    let script = format!("({REPORT}) > /data/new; mv /data/new /data/report; sleep 86400");
    let state = yard.directory.join("state").display().to_string();
    let seen = yard.launch(id, 1, &["sh", "-c", &script, "sh", &state]).unwrap();
    let address = seen.private_ips[0].clone();
    assert!(eventually(|| yard.read_within(id, "/data/report").is_some()));
    let report = yard.read_within(id, "/data/report").unwrap();
    let said = |prefix: &str| {
        let line = report.lines().find_map(|line| line.strip_prefix(prefix));
        line.unwrap_or_else(|| panic!("no {prefix:?} in {report}")).trim().to_owned()
    };
    let check = |prefix: &str, expected: &str| assert_eq!(said(prefix), expected, "{report}");
    check("host", "web-1 web-1");
    check("self", &format!("{address} 2"));
    check("links", "eth0 lo");
    let limits = said("run");
    assert!(limits.starts_with("/run/grange {\"cgroup\":\"v"), "{limits}");
    assert!(limits.ends_with("\"cpuMillis\":100,\"memoryBytes\":67108864}"), "{limits}");
    check("config", "600 0 {\"hostname\":\"web-1\"}");
    check("pids", "/run/grange/bin/grange onboard-init supervise");
    // chown, dac_override, fowner, fsetid, kill, setgid, setuid, setpcap, net_bind_service,
    // net_raw, sys_chroot, audit_write.
    check("CapBnd:", "00000000200425fb NoNewPrivs: 1");
    check("signals", "SigBlk: 0000000000000000");
    check("state", "");
    check("home", "/home: /root:");
    check("sysctl", "read-only");
    assert!(!Path::new("/left-in-the-root").exists());

    // The agent runs too, and what both print is in the server's log.
    let agent = "agent agent --config /etc/grange/agent.json --state /var/lib/grange-agent";
    let logged = || yard.read_within(id, "/var/log/grange/service.log").unwrap_or_default();
    assert!(eventually(|| logged().contains(agent)), "{}", logged());

    // Nobody listens there: the refusal has come all the way from the server.
    let refused = std::net::TcpStream::connect((address.as_str(), 9)).unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);

    // The disk is the same after a reboot.
    yard.cloud.apply(&CloudStep::Reboot(id)).unwrap();
    assert_eq!(yard.read_within(id, "/left-in-the-root").as_deref(), Some("left\n"));
}

#[test]
fn services_that_die_are_started_again_and_die_with_pid_1() {
    for isolation in [Isolation::Namespaces, Isolation::Processes] {
        let yard = Yard::new(&format!("again-{isolation:?}"), isolation);
        let id = ids()();
        yard.launch(id, 1, &["sh", "-c", "echo once >> $GRANGE_HOME/data/starts"]).unwrap();
        let starts = || yard.read_within(id, "/data/starts").unwrap_or_default().lines().count();
        assert!(eventually(|| starts() >= 2), "{isolation:?} {}", starts());
        assert_eq!(yard.state(id), Some(CloudState::Running));
        yard.crash(id);
        let processes = || traces(&yard, &[id]).iter().filter(|t| t.starts_with("/proc")).count();
        assert!(eventually(|| processes() == 0), "{isolation:?} {:?}", traces(&yard, &[id]));
    }
}

#[test]
fn an_ordinary_user_has_servers_too() {
    if !nix::unistd::geteuid().is_root() {
        // Then this whole run is an ordinary user's.
        return without_name_spaces_it_keeps_the_contract();
    }
    const NOBODY: u32 = 65534;
    let directory = std::env::temp_dir().join(format!("grange-nobody-{}", std::process::id()));
    fs::create_dir_all(&directory).unwrap();
    let copies = ["grange", "tests"].map(|name| directory.join(name));
    fs::copy(grange(), &copies[0]).unwrap();
    fs::copy(std::env::current_exe().unwrap(), &copies[1]).unwrap();
    std::os::unix::fs::chown(&directory, Some(NOBODY), Some(NOBODY)).unwrap();
    let name = "onboard::without_name_spaces_it_keeps_the_contract";
    let output = std::process::Command::new(&copies[1])
        .args([name, "--exact"])
        .env("TMPDIR", &directory)
        .env("GRANGE_UNDER_TEST", &copies[0])
        .current_dir(&directory)
        .uid(NOBODY)
        .gid(NOBODY)
        .output()
        .unwrap();
    fs::remove_dir_all(&directory).unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

/// The appliance of the next test: launches until it is killed. Without a directory to launch in
/// it is nobody's appliance and checks only that.
#[test]
fn an_appliance_to_be_killed() {
    let Some(directory) = std::env::var_os(DOOMED).map(PathBuf::from) else {
        return assert_eq!(std::env::var_os(DOOMED), None);
    };
    let cloud = Onboard::open(config(&directory, Isolation::Namespaces)).unwrap();
    let yard = Yard { directory, cloud: Held(Some(cloud)), isolation: Isolation::Namespaces };
    let mut next = ids();
    for index in 1.. {
        let id = next();
        yard.launch(id, index, &["sleep", "86400"]).unwrap();
        if index % 2 == 0 {
            yard.cloud.apply(&CloudStep::Terminate(id)).unwrap();
        }
    }
}

const DOOMED: &str = "GRANGE_DOOMED_YARD";

#[test]
fn an_appliance_killed_at_any_moment_leaves_only_what_is_listed() {
    let mut yard = Yard::new("killed", Isolation::Namespaces);
    let mut moments = Stream::new(fresh_seed(), "moments");
    let mut servers = Vec::new();
    for round in 0..10 {
        let known = yard.tagged();
        yard.cloud.0 = None;
        let mut appliance = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["onboard::an_appliance_to_be_killed", "--exact"])
            .env(DOOMED, &yard.directory)
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        assert!(eventually(|| yard.tagged() > known), "round {round}");
        std::thread::sleep(Duration::from_millis(moments.below(150)));
        appliance.kill().unwrap();
        appliance.wait().unwrap();
        yard.reopen();
        // A boot that is under way goes on without its appliance.
        let pending = |s: &Sighting| s.state == CloudState::Pending;
        assert!(eventually(|| !yard.cloud.list().unwrap().iter().any(pending)), "round {round}");
        let listed = yard.cloud.list().unwrap();
        for sighting in &listed {
            // Whatever the kill left of it, it can be brought up.
            yard.cloud.apply(&CloudStep::Start(sighting.server)).unwrap();
            assert_eq!(yard.state(sighting.server), Some(CloudState::Running));
        }
        servers.extend(listed.iter().map(|sighting| sighting.server));
        for sighting in listed {
            yard.cloud.apply(&CloudStep::Terminate(sighting.server)).unwrap();
        }
    }
    yard.cloud.remove_all(true).unwrap();
    assert!(eventually(|| traces(&yard, &servers).is_empty()), "{:?}", traces(&yard, &servers));
}
