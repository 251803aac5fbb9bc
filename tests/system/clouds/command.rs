//! The `command` platform with real programs: its contract, a farm from the example with real
//! agents as processes on loopback, and launch alone, with an answer that is lost.

use super::appliance::Appliance;
use super::engine::comes;
use super::yard::Yard;
use grange::base::ServerId;
use grange::base::random::fresh_seed;
use grange::clouds::command::CommandCloud;
use grange::clouds::contract::{self, Rig};
use grange::clouds::platform::{AccountOpening, OpeningAppliance};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::PathBuf;
use std::time::Duration;

/// A directory of the example's programs, with servers of its own.
struct Programs {
    directory: PathBuf,
}

impl Programs {
    fn new(yard: &Yard, agent: &str) -> Programs {
        let directory = yard.directory.join("clouds");
        fs::create_dir_all(&directory).unwrap();
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o755)).unwrap();
        let programs = Programs { directory };
        let text = include_str!("../../../assets/examples/command/vms.toml");
        let text = text
            .replace("/etc/grange/clouds", programs.directory.to_str().unwrap())
            .replace("/var/lib/grange-vms", programs.servers().to_str().unwrap())
            .replace("/usr/bin/grange-agent", agent);
        programs.put("vms.toml", &text);
        programs.put("vms.py", include_str!("../../../assets/examples/command/vms.py"));
        programs
    }

    fn put(&self, name: &str, text: &str) {
        let path = self.directory.join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    }

    fn endpoint(&self, name: &str) -> String {
        self.directory.join(name).display().to_string()
    }

    fn servers(&self) -> PathBuf {
        self.directory.join("servers")
    }

    fn home(&self, server: &str) -> PathBuf {
        self.servers().join(format!("vm-{}", &server[..8]))
    }

    fn group(&self, server: &str) -> Pid {
        let pid = fs::read_to_string(self.home(server).join("pid")).unwrap();
        Pid::from_raw(pid.parse().unwrap())
    }

    fn homes(&self) -> usize {
        fs::read_dir(self.servers()).map_or(0, |entries| entries.count())
    }
}

impl Drop for Programs {
    fn drop(&mut self) {
        for entry in fs::read_dir(self.servers()).into_iter().flatten().flatten() {
            let pid = fs::read_to_string(entry.path().join("pid")).unwrap_or_default();
            if let Ok(pid) = pid.parse() {
                let _gone = killpg(Pid::from_raw(pid), Signal::SIGKILL);
            }
        }
    }
}

impl Rig for Programs {
    fn settle(&self, holds: &dyn Fn() -> bool) -> bool {
        comes(Duration::from_secs(30), holds)
    }

    fn write(&self, _: ServerId, _: &str, _: &str) {}

    fn read(&self, _: ServerId, _: &str) -> Option<String> {
        None
    }

    fn crash(&self, server: ServerId) {
        killpg(self.group(&server.to_string()), Signal::SIGKILL).unwrap();
    }

    fn has_volumes(&self) -> bool {
        false
    }

    fn image(&self) -> (String, Vec<String>) {
        ("debian-12".to_owned(), Vec::new())
    }
}

#[test]
fn command_keeps_the_contract() {
    let yard = Yard::new("command-contract");
    let agent = yard.script("agent", "#!/bin/sh\nexec /bin/sleep 86400\n");
    let programs = Programs::new(&yard, &agent);
    let appliance = OpeningAppliance {
        tag: "contract".to_owned(),
        programs: programs.directory.clone(),
        state: yard.directory.join("state"),
        ..OpeningAppliance::default()
    };
    let (name, options) = ("vms".to_owned(), BTreeMap::new());
    let endpoint = programs.endpoint("vms.toml");
    let opening = AccountOpening { name, endpoint, options, secret: None, appliance };
    let cloud = CommandCloud::open(&opening).unwrap_or_else(|fault| panic!("{}", fault.why));
    let kept = contract::check(&cloud, &programs, fresh_seed());
    kept.unwrap_or_else(|broken| panic!("{broken}"));
    assert_eq!(programs.homes(), 0);
}

#[test]
fn a_farm_lives_in_what_programs_make() {
    let yard = Yard::new("command-farm");
    let agent = yard.directory.join("grange-agent").display().to_string();
    let programs = Programs::new(&yard, &agent);
    let appliance = Appliance::start(&yard);
    let wrong = |file: &str, expected: &str| {
        let endpoint = programs.endpoint(file);
        let add = ["cloud", "add", "command", "--name", "vms", "--endpoint", &endpoint];
        let said = appliance.fails(&add);
        assert!(said.contains("endpoint: ") && said.contains(expected), "{file}: {said}");
    };
    wrong("nowhere.toml", "No such file");
    wrong("vms.py", "write a file of");
    wrong("../vms.toml", "write a file of");
    programs.put("loose.toml", "[launch]\nrun = 'x'\nid = 'y'\n");
    let loose = programs.directory.join("loose.toml");
    fs::set_permissions(&loose, fs::Permissions::from_mode(0o666)).unwrap();
    wrong("loose.toml", "others may write");
    fs::set_permissions(&loose, fs::Permissions::from_mode(0o644)).unwrap();
    chown(&loose, Some(65534), None).unwrap();
    wrong("loose.toml", "belongs to another user");
    programs.put("typo.toml", "[launch]\nrun = 'x'\nid = 'y'\n[lsit]\nrun = 'x'\n");
    wrong("typo.toml", "line 4: unknown field `lsit`");
    programs.put("broken.toml", "[launch]\nrun='x'\nid='y'\n[list]\nrun='false'\nid='y'\n");
    wrong("broken.toml", "list ended with exit code 1");
    let endpoint = programs.endpoint("vms.toml");
    appliance.grange(&["cloud", "add", "command", "--name", "vms", "--endpoint", &endpoint]);
    let checked = appliance.grange(&["cloud", "check", "vms"]);
    assert!(checked.contains("carries no lease"), "{checked}");
    appliance.grange(&["example", "write", "examples"]);
    appliance.grange(&["role", "apply", "-f", "examples/command/role.yaml"]);
    let farm = fs::read_to_string(yard.directory.join("examples/command/farm.yaml")).unwrap();
    appliance.apply(&farm);
    let all = ["web-1", "web-2", "spare-1"];
    let servers = appliance.run(&all, "the farm comes up");
    let first = servers.iter().find(|server| server.hostname == "web-1").unwrap();
    assert!(first.private_ip[0].starts_with("127.77.0."), "{:?}", first.private_ip);

    killpg(programs.group(&first.id), Signal::SIGKILL).unwrap();
    fs::remove_dir_all(programs.home(&first.id)).unwrap();
    let gone = || appliance.servers().iter().all(|server| server.id != first.id);
    assert!(comes(Duration::from_secs(90), gone), "nobody missed it");
    appliance.run(&["web-2", "web-3", "spare-1"], "the lost one is replaced");
    appliance.apply(&farm.replace("minInstances: 2", "minInstances: 3"));
    appliance.run(&["web-1", "web-2", "web-3", "spare-1"], "one more");
    appliance.grange(&["server", "suspend", "tries/web-2", "--yes"]);
    let status = |name: &str| {
        let all = appliance.servers();
        all.into_iter().find(|server| server.hostname == name).map(|server| server.status)
    };
    let asleep = || status("web-2").as_deref() == Some("suspended");
    assert!(comes(Duration::from_secs(30), asleep), "{:?}", status("web-2"));
    appliance.grange(&["farm", "terminate", "tries", "--yes"]);
    let empty = || appliance.servers().is_empty() && programs.homes() == 0;
    assert!(comes(Duration::from_secs(60), empty), "{} are left", programs.homes());
}

const ALONE: &str = "farm: alone\nfarmRoles:\n  - alias: web\n    role: plain\n    \
                     cloudPlatform: command\n    useScalrAgent: false\n    instanceType: nano\n    \
                     scaling: {minInstances: 1, maxInstances: 1}\n";

/// As the Autoscaler had it: a command that prints JSON, and nothing else.
#[test]
fn launch_alone_is_enough_and_a_lost_answer_counts_until_a_person_says_so() {
    let yard = Yard::new("command-alone");
    let programs = Programs::new(&yard, "none");
    let asked = programs.directory.join("asked");
    let script = format!(
        "#!/bin/sh\necho $GRANGE_SERVER >> {0}\nif test -e {0}.hang; then sleep 600 & echo $! > \
         {0}.pid; wait; fi\necho '{{\"Instances\": [{{\"InstanceId\": \"i-1\"}}]}}'\n",
        asked.display()
    );
    let script = yard.script("launch", &script);
    let file =
        format!("[launch]\nrun = '{script}'\nid = 'Instances[0].InstanceId'\ntimeout-s = 2\n");
    programs.put("alone.toml", &file);
    fs::write(asked.with_extension("hang"), "").unwrap();
    let appliance = Appliance::start(&yard);
    let endpoint = programs.endpoint("alone.toml");
    appliance.grange(&["cloud", "add", "command", "--name", "vms", "--endpoint", &endpoint]);
    let role = "role: plain\nimages:\n  - {cloudPlatform: command, image: \"x\"}\n";
    fs::write(yard.directory.join("role.yaml"), role).unwrap();
    appliance.grange(&["role", "apply", "-f", "role.yaml"]);
    appliance.apply(ALONE);
    let told = || appliance.grange(&["explain", "alone/web-1"]);
    let lost = || told().contains("did not end within 2 s");
    assert!(comes(Duration::from_secs(30), lost), "{}", told());
    // Its whole group was ended, the sleep in it too.
    let pid = fs::read_to_string(asked.with_extension("pid")).unwrap();
    let stat = PathBuf::from(format!("/proc/{}/stat", pid.trim()));
    let ended = || fs::read_to_string(&stat).map_or(true, |text| text.contains(") Z "));
    assert!(comes(Duration::from_secs(10), ended), "its group lives");
    fs::remove_file(asked.with_extension("hang")).unwrap();
    // Two periods of listings and plans later it still counts, and no other is asked for.
    let looks = || appliance.grange(&["status"]);
    let runs = |said: &str| -> u64 {
        let line = said.lines().find(|line| line.starts_with("observe")).unwrap().to_owned();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    };
    let then = runs(&looks());
    assert!(comes(Duration::from_secs(60), || runs(&looks()) > then + 2));
    assert_eq!(fs::read_to_string(&asked).unwrap().lines().count(), 1);
    appliance.grange(&["server", "terminate", "alone/web-1", "--gone", "--yes"]);
    let up = || appliance.grange(&["server", "list"]).contains("running");
    assert!(comes(Duration::from_secs(90), up), "{}", appliance.grange(&["server", "list"]));
    assert_eq!(fs::read_to_string(&asked).unwrap().lines().count(), 2);
    let events = appliance.grange(&["events"]);
    assert!(events.contains("gone: a person says so"), "{events}");

    // Nothing ends it but a person, here too.
    appliance.grange(&["farm", "terminate", "alone", "--yes"]);
    let refused = || told().contains("there is no terminate program: end i-1 by hand");
    assert!(comes(Duration::from_secs(60), refused), "{}", told());
    appliance.grange(&["server", "terminate", "alone/web-1", "--gone", "--yes"]);
    assert!(comes(Duration::from_secs(30), || appliance.servers().is_empty()));
}
