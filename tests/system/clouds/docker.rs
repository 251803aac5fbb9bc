//! The `docker` platform against a real engine: its contract, and a farm from the example with real
//! agents, one container of which is removed behind its back.

use super::appliance::Appliance;
use super::engine::{IMAGE, RealEngine, comes};
use grange::base::ServerId;
use grange::base::random::{Stream, fresh_seed};
use grange::clouds::contract::{self, Rig};
use grange::clouds::docker::Docker;
use grange::clouds::platform::{AccountOpening, OpeningAppliance};
use grange::clouds::{Cloud, CloudStep};
use grange::model::CloudState;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

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
    let agent = engine.yard.directory.join("agent.sh");
    fs::write(&agent, "#!/bin/sh\nexec /bin/sleep 86400\n").unwrap();
    fs::set_permissions(&agent, fs::Permissions::from_mode(0o755)).unwrap();
    let appliance = OpeningAppliance {
        tag: "contract".to_owned(),
        agent_executable: agent,
        agents_port: 8883,
        ..OpeningAppliance::default()
    };
    let (name, endpoint, options) = ("home".to_owned(), engine.endpoint(), BTreeMap::new());
    let cloud =
        Docker::open(&AccountOpening { name, endpoint, options, secret: None, appliance }).unwrap();
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

#[test]
fn a_farm_lives_in_containers() {
    let engine = RealEngine::start("farm", 252);
    let appliance = Appliance::start(&engine.yard);
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
    let farm = fs::read_to_string(engine.yard.directory.join("examples/docker/farm.yaml")).unwrap();
    appliance.apply(&farm);
    let all = ["web-1", "web-2", "spare-1"];
    let servers = appliance.run(&all, "the farm comes up");
    assert!(servers.iter().all(|server| server.cloud_platform == "docker"));
    let page = ["exec", &appliance.container(&engine, "spare-1"), "/bin/wget", "-qO-"];
    let address = servers.iter().find(|server| server.hostname == "web-1").unwrap();
    let url = format!("http://{}:8080/", address.private_ip[0]);
    assert_eq!(engine.says(&[&page[..], &[url.as_str()]].concat()), "web-1");

    let lost = appliance.container(&engine, "web-1");
    engine.says(&["exec", &lost, "/bin/sh", "-c", "echo kept > /data/mark"]);
    engine.says(&["rm", "--force", &lost]);
    let gone = || appliance.servers().iter().all(|server| server.id != address.id);
    assert!(comes(Duration::from_secs(90), gone), "nobody missed it");
    appliance.run(&all, "the lost one is replaced");
    let mark = ["exec", &appliance.container(&engine, "web-1"), "/bin/cat", "/data/mark"];
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
    let bytes =
        ["inspect", "--format", "{{.HostConfig.Memory}}", &appliance.container(&engine, "spare-1")];
    assert_eq!(engine.says(&bytes), "134217728");

    appliance.grange(&["server", "suspend", "pages/web-2", "--yes"]);
    let state =
        ["inspect", "--format", "{{.State.Status}}", &appliance.container(&engine, "web-2")];
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
