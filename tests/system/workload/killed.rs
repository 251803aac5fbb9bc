//! Agents and keepers that are killed at any moment: every part of setup exactly once, or said;
//! every service once, never twice.

use super::world::*;
use grange::model::Workload;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::time::Duration;

/// RoleWork with three parts of setup, a file and two services, each of which leaves a mark.
fn marked() -> Workload {
    let parts = [1, 2, 3].map(|n| format!("echo {n} >> marks; sleep 0.05; echo {n} >> marks"));
    Workload {
        setup: parts.iter().map(|script| part(script)).collect(),
        files: vec![reloads(file("/etc/conf", "x"), "a")],
        services: ["a", "b"]
            .map(|name| {
                let script =
                    format!("echo $$ >> begun-{name}; trap : HUP; while :; do sleep 1; done");
                service(name, &script)
            })
            .to_vec(),
        ..Workload::default()
    }
}

fn rounds() -> u64 {
    if std::env::var_os("GRANGE_SOAK").is_some() { 100 } else { 6 }
}

#[test]
fn an_agent_killed_at_any_stage_goes_on_where_it_was() {
    for round in 0..rounds() {
        let world = World::new("stages");
        world.hold(1, &marked());
        // From before anything is done until all of it is.
        for kill_after in [round * 397 % 600, round * 211 % 600] {
            let mut agent = world.agent();
            std::thread::sleep(Duration::from_millis(kill_after));
            kill_hard(&mut agent);
        }
        let mut agent = world.agent();
        until("the work", || world.in_place() == Some(1));
        assert_eq!(world.read("marks"), "1\n1\n2\n2\n3\n3\n", "round {round}");
        for name in ["a", "b"] {
            let begun = world.read(&format!("begun-{name}"));
            assert_eq!(begun.lines().count(), 1, "round {round}: {name}: {begun}");
            assert_eq!(begun.trim().parse().ok(), world.process(name));
        }
        kill_hard(&mut agent);
    }
}

#[test]
fn services_do_not_notice_that_their_agent_is_killed() {
    let world = World::new("unnoticed");
    world.hold(1, &marked());
    let mut agent = world.agent();
    until("the work", || world.in_place() == Some(1));
    let before = ["a", "b"].map(|name| world.process(name));
    for _ in 0..3 {
        kill_hard(&mut agent);
        agent = world.agent();
        std::thread::sleep(Duration::from_millis(300));
    }
    assert_eq!(["a", "b"].map(|name| world.process(name)), before);
    assert!(before.iter().flatten().all(|pid| is_alive(*pid)));
    kill_hard(&mut agent);
}

#[test]
fn a_part_whose_keeper_is_killed_is_said_to_be_cut_off_and_not_run_twice() {
    let world = World::new("cut");
    world.hold(1, &setup(&["echo x >> marks; touch began; sleep 300"]));
    let mut agent = world.agent();
    until("setup", || world.dir.join("began").exists());
    kill_hard(&mut agent);
    let process = world.report("setup-").unwrap()["phase"]["running"]["process"]["pid"].clone();
    let process = i32::try_from(process.as_i64().unwrap()).unwrap();
    kill(Pid::from_raw(world.keeper("setup-").unwrap()), Signal::SIGKILL).unwrap();
    until("its end", || !is_alive(process));
    let work = world.open();
    let why = said(work.take(1, setup(&["echo x >> marks; touch began; sleep 300"])));
    let why = why.unwrap_err();
    assert!(why.contains("was cut off while it ran"), "{why}");
    assert_eq!(world.read("marks"), "x\n");
    work.halt();
}

#[test]
fn a_service_whose_keeper_is_killed_runs_once_again() {
    let world = World::new("keeper");
    let work = world.open();
    // Its child does not die with it by itself.
    let script = "echo $$ >> begun; sleep 300 & wait";
    said(work.take(1, services(vec![service("web", script)]))).unwrap();
    let begun = || world.read("begun").lines().last().and_then(|line| line.parse::<i32>().ok());
    for _ in 0..3 {
        until("its beginning", || begun().is_some() && begun() == world.process("web"));
        let (keeper, process) = (world.keeper("service-web").unwrap(), begun().unwrap());
        kill(Pid::from_raw(keeper), Signal::SIGKILL).unwrap();
        until("another one", || world.process("web").is_some_and(|pid| pid != process));
        assert!(!is_alive(process));
    }
    until("its beginning", || begun().is_some() && begun() == world.process("web"));
    let at_home = || {
        let all = std::fs::read_dir("/proc").unwrap().flatten();
        let there = all.filter(|entry| {
            let cwd = std::fs::read_link(entry.path().join("cwd"));
            cwd.is_ok_and(|cwd| cwd == world.dir)
        });
        there.count()
    };
    assert_eq!(world.read("begun").lines().count(), 4);
    until("one copy: the service and its child", || at_home() == 2);
    work.halt();
}
