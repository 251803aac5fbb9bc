//! A worker with ten minutes for its task is told that it goes, says that it is done, and goes.

use super::rig::{Rig, brief};
use super::wait::until;
use grange::wire::api::{CommandRequest, OrderView, ServerView};

/// Workers without a balancer, with far more time to finish than this test has.
fn workers(count: u32) -> String {
    format!(
        "farm: jobs
farmRoles:
  - alias: worker
    role: web-demo
    cloudPlatform: onboard
    instanceType: small
    scaling: {{minInstances: {count}, maxInstances: {count}}}
    grange: {{drain: 10m, cooldownUp: 0s, cooldownDown: 0s}}
"
    )
}

#[test]
fn a_worker_that_says_it_is_idle_goes_at_once() {
    let mut rig = Rig::new("grace");
    rig.start();
    rig.apply(&workers(2));
    let before = rig.settled("worker", 2, 60);
    rig.learn();
    let last = before.iter().max_by_key(|server| server.index).unwrap();
    assert_eq!(ask(&rig, last, "retiring").exit_code, Some(1), "nobody wants it gone");
    assert_eq!(ask(&rig, last, "idle").exit_code, Some(1), "nobody asked");

    rig.apply(&workers(1));
    let told = until("the worker to be told that it goes", 30, || {
        let answer = ask(&rig, last, "retiring");
        if answer.exit_code == Some(0) { Ok(answer.output) } else { Err(answer.output) }
    });
    assert!(told.contains("scaling down") && told.contains("grange-agent idle"), "{told}");
    let waits = rig.grange(&["explain", &last.grange.name]);
    let waits = String::from_utf8_lossy(&waits.stdout).into_owned();
    assert!(waits.contains("waiting up to 10 m for the server to say it is idle"), "{waits}");

    // Its agent may be gone before the answer is here.
    order(&rig, last, "idle");
    until("the worker to go", 30, || {
        let servers = rig.servers();
        let gone = servers.iter().all(|server| server.id != last.id);
        if gone { Ok(()) } else { Err(brief(&servers)) }
    });
    let why = rig.grange(&["explain", &last.id]);
    let why = String::from_utf8_lossy(&why.stdout).into_owned();
    assert!(why.contains("grace ended early: the server said it was idle at"), "{why}");
    assert!(why.contains("says that it is idle"), "{why}");
    rig.settled("worker", 1, 10);
}

#[test]
fn a_server_that_slept_for_a_moment_runs_again() {
    let mut rig = Rig::new("nap");
    rig.start();
    rig.apply(&workers(1));
    let before = rig.settled("worker", 1, 60);
    let name = &before[0].grange.name;
    let now = |status: &str| {
        until(&format!("{name} to be {status}"), 30, || {
            let servers = rig.servers();
            let found = servers.iter().any(|s| s.id == before[0].id && s.status == status);
            if found { Ok(()) } else { Err(brief(&servers)) }
        });
    };
    assert!(rig.grange(&["server", "suspend", name, "--yes"]).status.success());
    now("suspended");
    // Before anybody notices that its agent says nothing.
    assert!(rig.grange(&["server", "resume", name]).status.success());
    now("running");
}

fn order(rig: &Rig, server: &ServerView, question: &str) -> OrderView {
    let command = ["/run/grange/bin/grange", "agent", question].map(str::to_owned).to_vec();
    let order = CommandRequest { command, timeout_ms: 10_000 };
    rig.client.command_run(&server.id, &order).unwrap()
}

/// Asks the server's agent as a program on the server does.
fn ask(rig: &Rig, server: &ServerView, question: &str) -> OrderView {
    let order = order(rig, server, question);
    rig.came_of(order.id)
}
