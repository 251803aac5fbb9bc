//! An application tier across 8 to 12 servers, each with one data volume: four killed at once.

use super::rig::{Rig, brief};
use super::wait::until;
use grange::wire::api::{CommandRequest, ServerView};

const TIER: &str = include_str!("../../../assets/examples/tier.yaml");

#[test]
fn four_of_a_tier_are_killed_and_their_volumes_found_again() {
    let mut rig = Rig::new("tier");
    rig.start();
    rig.apply(TIER);
    let before = rig.settled("app", 8, 90);
    rig.learn();
    for server in &before {
        let note = format!("echo data of {} > /data/note", server.hostname);
        run(&rig, server, &["sh", "-c", &note]);
    }

    let (killed, spared) = before.split_at(4);
    let begun = std::time::Instant::now();
    for server in killed {
        rig.crash(&server.id);
    }
    until("four replacements", 60, || {
        let now = rig.of_role("app");
        assert!(now.len() <= 12, "{:#?}", brief(&now));
        let gone = killed.iter().all(|old| now.iter().all(|server| server.id != old.id));
        let good = |s: &&ServerView| s.status == "running" && s.grange.agent_connected;
        if gone && now.iter().filter(good).count() == 8 { Ok(()) } else { Err(brief(&now)) }
    });
    println!("tier: four of eight replaced after {:.1} s", begun.elapsed().as_secs_f64());

    let after = rig.settled("app", 8, 10);
    let names = |servers: &[ServerView]| {
        let mut names: Vec<String> = servers.iter().map(|s| s.hostname.clone()).collect();
        names.sort();
        names
    };
    assert_eq!(names(&after), names(&before), "by the same indexes");
    assert!(spared.iter().all(|old| after.iter().any(|server| server.id == old.id)));
    for server in &after {
        let found = run(&rig, server, &["cat", "/data/note"]);
        assert_eq!(found.trim(), format!("data of {}", server.hostname));
    }
    assert_eq!(rig.client.farms().unwrap()[0].grange.freeze, None, "each death was confirmed");
}

/// Runs a command on a server, by its agent.
fn run(rig: &Rig, server: &ServerView, command: &[&str]) -> String {
    let command = command.iter().map(|word| (*word).to_owned()).collect();
    let order = CommandRequest { command, timeout_ms: 10_000 };
    let order = rig.client.command_run(&server.id, &order).unwrap();
    let order = rig.came_of(order.id);
    assert_eq!((order.state.as_str(), order.exit_code), ("done", Some(0)), "{order:?}");
    order.output
}
