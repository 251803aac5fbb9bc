//! A copy of a state directory on the same engine as the original: one of them acts.

use super::appliance::Appliance;
use super::engine::{RealEngine, comes};
use std::collections::BTreeSet;
use std::fs;
use std::process::Command;
use std::time::Duration;

const FARM: &str = "farm: pages\nfarmRoles:\n  - alias: web\n    role: box\n    \
                    cloudPlatform: docker\n    instanceType: nano\n    \
                    scaling: {minInstances: 2, maxInstances: 4}\n";

const ROLE: &str = "role: box\nimages:\n  - {cloudPlatform: docker, image: \"busybox:1.36\"}\n";

fn lists(appliance: &Appliance, part: &str) -> bool {
    appliance.grange(&["cloud", "list"]).contains(part)
}

#[test]
fn of_a_copy_and_its_original_on_one_engine_one_acts() {
    let engine = RealEngine::start("lease", 253);
    let first = Appliance::start(&engine.yard);
    first.grange(&["cloud", "add", "docker", "--name", "home", "--endpoint", &engine.endpoint()]);
    fs::write(engine.yard.directory.join("role.yaml"), ROLE).unwrap();
    first.grange(&["role", "apply", "-f", "role.yaml"]);
    first.apply(FARM);
    first.run(&["web-1", "web-2"], "the farm comes up");
    let shown = first.grange(&["cloud", "show", "home"]);
    assert!(shown.contains("ours since") && shown.contains("epoch 1"), "{shown}");
    drop(first);
    let (from, to) =
        (engine.yard.directory.join("grange-data"), engine.yard.directory.join("copied"));
    assert!(Command::new("cp").arg("-a").args([from, to]).status().unwrap().success());

    // The next process of a directory goes on at once: long before a dead one's time is over.
    let first = Appliance::open(&engine.yard, "grange-data", 0);
    let well = |one: &Appliance| lists(one, " well ");
    assert!(comes(Duration::from_secs(30), || well(&first)), "{}", first.grange(&["status"]));
    // As on another machine; on one, a copy does not start beside its original.
    let machine = engine.yard.beside("lease-other");
    let second = Appliance::open(&machine, "copied", 1);
    let elsewhere = |one: &Appliance| lists(one, "managed by");
    assert!(comes(Duration::from_secs(30), || elsewhere(&second)), "it takes it for its own");
    let before: BTreeSet<String> = engine.ours("grange.server").into_iter().collect();
    assert_eq!(before.len(), 2);
    second.apply(&FARM.replace("minInstances: 2", "minInstances: 3"));
    let told = || second.grange(&["server", "list"]);
    let waits = || told().contains("cloud home is managed by");
    assert!(comes(Duration::from_secs(60), waits), "{}", told());
    let why = second.grange(&["explain", "pages/web-3"]);
    assert!(why.contains("cloud home is managed by"), "{why}");
    assert!(second.grange(&["status"]).contains("grange-data, started 20"), "no alert");
    assert!(second.grange(&["cloud", "check", "home"]).contains("is managed by"));
    assert!(well(&first));
    assert_eq!(engine.ours("grange.server").into_iter().collect::<BTreeSet<_>>(), before);

    first.crash();
    assert!(comes(Duration::from_secs(150), || well(&second)), "nobody takes it over");
    let launched = || engine.ours("grange.server").len() == 3;
    assert!(comes(Duration::from_secs(60), launched), "{}", second.grange(&["server", "list"]));
    let now: BTreeSet<String> = engine.ours("grange.server").into_iter().collect();
    assert!(now.is_superset(&before), "those of the first are as they were");
    let ids = ["ps", "--all", "--format", "{{.Label \"grange.server\"}}"];
    let ids = engine.says(&ids);
    assert_eq!(ids.lines().collect::<BTreeSet<_>>().len(), 3, "no server is twice: {ids}");

    // The first comes back, is not let in, and a person gives it the account.
    let first = Appliance::open(&engine.yard, "grange-data", 0);
    assert!(comes(Duration::from_secs(30), || elsewhere(&first)));
    first.grange(&["cloud", "take", "home", "--yes"]);
    assert!(comes(Duration::from_secs(30), || elsewhere(&second)), "it does not go quiet");
    assert!(comes(Duration::from_secs(60), || well(&first)));
    assert_eq!(engine.ours("grange.server").into_iter().collect::<BTreeSet<_>>(), now);
    let shown = first.grange(&["cloud", "show", "home"]);
    assert!(shown.contains("epoch 3"), "{shown}");
}
