//! A real balancer whose way to one of its servers is cut: the server runs and is well by its own
//! word, and yet serves nobody.

use super::rig::{Rig, brief};
use super::wait::until;
use grange::wire::api::ServerView;
use std::process::Command;

/// Two servers behind one balancer.
const SHOP: &str = "farm: shop
farmRoles:
  - alias: web
    role: web-demo
    cloudPlatform: onboard
    instanceType: nano
    scaling: {minInstances: 2, maxInstances: 3}
    grange:
      check: {port: 8080, path: /healthz}
      unhealthyFor: 20s
  - alias: lb
    role: haproxy
    cloudPlatform: onboard
    instanceType: nano
    scaling: {minInstances: 1, maxInstances: 1}
    grange:
      balance: {farmRole: web, port: 8080}
";

#[test]
fn a_server_that_its_balancer_cannot_reach_is_told_and_replaced() {
    let mut rig = Rig::new("cut");
    rig.start();
    rig.apply(SHOP);
    rig.settled("web", 2, 60);
    rig.settled("lb", 1, 60);
    rig.answers("web", 30);
    rig.learn();
    let cut = rig.of_role("web").swap_remove(0);
    let balancer = rig.balancer(5).ip().to_string();

    let hole = Hole::dig(&rig, &cut, &balancer);
    let why = rig.unhealthy(&cut, 30);
    assert!(why.contains("the balancer cannot reach it"), "{why}");
    let role = rig.role("web").grange;
    assert_eq!((role.running, role.unhealthy), (1, 1), "{role:?}");
    let list = String::from_utf8(rig.grange(&["server", "list"]).stdout).unwrap();
    assert!(list.contains("running, unhealthy"), "{list}");

    hole.fill();
    until("it to be well again", 30, || {
        let role = rig.role("web").grange;
        if (role.running, role.unhealthy) == (2, 0) { Ok(()) } else { Err(Box::new(role)) }
    });
    let told = String::from_utf8(rig.grange(&["events", "--about", &cut.grange.name]).stdout);
    let told = told.unwrap();
    assert!(told.contains("the balancer cannot reach it"), "{told}");
    assert!(told.contains("is reached by a balancer again"), "{told}");

    // Left like that it is replaced, with a successor that the balancer reaches.
    Hole::dig(&rig, &cut, &balancer);
    until("it to be replaced", 90, || {
        let servers = rig.of_role("web");
        let gone = servers.iter().all(|s| s.id != cut.id);
        let role = rig.role("web").grange;
        if gone && (role.running, role.unhealthy) == (2, 0) { Ok(()) } else { Err(brief(&servers)) }
    });
}

/// A rule in a server's own network name space that drops what comes from an address; its agent
/// and its own check do not notice.
struct Hole(String);

impl Hole {
    fn dig(rig: &Rig, server: &ServerView, from: &str) -> Hole {
        let pid = rig.pid_1(&server.id).expect("it runs").to_string();
        let rules = format!(
            "table ip cut {{ chain input {{ type filter hook input priority 0; \
             ip saddr {from} drop; }}; }}"
        );
        nft(&pid, &rules);
        Hole(pid)
    }

    fn fill(self) {
        nft(&self.0, "delete table ip cut");
    }
}

fn nft(pid: &str, rules: &str) {
    let done = Command::new("nsenter").args(["-t", pid, "-n", "nft", rules]).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}
