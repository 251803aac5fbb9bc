//! All power cut at once: the farm comes back as it was, in launch order.

use super::manifests::Shop;
use super::rig::Rig;
use grange::wire::api::ServerView;
use std::collections::BTreeMap;
use std::fs;

#[test]
fn after_a_power_cut_the_farm_comes_back_in_order() {
    let mut rig = Rig::new("power");
    rig.start();
    rig.apply(&Shop { min: 3, max: 4, rule: None, size: "small" }.manifest());
    let web = rig.settled("web", 3, 60);
    rig.settled("lb", 1, 60);
    rig.answers("web", 30);
    rig.learn();
    for server in &web {
        fs::write(rig.volume(server).join("note"), &server.hostname).unwrap();
    }
    let before = rig.servers();
    let pids: BTreeMap<String, i32> =
        before.iter().map(|s| (s.id.clone(), rig.pid_1(&s.id).unwrap().as_raw())).collect();
    let seq = rig.client.status().unwrap().seq;

    cut_power(&mut rig, &before, &pids);
    let begun = std::time::Instant::now();
    rig.start();
    // Each is running again only with another pid 1: what was seen before is not believed.
    super::wait::until("every server to be started again", 90, || {
        let now = rig.servers();
        let again = |s: &&ServerView| {
            s.status == "running"
                && s.grange.agent_connected
                && rig.pid_1(&s.id).is_some_and(|pid| pids.get(&s.id) != Some(&pid.as_raw()))
        };
        let done = now.iter().filter(again).count() == before.len();
        if done { Ok(()) } else { Err(super::rig::brief(&now)) }
    });
    rig.answers("web", 30);
    println!("power cut: all serving again after {:.1} s", begun.elapsed().as_secs_f64());

    let ids = |servers: &[ServerView]| -> Vec<(String, String)> {
        servers.iter().map(|s| (s.hostname.clone(), s.id.clone())).collect()
    };
    assert_eq!(ids(&rig.servers()), ids(&before), "the same servers");
    let mut expected: Vec<String> = before.iter().map(|s| s.id.clone()).collect();
    expected.sort();
    assert_eq!(rig.listing().all(), expected, "nothing doubled");
    for server in &web {
        let note = fs::read_to_string(rig.volume(server).join("note")).unwrap();
        assert_eq!(note, server.hostname);
    }
    let farm = &rig.client.farms().unwrap()[0];
    assert_eq!(farm.grange.freeze, None);

    in_order(&rig, seq);
}

/// Kills the appliance and every server, and waits until nothing of them runs: power that is cut
/// leaves nothing running, a kill takes its time.
fn cut_power(rig: &mut Rig, servers: &[ServerView], pids: &BTreeMap<String, i32>) {
    rig.kill();
    for server in servers {
        rig.crash(&server.id);
    }
    for pid in pids.values() {
        super::wait::until("a killed server to be gone", 10, || {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            if stat.is_empty() || stat.contains(") Z ") { Ok(()) } else { Err(stat) }
        });
    }
}

/// Web servers were started again first, and were ready before the balancer was.
fn in_order(rig: &Rig, seq: u64) {
    let events = rig.client.events(Some(seq), 100, 0, None).unwrap().events;
    let begun = |alias: &str| {
        let about = format!("shop/{alias}-");
        let starts = events.iter().filter(|e| e.about.starts_with(&about));
        starts.filter(|e| e.verb == "step.begin").map(|e| e.seq).collect::<Vec<u64>>()
    };
    let ready = |alias: &str| {
        let about = format!("shop/{alias}-");
        let running = events.iter().filter(|e| e.about.starts_with(&about));
        running.filter(|e| e.verb.starts_with("agent.")).map(|e| e.seq).collect::<Vec<u64>>()
    };
    let told: Vec<String> =
        events.iter().map(|e| format!("{} {} {} {}", e.seq, e.verb, e.about, e.text)).collect();
    assert_eq!((begun("web").len(), begun("lb").len()), (3, 1), "{told:#?}");
    assert!(ready("web").iter().min() < begun("lb").iter().min(), "{told:#?}");
    assert!(begun("web").iter().max() < begun("lb").iter().min(), "{told:#?}");
}
