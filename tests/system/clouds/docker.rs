//! The `docker` platform against a real engine: its contract, and a farm from the example with real
//! agents, one container of which is removed behind its back.

use super::engine::{IMAGE, RealEngine, comes};
use grange::base::ServerId;
use grange::base::random::{Stream, fresh_seed};
use grange::client::{self, Client};
use grange::clouds::contract::{self, Rig};
use grange::clouds::docker::Docker;
use grange::clouds::platform::{AccountOpening, OpeningAppliance};
use grange::clouds::{Cloud, CloudStep};
use grange::model::CloudState;
use grange::wire::api::ServerView;
use grange::wire::input::ServerFilter;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// One container of each server, and what the contract wants done to it from outside.
struct Outside<'e>(&'e RealEngine);

impl Outside<'_> {
    fn container(&self, server: ServerId) -> String {
        let found = self.0.ours(&format!("grange.server={server}"));
        assert_eq!(found.len(), 1, "{server} is one container");
        found[0].clone()
    }
}

impl Rig for Outside<'_> {
    fn settle(&self, holds: &dyn Fn() -> bool) -> bool {
        comes(Duration::from_secs(30), holds)
    }

    fn write(&self, server: ServerId, mount_point: &str, text: &str) {
        let script = format!("echo -n {text} > {mount_point}/text");
        self.0.says(&["exec", &self.container(server), "/bin/sh", "-c", &script]);
    }

    fn read(&self, server: ServerId, mount_point: &str) -> Option<String> {
        let at = format!("{mount_point}/text");
        let output = self.0.docker(&["exec", &self.container(server), "/bin/cat", &at]);
        output.status.success().then(|| String::from_utf8(output.stdout).unwrap())
    }

    fn crash(&self, server: ServerId) {
        self.0.says(&["kill", &self.container(server)]);
    }

    fn image(&self) -> (String, Vec<String>) {
        (IMAGE.to_owned(), Vec::new())
    }
}

#[test]
fn docker_keeps_the_contract() {
    let engine = RealEngine::start("contract", 251);
    let agent = engine.directory.join("agent.sh");
    fs::write(&agent, "#!/bin/sh\nexec /bin/sleep 86400\n").unwrap();
    fs::set_permissions(&agent, fs::Permissions::from_mode(0o755)).unwrap();
    let appliance =
        OpeningAppliance { tag: "contract".to_owned(), agent_executable: agent, agents_port: 8883 };
    let (endpoint, options) = (engine.endpoint(), BTreeMap::new());
    let cloud = Docker::open(&AccountOpening { endpoint, options, appliance }).unwrap();
    let outside = Outside(&engine);
    let kept = contract::check(&cloud, &outside, fresh_seed());
    kept.unwrap_or_else(|broken| panic!("{broken}"));
    let id = ServerId::draw(&mut Stream::new(fresh_seed(), "doubled"));
    let request = contract::request(&outside, &cloud, id, 3);
    let launch = || cloud.apply(&CloudStep::Launch(Box::new(request.clone())));
    std::thread::scope(|scope| {
        let all: Vec<_> = (0..4).map(|_| scope.spawn(launch)).collect();
        for one in all {
            one.join().unwrap().unwrap();
        }
    });
    assert_eq!(engine.ours("grange.appliance").len(), 1, "four launches of one server at once");
    // What an earlier try made and neither filled nor started.
    cloud.apply(&CloudStep::Terminate(id)).unwrap();
    let labels = [format!("grange.server={id}"), "grange.appliance=contract".to_owned()];
    let [one, other] = labels.each_ref().map(String::as_str);
    let program = ["--entrypoint", "/usr/local/lib/grange/grange-agent"];
    let made = [&["create", "--label", one, "--label", other][..], &program, &[IMAGE]].concat();
    engine.says(&made);
    launch().unwrap();
    assert!(outside.settle(&|| cloud.list().unwrap()[0].state == CloudState::Running));
    cloud.apply(&CloudStep::Terminate(id)).unwrap();
}

/// An appliance in the name space of an engine.
struct Appliance<'e> {
    engine: &'e RealEngine,
    client: Client,
    serve: Child,
}

impl<'e> Appliance<'e> {
    fn start(engine: &'e RealEngine) -> Appliance<'e> {
        let directory = &engine.directory;
        for built in [env!("CARGO_BIN_EXE_grange"), env!("CARGO_BIN_EXE_grange-agent")] {
            let copy = directory.join(Path::new(built).file_name().unwrap());
            // Into each container goes a copy, and most of one is for debuggers.
            let stripped = Command::new("strip").arg("-o").arg(&copy).arg(built).status();
            if !stripped.is_ok_and(|status| status.success()) {
                fs::copy(built, &copy).unwrap();
            }
        }
        let config = "[listen]\nhttps = \"127.0.0.1:7443\"\nagents = \"0.0.0.0:8883\"\n[agents]\n\
                      interval_s = 1\n[onboard]\nenabled = false\n";
        fs::write(directory.join("grange.toml"), config).unwrap();
        let log = fs::File::create(directory.join("serve.log")).unwrap();
        let serve = Command::new("nsenter")
            .arg(format!("--net=/run/netns/{}", engine.space))
            .arg(directory.join("grange"))
            .args(["serve", "--config", "grange.toml", "--data", "grange-data"])
            .current_dir(directory)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let client =
            Client::new(Arc::new(client::socket(directory.join("grange-data/run/api.sock"))));
        let appliance = Appliance { engine, client, serve };
        let up = || appliance.client.status().is_ok();
        assert!(comes(Duration::from_secs(30), up), "the appliance does not answer");
        appliance
    }

    /// What `grange` prints; it has to end well.
    fn grange(&self, arguments: &[&str]) -> String {
        let directory = &self.engine.directory;
        let output = Command::new(directory.join("grange"))
            .args(arguments)
            .env("GRANGE_SOCKET", directory.join("grange-data/run/api.sock"))
            .current_dir(directory)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "grange {arguments:?}: {said}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn apply(&self, farm: &str) {
        fs::write(self.engine.directory.join("farm.yaml"), farm).unwrap();
        self.grange(&["apply", "-f", "farm.yaml", "--yes"]);
    }

    fn servers(&self) -> Vec<ServerView> {
        self.client.servers(&ServerFilter::default()).unwrap()
    }

    /// Waits until just these servers run, each with its agent on the line.
    fn run(&self, names: &[&str], what: &str) -> Vec<ServerView> {
        let end = Instant::now() + Duration::from_secs(120);
        loop {
            let servers = self.servers();
            let is_up = |server: &&ServerView| {
                let named = names.contains(&server.hostname.as_str());
                named && server.status == "running" && server.grange.agent_connected
            };
            if servers.len() == names.len() && servers.iter().filter(is_up).count() == names.len() {
                return servers;
            }
            let explained = || self.grange(&["server", "list"]);
            assert!(Instant::now() < end, "{what}: {}", explained());
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn container(&self, name: &str) -> String {
        let server = self.servers().into_iter().find(|server| server.hostname == name).unwrap();
        let found = self.engine.ours(&format!("grange.server={}", server.id));
        assert_eq!(found.len(), 1, "{name} is one container");
        found[0].clone()
    }
}

impl Drop for Appliance<'_> {
    fn drop(&mut self) {
        let pid = Pid::from_raw(i32::try_from(self.serve.id()).unwrap());
        kill(pid, Signal::SIGTERM).unwrap();
        self.serve.wait().unwrap();
    }
}

#[test]
fn a_farm_lives_in_containers() {
    let engine = RealEngine::start("farm", 252);
    let appliance = Appliance::start(&engine);
    appliance.grange(&[
        "cloud",
        "add",
        "docker",
        "--name",
        "home",
        "--endpoint",
        &engine.endpoint(),
    ]);
    let checked = appliance.grange(&["cloud", "check", "home"]);
    assert!(checked.contains("172.31.252.1:8883"), "{checked}");
    appliance.grange(&["example", "write", "examples"]);
    appliance.grange(&["role", "apply", "-f", "examples/docker/role.yaml"]);
    let farm = fs::read_to_string(engine.directory.join("examples/docker/farm.yaml")).unwrap();
    appliance.apply(&farm);
    let all = ["web-1", "web-2", "spare-1"];
    let servers = appliance.run(&all, "the farm comes up");
    assert!(servers.iter().all(|server| server.cloud_platform == "docker"));
    let page = ["exec", &appliance.container("spare-1"), "/bin/wget", "-qO-"];
    let address = servers.iter().find(|server| server.hostname == "web-1").unwrap();
    let url = format!("http://{}:8080/", address.private_ip[0]);
    assert_eq!(engine.says(&[&page[..], &[url.as_str()]].concat()), "web-1");

    let lost = appliance.container("web-1");
    engine.says(&["exec", &lost, "/bin/sh", "-c", "echo kept > /data/mark"]);
    engine.says(&["rm", "--force", &lost]);
    let gone = || appliance.servers().iter().all(|server| server.id != address.id);
    assert!(comes(Duration::from_secs(90), gone), "nobody missed it");
    appliance.run(&all, "the lost one is replaced");
    let mark = ["exec", &appliance.container("web-1"), "/bin/cat", "/data/mark"];
    assert_eq!(engine.says(&mark), "kept");

    // Scaled, and rolled over to another size, at once.
    let other = farm.replace("minInstances: 2", "minInstances: 3").replace("nano", "small");
    appliance.apply(&other);
    appliance.run(&["web-1", "web-2", "web-3", "spare-1"], "one more, and another size");
    let small = || {
        let spare = appliance.servers().into_iter().find(|server| server.hostname == "spare-1");
        spare.is_some_and(|s| s.instance_type.id == "small" && s.grange.agent_connected)
    };
    assert!(comes(Duration::from_secs(90), small), "it stays of the old size");
    let bytes = ["inspect", "--format", "{{.HostConfig.Memory}}", &appliance.container("spare-1")];
    assert_eq!(engine.says(&bytes), "134217728");

    appliance.grange(&["server", "suspend", "pages/web-2", "--yes"]);
    let state = ["inspect", "--format", "{{.State.Status}}", &appliance.container("web-2")];
    assert!(comes(Duration::from_secs(30), || engine.says(&state) == "paused"));
    appliance.grange(&["farm", "terminate", "pages", "--yes"]);
    let empty = || engine.ours("grange.appliance").is_empty() && appliance.servers().is_empty();
    assert!(comes(Duration::from_secs(60), empty), "{:?}", engine.ours("grange.appliance"));
    appliance.grange(&["farm", "remove", "pages", "--yes"]);
    let volumes = ["volume", "ls", "--quiet", "--filter", "label=grange.appliance"];
    assert_eq!(engine.says(&volumes).lines().count(), 4);
    let ids = appliance.grange(&["volume", "list", "-o", "name"]);
    let ids: Vec<&str> = ids.lines().collect();
    appliance.grange(&[&["volume", "delete", "--yes"], &ids[..]].concat());
    let none = || engine.says(&volumes).is_empty();
    assert!(comes(Duration::from_secs(60), none), "{}", engine.says(&volumes));
}
