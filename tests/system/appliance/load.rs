//! Load through the balancer: out to the most servers and never one more, back in without a
//! failed request.

use super::http;
use super::manifests::Shop;
use super::rig::{Rig, brief};
use super::wait::until;
use grange::boot::demo_load::{self, Load};
use std::time::{Duration, Instant};

const MIN: usize = 2;
const MAX: usize = 6;

#[test]
fn load_is_answered_by_more_servers_and_quiet_by_fewer() {
    let mut rig = Rig::new("load");
    rig.start();
    rig.apply(&Shop { min: 2, max: 6, rule: Some((50, 25)), size: "nano" }.manifest());
    rig.settled("web", MIN, 60);
    rig.settled("lb", 1, 60);
    rig.answers("web", 30);
    rig.learn();
    let target = rig.balancer(5);
    let load = |path: &str, rate: u32, seconds: u64| Load {
        targets: vec![target],
        path: path.to_owned(),
        requests_per_second: rate,
        length: Duration::from_secs(seconds),
        connections: 32,
        timeout: Duration::from_secs(60),
    };

    // 120 times 20 ms a second keep 2.4 CPUs busy; six of these servers may use 0.6 together,
    // which a machine has to spare even when other tests run beside.
    let busy = load("/burn?ms=20", 120, 50);
    let begun = Instant::now();
    std::thread::scope(|scope| {
        let loaded = scope.spawn(|| demo_load::run(&busy));
        let mut most = 0;
        let mut full_at = None;
        while !loaded.is_finished() {
            let web = rig.of_role("web");
            let machine = rig.listing().named("web-").len();
            assert!(web.len() <= MAX && machine <= MAX, "{machine} {:#?}", brief(&web));
            let running = web.iter().filter(|server| server.status == "running").count();
            most = most.max(running);
            if running == MAX && full_at.is_none() {
                full_at = Some(begun.elapsed());
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        let report = loaded.join().unwrap();
        println!("load: at most {most} servers, {MAX} after {full_at:.1?}; {report}");
        assert_eq!(most, MAX, "{:#?}", rig.client.explain("shop/web"));
    });

    let quiet = load("/", 20, 80);
    let begun = Instant::now();
    std::thread::scope(|scope| {
        let loaded = scope.spawn(|| demo_load::run(&quiet));
        let mut fewest_at = None;
        while !loaded.is_finished() {
            let web = rig.of_role("web");
            assert!(web.len() >= MIN, "{:#?}", brief(&web));
            if web.len() == MIN && fewest_at.is_none() {
                fewest_at = Some(begun.elapsed());
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        let report = loaded.join().unwrap();
        println!("quiet: {MIN} servers again after {fewest_at:.1?}; {report}");
        assert_eq!(report.failed(), 0, "while scaling in: {report}");
        assert!(fewest_at.is_some(), "{:#?}", rig.client.explain("shop/web"));
    });
    rig.settled("web", MIN, 10);
    until("an answer", 5, || http::get(target, "/"));
}
