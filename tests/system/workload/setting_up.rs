//! Setup: in order, once, with a deadline, and what is said of it.

use super::world::*;
use grange::model::{SetupPart, Workload};
use std::thread;
use std::time::Duration;

#[test]
fn setup_files_and_services_come_in_this_order_and_setup_once() {
    let world = World::new("order");
    let work = world.open();
    assert_eq!(trouble(&work), "the work of its role has not arrived yet");
    let workload = Workload {
        setup: vec![
            part("echo one >> order; test ! -e etc/conf"),
            part("#!/bin/bash\n[[ $(cat order) == one ]] && echo two | tee -a order"),
        ],
        files: vec![file("/etc/conf", "x")],
        services: vec![service("web", "cat etc/conf >> order; echo up; exec sleep 300")],
        ..Workload::default()
    };
    let done = Ok("generation 1 is in place".to_owned());
    assert_eq!(said(work.take(1, workload.clone())), done);
    assert_eq!(world.read("order"), "one\ntwo\nx");
    assert_eq!((world.log("setup-1"), world.log("setup-2")), (String::new(), "two\n".to_owned()));
    assert_eq!(world.log("service-web"), "up\n");
    assert_eq!((trouble(&work), world.in_place()), (String::new(), Some(1)));
    let process = world.process("web").unwrap();
    assert_eq!(said(work.take(1, workload.clone())), done);
    work.halt();
    // Another agent finds all of it as it is.
    let work = world.open();
    assert_eq!(said(work.take(1, workload)), done);
    assert_eq!(
        (world.read("order").as_str(), world.process("web")),
        ("one\ntwo\nx", Some(process))
    );
    work.end();
    assert!(!is_alive(process));
}

#[test]
fn a_part_that_fails_is_the_reason_and_is_not_run_again_until_it_changes() {
    let world = World::new("fails");
    let work = world.open();
    let run = |generation, third: &str| {
        let mut workload = setup(&[
            "echo one >> log",
            "echo two >> log; echo; echo cannot reach the mirror; exit 100",
            "echo three >> log",
        ]);
        workload.setup[1].script.push_str(third);
        workload.files.push(file("/placed", "x"));
        said(work.take(generation, workload))
    };
    let why = "setup 2 of 3: echo two >> log; echo; echo cannot reach the mirror; exit 100 ended \
               with exit code 100: cannot reach the mirror";
    assert_eq!(run(1, ""), Err(why.to_owned()));
    assert_eq!(trouble(&work), why);
    assert_eq!(run(2, ""), Err(why.to_owned()));
    work.halt();
    let work = world.open();
    until("the reason", || trouble(&work) == why);
    assert_eq!((world.read("log").as_str(), world.in_place()), ("one\ntwo\n", None));
    assert!(!world.dir.join("placed").exists());
    // Mended, it goes on where it was.
    let mut mended = setup(&["echo one >> log", "echo 2 >> log", "echo three >> log"]);
    mended.setup[0].timeout_ms += 1;
    assert!(said(work.take(3, mended)).is_ok());
    assert_eq!(world.read("log"), "one\ntwo\n2\nthree\n");
    work.halt();
}

#[test]
fn older_work_is_refused_and_newer_work_ends_the_wait() {
    let world = World::new("older");
    let work = world.open();
    let long = work.clone();
    let waits = thread::spawn(move || said(long.take(4, setup(&["touch began; sleep 300"]))));
    until("setup", || world.dir.join("began").exists());
    let older = Err("generation 3 is older than 4, which it has".to_owned());
    assert_eq!(said(work.take(3, Workload::default())), older);
    assert!(trouble(&work).starts_with("setup 1 of 1: touch began; sleep 300, since "));
    assert!(said(work.take(5, setup(&["true"]))).is_ok());
    let ended = waits.join().unwrap();
    assert_eq!(ended, Err("generation 5 came before 4 was done".to_owned()));
    work.halt();
}

#[test]
fn a_part_is_ended_with_all_that_it_started_when_its_time_is_over() {
    let world = World::new("late");
    let work = world.open();
    let mut workload = setup(&["(trap '' TERM; echo $$ > deaf; setsid sleep 300) & sleep 300"]);
    workload.setup[0].timeout_ms = 700;
    let why = said(work.take(1, workload.clone())).unwrap_err();
    assert!(why.ends_with("was not done within 700 ms"), "{why}");
    let sleepers = || {
        let all = std::fs::read_dir("/proc").unwrap().flatten();
        all.filter(|entry| {
            let there = std::fs::read_link(entry.path().join("cwd"));
            there.is_ok_and(|cwd| cwd == world.dir)
        })
        .count()
    };
    until("the end of all", || sleepers() == 0);
    // Given more time it is another try.
    workload.setup[0] = SetupPart { timeout_ms: 800, ..workload.setup[0].clone() };
    let why = said(work.take(2, workload)).unwrap_err();
    assert!(why.ends_with("was not done within 800 ms"), "{why}");
    work.halt();
}

#[test]
fn on_a_server_that_is_set_up_only_marked_parts_run_when_they_have_changed() {
    let world = World::new("rerun");
    let work = world.open();
    let take = |generation, number: u32| {
        let mut workload = setup(&[]);
        for (mark, rerun) in [("once", false), ("again", true)] {
            let script = format!("echo {mark} {number} >> log");
            workload.setup.push(SetupPart { rerun, ..part(&script) });
        }
        said(work.take(generation, workload)).unwrap();
    };
    take(1, 1);
    take(2, 1);
    take(3, 2);
    take(4, 1);
    let expected = "once 1\nagain 1\nagain 2\nagain 1\n";
    assert_eq!(world.read("log"), expected);
    work.halt();
}

#[test]
fn what_cannot_begin_says_why_once() {
    let world = World::new("cannot");
    let check = |change: fn(&mut SetupPart), expected: &str| {
        let work = world.open();
        let mut workload = setup(&["true"]);
        change(&mut workload.setup[0]);
        let generation = world.in_place().unwrap_or(0) + 1;
        let why = said(work.take(generation, workload)).unwrap_err();
        assert!(why.contains(expected), "{why}");
        work.halt();
        thread::sleep(Duration::from_millis(1));
    };
    check(|part| part.run_as = Some("no-such-user".into()), "there is no user \"no-such-user\"");
    check(
        |part| part.script = "#!/no/such/shell\n".into(),
        "could not begin: /no/such/shell: command not found",
    );
    check(|part| part.script = "no-such-command".into(), "no-such-command: not found");
    check(|part| part.script = "printf '\\033[31mred\\007\\377'; exit 1".into(), "exit code 1: ");
}
