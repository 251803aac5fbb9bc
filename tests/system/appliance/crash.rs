//! Pid 1 of a web server killed again and again: replaced, and serving again, in time.

use super::count;
use super::rig::Rig;
use super::wait::until;
use grange::boot::demo_load::{self, Load};
use std::time::{Duration, Instant};

/// What is promised.
const SERVING_AGAIN_S: u64 = 15;

/// Two web servers behind a balancer, each with a data volume.
const SHOP: &str = include_str!("../../../assets/examples/shop.yaml");

#[test]
fn a_killed_server_is_replaced_and_serves_again() {
    let mut rig = Rig::new("crash");
    rig.start();
    rig.apply(SHOP);
    rig.settled("web", 2, 60);
    rig.settled("lb", 1, 60);
    rig.answers("web", 30);
    rig.learn();
    assert!(rig.traces().len() > 10, "{:#?}", rig.traces());
    let target = rig.balancer(10);
    for round in 1..=count(3, 20) {
        let load = Load {
            targets: vec![target],
            path: "/".to_owned(),
            requests_per_second: 50,
            length: Duration::from_secs(8),
            connections: 8,
            timeout: Duration::from_secs(5),
        };
        std::thread::scope(|scope| {
            let loaded = scope.spawn(|| demo_load::run(&load));
            let victim = rig.of_role("web").swap_remove(round % 2);
            let begun = Instant::now();
            rig.crash(&victim.id);
            let replacement = until("a replacement", SERVING_AGAIN_S, || {
                let servers = rig.of_role("web");
                let new = |s: &&_| {
                    let s: &grange::wire::api::ServerView = s;
                    s.status == "running" && s.index == victim.index && s.id != victim.id
                };
                let found = servers.iter().find(new).cloned();
                found.ok_or_else(|| super::rig::brief(&servers))
            });
            let running = begun.elapsed();
            rig.answers_as(&replacement.hostname, SERVING_AGAIN_S - running.as_secs());
            let serving = begun.elapsed();
            let report = loaded.join().unwrap();
            println!(
                "crash {round}: {} running after {:.1} s, serving after {:.1} s; {report}",
                replacement.hostname,
                running.as_secs_f64(),
                serving.as_secs_f64()
            );
            assert!(serving <= Duration::from_secs(SERVING_AGAIN_S), "{serving:?}");
            let worst = report.by_connection.iter().max().copied();
            assert!(worst <= Some(1), "a connection lost more than one request: {report}");
        });
    }
    let alerts = rig.client.status().unwrap().alerts;
    assert!(!alerts.iter().any(|alert| alert.contains("frozen")), "{alerts:?}");
}
