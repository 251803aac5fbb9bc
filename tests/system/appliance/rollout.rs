//! Rollouts of real servers, behind a real HAProxy, under requests that never pause: not one of
//! them fails while servers are rolled over, while a revision that never gets ready is tried and
//! given up, and while the appliance is killed.

use super::count;
use super::manifests::Rolled;
use super::rig::{Rig, brief};
use super::wait::until;
use super::watch;
use grange::base::random::{Stream, fresh_seed};
use grange::wire::rollout::RolloutView;

/// Servers of the farm role.
const WEB: u32 = 3;
/// So many of them stay healthy: 90 % of three, and one may always be out.
const FLOOR: usize = 2;
/// Launches one more first; the first failure goes back.
const SERIAL: &str = "{strategy: serial, failuresMax: 1}";
/// One goes first, its successor follows; and a look at the first before the others.
const GONE_FIRST: &str = "{strategy: serial, maxPercent: 100, checkpoints: [30]}";

#[test]
fn servers_are_rolled_over_without_a_failed_request() {
    let mut rig = Rig::new("rollout");
    rig.start();
    declare(&rig, "nano", "/healthz", SERIAL);
    rig.settled("web", 3, 60);
    rig.settled("lb", 1, 60);
    rig.answers("web", 30);
    rig.learn();
    let floor = watch::floor(&rig);
    let target = rig.balancer(5);
    let (quick, slow) =
        (watch::clients(target, "/", 100), watch::clients(target, "/burn?ms=40", 4));

    declare(&rig, "small", "/healthz", SERIAL);
    paused_and_resumed(&rig);
    done(&rig, 2);
    goes_back_by_itself(&rig);
    aborted(&rig);
    goes_on_after_kills(&mut rig);
    // An agent that comes back is not ready for a moment: with kills at any moment only what
    // clients see counts.
    let floor = floor.stop();
    for round in 0..count(0, 20) {
        goes_on_after_a_kill_at_any_moment(&mut rig, round);
    }

    let (quick, slow) = (quick.stop(), slow.stop());
    println!("rollout: {quick:?}; longer ones {slow:?}; {floor:?}");
    assert!(quick.sent > 1000 && slow.sent > 20, "{quick:?} {slow:?}");
    assert!(quick.failures.is_empty() && slow.failures.is_empty(), "{quick:?} {slow:?}");
    assert!(floor.looks > 100 && floor.fewest >= FLOOR, "{floor:?}");
}

fn declare(rig: &Rig, size: &'static str, path: &'static str, rollout: &'static str) {
    rig.apply(&Rolled { size, path, rollout }.manifest());
}

fn look(rig: &Rig) -> RolloutView {
    rig.client.rollout(rig.role("web").id).unwrap()
}

/// Waits until the rollout stands so; what it and its servers look like instead otherwise.
fn stands(rig: &Rig, what: &str, seconds: u64, met: impl Fn(&RolloutView) -> bool) -> RolloutView {
    until(what, seconds, || {
        let rollout = look(rig);
        let waiting = || (brief(&rig.of_role("web")), rig.role("web").grange.waiting);
        if met(&rollout) { Ok(rollout) } else { Err(format!("{rollout:?} {:?}", waiting())) }
    })
}

/// How many servers are of each revision, of those that are wanted.
fn of_each(rollout: &RolloutView) -> Vec<(u64, u32)> {
    let there = rollout.revisions.iter().filter(|revision| revision.servers > 0);
    let mut counts: Vec<(u64, u32)> = there.map(|r| (r.number, r.servers)).collect();
    counts.sort_unstable();
    counts
}

/// Waits until all servers are of a revision and the rollout is over.
fn done(rig: &Rig, revision: u64) {
    let rollout = stands(rig, &format!("all at revision {revision}"), 60, |rollout| {
        rollout.state == "none" && of_each(rollout) == [(revision, WEB)]
    });
    assert_eq!((rollout.to, rollout.ready, rollout.of), (revision, WEB, WEB), "{rollout:?}");
    rig.settled("web", 3, 20);
}

/// `grange rollout ...`, which has to work; what it said.
fn say(rig: &Rig, words: &[&str]) -> String {
    let asks = matches!(words[0], "resume" | "abort" | "rollback");
    let yes: &[&str] = if asks { &["--yes"] } else { &[] };
    let output = rig.grange(&[&["rollout"], words, yes].concat());
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{words:?}: {said}{output:?}");
    said
}

fn paused_and_resumed(rig: &Rig) {
    stands(rig, "the first server of revision 2", 30, |r| r.state == "rolling" && r.ready >= 1);
    assert!(say(rig, &["pause", "shop/web"]).contains("pause"));
    // The batch that is under way goes through; no other begins.
    stands(rig, "a paused rollout", 20, |r| {
        r.state == "paused" && r.ready < WEB && rig.of_role("web").len() == 3
    });
    let line = say(rig, &["show", "shop/web"]);
    assert!(line.starts_with("shop/web from revision 1 to 2: paused, "), "{line}");
    assert!(line.contains("waits: rollout paused by a person"), "{line}");
    let why = rig.grange(&["explain", "shop/web"]);
    let why = String::from_utf8_lossy(&why.stdout).into_owned();
    assert!(why.contains("rollout paused by a person"), "{why}");
    say(rig, &["resume", "shop/web"]);
}

fn goes_back_by_itself(rig: &Rig) {
    declare(rig, "small", "/nobody-serves-this", SERIAL);
    let rollout = stands(rig, "a rollout that went back", 60, |r| r.state == "rolled back");
    assert_eq!((rollout.from, rollout.to, rollout.failed), (2, 3, 1), "{rollout:?}");
    let servers = rig.settled("web", 3, 20);
    assert_eq!(of_each(&look(rig)), [(2, WEB)], "{:#?}", brief(&servers));
    let alerts = rig.client.status().unwrap().alerts;
    let told = |alert: &String| alert.starts_with("a rollout failed: shop/web (");
    assert!(alerts.iter().any(told), "{alerts:#?}");
}

fn aborted(rig: &Rig) {
    declare(rig, "medium", "/healthz", SERIAL);
    stands(rig, "the first server of revision 4", 30, |r| r.to == 4 && r.ready >= 1);
    say(rig, &["abort", "shop/web"]);
    stands(rig, "an aborted rollout", 60, |r| r.state == "rolled back");
    rig.settled("web", 3, 20);
    assert_eq!(of_each(&look(rig)), [(2, WEB)]);
    // What it went back to is declared again, not the one before that never got ready.
    say(rig, &["rollback", "shop/web"]);
    done(rig, 2);
    let history = say(rig, &["history", "shop/web"]);
    assert!(history.lines().nth(1).is_some_and(|line| line.contains("declared")), "{history}");
}

fn goes_on_after_kills(rig: &mut Rig) {
    declare(rig, "medium", "/healthz", GONE_FIRST);
    let at_checkpoint = |rollout: &RolloutView| rollout.to == 4 && rollout.state == "checkpoint";
    let before = stands(rig, "a checkpoint", 30, at_checkpoint);
    assert_eq!(of_each(&before), [(2, WEB - 1), (4, 1)], "{before:?}");
    rig.kill();
    rig.start();
    let after = look(rig);
    assert_eq!((after.state, after.since), (before.state, before.since), "nothing is forgotten");
    say(rig, &["resume", "shop/web"]);
    // In the middle of a batch: the old server drains, or the new one comes up.
    stands(rig, "a batch under way", 30, |rollout| {
        let others = rig.of_role("web").into_iter().filter(|server| server.status != "running");
        rollout.state == "rolling" && others.count() > 0
    });
    rig.kill();
    rig.start();
    done(rig, 4);
}

/// Back and forth between two revisions, with the appliance killed somewhere on the way.
fn goes_on_after_a_kill_at_any_moment(rig: &mut Rig, round: usize) {
    let mut moments = Stream::new(fresh_seed(), "moments");
    let (size, revision) = if round.is_multiple_of(2) { ("small", 2) } else { ("medium", 4) };
    declare(rig, size, "/healthz", if round % 4 < 2 { SERIAL } else { "{maxPercent: 100}" });
    std::thread::sleep(std::time::Duration::from_millis(moments.below(8000)));
    rig.kill();
    rig.start();
    done(rig, revision);
}
