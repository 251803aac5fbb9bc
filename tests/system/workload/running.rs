//! Services: kept running, stopped in order, bounded in what they print.

use super::world::*;
use grange::agent::RoleWork;
use grange::model::{Restart, RoleService, ServicePhase, ServiceState, StopBy, Workload};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::collections::BTreeMap;
use std::fs;

/// Takes work and gives what is said of it.
fn take(world: &World, all: Vec<RoleService>) -> Result<String, String> {
    let work = world.open();
    let generation = world.in_place().unwrap_or(0) + 1;
    let answer = said(work.take(generation, services(all)));
    work.halt();
    answer
}

#[test]
fn one_that_cannot_run_is_the_reason() {
    let check = |name: &str, service: RoleService, expected: &str| {
        let world = World::new(name);
        let why = take(&world, vec![service]).unwrap_err();
        assert!(why.starts_with("service web ") && why.contains(expected), "{name}: {why}");
        // It is tried again, and runs once it can.
        assert!(world.report("service-web").is_some(), "{name}");
    };
    check(
        "exits",
        service("web", "exit 3"),
        "keeps ending and is started again: it last ended \
           with exit code 3",
    );
    let missing = RoleService { command: vec!["/no/such".into()], ..service("web", "") };
    check("missing", missing, "could not begin: /no/such: command not found");
    let user = RoleService { run_as: Some("nobody-of-this-name".into()), ..service("web", "") };
    check("user", user, "there is no user \"nobody-of-this-name\" on this server");
    let nowhere = RoleService { directory: Some("/no/such".into()), ..service("web", "sleep 9") };
    check("directory", nowhere, "/no/such: No such file or directory");
    let once = RoleService { restart: Restart::Never, ..service("web", "exit 4") };
    check("never", once, "ended with exit code 4 and is not started again");
    let files = RoleService { open_files: Some(1 << 40), ..service("web", "sleep 9") };
    check("files", files, "open files: this server allows");
}

#[test]
fn each_has_its_environment_its_place_its_limit_and_its_restarts() {
    let world = World::new("surroundings");
    fs::create_dir_all(world.dir.join("srv")).unwrap();
    let environment = BTreeMap::from([("MODE".to_owned(), "prod".to_owned())]);
    let all = vec![
        RoleService {
            directory: Some("/srv".into()),
            open_files: Some(99),
            environment,
            ..service("web", "pwd; ulimit -n; echo $MODE $TIER >&2; exec sleep 300")
        },
        RoleService { restart: Restart::Never, ..service("once", "echo x >> ran") },
        RoleService {
            restart: Restart::OnFailure,
            ..service("twice", "test -e failed && exit; touch failed; echo no; exit 1")
        },
    ];
    let variables = [("MODE", "beneath"), ("TIER", "gold")];
    let environment =
        variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into_iter().collect();
    let take = |world: &World, services| {
        let work = world.open();
        let generation = world.in_place().unwrap_or(0) + 1;
        let environment = BTreeMap::clone(&environment);
        let setup = vec![part("echo $MODE $TIER")];
        let workload = Workload { setup, services, environment, ..Workload::default() };
        let answer = said(work.take(generation, workload));
        work.halt();
        answer
    };
    assert_eq!(take(&world, all.clone()), Ok("generation 1 is in place".to_owned()));
    assert_eq!(world.log("setup-1"), "beneath gold\n");
    let expected = format!("{}\n99\nprod gold\n", world.dir.join("srv").display());
    assert_eq!(world.log("service-web"), expected);
    assert_eq!((world.read("ran").as_str(), world.log("service-twice").as_str()), ("x\n", "no\n"));
    assert_eq!(world.report("service-twice").unwrap()["starts"], 2);
    let process = world.process("web");
    // What has changed is started anew, and only that.
    let mut changed = all;
    changed[1].environment.insert("MODE".into(), "test".into());
    assert!(take(&world, changed).is_ok());
    assert_eq!((world.process("web"), world.read("ran").as_str()), (process, "x\nx\n"));
}

#[test]
fn a_service_has_its_users_rights() {
    assert!(nix::unistd::geteuid().is_root(), "this test is run as root: tests/run system");
    let world = World::new("user");
    let user = RoleService {
        run_as: Some("nobody".into()),
        directory: Some("/".into()),
        ..service("web", "id -un; id -G; echo $HOME $USER; cat state/owner; exec sleep 300")
    };
    fs::write(world.dir.join("state/owner"), "secret").unwrap();
    fs::set_permissions(
        world.dir.join("state"),
        std::os::unix::fs::PermissionsExt::from_mode(0o700),
    )
    .unwrap();
    assert!(take(&world, vec![user]).is_ok());
    let log = world.log("service-web");
    assert!(log.starts_with("nobody\n65534\n/nonexistent nobody\n"), "{log}");
    assert!(log.contains("Permission denied") && !log.contains("secret"), "{log}");
}

#[test]
fn they_stop_in_the_opposite_order_and_leave_nothing() {
    let world = World::new("stop");
    let script = |name: &str| {
        format!(
            "trap 'echo {name} >> stopped; exit' USR1; (setsid sleep 300 &); \
             (trap '' USR1; echo $$ >> deaf; sleep 300) & while :; do sleep 0.05; done"
        )
    };
    let stop = StopBy { signal: "USR1".into(), within_ms: 500 };
    let all: Vec<RoleService> = ["a", "b", "c"]
        .map(|name| RoleService { stop: stop.clone(), ..service(name, &script(name)) })
        .to_vec();
    assert!(take(&world, all).is_ok());
    let processes = ["a", "b", "c"].map(|name| world.process(name).unwrap());
    let work = world.open();
    work.end();
    assert_eq!(world.read("stopped"), "c\nb\na\n");
    assert!(processes.iter().all(|pid| !is_alive(*pid)));
    assert_eq!(at_home(&world), 0, "what they left behind is ended too");
}

/// Processes that are in the server's directory.
fn at_home(world: &World) -> usize {
    let all = fs::read_dir("/proc").unwrap().flatten();
    all.filter(|entry| {
        fs::read_link(entry.path().join("cwd")).is_ok_and(|cwd| cwd.starts_with(&world.dir))
    })
    .count()
}

#[test]
fn whatever_a_service_leaves_behind_goes_before_it_is_started_again() {
    let world = World::new("orphans");
    let script = "(setsid sh -c 'echo $$ > left; exec sleep 300' &); sleep 0.2; \
                  test -e again || { touch again; exit 1; }; exec sleep 300";
    assert!(take(&world, vec![service("web", script)]).is_ok());
    until("the second start", || world.report("service-web").unwrap()["starts"] == 2);
    // The second one's, and nobody else.
    until("one copy", || at_home(&world) == 2);
}

#[test]
fn output_costs_its_bound_however_much_there_is() {
    let world = World::new("flood");
    let script = "echo first; head -c 1000000000 /dev/urandom; echo; echo last; exec sleep 300";
    let work = world.open();
    assert!(said(work.take(1, services(vec![service("web", script)]))).is_ok());
    until("the end of a gigabyte", || world.log("service-web").ends_with("\nlast\n"));
    let logs = fs::read_dir(world.dir.join("state/logs")).unwrap().flatten();
    let sizes: Vec<u64> = logs.map(|entry| entry.metadata().unwrap().len()).collect();
    assert_eq!(sizes.len(), 2);
    assert!(sizes.iter().all(|size| *size <= 1024 * 1024), "{sizes:?}");
    work.halt();
}

#[test]
fn a_disk_that_takes_nothing_ends_no_service() {
    let world = World::new("disk");
    let work = world.open();
    // Gone is as full: nothing can be written there.
    let script = "trap 'exit 1' HUP; echo $$ >> begun; while :; do sleep 0.05; done";
    said(work.take(1, services(vec![service("web", script)]))).unwrap();
    work.halt();
    let process = world.process("web").unwrap();
    let (kept, away) = (world.dir.join("state/role/kept"), world.dir.join("state/role/away"));
    fs::rename(&kept, &away).unwrap();
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(process), nix::sys::signal::SIGHUP).unwrap();
    until("its end", || !is_alive(process));
    fs::rename(&away, &kept).unwrap();
    until("it runs again", || world.process("web").is_some_and(|pid| pid != process));
    assert_eq!(world.report("service-web").unwrap()["starts"].as_u64().map(|n| n >= 2), Some(true));
}

#[test]
fn what_is_hidden_is_in_nothing_that_is_printed() {
    let world = World::new("hidden");
    let hidden = vec!["hunter2".to_owned()];
    let environment = BTreeMap::from([("PASSWORD".to_owned(), "hunter2".to_owned())]);
    let setup = vec![part("echo with $PASSWORD"), part("printf 'hunt'; printf 'er2\\n'; exit 4")];
    let services = vec![service("web", "echo $PASSWORD >&2; exec sleep 300")];
    let work = world.open();
    let all = Workload { setup, services, environment, hidden, ..Workload::default() };
    let why = said(work.take(1, all.clone())).unwrap_err();
    assert!(why.contains("ended with exit code 4") && why.ends_with(": ***"), "{why}");
    assert_eq!(work.mask_with(&[]).text("it is hunter2"), "it is ***");
    let setup = all.setup[..1].to_vec();
    assert_eq!(
        said(work.take(2, Workload { setup, ..all })),
        Ok("generation 2 is in place".into())
    );
    work.halt();
    assert_eq!(world.log("setup-1"), "with ***\n");
    assert_eq!(world.log("service-web"), "***\n");
}

#[test]
fn signals_that_an_agent_ignores_reach_its_services() {
    let world = World::new("ignored");
    let ignored = |process: &str| {
        let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
        let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap();
        // SIGHUP is the first; the agent has a handler of its own for SIGINT.
        u64::from_str_radix(mask.trim(), 16).unwrap() & 1
    };
    world.hold(1, &services(vec![service("web", "echo $$ >> begun; exec sleep 300")]));
    let mut agent = world.agent_with_ignored_signals();
    until("the service to run", || world.process("web").is_some() && world.in_place() == Some(1));
    assert_eq!(ignored(&agent.id().to_string()), 1);
    assert_eq!(ignored(world.read("begun").trim()), 0);
    kill_hard(&mut agent);
}

/// The states of services as the agent would say them now.
fn states(work: &RoleWork) -> BTreeMap<String, ServiceState> {
    let all = work.services().unwrap_or_default();
    all.into_iter().map(|state| (state.name.clone(), state)).collect()
}

#[test]
fn what_was_killed_and_came_back_is_counted_whoever_is_killed() {
    let world = World::new("counted");
    let all = vec![service("idle", "exec sleep 300"), service("web", "exec sleep 300")];
    let work = world.open();
    assert!(said(work.take(1, services(all))).is_ok());
    let first = states(&work)["web"].clone();
    assert_eq!((first.phase, first.restarts, first.last_end), (ServicePhase::Running, 0, None));
    for nth in 1..=3 {
        let before = world.process("web");
        kill(Pid::from_raw(before.unwrap()), Signal::SIGKILL).unwrap();
        until("another one", || world.process("web").is_some_and(|now| before != Some(now)));
        until("the restart to be counted", || states(&work)["web"].restarts == nth);
    }
    until("the loop to be seen", || states(&work)["web"].phase == ServicePhase::BackingOff);
    let looped = states(&work)["web"].clone();
    assert!(looped.is_crash_loop() && looped.restarts_lately == 3, "{looped:?}");
    assert_eq!(looped.last_end.clone().unwrap().signal.as_deref(), Some("SIGKILL"));
    assert_eq!(looped.counted_since, first.counted_since);
    let idle = states(&work)["idle"].clone();
    assert_eq!((idle.phase, idle.restarts), (ServicePhase::Running, 0), "nobody touched it");

    // Another agent says the same.
    work.halt();
    let work = world.open();
    until("its first look", || !states(&work).is_empty());
    let again = states(&work)["web"].clone();
    assert_eq!((again.restarts, again.since), (looped.restarts, looped.since));
    assert_eq!((again.last_end, again.counted_since), (looped.last_end, looped.counted_since));

    // A keeper that is killed takes its service along: that is a restart, too.
    kill(Pid::from_raw(world.keeper("service-idle").unwrap()), Signal::SIGKILL).unwrap();
    until("another keeper", || states(&work)["idle"].restarts == 1);
    let idle = states(&work)["idle"].clone();
    assert_eq!(idle.last_end.unwrap().how, "died of SIGKILL");
    work.halt();
}

#[test]
fn what_cannot_be_started_says_so_and_never_that_it_runs() {
    let world = World::new("absent");
    let missing = RoleService { command: vec!["/no/such".into()], ..service("gone", "") };
    let once = RoleService { restart: Restart::Never, ..service("once", "echo why >&2; exit 4") };
    let work = world.open();
    let all = vec![missing, once, service("exits", "exit 3")];
    assert!(said(work.take(1, services(all))).is_err());
    let is = |name: &str, phase| states(&work).get(name).is_some_and(|it| it.phase == phase);
    until("the missing one to back off", || is("gone", ServicePhase::BackingOff));
    until("the one that exits to back off", || is("exits", ServicePhase::BackingOff));
    until("the other to fail", || is("once", ServicePhase::Failed));
    let all = states(&work);
    assert!(all["gone"].ailment().unwrap().contains("/no/such: command not found"), "{all:?}");
    assert_eq!(all["exits"].last_end.as_ref().unwrap().exit_code, Some(3));
    assert_eq!(
        all["once"].ailment().unwrap(),
        "service once ended with exit code 4 and is not started again; it printed: why"
    );
    work.halt();
}
