//! Where a decision turns: the moment and the number, the one before it, and the one behind it.
//!
//! Each row is a story with a gap, `@`, the words that its last plan has or not, and what in the
//! gap leaves them out and what brings them in. To add one: a row where a bound is compared.

use crate::stories::play;

/// The last plan of the story has these words with each of `with` in its gap, and with none of
/// `without`.
fn turns(told: &str, words: &str, without: &[&str], with: &[&str]) {
    for (gap, expected) in
        without.iter().map(|gap| (gap, false)).chain(with.iter().map(|gap| (gap, true)))
    {
        let told = format!("{}\nplan", told.replace('@', gap));
        let (found, _) = play(&told);
        let last = found.rsplit("\n\n").next().unwrap_or_default();
        assert_eq!(
            last.contains(words),
            expected,
            "{words:?} in the last of\n{told}\n---\n{found}"
        );
    }
}

/// A farm role of one server that is seen, and more that the rest of the story tells of.
fn two(more: &str) -> String {
    format!("farm shop\nrole web min 2 max 4\nseen web-1 running age 4s\n{more}")
}

/// A farm role of so many servers, the last of which are told of in a way of their own.
fn crowd(servers: u32, told: &[String]) -> String {
    let mut text = format!("farm shop\nrole web min {servers} max {}\n", servers + 2);
    let others = servers - u32::try_from(told.len()).unwrap();
    for index in 1..=others {
        text += &format!("seen web-{index} running age 4s\n");
    }
    for (index, line) in (others + 1..).zip(told) {
        text += &line.replace("web", &format!("web-{index}"));
        text += "\n";
    }
    text
}

#[test]
fn what_was_seen_counts_until_it_is_stale_and_for_what_came_before_it() {
    turns(&two("seen web-2 stopped age @"), "> retire web-2", &["90001ms"], &["90s", "0s"]);
    let asked = two("server web-2 running age 5s\nseen web-2 stopped age @");
    turns(&asked, "> retire web-2", &["5001ms"], &["5s", "4999ms"]);
    let started = two("started 5s\nserver web-2 running age 1h\nseen web-2 stopped age @");
    turns(&started, "> retire web-2", &["5001ms"], &["5s"]);
}

#[test]
fn what_is_missing_is_lost_after_enough_listings_and_time() {
    let missing = two("missing web-2 for @");
    let not_yet = ["29999ms listings 4", "30s listings 1"];
    turns(&missing, "> retire web-2", &not_yet, &["30s listings 2"]);
}

#[test]
fn too_much_at_once_is_more_than_a_third_within_two_minutes() {
    let one = "missing web for 40s listings 4".to_owned();
    for (servers, allowed) in [(3, 1), (6, 1), (7, 2), (9, 2), (10, 3), (13, 3), (14, 4)] {
        let missing = |count: usize| crowd(servers, &vec![one.clone(); count]);
        turns(&missing(allowed), "frozen", &[""], &[]);
        turns(&missing(allowed + 1), "frozen", &[], &[""]);
    }
    let three = "farm shop\nrole web min 3 max 6\nseen web-1 running age 4s\n\
        missing web-2 for 40s listings 4\nmissing web-3 for @ listings 9";
    turns(three, "frozen", &["160001ms"], &["160s", "159999ms", "40s"]);
    let other = "farm shop\nrole web min 1 max 2\nrole db min 1 max 2\n\
        missing web-1 for 40s listings 4\n@";
    let all = "missing db-1 for 40s listings 4";
    turns(other, "frozen: all 2 servers vanished", &["seen db-1 running age 1s"], &[all]);
    let single = "farm shop\nrole web min 1 max 2\nmissing web-1 for 40s listings 4\n@";
    turns(single, "frozen", &[""], &[]);
}

#[test]
fn losses_that_trickle_in_are_made_good_a_few_at_a_time() {
    let lost = |count: u64| -> Vec<String> {
        (1..=count).map(|n| format!("missing web for {}s listings 9", 40 + n * 200)).collect()
    };
    for (servers, allowed) in [(3, 1), (7, 2), (10, 3)] {
        let told = crowd(servers, &lost(allowed));
        turns(&told, "replacing", &[""], &[]);
        turns(&told, &format!("> retire web-{servers}"), &[], &[""]);
        let told = crowd(servers, &lost(allowed + 1));
        turns(&told, &format!("> retire web-{servers}"), &[""], &[]);
        turns(&told, &format!("> retire web-{}", servers - 1), &[], &[""]);
    }
}

#[test]
fn the_next_try_is_made_when_its_pause_is_over() {
    let failed = "farm shop\nrole web min 1 max 2 timeout 5m\nserver web-1 initializing age 6m\n\
        seen web-1 running age 3s\nplan\ngone web-1\nlater @";
    turns(failed, "> launch", &["9999ms"], &["10s"]);
    let again = two("server web-2 pending_terminate age 1m\nseen web-2 running age 1s\n\
        step web-2 terminate failed age @");
    turns(&again, "> terminate web-2 in", &["5s", "6s"], &["4999ms"]);
    let stopped = "farm shop stopped\nrole web min 1 max 1\nserver web-1 running age 1m\n\
        seen web-1 running age 1s\nstep web-1 stop failed age @";
    turns(stopped, "> stop web-1 in", &["5s", "6s"], &["4999ms"]);
}

#[test]
fn time_to_get_ready_is_over_when_more_than_it_has_passed() {
    let late = |more: &str| {
        format!(
            "farm shop\nrole web min 1 max 2 timeout 5m reboot 2m\n{more}\n\
            seen web-1 running age 0s"
        )
    };
    let slow = late("server web-1 initializing age @");
    turns(&slow, "> retire web-1", &["5m"], &["300001ms"]);
    let rebooted = late("server web-1 initializing age 9m rebooted @");
    turns(&rebooted, "not back 2 m after its reboot", &["2m"], &["120001ms"]);
    let away = late("started @\nserver web-1 initializing age 10m");
    turns(&away, "> retire web-1", &["5m"], &["300001ms"]);
}

#[test]
fn silence_is_told_and_healed_after_its_time() {
    let silent = two("seen web-2 running age 1s\nsilent web-2 for @");
    turns(&silent, "agent silent", &["30s"], &["30001ms"]);
    turns(&silent, "> reboot", &["30001ms", "1h"], &[]);
    let restart = "farm shop\nrole web min 2 max 4 heal restart\nseen web-1 running age 4s\n\
        seen web-2 running age 1s\n@";
    let [at, behind] = ["silent web-2 for 5m", "silent web-2 for 300001ms"];
    turns(restart, "> reboot web-2", &[at], &[behind]);
    turns(&format!("{restart}\nnobody"), "> reboot", &[behind], &[]);
    let [at, behind] = ["failing web-2 for 5m", "failing web-2 for 300001ms"];
    turns(restart, "> reboot web-2", &[at], &[behind]);
    turns(restart, "restarted in 1 ms", &[behind, "failing web-2 for 4m"], &[at]);
}

#[test]
fn what_is_unhealthy_for_long_enough_is_replaced_a_few_at_a_time() {
    let ill = "farm shop\nrole web min 2 max 4 unhealthy 5m\nseen web-1 running age 4s\n\
        seen web-2 running age 1s\nfailing web-2 for @";
    turns(ill, "> retire web-2", &["299999ms"], &["5m"]);
    turns(ill, "replaced in 1 ms", &["5m", "4m"], &["299999ms"]);
    for (servers, allowed) in [(4, 1), (7, 2), (10, 3)] {
        let fails = "seen web running age 1s\nfailing web for 6m".to_owned();
        let told = |count: usize| crowd(servers, &vec![fails.clone(); count]);
        turns(&told(allowed), &format!("> retire web-{servers} "), &[], &[""]);
        turns(&told(allowed + 1), &format!("> retire web-{servers} "), &[""], &[]);
        turns(&told(allowed + 1), &format!("> retire web-{} ", servers - 1), &[], &[""]);
    }
}

#[test]
fn a_server_is_restarted_so_often_and_after_so_long() {
    let stopped = "farm shop\nrole web min 2 max 2 heal restart\nseen web-1 running age 1s\n\
        server web-2 running age @\nseen web-2 stopped age 0s";
    turns(stopped, "> start web-2", &["1h restarts 3"], &["1h restarts 2", "0s restarts 0"]);
    turns(stopped, "> start web-2", &["9999ms restarts 1"], &["10s restarts 1"]);
    turns(stopped, "> start web-2", &["59999ms restarts 2"], &["60s restarts 2"]);
    let cut = "farm shop\nrole web min 1 max 1 heal restart\n\
        server web-1 running age 1h restarts @\n\
        seen web-1 stopped age 0s";
    turns(cut, "bring up", &["3"], &["2"]);
    let asleep = two("server web-2 suspended age @\nask web-2 sleep\nseen web-2 running age 0s");
    turns(&asleep, "> suspend web-2", &["9999ms"], &["10s"]);
    turns(&asleep, "> suspend web-2", &["1h restarts 3"], &["1h restarts 2"]);
    let vain = two("server web-2 resuming age 10s\nstep web-2 start failed age @\n\
        seen web-2 stopped age 0s");
    turns(&vain, "could not be started again", &["10001ms"], &["10s", "9s"]);
}

#[test]
fn a_farm_role_waits_for_those_before_it_and_not_for_its_equals() {
    let up = "farm shop sequential\nrole web min 1 max 1 index 2\nrole db min 1 max 1 index @";
    turns(up, "launch order", &["2"], &["1", "3"]);
    turns(up, "> launch db-1", &["3"], &["1", "2"]);
    turns(up, "> launch web-1", &["1"], &["2", "3"]);
    let down = "farm shop sequential\nrole web min 1 max 1 index 2\nrole db min 1 max 1 index @\n\
        seen web-1 running age 1s\nseen db-1 running age 1s\nfarm shop terminated";
    turns(down, "> retire web-1", &["3"], &["1", "2"]);
    turns(down, "> retire db-1", &["1"], &["2", "3"]);
    // One that is to have nothing is waited for by nobody.
    let none = "farm shop sequential\nrole web min @ index 1\nrole db min 1 max 1 index 2";
    turns(none, "> launch db-1", &["1 max 1"], &["0 max 1", "0 max 0"]);
}

#[test]
fn rules_move_a_target_beyond_their_bounds_and_not_at_them() {
    let base = "farm shop\nrole web min 2 max 4 cpu 60 20 up 1m down 2m\n\
        seen web-1 running age 1s\nseen web-2 running age 1s\n";
    turns(&format!("{base}reading web cpu @"), "> launch web-3", &["60", "59.9"], &["60.1"]);
    turns(&format!("{base}reading web cpu @"), "target 2 -> 1", &["0", "19.9", "20"], &[]);
    turns(&format!("{base}role web max @\nreading web cpu 90"), "> launch", &["2"], &["3"]);
    let three = "farm shop\nrole web min 3 max 4 cpu 60 20 up 1m down 2m\n\
        seen web-1 running age 1s\n\
        seen web-2 running age 1s\nseen web-3 running age 1s\nplan\nrole web min 2\n";
    turns(&format!("{three}reading web cpu @"), "target 3 -> 2", &["20", "20.1"], &["19.9"]);
    turns(&format!("{three}reading web cpu 9 have @ of 3"), "target 3 -> 2", &["2"], &["3"]);
    turns(&format!("{three}reading web cpu @"), "readings from", &["9"], &["none"]);
}

#[test]
fn cool_downs_last_to_their_end() {
    let grown = "farm shop\nrole web min 2 max 5 cpu 60 20 up @U down 2m\n\
        seen web-1 running age 1s\n\
        seen web-2 running age 1s\nreading web cpu 90\nplan\nturns web-3 running\n";
    let up =
        |length: &str| format!("{}later @\nlook\nreading web cpu 90", grown.replace("@U", length));
    turns(&up("1m"), "target 3 -> 4", &["59999ms", "0s"], &["1m"]);
    turns(&up("0s"), "target 3 -> 4", &["0s"], &["1ms"]);
    let down = format!("{}later @\nlook\nreading web cpu 9", grown.replace("@U", "1m"));
    turns(&down, "target 3 -> 2", &["119999ms"], &["2m"]);
    // The last change of either kind counts.
    let shrunk = "farm shop\nrole web min 4 max 5 cpu 60 20 up 1m down 2m\n\
        seen web-1 running age 1s\n\
        seen web-2 running age 1s\nseen web-3 running age 1s\nseen web-4 running age 1s\nplan\n\
        role web min 1\nreading web cpu 9\nplan\ngone web-4\nlater @\nlook\nreading web cpu 9";
    turns(shrunk, "target 3 -> 2", &["119999ms"], &["2m"]);
}

#[test]
fn a_drain_is_ended_early_only_while_it_lasts() {
    let leaves = "farm shop\nrole web min 3 max 4 drain 20s\nseen web-1 running age 1s\n\
        seen web-2 running age 1s\nseen web-3 running age 1s\nplan\nrole web min 2 disabled\nplan\n\
        later @\nlook\nidle web-3";
    turns(leaves, "> hasten web-3", &["20s", "21s"], &["19999ms", "0s"]);
    turns(leaves, "terminate now, 19 s early", &["20s", "0s"], &["1s"]);
    let late = "farm shop\nrole web min 1 max 1\nrole lb min 1 max 1 balances web\n\
        seen web-1 running age 4s\nseen lb-1 running age 4s\nask web-1 terminate\nplan\n\
        later 20s\nlate web-1 1\nlater @\nlook";
    turns(late, "balancers do not know yet", &["5m"], &["299999ms", "0s"]);
}

#[test]
fn a_rollout_goes_on_past_a_checkpoint_when_its_wait_is_over() {
    let waits = "farm shop\nrole web min 4 max 8 above 200 batch 4 checkpoint 25 pausing 10m\n\
        seen web-1 running age 4s\nseen web-2 running age 4s\nseen web-3 running age 4s\n\
        seen web-4 running age 4s\nrole web size large\nplan\nturns web-5 running\nlook\nplan\n\
        gone web-1\nlater @\nlook";
    turns(waits, "goes on after its checkpoint", &["599999ms"], &["10m"]);
    turns(waits, "> launch", &["599999ms"], &["10m"]);
    // A checkpoint is reached by its share, and one of everything is none.
    let share = "farm shop\nrole web min 4 max 8 above 200 batch 1 checkpoint @\n\
        seen web-1 running age 4s\nseen web-2 running age 4s\nseen web-3 running age 4s\n\
        seen web-4 running age 4s\nrole web size large\nplan\nturns web-5 running\nlook";
    turns(share, "is at a checkpoint", &["26", "50"], &["25", "1"]);
}

#[test]
fn a_rollout_has_failed_after_so_many_failures() {
    let fails = "farm shop\nrole web min 2 max 4 timeout 1m failures @ stay\n\
        seen web-1 running age 4s\n\
        seen web-2 running age 4s\nrole web size large\nplan\nfails web-3\nlook\nplan\n\
        later 10s\nlook\nplan\nfails web-3\nlook";
    turns(fails, "did not get ready", &["3"], &["2"]);
    let breaks = "farm shop\nrole web min 2 max 4\nseen web-1 running age 4s\n\
        seen web-2 running age 4s\nrole web size large\nbreaker 5 failed @ left";
    turns(breaks, "> launch web-3", &["1ms"], &["0s"]);
}

#[test]
fn a_batch_leaves_enough_that_are_healthy() {
    // Of four, half have to stay: two may go where a batch is two, one where it is one.
    let four = "farm shop\nrole web min 4 max 4 @\nseen web-1 running age 4s\n\
        seen web-2 running age 4s\nseen web-3 running age 4s\nseen web-4 running age 4s\n\
        role web size large";
    let [one, two] = ["> retire web-1", "> retire web-2"];
    turns(
        four,
        one,
        &[],
        &["healthy 50 batch 1", "healthy 75 batch 4", "healthy 100 batch 4"][..2],
    );
    turns(four, two, &["healthy 50 batch 1", "healthy 75 batch 4"], &["healthy 50 batch 2"]);
    turns(
        four,
        "> retire web-3",
        &["healthy 50 batch 4", "healthy 25 batch 2"],
        &["healthy 25 batch 3"],
    );
    // Where more may be wanted, so many are launched first.
    let above = "farm shop\nrole web min 4 max @\nseen web-1 running age 4s\n\
        seen web-2 running age 4s\nseen web-3 running age 4s\nseen web-4 running age 4s\n\
        role web size large";
    turns(above, "> launch web-5", &["4 above 150 healthy 50"], &["5 above 125 batch 2"]);
    turns(
        above,
        "> launch web-6",
        &["5 above 150 batch 2", "6 above 125 batch 2"],
        &["6 above 150 batch 2"],
    );
}

#[test]
fn what_is_locked_is_told_where_too_few_others_are_left() {
    let five = "farm shop\nrole web min @ max 5 disabled\nseen web-1 running age 4s\n\
        seen web-2 running age 4s\nseen web-3 running age 4s\nseen web-4 running age 4s\n\
        ask web-4 lock";
    turns(five, "are locked", &["1", "2"], &["0"]);
    turns(five, "> retire web-4", &["1", "0"], &[]);
    turns(five, "> retire web-1", &["3", "2"], &["1", "0"]);
    turns(five, "> retire web-3", &[], &["3", "2", "1"]);
}

#[test]
fn nothing_is_owed_for_what_went_with_its_farm() {
    let gone = "farm shop sequential\nrole web min 1 max 2\nrole db min 1 max 1\n\
        seen web-1 running age 4s\nseen db-1 running age 4s\nplan\nfarm shop terminated\n\
        ask web-1 terminate\nplan\ngone web-1\ngone db-1\nfarm shop launched";
    turns(gone, "replaces", &[""], &[]);
    turns(gone, "web-1    launch: farm launched", &[], &[""]);
}
