//! Services that are killed, that end, and that are not there, on a real appliance with a real
//! agent: what people see of them, what survives a restart, and what `apply --wait` says.

use super::rig::{Rig, free_port};
use super::wait::until;
use grange::wire::api::ServerView;
use grange::wire::service::ServiceView;
use std::net::TcpListener;
use std::process::Output;

const APP: &str = "role: app
images:
  - {cloudPlatform: onboard, image: host}
services:
  - {name: app, command: [sh, -c, \"echo $$ > /srv/pid; exec python3 -m http.server 8080\"]}
  - {name: other, command: [sleep, \"86400\"]}
ports: {http: 8080}
check: {port: http, path: /}
";

fn farm(publish: &str) -> String {
    format!(
        "farm: shop
farmRoles:
  - alias: web
    role: app
    cloudPlatform: onboard
    instanceType: small
    scaling: {{minInstances: 1, maxInstances: 1}}
    grange: {{drain: 0s, publish: [{publish}]}}
"
    )
}

fn written(rig: &Rig, name: &str, text: &str) -> String {
    let path = rig.directory.join(name);
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}

/// `grange apply --wait`: its exit code and what it said.
fn apply(rig: &Rig, manifest: &str, wait: &str) -> (i32, String) {
    let path = written(rig, "farm.yaml", manifest);
    let Output { status, stderr, .. } =
        rig.command(&["apply", "-f", &path, "--yes", wait]).output().unwrap();
    (status.code().unwrap(), String::from_utf8(stderr).unwrap())
}

fn stdout(rig: &Rig, arguments: &[&str]) -> String {
    String::from_utf8(rig.command(arguments).output().unwrap().stdout).unwrap()
}

fn service(server: &ServerView, name: &str) -> ServiceView {
    let found = server.grange.services.iter().find(|service| service.name == name);
    found.cloned().unwrap_or_default()
}

/// Kills the service `app` in the server, when it has come back from the last time.
fn kill_app(rig: &Rig, before: &mut String) {
    let pid = until("another process of the service", 60, || {
        let pid = stdout(rig, &["server", "run", "web-1", "--", "cat", "/srv/pid"]);
        if !pid.is_empty() && pid != *before { Ok(pid) } else { Err(pid) }
    });
    let output = rig.command(&["server", "run", "web-1", "--", "kill", "-9", pid.trim()]).output();
    assert!(output.unwrap().status.success(), "it can be killed");
    *before = pid;
}

#[test]
fn a_service_that_is_killed_thrice_leaves_a_trace_wherever_people_look() {
    let mut rig = Rig::new("services");
    rig.start();
    let role = written(&rig, "app.yaml", APP);
    assert!(rig.command(&["role", "apply", "-f", &role]).status().unwrap().success());
    let port = free_port();
    let publish = format!("{{port: {port}, to: http}}");
    let (code, said) = apply(&rig, &farm(&publish), "--wait=2m");
    assert_eq!(code, 0, "{said}");
    let server = rig.settled("web", 1, 60).remove(0);
    assert_eq!(service(&server, "app").state, "running", "it is said before it counts");
    assert_eq!(service(&server, "app").restarts, 0);

    let mut pid = String::new();
    for _ in 0..3 {
        kill_app(&rig, &mut pid);
    }
    let looped = |rig: &Rig| {
        until("the loop to be seen", 60, || {
            let server = rig.of_role("web").remove(0);
            let named = server.grange.conditions.iter().any(|it| it.name == "crashLoop");
            let app = service(&server, "app");
            if named && app.restarts == 3 { Ok(app) } else { Err(server.grange.conditions) }
        })
    };
    let app = looped(&rig);
    assert_eq!((app.signal.as_deref(), app.restarts_lately), (Some("SIGKILL"), 3));
    assert_eq!(service(&rig.of_role("web")[0], "other").restarts, 0, "nobody touched it");
    let seen = stdout(&rig, &["server", "show", "web-1"]);
    assert!(seen.contains("3 restarts since") && seen.contains("died of SIGKILL"), "{seen}");
    let seen = stdout(&rig, &["server", "list"]);
    assert!(seen.contains("crashLoop"), "{seen}");
    let seen = stdout(&rig, &["farm", "show", "shop"]);
    assert!(seen.contains("web-1: service app "), "{seen}");
    let seen = stdout(&rig, &["status"]);
    assert!(seen.contains("a service keeps ending: shop/web-1: service app"), "{seen}");
    let seen = stdout(&rig, &["explain", "web-1"]);
    assert!(seen.contains("3 restarts within 10 m"), "{seen}");
    let told = rig.client.events(None, 500, 0, Some("shop/web-1")).unwrap().events.into_iter();
    let told: Vec<String> =
        told.filter(|it| it.verb == "agent.services").map(|it| it.text).collect();
    assert!((1..=3).contains(&told.len()), "a few entries at the most: {told:?}");

    // It is not as declared, and says why; a port that somebody else has is no reason to be, too.
    let (code, said) = apply(&rig, &farm(&publish), "--wait=2s");
    assert_eq!(code, 8, "{said}");
    assert!(said.contains("1 unhealthy; web-1: service app"), "{said}");

    // What was counted is counted after a restart of the appliance.
    rig.stop();
    rig.start();
    let again = looped(&rig);
    assert_eq!((again.restarts, again.counted_since), (app.restarts, app.counted_since));
}

#[test]
fn a_port_that_somebody_else_has_is_not_as_declared() {
    let mut rig = Rig::new("taken");
    rig.start();
    let role = written(&rig, "app.yaml", APP);
    assert!(rig.command(&["role", "apply", "-f", &role]).status().unwrap().success());
    let taken = TcpListener::bind("0.0.0.0:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let (code, said) = apply(&rig, &farm(&format!("{{port: {port}, to: http}}")), "--wait=20s");
    assert_eq!(code, 8, "{said}");
    let what = format!("shop/web: cannot be published: port {port} to http");
    assert!(said.contains(&what), "{said}");
    drop(taken);
    let (code, said) = apply(&rig, &farm(&format!("{{port: {port}, to: http}}")), "--wait=1m");
    assert_eq!(code, 0, "{said}");
}
