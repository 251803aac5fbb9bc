//! Servers that run and do not serve: a service that hangs, one that keeps ending, a check that
//! fails everywhere, and an agent that was told to end.

use super::rig::{Rig, brief};
use super::wait::until;
use grange::wire::api::ServerView;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs;

/// Two servers with a check and without volumes.
const SHOP: &str = "farm: shop
farmRoles:
  - alias: web
    role: web-demo
    cloudPlatform: onboard
    instanceType: nano
    scaling: {minInstances: 2, maxInstances: 3}
    grange:
      check: {port: 8080, path: /healthz}
      unhealthyFor: 15s
";

#[test]
fn what_runs_and_does_not_serve_is_seen_told_and_replaced() {
    let mut rig = Rig::new("unhealthy");
    rig.start();
    rig.apply(SHOP);
    rig.settled("web", 2, 60);
    rig.learn();
    comes_back_after_a_sigterm(&rig);
    replaced_when_it_hangs(&rig);
    seen_when_it_keeps_ending(&rig);
    kept_when_all_fail(&rig);
}

/// An agent that is told to end is started again.
fn comes_back_after_a_sigterm(rig: &Rig) {
    let server = rig.of_role("web").swap_remove(0);
    let agent = process(rig, &server, "agent", 5);
    kill(agent, Signal::SIGTERM).unwrap();
    until("another agent that is connected", 20, || {
        let another = find(rig, &server, "agent").filter(|pid| *pid != agent);
        let now = rig.of_role("web").into_iter().find(|s| s.id == server.id);
        let connected = now.as_ref().is_some_and(|s| s.grange.agent_connected);
        if another.is_some() && connected { Ok(()) } else { Err(Box::new((another, now))) }
    });
}

/// One whose service hangs is unhealthy, does not count as running, and another takes its place.
fn replaced_when_it_hangs(rig: &Rig) {
    let server = rig.of_role("web").swap_remove(0);
    kill(process(rig, &server, "demo-web", 5), Signal::SIGSTOP).unwrap();
    let why = rig.unhealthy(&server, 40);
    assert!(why.contains("no answer within"), "{why}");
    let role = rig.role("web").grange;
    assert_eq!((role.running, role.unhealthy), (1, 1), "{role:?}");
    let list = String::from_utf8(rig.grange(&["server", "list"]).stdout).unwrap();
    assert!(list.contains("running, unhealthy"), "{list}");
    until("it to be replaced", 60, || {
        let servers = rig.of_role("web");
        let gone = servers.iter().all(|s| s.id != server.id);
        let running = servers.iter().filter(|s| s.status == "running").count();
        if gone && running == 2 { Ok(()) } else { Err(brief(&servers)) }
    });
}

/// One whose service ends again and again is unhealthy also while it runs for a moment.
fn seen_when_it_keeps_ending(rig: &Rig) {
    let server = rig.settled("web", 2, 30).swap_remove(0);
    let mut killed = None;
    for _ in 0..3 {
        // One that was just killed can still be found for a moment.
        let next = until("the service to run again", 30, || {
            find(rig, &server, "demo-web").filter(|pid| Some(*pid) != killed).ok_or(killed)
        });
        kill(next, Signal::SIGKILL).unwrap();
        killed = Some(next);
    }
    let why = until("its service to be told of", 40, || {
        let why = rig.unhealthy(&server, 40);
        if why.contains("keeps ending") { Ok(why) } else { Err(why) }
    });
    assert!(why.contains("SIGKILL"), "{why}");
    until("it to be replaced", 60, || {
        let servers = rig.of_role("web");
        if servers.iter().all(|s| s.id != server.id) { Ok(()) } else { Err(brief(&servers)) }
    });
}

/// Where it fails on all of them none is replaced, and people are told.
fn kept_when_all_fail(rig: &Rig) {
    let servers = rig.settled("web", 2, 60);
    let services: Vec<Pid> = servers.iter().map(|s| process(rig, s, "demo-web", 5)).collect();
    services.iter().for_each(|service| kill(*service, Signal::SIGSTOP).unwrap());
    until("an alert about both", 120, || {
        let alerts = rig.client.status().unwrap().alerts;
        let tells = |alert: &&String| {
            alert.contains("likely the check")
                && servers.iter().all(|server| alert.contains(&server.hostname))
        };
        alerts.iter().find(tells).map(|_| ()).ok_or(alerts.clone())
    });
    let now = rig.of_role("web");
    let same = servers.iter().all(|server| now.iter().any(|s| s.id == server.id));
    assert!(same && now.len() == 2, "{:?}", brief(&now));
    services.iter().for_each(|service| kill(*service, Signal::SIGCONT).unwrap());
    until("both to be well again", 60, || {
        let role = rig.role("web").grange;
        if (role.running, role.unhealthy) == (2, 0) { Ok(()) } else { Err(Box::new(role)) }
    });
}

/// The process of a service of a server, once it runs.
fn process(rig: &Rig, server: &ServerView, word: &str, seconds: u64) -> Pid {
    until("the service to run", seconds, || find(rig, server, word).ok_or(word))
}

/// A child of a server's pid 1 that was called with this word.
fn find(rig: &Rig, server: &ServerView, word: &str) -> Option<Pid> {
    let parent = rig.pid_1(&server.id)?;
    let children = format!("/proc/{parent}/task/{parent}/children");
    let children = fs::read_to_string(children).ok()?;
    let called = |pid: &&str| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let mut words = line.split(|byte| *byte == 0);
        words.any(|called| called == word.as_bytes())
    };
    let pid = children.split_whitespace().find(called)?;
    pid.parse().ok().map(Pid::from_raw)
}
