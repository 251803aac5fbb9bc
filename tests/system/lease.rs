//! One appliance for the servers of one tag on a machine, whatever became of its state directory:
//! copied, moved, mounted twice, seen from another container. What is refused touches no server.

use grange::base::random::{Stream, fresh_seed};
use grange::base::{ServerId, Timestamp, WallClock};
use grange::clouds::onboard::{Failure, Isolation, Onboard, OnboardConfig, leftovers};
use grange::clouds::{Cloud, CloudStep, LaunchRequest};
use grange::model::{CloudState, Install};
use grange::pki::Authority;
use grange::service::appliance::install;
use grange::store::{Mode, Store};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A directory with a state directory `a` in it, whose appliance has one server.
struct Site {
    directory: PathBuf,
    server: ServerId,
    isolation: Isolation,
}

impl Site {
    fn new(name: &str, isolation: Isolation) -> (Site, Onboard) {
        assert!(nix::unistd::geteuid().is_root(), "this test needs root: sudo cargo test");
        let unique = format!("grange-lease-{name}-{}", std::process::id());
        let directory = std::env::temp_dir().join(unique);
        fs::create_dir_all(&directory).unwrap();
        let server = fresh_server();
        let site = Site { directory, server, isolation };
        let cloud = site.reopen("a");
        let request = LaunchRequest {
            server,
            hostname: "web-1".into(),
            farm: "shop".into(),
            farm_role: grange::base::FarmRoleId(7),
            index: 1,
            location: "here".into(),
            zone: None,
            instance_type: "nano".into(),
            image: "machine".into(),
            command: vec!["sleep".into(), "86400".into()],
            outbound: false,
            storage: Vec::new(),
            user_data: grange::base::Secret::new(""),
        };
        cloud.apply(&CloudStep::Launch(Box::new(request))).unwrap();
        (site, cloud)
    }

    fn at(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    fn open(&self, name: &str, take_over: bool) -> Result<Onboard, Failure> {
        Onboard::open(OnboardConfig {
            state_dir: self.at(name).join("onboard"),
            executable: env!("CARGO_BIN_EXE_grange").into(),
            agent_executable: env!("CARGO_BIN_EXE_grange").into(),
            masks: Vec::new(),
            isolation: Some(self.isolation),
            disk_bytes: None,
            take_over,
        })
    }

    /// Opens what this process has closed. What another test's thread starts just then keeps our
    /// files open until it is another program, and with them the lease.
    #[track_caller]
    fn reopen(&self, name: &str) -> Onboard {
        let end = Instant::now() + Duration::from_secs(10);
        loop {
            match self.open(name, false) {
                Ok(cloud) => return cloud,
                Err(failure) if failure.is_taken() && Instant::now() < end => {
                    std::thread::sleep(Duration::from_millis(20));
                }
                Err(failure) => panic!("{name}: {}", failure.line()),
            }
        }
    }

    /// Refused as somebody else's, saying so, and the server runs on.
    #[track_caller]
    fn refused(&self, name: &str, parts: &[&str], pid: i32) {
        let end = Instant::now() + Duration::from_secs(10);
        loop {
            let Err(failure) = self.open(name, false) else { panic!("{name} was let in") };
            assert!(failure.is_taken(), "{}", failure.line());
            let line = failure.line();
            if parts.iter().all(|part| line.contains(part)) {
                break;
            }
            // As in `reopen`: the one before may hold the lease for some more moments.
            assert!(Instant::now() < end, "{line}: {parts:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
        assert!(runs(pid), "what was refused has ended the server");
    }

    fn copy(&self, from: &str, to: &str) {
        run("cp", &["-a", text(&self.at(from)), text(&self.at(to))]);
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        for name in ["a", "b", "c"] {
            // One of them has the servers; the others are refused, and have none.
            if self.at(name).exists() {
                drop(self.open(name, true).map(|cloud| cloud.remove_all(true)));
            }
        }
        fs::remove_dir_all(&self.directory).ok();
    }
}

fn fresh_server() -> ServerId {
    ServerId::draw(&mut Stream::new(fresh_seed(), "servers"))
}

fn runs(pid: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    !stat.is_empty() && !stat.contains(") Z ")
}

fn run(program: &str, arguments: &[&str]) {
    assert!(Command::new(program).args(arguments).status().unwrap().success(), "{arguments:?}");
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_copy_beside_the_original_is_refused_whichever_runs() {
    for isolation in [Isolation::Namespaces, Isolation::Processes] {
        let (site, cloud) = Site::new(&format!("copy-{isolation:?}"), isolation);
        let pid = cloud.init_pid(site.server).unwrap();
        site.copy("a", "b");
        let own = format!("process {}", std::process::id());
        site.refused("b", &[text(&site.at("a/onboard")), &own, "since 20"], pid);
        drop(cloud);
        site.refused("b", &[text(&site.at("a/onboard")), "copy", "--take-over"], pid);
        // The original is let in again, and finds its server as it was.
        let cloud = site.reopen("a");
        assert_eq!(cloud.owner().unwrap().epoch, 1);
        assert_eq!(cloud.init_pid(site.server), Some(pid));
        // A copy without a mark of its own, as of a build that wrote none.
        site.copy("a", "c");
        fs::remove_file(site.at("c/onboard/owner.json")).unwrap();
        drop(cloud);
        site.refused("c", &[text(&site.at("a/onboard")), "copy"], pid);
    }
}

#[test]
fn servers_are_taken_over_when_it_is_said_and_nobody_runs_them() {
    let (site, cloud) = Site::new("over", Isolation::Namespaces);
    let pid = cloud.init_pid(site.server).unwrap();
    site.copy("a", "b");
    let taken = site.open("b", true).err().unwrap();
    assert!(taken.is_taken(), "the owner runs: {}", taken.line());
    drop(cloud);
    let cloud = site.open("b", true).unwrap();
    assert_eq!(cloud.owner().unwrap().epoch, 2);
    assert_eq!(cloud.list().unwrap()[0].state, CloudState::Running);
    site.refused("a", &[text(&site.at("b/onboard")), "process"], pid);
    drop(cloud);
    // As after a reboot: the register is empty.
    let tag = site.reopen("b").owner().unwrap().tag;
    fs::remove_file(Path::new("/run/grange-onboard").join(tag)).unwrap();
    site.refused("a", &[text(&site.at("b/onboard")), "copy"], pid);
}

#[test]
fn a_directory_that_was_moved_is_the_same_appliance() {
    let (site, cloud) = Site::new("moved", Isolation::Namespaces);
    let pid = cloud.init_pid(site.server).unwrap();
    drop(cloud);
    fs::rename(site.at("a"), site.at("b")).unwrap();
    let cloud = site.reopen("b");
    assert_eq!((cloud.owner().unwrap().epoch, cloud.init_pid(site.server)), (2, Some(pid)));
    // Restored from a backup to where it was first, while the one that was moved is there.
    site.copy("b", "a");
    site.refused("a", &[text(&site.at("b/onboard")), "process"], pid);
    drop(cloud);
    site.refused("a", &[text(&site.at("b/onboard")), "copy"], pid);
}

#[test]
fn another_name_of_the_directory_is_no_copy() {
    let (site, cloud) = Site::new("names", Isolation::Namespaces);
    let pid = cloud.init_pid(site.server).unwrap();
    std::os::unix::fs::symlink(site.at("a"), site.at("c")).unwrap();
    site.refused("c", &[text(&site.at("a/onboard")), "process"], pid);
    drop(cloud);
    let cloud = site.reopen("c");
    assert_eq!((cloud.owner().unwrap().epoch, cloud.init_pid(site.server)), (1, Some(pid)));
    drop(cloud);
    fs::create_dir(site.at("b")).unwrap();
    run("mount", &["--bind", text(&site.at("a")), text(&site.at("b"))]);
    let found = site.reopen("b").init_pid(site.server);
    run("umount", &[text(&site.at("b"))]);
    fs::remove_dir(site.at("b")).unwrap();
    assert_eq!(found, Some(pid));
}

/// A state directory is deleted while its servers run: they are found by the tag they carry, and go
/// when that is said. Those of an appliance that runs, is stopped or was moved do not.
#[test]
fn what_a_deleted_directory_leaves_is_listed_and_swept() {
    for isolation in [Isolation::Namespaces, Isolation::Processes] {
        let (site, cloud) = Site::new(&format!("left-{isolation:?}"), isolation);
        let (other_site, other) = Site::new(&format!("stays-{isolation:?}"), isolation);
        let others = other.init_pid(other_site.server).unwrap();
        let (pid, tag) = (cloud.init_pid(site.server).unwrap(), cloud.owner().unwrap().tag);
        let left = || leftovers().into_iter().find(|one| one.tag == tag);
        // One that sleeps goes like one that is awake.
        cloud.apply(&CloudStep::Suspend(site.server)).unwrap();
        assert_eq!(left(), None, "it runs");
        drop(cloud);
        assert_eq!(left(), None, "it is stopped, and its directory is there");
        fs::rename(site.at("a"), site.at("b")).unwrap();
        assert_eq!(left(), None, "it was moved, and its servers know where");
        let (there, aside) = (site.at("b/onboard/onboard.json"), site.at("aside"));
        fs::rename(site.at("b"), site.at("a")).unwrap();
        fs::rename(site.at("a/onboard/onboard.json"), &aside).unwrap();
        assert_eq!(left(), None, "its directory is damaged, and has servers");
        fs::write(site.at("a/onboard/onboard.json"), "{").unwrap();
        assert_eq!(left(), None, "its directory cannot be read");
        fs::rename(site.at("a"), site.at("b")).unwrap();
        fs::rename(&aside, &there).unwrap();
        let cloud = site.reopen("b");
        fs::remove_dir_all(site.at("b")).unwrap();
        assert_eq!(left(), None, "it runs, whatever became of its directory");
        drop(cloud);
        let found = left().unwrap();
        assert_eq!(found.owner.clone().unwrap().place, site.at("b/onboard"));
        let kinds: &[&str] = match isolation {
            Isolation::Namespaces => &["process ", "link gr-", "link gv", "control group "],
            Isolation::Processes => &["process "],
        };
        for kind in kinds {
            assert!(found.things.iter().any(|thing| thing.starts_with(kind)), "{kind}: {found:?}");
        }
        let said = grange_says(&["appliance", "sweep"]);
        let place = site.at("b/onboard");
        for part in [&*tag, text(&place), "that directory is gone", "say --yes"] {
            assert!(said.contains(part), "{part}: {said}");
        }
        let doctor = grange_says(&["appliance", "doctor"]);
        assert!(doctor.contains("look with: grange appliance sweep"), "{doctor}");
        assert!(runs(pid), "only looked at");
        let said = sweep_alone(&tag);
        assert!(said.contains(&format!("{tag} is removed")), "{said}");
        assert!(!runs(pid) && runs(others), "{said}");
        assert_eq!(left(), None);
        assert!(!Path::new("/sys/class/net").join(format!("gr-{tag}")).exists());
        let trees = fs::read_dir("/sys/fs/cgroup").unwrap().flatten();
        let mut groups = trees.map(|tree| tree.path().join(format!("grange-{tag}")));
        assert!(!groups.any(|group| group.exists()));
        for device in fs::read_dir("/sys/block").unwrap().flatten() {
            let file = fs::read_to_string(device.path().join("loop/backing_file"));
            assert!(!file.unwrap_or_default().contains(text(&site.directory)));
        }
        assert_eq!(other.list().unwrap()[0].state, CloudState::Running);
    }
}

/// What looks like ours and is in no register is told of, and not touched.
#[test]
fn what_no_register_names_is_left_alone() {
    let mut stranger = Command::new("sleep")
        .arg("86400")
        .env("GRANGE_OWNER", "0dd0dd")
        .env("GRANGE_SERVER", fresh_server().to_string())
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let said = sweep_alone("");
    let alone = stranger.try_wait().unwrap().is_none();
    stranger.kill().unwrap();
    stranger.wait().unwrap();
    assert!(alone && said.contains("0dd0dd: nothing here says which directory it is of"), "{said}");
}

/// Removes what one tag left: with a register that names no other, as tests beside this one have
/// names in the machine's.
fn sweep_alone(tag: &str) -> String {
    let named = Path::new("/run/grange-onboard").join(tag);
    let script = r#"
        mkdir -p -m 700 "$1" && { test -z "$2" || cp -a "$3" "$1/"; } &&
        mount -t tmpfs tmpfs /run && cp -a "$1" /run/grange-onboard &&
        exec "$0" appliance sweep --yes"#;
    let own = std::env::temp_dir().join(format!("grange-sweep-{}-{tag}", std::process::id()));
    let output = Command::new("unshare")
        .args(["-m", "sh", "-c", script, env!("CARGO_BIN_EXE_grange"), text(&own), tag])
        .arg(&named)
        .output()
        .unwrap();
    fs::remove_dir_all(&own).unwrap();
    if !tag.is_empty() {
        fs::remove_file(&named).unwrap();
    }
    String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap()
}

fn grange_says(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_grange")).args(arguments).output().unwrap();
    String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap()
}

/// The whole appliance on a copy, in containers that share less and less with the original.
#[test]
fn a_copy_in_another_container_is_refused_with_the_exit_code_of_what_is_taken() {
    let (site, cloud) = Site::new("container", Isolation::Namespaces);
    let pid = cloud.init_pid(site.server).unwrap();
    let store = Store::open(&site.at("a"), Arc::new(WallClock::new()), Mode::Thread).unwrap();
    let now = Timestamp(1_790_000_000_000);
    let authority = String::new();
    let fresh = Install {
        id: "a".into(),
        epoch: 1,
        seed: 1,
        created_at: now,
        authority,
        sealing_key: None,
    };
    install::ensure(&store, fresh).unwrap();
    drop(Authority::open(&site.at("a").join("keys"), now).unwrap());
    assert!(store.close());
    site.copy("a", "b");
    let config = site.at("grange.toml");
    let ports = "[listen]\nhttps = \"127.0.0.1:0\"\nagents = \"127.0.0.1:0\"\n";
    fs::write(&config, ports).unwrap();
    let own = format!("process {}", std::process::id());
    for (shares, register, why) in [
        ("-m", false, own.as_str()),
        ("-m", true, own.as_str()),
        ("-mn", true, "another container"),
    ] {
        let hide = match register {
            true => "mount -t tmpfs tmpfs /run && mount -t tmpfs tmpfs \"$3\" &&",
            false => "",
        };
        let serve = "exec \"$0\" serve --config \"$1\" --data \"$2\"";
        let script = format!("ip link set lo up; {hide} {serve}");
        let output = Command::new("unshare")
            .args([shares, "sh", "-c", &script, env!("CARGO_BIN_EXE_grange")])
            .args([&config, &site.at("b"), &site.at("a")])
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(5), "{shares} {register}: {said}");
        assert!(said.contains(why), "{shares} {register}: {said}");
        assert!(runs(pid), "{said}");
    }
    assert_eq!(cloud.list().unwrap()[0].state, CloudState::Running);
    drop(cloud);
}
