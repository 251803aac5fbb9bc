//! Installed on a bare machine: a fresh Debian root with process, mount and network name spaces of
//! its own, where there is nothing but the binary. Without systemd, as in any such root.
//!
//! The root is made once with debootstrap, and kept as an archive outside the build directory.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

const CACHE: &str = "/var/cache/grange-tests";
/// What a root is called by, and the deadline of everything that is waited for here.
const RELEASE: &str = "bookworm";
const PATIENCE: Duration = Duration::from_secs(90);
const SYSTEM_PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Makes the root of this name space the machine's, as a boot does, and stays as its pid 1.
const BOOT: &str = r#"
set -e
mount --make-rprivate /
mount --bind "$1" "$1"
cd "$1"
mount -t proc proc proc
mount -t sysfs sysfs sys
mount --rbind /sys/fs/cgroup sys/fs/cgroup
mount --rbind /dev dev
mount -t tmpfs tmpfs run
ip link set lo up
hostname bare
mkdir old
pivot_root . old
cd /
umount -l old
rmdir old
echo up
while :; do sleep 0.1; done
"#;

const FARM: &str = "\
farm: shop
farmRoles:
  - alias: web
    role: web-demo
    cloudPlatform: onboard
    instanceType: small
    scaling: {minInstances: 2, maxInstances: 2}
    storage:
      - {type: PersistentStorageConfiguration, mountPoint: /data, size: 1MiB}
";

/// A bare machine with the binary in root's home; gone with all that runs on it when dropped.
struct Machine {
    directory: PathBuf,
    holder: Child,
    pid1: String,
}

struct Ended {
    code: i32,
    text: String,
}

impl Machine {
    fn boot(name: &str) -> Machine {
        assert!(nix::unistd::geteuid().is_root(), "this test needs root: sudo cargo test");
        let unique = format!("bare-machine-{name}-{}", std::process::id());
        // Without our name, which is looked for among the arguments of what runs.
        let directory = std::env::temp_dir().join(unique);
        fs::create_dir_all(&directory).unwrap();
        command("tar", &["-C", text(&directory), "-xf", text(&archive())]);
        fs::copy(env!("CARGO_BIN_EXE_grange"), directory.join("root/grange")).unwrap();
        let mut holder = Command::new("unshare")
            .args(["-m", "-n", "-p", "-i", "-u", "--fork", "--kill-child"])
            .args(["sh", "-c", BOOT, "boot", text(&directory)])
            .stdout(Stdio::piped())
            .spawn()
            .expect("unshare is missing: apt-get install util-linux");
        let mut said = String::new();
        BufReader::new(holder.stdout.take().unwrap()).read_line(&mut said).unwrap();
        assert_eq!(said, "up\n");
        let id = holder.id();
        let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap();
        Machine { directory, holder, pid1: children.trim().to_owned() }
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--target", &self.pid1, "-m", "-n", "-p", "-i", "-u", "--root"]);
        command.args(["env", "-i", "-C", "/root", SYSTEM_PATH, "HOME=/root"]).args(words);
        command.stdin(Stdio::null());
        command
    }

    fn run(&self, line: &str) -> Ended {
        let output = self.command(&line.split(' ').collect::<Vec<_>>()).output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8(text).unwrap();
        Ended { code: output.status.code().unwrap_or(-1), text }
    }

    /// Runs a command that must end well, and gives what it printed.
    #[track_caller]
    fn ok(&self, line: &str) -> String {
        let Ended { code, text } = self.run(line);
        let log = || fs::read_to_string(self.directory.join("var/log/grange.log"));
        assert_eq!(code, 0, "{line}: {text}\n{}", log().unwrap_or_default());
        text
    }

    #[track_caller]
    fn refused(&self, line: &str, code: i32, why: &str) {
        let ended = self.run(line);
        assert_eq!(ended.code, code, "{line}: {}", ended.text);
        assert!(ended.text.contains(why), "{line}: {}", ended.text);
    }

    /// The ids of running servers, as soon as there are so many.
    #[track_caller]
    fn running_servers(&self, count: usize) -> Vec<String> {
        let begun = Instant::now();
        loop {
            let listed = self.ok("grange server list --json");
            let servers: serde_json::Value = serde_json::from_str(&listed).unwrap();
            let running = servers.as_array().unwrap().iter().filter(|one| {
                one["status"] == "running" && one["grange"]["agentConnected"] == true
            });
            let mut ids: Vec<String> = running.map(|one| one["id"].to_string()).collect();
            ids.sort();
            if ids.len() == count {
                return ids;
            }
            let why = || self.ok("grange explain shop");
            assert!(begun.elapsed() < PATIENCE, "{count} servers: {listed}\n{}", why());
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    fn appliance_pid(&self) -> String {
        fs::read_to_string(format!("/proc/{}/root/run/grange/grange.pid", self.pid1)).unwrap()
    }

    /// Every file with its kind, mode, owner and size. The system's own copies of its lists of
    /// users are not ours to remove, nor is how large its directories are.
    fn files(&self) -> Vec<String> {
        let found =
            self.ok("find / /run -xdev -type d -printf %p:%m:%U\\n -o -printf %p:%m:%U:%s\\n");
        let system = ["/etc/passwd-:", "/etc/group-:", "/etc/shadow-:", "/etc/gshadow-:"];
        let lines = found.lines().filter(|line| !system.iter().any(|s| line.starts_with(s)));
        let mut lines: Vec<String> = lines.map(str::to_owned).collect();
        lines.sort();
        lines
    }

    /// Nothing of an appliance runs, and no link or control group of it is there.
    #[track_caller]
    fn is_quiet(&self, tag: &str) {
        let every = r#"for p in /proc/[0-9]*; do tr "\0" " " <$p/cmdline; echo; done"#;
        let output = self.command(&["sh", "-c", every]).output().unwrap();
        let processes = String::from_utf8(output.stdout).unwrap();
        assert!(!processes.contains("grange"), "{processes}");
        assert!(processes.contains("sleep"), "{processes}");
        let links = self.ok("cat /proc/net/dev");
        let links: Vec<&str> = links.lines().skip(2).filter_map(|l| l.split(':').next()).collect();
        assert_eq!(links.iter().map(|link| link.trim()).collect::<Vec<_>>(), ["lo"]);
        assert_eq!(groups(tag), Vec::<PathBuf>::new());
    }

    /// What the platform's links and control groups are called by.
    fn tag(&self) -> Option<String> {
        let place = self.directory.join("var/lib/grange/onboard/onboard.json");
        let place: serde_json::Value =
            serde_json::from_str(&fs::read_to_string(place).ok()?).ok()?;
        place["tag"].as_str().map(str::to_owned)
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let tag = self.tag();
        // Its name spaces' pid 1 dies with it, and everything in them.
        self.holder.kill().ok();
        self.holder.wait().ok();
        // After a failed test only; control groups are not in any name space.
        for group in tag.iter().flat_map(|tag| groups(tag)) {
            let begun = Instant::now();
            while fs::remove_dir(&group).is_err() && begun.elapsed() < Duration::from_secs(5) {
                let inner = fs::read_dir(&group).into_iter().flatten().flatten();
                inner.for_each(|entry| drop(fs::remove_dir(entry.path())));
            }
        }
        fs::remove_dir_all(&self.directory).ok();
    }
}

/// The control groups of a tag, in whichever versions the machine has.
fn groups(tag: &str) -> Vec<PathBuf> {
    let root = Path::new("/sys/fs/cgroup");
    let hierarchies = fs::read_dir(root).unwrap().flatten().map(|entry| entry.path());
    let places = hierarchies.chain([root.to_owned()]).map(|h| h.join(format!("grange-{tag}")));
    places.filter(|place| place.exists()).collect()
}

/// The archive of a bare root, made now if it is not there.
fn archive() -> PathBuf {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _guard = ONE_AT_A_TIME.lock().unwrap();
    let archive = Path::new(CACHE).join(format!("{RELEASE}.tar"));
    if archive.exists() {
        return archive;
    }
    let installed = Command::new("debootstrap").arg("--version").output().is_ok();
    assert!(installed, "debootstrap is missing: apt-get install debootstrap");
    let work = Path::new(CACHE).join(format!("making-{}", std::process::id()));
    fs::create_dir_all(&work).unwrap();
    let (root, half) = (work.join("root"), work.join("half.tar"));
    command("debootstrap", &["--variant=minbase", RELEASE, text(&root)]);
    command("tar", &["-C", text(&root), "-cf", text(&half), "."]);
    fs::rename(half, &archive).unwrap();
    fs::remove_dir_all(work).unwrap();
    archive
}

#[track_caller]
fn command(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let output = output.unwrap_or_else(|error| panic!("{program}: {error}"));
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{program} {}: {text}", arguments.join(" "));
    text
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_bare_machine_becomes_an_appliance_and_is_bare_again() {
    let machine = Machine::boot("whole");
    fs::write(machine.directory.join("root/shop.yaml"), FARM).unwrap();
    let before = machine.files();
    let said = machine.ok("./grange appliance install");
    for part in ["made the system user", "Grange is ready", "https://", "grange apply -f"] {
        assert!(said.contains(part), "{said}");
    }
    machine.ok("grange apply -f shop.yaml");
    let servers = machine.running_servers(2);
    who_may_come_in(&machine);

    let doctor = machine.ok("appliance doctor");
    assert!(doctor.contains("ok    certificate  good for 36"), "{doctor}");
    assert!(!doctor.contains("fail"), "{doctor}");

    let pid = machine.appliance_pid();
    let again = machine.ok("./grange appliance install");
    assert!(again.contains("it runs already"), "{again}");
    assert_eq!(machine.appliance_pid(), pid);

    // A zero at the end makes it another file that does the same.
    machine.ok("cp grange grange-new");
    machine.ok("truncate --size +1 grange-new");
    let updated = machine.ok("./grange-new appliance install");
    machine.ok("rm grange-new");
    assert!(updated.contains("restarted"), "{updated}");
    assert_ne!(machine.appliance_pid(), pid);
    assert_eq!(machine.running_servers(2), servers);

    let tag = machine.tag().unwrap();
    let kept = machine.ok("grange appliance uninstall --keep-data --yes");
    assert!(kept.contains("stopped 2 servers"), "{kept}");
    machine.is_quiet(&tag);
    let doctor = machine.run("./grange appliance doctor --json");
    let found: serde_json::Value = serde_json::from_str(&doctor.text).unwrap();
    let failing = found.as_array().unwrap().iter().filter(|one| one["result"] == "fail");
    let failing: Vec<&str> = failing.filter_map(|one| one["check"].as_str()).collect();
    assert_eq!((doctor.code, failing), (1, vec!["binary", "appliance"]), "{}", doctor.text);
    assert!(doctor.text.contains(" records, "), "{}", doctor.text);
    machine.ok("./grange appliance install");
    assert_eq!(machine.running_servers(2), servers);

    let gone = machine.ok("grange appliance uninstall --yes");
    assert!(gone.contains("removed 2 servers"), "{gone}");
    machine.is_quiet(&tag);
    let after = machine.files();
    let difference = |a: &[String], b: &[String]| -> Vec<String> {
        a.iter().filter(|line| !b.contains(line)).cloned().collect()
    };
    assert_eq!(difference(&after, &before), Vec::<String>::new(), "left behind");
    assert_eq!(difference(&before, &after), Vec::<String>::new(), "taken away");
    let again = machine.ok("./grange appliance uninstall --yes");
    assert!(!again.contains("removed"), "{again}");
}

/// Root on the socket, its token over HTTPS, the user of SSH sessions; and nobody else.
fn who_may_come_in(machine: &Machine) {
    machine.ok("grange status");
    let url = "--url https://127.0.0.1 --ca /var/lib/grange/keys/authority.pem";
    machine.ok(&format!("grange status {url} --token-file /etc/grange/admin.token"));
    machine.refused(&format!("grange status {url}"), 4, "send a bearer token");
    let said = machine.ok("su - grange -c status");
    assert!(said.contains("2 connected"), "{said}");
    machine.refused("su - grange -c serve", 4, "for a shell of the machine");
    machine.refused("su grange -c sh", 2, "unrecognized subcommand 'sh'");
    machine.refused("su nobody -s /usr/local/bin/grange -c status", 4, "who are you?");
    machine.refused("su nobody -s /root/grange -c status", 126, "denied");
}

#[test]
fn a_machine_without_the_tools_for_users_is_installed_too() {
    let machine = Machine::boot("users");
    for tool in ["useradd", "userdel"] {
        fs::remove_file(machine.directory.join("usr/sbin").join(tool)).unwrap();
    }
    let lists =
        ["passwd", "group", "shadow", "gshadow"].map(|n| machine.directory.join("etc").join(n));
    let read = || lists.each_ref().map(|path| fs::read_to_string(path).unwrap());
    let (lines, before) = (read(), machine.files());
    machine.ok("./grange appliance install");
    assert_eq!(machine.ok("id -un grange"), "grange\n");
    machine.ok("su - grange -c status");
    let tag = machine.tag().unwrap();
    machine.ok("grange appliance uninstall --yes");
    assert_eq!((read(), machine.files()), (lines, before));
    machine.is_quiet(&tag);
}

#[test]
fn what_is_in_the_way_is_said_at_once() {
    let machine = Machine::boot("way");
    let mut web = machine.command(&["env", "GRANGE_ADDRESS=0.0.0.0", "./grange", "demo-web"]);
    let mut web = web.args(["--port", "443"]).spawn().unwrap();
    let begun = Instant::now();
    while !machine.ok("cat /proc/net/tcp").contains(":01BB ") {
        assert!(begun.elapsed() < PATIENCE, "nobody listens");
        std::thread::sleep(Duration::from_millis(50));
    }
    machine.refused("./grange appliance install", 6, "0.0.0.0:443");
    web.kill().unwrap();
    web.wait().unwrap();
    machine.ok("rm /usr/local/bin/appliance");
    machine.ok("touch /usr/local/bin/appliance");
    machine.refused("./grange appliance install", 5, "is not ours");
    machine.ok("rm /usr/local/bin/appliance");
    machine.refused("su nobody -s /bin/sh -c /root/grange", 126, "denied");
    fs::write(machine.directory.join("etc/grange/grange.toml"), "[listen]\nhtpps = 1\n").unwrap();
    machine.refused("./grange appliance install", 2, "htpps");
}

/// A person of our name, files of our names: refused at once, and nothing of theirs is touched.
#[test]
fn what_was_there_before_is_refused_or_stays() {
    let machine = Machine::boot("before");
    let at = |path: &str| machine.directory.join(path);
    for (make, unmake, why) in [
        ("useradd -m -s /bin/sh grange", "userdel -r grange", "a user grange (number 1000"),
        ("groupadd grange", "groupdel grange", "a group grange"),
        ("cp /bin/true /usr/local/bin/grange", "rm /usr/local/bin/grange", "is not ours"),
        (
            "cp /bin/true /etc/systemd/system/grange.service",
            "rm /etc/systemd/system/grange.service",
            "is not ours",
        ),
    ] {
        machine.ok("mkdir -p /etc/systemd/system");
        machine.ok(make);
        let before = machine.files();
        machine.refused("./grange appliance install", 5, why);
        assert_eq!(machine.files(), before, "{make}");
        // Nothing is installed, so there is nothing to remove either.
        machine.ok("./grange appliance uninstall --yes");
        assert_eq!(machine.files(), before, "{make}");
        machine.run(unmake);
    }
    machine.ok("mkdir -p -m 0750 /etc/grange /var/lib/grange");
    fs::write(at("etc/grange/theirs"), "kept").unwrap();
    fs::write(at("var/lib/grange/theirs"), "kept").unwrap();
    let before = machine.files();
    machine.ok("./grange appliance install");
    machine.refused("grange appliance uninstall", 2, "say --yes");
    machine.ok("grange status");
    // What somebody has put in the place of ours since is not ours.
    let uid = machine.ok("id -u grange");
    machine.ok("./grange appliance uninstall --yes");
    assert_eq!(machine.files(), before);
    machine.ok("./grange appliance install");
    assert_eq!(machine.ok("id -u grange"), uid);
    machine.ok("userdel grange");
    machine.ok("useradd -M -u 4321 -s /bin/sh grange");
    machine.ok("cp --remove-destination /bin/true /usr/local/bin/grange");
    let said = machine.ok("./grange appliance uninstall --yes");
    for part in ["kept the user grange", "kept /usr/local/bin/grange"] {
        assert!(said.contains(part), "{said}");
    }
    assert_eq!(machine.ok("id -u grange"), "4321\n");
}

#[test]
fn the_service_manager_is_told_and_likes_the_unit() {
    let machine = Machine::boot("notify");
    let manager = UnixDatagram::bind(machine.directory.join("root/notify")).unwrap();
    manager.set_read_timeout(Some(PATIENCE)).unwrap();
    let serve = ["env", "NOTIFY_SOCKET=/root/notify", "./grange", "serve", "--data", "/srv/grange"];
    let mut serve =
        machine.command(&serve).stderr(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
    let heard = || {
        let mut buffer = [0; 64];
        let length = manager.recv(&mut buffer).unwrap();
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    };
    assert_eq!(heard(), "READY=1");
    let pid = machine.ok("head -1 /srv/grange/run/lock");
    let kill = format!("kill {}", pid.trim());
    assert!(machine.command(&["sh", "-c", &kill]).status().unwrap().success());
    assert_eq!(heard(), "STOPPING=1");
    assert!(serve.wait().unwrap().success());

    let analyse = Command::new("systemd-analyze").arg("--version").output().is_ok();
    assert!(analyse, "systemd-analyze is missing: apt-get install systemd");
    let unit = include_str!("../../packaging/grange.service");
    // Verified where systemd is whole, which has no binary in the usual place.
    let unit = unit.replace("/usr/local/bin/grange", env!("CARGO_BIN_EXE_grange"));
    let copy = machine.directory.join("tmp/grange.service");
    fs::write(&copy, unit).unwrap();
    let said = command("systemd-analyze", &["verify", text(&copy)]);
    assert!(!said.contains("grange"), "{said}");
}
