//! Rolled over all at once: whoever asks meanwhile gets the maintenance page, and is never
//! refused a connection. What people get wrong about rollouts is said to them.

use super::http;
use super::manifests::Rolled;
use super::refusals::check;
use super::rig::{Rig, brief};
use super::wait::until;
use super::watch::Watch;
use std::fs;
use std::net::SocketAddr;
use std::time::Duration;

const FULL: &str = "{strategy: full}";

#[test]
fn all_at_once_they_are_behind_a_maintenance_page() {
    let mut rig = Rig::new("pages");
    rig.start();
    let declare = |rig: &Rig, size| {
        rig.apply(&Rolled { size, path: "/healthz", rollout: FULL }.manifest());
    };
    declare(&rig, "nano");
    rig.settled("web", 3, 60);
    rig.settled("lb", 1, 60);
    rig.answers("web", 30);
    rig.learn();
    wrong_words(&rig);

    let at = rig.balancer(5);
    let pages = pages(at);
    declare(&rig, "small");
    done(&rig, 2);
    // The page stays while nobody is there to take it away, and is taken away then.
    declare(&rig, "medium");
    until("the maintenance page once more", 20, || match page(at) {
        kind if kind == "the page" => Ok(()),
        other => Err(other),
    });
    rig.kill();
    rig.start();
    done(&rig, 3);
    let seen = pages.stop();
    println!("pages: {seen:?}");
    let kinds = in_turn(&seen);
    let expected = ["a server", "the page", "a server", "the page", "a server"];
    assert_eq!(kinds, expected, "{seen:?}");
}

/// What was seen one after the other. While HAProxy hands its port over to its next worker, who
/// waits at the one before is still answered by that: what begins may be seen for a moment, then
/// what was before for as long, and then what begins for good.
fn in_turn(seen: &[(String, u64)]) -> Vec<&str> {
    const A_MOMENT: u64 = 2;
    let mut kinds: Vec<&str> = Vec::new();
    let mut at = 0;
    while let Some((kind, _)) = seen.get(at) {
        kinds.push(kind);
        let brief = |at: usize| seen.get(at).is_some_and(|(_, count)| *count <= A_MOMENT);
        let same = |at: usize| seen.get(at).is_some_and(|(other, _)| other == kind);
        let comes = seen.get(at + 3).is_some_and(|(_, count)| *count > A_MOMENT);
        at += if brief(at + 1) && brief(at + 2) && same(at + 2) && comes { 3 } else { 1 };
    }
    kinds
}

/// Waits until all servers are of a revision, and each of them answers.
fn done(rig: &Rig, revision: u64) {
    until(&format!("all at revision {revision}"), 60, || {
        let rollout = rig.client.rollout(rig.role("web").id).unwrap();
        let good = rollout.state == "none" && rollout.to == revision && rollout.ready == 3;
        if good { Ok(()) } else { Err(format!("{rollout:?} {:?}", brief(&rig.of_role("web")))) }
    });
    rig.settled("web", 3, 20);
    rig.answers("web", 20);
}

/// Asks for a page again and again, each time on a new connection: what came, and how often in a
/// row.
fn pages(at: SocketAddr) -> Watch<Vec<(String, u64)>> {
    let begun: Vec<(String, u64)> = Vec::new();
    Watch::start(begun, move |seen| {
        let kind = page(at);
        match seen.last_mut() {
            Some((last, count)) if *last == kind => *count += 1,
            _ => seen.push((kind, 1)),
        }
        std::thread::sleep(Duration::from_millis(5));
    })
}

fn page(at: SocketAddr) -> String {
    match http::get(at, "/") {
        Ok(body) if body.starts_with("web-") => "a server".to_owned(),
        Err(answer) if is_page(&answer) => "the page".to_owned(),
        Ok(other) | Err(other) => other,
    }
}

fn is_page(answer: &str) -> bool {
    answer.starts_with("HTTP/1.1 503 ")
        && answer.contains("retry-after: 30")
        && answer.contains("<h1>Down for maintenance</h1>")
}

fn wrong_words(rig: &Rig) {
    // What runs by itself goes on meanwhile, and is not what is looked for.
    let by_people = || {
        let all = rig.client.events(Some(0), 500, 0, None).unwrap().events;
        all.into_iter().filter(|event| event.actor == "admin").count()
    };
    let before = by_people();
    assert!(before > 0, "the farm was declared by a person");
    let told = |words: &[&str], code, said: &[&str]| {
        check(&rig.grange(&[&["rollout"], words].concat()), code, said);
    };
    told(&["show", "mall/web"], 3, &["mall"]);
    told(&["show", "shop/db"], 3, &["shop/db"]);
    told(&["pause", "shop"], 2, &["shop/web"]);
    told(&["pause"], 2, &["WHAT"]);
    told(&["halt", "shop/web"], 2, &["halt"]);
    told(&["pause", "shop/web"], 5, &["no rollout of shop/web is under way"]);
    for verb in ["resume", "abort"] {
        // Nobody is asked about what is not there.
        told(&[verb, "shop/web"], 5, &["no rollout of shop/web is under way"]);
        told(&[verb, "shop/web", "--yes"], 5, &["no rollout of shop/web is under way"]);
    }
    told(&["rollback", "shop/web", "--yes"], 5, &["web has no revision before this one"]);
    let file = rig.directory.join("wrong.yaml").display().to_string();
    for (rollout, said) in [
        ("{checkpoints: [0]}", "checkpoints"),
        ("{checkpoints: [100]}", "checkpoints"),
        ("{checkpoints: [50, 20]}", "percentages must rise"),
        ("{minHealthyPercent: 101}", "minHealthyPercent"),
        ("{strategy: canary}", "strategy"),
        ("{batch: 0}", "batch"),
    ] {
        let manifest = Rolled { size: "nano", path: "/healthz", rollout }.manifest();
        fs::write(&file, manifest).unwrap();
        check(&rig.grange(&["apply", "-f", &file, "--yes"]), 2, &[said, "line 14"]);
    }
    assert_eq!(by_people(), before, "nothing was changed");
}
