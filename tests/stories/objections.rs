//! Bad plans, and what the second pair of eyes says of them.
//!
//! The passes never make such plans, so each is made by hand from a good one; a checker that
//! never objects is worse than none.

use crate::stories::language::tell;
use crate::stories::yard::Yard;
use grange::base::{FarmRoleId, ServerId};
use grange::engine::{Rule, check, plan, safety};
use grange::model::{LaunchReason, Move, Plan, StepKind, TerminateReason};

const SHOP: &str = "farm shop\nrole web min 3 max 4\nseen web-1 running age 4s\n\
    seen web-2 running age 4s\nseen web-3 running age 4s";

fn server(index: u128) -> ServerId {
    ServerId(1000 + index)
}

fn launch(id: u128, index: u32) -> Move {
    let (server, farm_role, reason) = (ServerId(id), FarmRoleId(1), LaunchReason::FarmLaunched);
    Move::Launch { server, farm_role, index, revision: 1, zone: None, reason }
}

fn retire(index: u128, reason: TerminateReason) -> Move {
    Move::Retire { server: server(index), reason, not_before: super::yard::BEGIN }
}

fn act(index: u128, kind: StepKind) -> Move {
    Move::Act { server: server(index), kind, not_before: super::yard::BEGIN }
}

/// Adds to a good plan what `spoil` does, and expects these objections and no others.
fn check_objections(told: &str, spoil: impl Fn(&mut Plan), expected: &[Rule]) {
    let mut yard = Yard::new("shop", 1);
    told.lines().for_each(|line| tell(&mut yard, line));
    let mut plan = plan(&yard.input);
    spoil(&mut plan);
    let faults = [check(&yard.input, &plan), safety(&yard.input, &plan)].concat();
    let rules: Vec<Rule> = faults.iter().map(|fault| fault.rule).collect();
    assert_eq!(rules, expected, "{told}\n{faults:?}");
}

fn moves(told: &str, added: &[Move], expected: &[Rule]) {
    check_objections(told, |plan| plan.moves.extend_from_slice(added), expected);
}

#[test]
fn launches_that_must_not_be_are_told() {
    let more = |added: &[Move], expected: &[Rule]| {
        let spoil = |plan: &mut Plan| {
            plan.targets[0].target = 4;
            plan.moves.extend_from_slice(added);
        };
        check_objections(SHOP, spoil, expected);
    };
    more(&[launch(1, 4)], &[]);
    more(&[launch(1, 4), launch(2, 5)], &[Rule::Max, Rule::Declared]);
    more(&[launch(1001, 4)], &[Rule::UniqueId]);
    more(&[launch(1, 2)], &[Rule::UniqueIndex]);
    more(&[launch(1, 0)], &[Rule::UniqueIndex]);
    moves(SHOP, &[launch(1, 4)], &[Rule::Declared]);
    let frozen = |plan: &mut Plan| {
        plan.freeze = Some("something vanished".into());
        plan.targets[0].target = 4;
        plan.moves.push(launch(1, 4));
    };
    check_objections(SHOP, frozen, &[Rule::Frozen]);
    check_objections(SHOP, |plan| plan.targets[0].target = 9, &[Rule::Declared]);
    check_objections(SHOP, |plan| plan.targets.clear(), &[Rule::Declared]);
}

#[test]
fn destruction_without_a_reason_is_told() {
    use TerminateReason::{Crashed, FarmTerminated, LaunchTimeout, Manual, RoleRemoved};
    let with = |line: &str| format!("{SHOP}\n{line}");
    for reason in [Manual, FarmTerminated, RoleRemoved] {
        moves(SHOP, &[retire(1, reason)], &[Rule::Declared]);
    }
    moves(SHOP, &[retire(1, Crashed)], &[Rule::Sighting]);
    moves(&with("unseen web-1"), &[retire(1, Crashed)], &[Rule::Sighting]);
    moves(&with("unseen web-1"), &[retire(1, LaunchTimeout)], &[Rule::Sighting]);
    moves(&with("later 2m"), &[retire(1, LaunchTimeout)], &[Rule::Sighting]);
    moves(&with("missing web-1 for 9s listings 2"), &[retire(1, Crashed)], &[Rule::Sighting]);
    moves(&with("missing web-1 for 9m listings 1"), &[retire(1, Crashed)], &[Rule::Sighting]);
    moves(SHOP, &[retire(9, Crashed)], &[Rule::Known]);
    moves(SHOP, &[retire(1, TerminateReason::ScalingDown)], &[Rule::AtOnce]);
}

#[test]
fn giving_up_what_is_not_ill_for_long_enough_or_not_alone_is_told() {
    let with = |lines: &str| format!("{SHOP}\n{lines}");
    let ill = |lines: &str, expected: &[Rule]| {
        moves(&with(lines), &[retire(1, TerminateReason::Unhealthy)], expected);
    };
    // The pass gives it up by itself then, so that its own move is one too many.
    ill("failing web-1 for 6m", &[Rule::OneMove, Rule::AtOnce]);
    ill("", &[Rule::Heal]);
    ill("failing web-1 for 4m", &[Rule::Heal]);
    ill("failing web-1 for 6m\nstarted 4m", &[Rule::Heal]);
    ill("failing web-1 for 6m\nrole web storage", &[Rule::Heal]);
    ill("failing web-1 for 6m\nrole web heal alert", &[Rule::Heal]);
    ill("failing web-1 for 6m\nfailing web-2 for 1m\nfailing web-3 for 1m", &[Rule::Heal]);
    ill("failing web-1 for 6m\nunseen web-1", &[Rule::Sighting]);
    let two = with("failing web-1 for 6m\nfailing web-2 for 6m");
    moves(&two, &[retire(2, TerminateReason::Unhealthy)], &[Rule::AtOnce]);
}

#[test]
fn too_much_at_once_is_told() {
    let shop = format!(
        "{SHOP}\nmissing web-1 for 20m listings 9\nmissing web-2 for 10m listings 9\n\
         missing web-3 for 5m listings 9"
    );
    let spoil = |plan: &mut Plan| {
        plan.freeze = None;
        plan.moves = (1..4).map(|index| retire(index, TerminateReason::Crashed)).collect();
    };
    check_objections(&shop, spoil, &[Rule::AtOnce]);
}

#[test]
fn moves_of_what_is_not_so_are_told() {
    let twice = [act(1, StepKind::Suspend), act(1, StepKind::Suspend)];
    moves(SHOP, &twice, &[Rule::OneMove]);
    for kind in [StepKind::Terminate, StepKind::Resume, StepKind::Launch] {
        moves(SHOP, &[act(1, kind)], &[Rule::Known]);
    }
    moves(SHOP, &[act(1, StepKind::Start)], &[Rule::Known]);
    moves(SHOP, &[Move::Cancel { server: server(1) }], &[Rule::Known]);
}

#[test]
fn what_is_held_is_told() {
    use TerminateReason::{Crashed, ScalingDown};
    let with = |line: &str| format!("{SHOP}\n{line}");
    let grown = |plan: &mut Plan| {
        plan.targets[0].target = 4;
        plan.moves.push(launch(1, 4));
    };
    check_objections(&with("hold web launch why"), grown, &[Rule::Held]);
    check_objections(&with("hold shop launch why"), grown, &[Rule::Held]);
    check_objections(&with("hold web scale why"), grown, &[]);
    let scaled = |plan: &mut Plan| {
        plan.targets[0].scaled_up_at = Some(super::yard::BEGIN);
    };
    check_objections(&with("hold web scale why"), scaled, &[Rule::Held]);
    let stopped = |kind: &str| format!("{SHOP}\nseen web-1 stopped age 4s\nhold web {kind} why");
    moves(&stopped("heal"), &[retire(1, Crashed)], &[Rule::Held]);
    moves(&stopped("terminate"), &[retire(1, Crashed)], &[Rule::Held]);
    let asked = with("hold web terminate why");
    let fewer = |plan: &mut Plan| {
        plan.targets[0].target = 2;
        plan.moves.push(retire(1, ScalingDown));
    };
    check_objections(&asked, fewer, &[Rule::Held]);
    let named = format!("{SHOP}\nhold web terminate why\nask web-1 terminate");
    check_objections(&named, |plan| assert_eq!(plan.moves[0].server(), server(1)), &[]);
}

#[test]
fn healing_that_nobody_declared_is_told() {
    use TerminateReason::{Crashed, LaunchTimeout, ScalingDown};
    let with = |lines: &str| format!("{SHOP}\n{lines}");
    moves(SHOP, &[act(1, StepKind::Reboot)], &[Rule::Heal]);
    let restart = |lines: &str| with(&format!("role web heal restart\n{lines}"));
    moves(&restart(""), &[act(1, StepKind::Reboot)], &[]);
    moves(&restart("later 2m"), &[act(1, StepKind::Reboot)], &[Rule::Sighting]);
    let two = [act(1, StepKind::Reboot), act(2, StepKind::Reboot)];
    moves(&restart(""), &two, &[Rule::AtOnce]);
    let often = "farm shop\nrole web min 1 max 1 heal restart\n\
        server web-1 running age 1m restarts 3\nseen web-1 running age 1s";
    moves(often, &[act(1, StepKind::Reboot)], &[Rule::Heal]);
    for heal in ["alert", "none", "restart"] {
        let told = with(&format!("role web heal {heal}\nseen web-1 gone age 1s"));
        for reason in [Crashed, LaunchTimeout] {
            moves(&told, &[retire(1, reason)], &[Rule::Heal]);
        }
        moves(&told, &[retire(1, ScalingDown)], &[Rule::AtOnce]);
    }
    let stopped = with("role web heal alert\nseen web-1 stopped age 1s");
    moves(&stopped, &[act(1, StepKind::Start)], &[Rule::Heal]);
    let missing = with("role web missing flag\nmissing web-1 for 9m listings 9");
    moves(&missing, &[retire(1, Crashed)], &[Rule::Heal]);
    let frozen = |plan: &mut Plan| {
        plan.freeze = Some("something vanished".into());
        plan.moves.push(act(1, StepKind::Reboot));
    };
    check_objections(&restart(""), frozen, &[Rule::Frozen]);
}

#[test]
fn taking_what_is_locked_is_told() {
    use TerminateReason::{Crashed, LaunchTimeout, Rollout, ScalingDown};
    let shop = format!("{SHOP}\nrole web min 2 disabled\nask web-3 lock");
    let fewer = |plan: &mut Plan, reason| {
        plan.moves = vec![retire(3, reason)];
        plan.targets[0].target = 2;
    };
    for reason in [ScalingDown, Rollout, LaunchTimeout] {
        check_objections(&shop, |plan| fewer(plan, reason), &[Rule::Locked]);
    }
    let gone = format!("{shop}\nseen web-3 gone age 1s");
    check_objections(&gone, |plan| fewer(plan, Crashed), &[]);
    let stopped = format!("{shop}\nseen web-3 stopped age 1s");
    check_objections(&stopped, |plan| fewer(plan, Crashed), &[Rule::Locked]);
}

/// A farm role of so many servers that are seen running.
fn crowd(servers: u32) -> String {
    let mut told = format!("farm shop\nrole web min {servers} max {servers}\n");
    for index in 1..=servers {
        told += &format!("seen web-{index} running age 4s\n");
    }
    told
}

/// A plan of these moves and no others, with this target.
fn check_moves(told: &str, target: u32, planned: &[Move], expected: &[&str]) {
    let mut yard = Yard::new("shop", 1);
    told.lines().for_each(|line| tell(&mut yard, line));
    let mut plan = plan(&yard.input);
    (plan.freeze, plan.moves) = (None, planned.to_vec());
    plan.targets[0].target = target;
    let faults = safety(&yard.input, &plan);
    let said: Vec<&str> = faults.iter().map(|fault| fault.what.as_str()).collect();
    assert_eq!(said, expected, "{told}\n{planned:?}");
}

#[test]
fn a_third_at_once_is_allowed_and_no_more() {
    let all = |count: u128, of: &dyn Fn(u128) -> Move| (1..=count).map(of).collect::<Vec<_>>();
    let reboot = |index| act(index, StepKind::Reboot);
    let unhealthy = |index| retire(index, TerminateReason::Unhealthy);
    let crashed = |index| retire(index, TerminateReason::Crashed);
    for (servers, allowed) in [(1u32, 1u32), (3, 1), (6, 1), (7, 2), (10, 3), (20, 6)] {
        let told = crowd(servers);
        let more = u128::from(allowed) + 1;
        let missing: String = (1..=more.min(u128::from(servers)))
            .map(|index| format!("missing web-{index} for 9m listings 9\n"))
            .collect();
        let gone = format!("{told}{missing}");
        check_moves(&told, servers, &all(more - 1, &reboot), &[]);
        check_moves(&told, servers, &all(more - 1, &unhealthy), &[]);
        check_moves(&gone, servers, &all(more - 1, &crashed), &[]);
        if servers == 1 {
            continue;
        }
        let says = |what: &str| {
            format!("{more} of {servers} running servers {what}, {allowed} are allowed")
        };
        check_moves(&told, servers, &all(more, &reboot), &[&says("rebooted at once")]);
        let ill = says("retired as unhealthy at once");
        check_moves(&told, servers, &all(more, &unhealthy), &[&ill]);
        let absent = says("retired because they are missing");
        check_moves(&gone, servers, &all(more, &crashed), &[&absent]);
        // The platform's own word covers any number.
        check_moves(&told, servers, &all(more, &crashed), &[]);
    }
    // What a person asked for is nobody else's.
    let asked = format!("{}ask web-1 reboot\n", crowd(3));
    check_moves(&asked, 3, &[reboot(1), reboot(2)], &[]);
    let starting = "farm shop\nrole web min 1 max 1\nserver web-1 initializing age 1m";
    check_moves(starting, 1, &[reboot(1)], &[]);
}

#[test]
fn scaling_in_leaves_what_the_target_asks_for() {
    let down = |index| retire(index, TerminateReason::ScalingDown);
    let park = |index| Move::Park { server: server(index), not_before: super::yard::BEGIN };
    let four = crowd(4);
    check_moves(&four, 3, &[down(4)], &[]);
    check_moves(&four, 3, &[park(4)], &[]);
    let too_few = "scaling in leaves 2 running servers of 3";
    check_moves(&four, 3, &[down(4), down(3)], &[too_few]);
    check_moves(&four, 3, &[down(4), park(3)], &[too_few]);
    // One that does not serve takes nothing away, and is no cover for one that does.
    let ill = format!("{four}failing web-4 for 1m\n");
    check_moves(&ill, 3, &[down(4)], &[]);
    check_moves(&ill, 3, &[down(3)], &[too_few]);
    check_moves(&ill, 4, &[down(4)], &[]);
    // What a rollout takes is judged by its own rule.
    let rolled = retire(4, TerminateReason::Rollout);
    let half = format!("{four}role web healthy 50\n");
    check_moves(&half, 3, &[down(3), rolled], &[]);
}

#[test]
fn a_target_falls_one_at_a_time() {
    let told = |more: &str| format!("{}plan\n{more}", crowd(4));
    let falls = |more: &str, target: u32, expected: &[&str]| {
        let mut yard = Yard::new("shop", 1);
        for line in told(more).lines() {
            match line {
                "plan" => {
                    let decided = plan(&yard.input);
                    yard.commit(decided);
                }
                line => tell(&mut yard, line),
            }
        }
        let mut decided = plan(&yard.input);
        decided.moves = (target + 1..=4)
            .map(|index| retire(u128::from(index), TerminateReason::ScalingDown))
            .collect();
        decided.targets[0].target = target;
        let faults = safety(&yard.input, &decided);
        let said: Vec<&str> = faults.iter().map(|fault| fault.what.as_str()).collect();
        assert_eq!(said, expected, "{more} to {target}");
    };
    falls("role web min 1", 3, &[]);
    falls("role web min 1", 2, &["the target falls from 4 to 2 at once"]);
    // A person declared a smaller range.
    falls("role web min 1 max 2", 2, &[]);
    falls("role web min 1 max 3", 1, &["the target falls from 3 to 1 at once"]);
    falls("role web min 2 disabled", 2, &[]);
    falls("role web min 2 disabled", 1, &[]);
    falls("role web min 1 disabled", 2, &["the target falls from 4 to 2 at once"]);
}

#[test]
fn a_batch_and_those_that_stay_are_counted_to_the_last() {
    let rolled = |indexes: &[u128]| -> Vec<Move> {
        indexes.iter().map(|index| retire(*index, TerminateReason::Rollout)).collect()
    };
    let four = |more: &str| format!("{}role web {more}\n", crowd(4));
    check_moves(&four("batch 2 healthy 50"), 4, &rolled(&[1, 2]), &[]);
    let many =
        ["3 rolled over at once, a batch is 2", "rolling over leaves 1 running servers of 2"];
    check_moves(&four("batch 2 healthy 50"), 4, &rolled(&[1, 2, 3]), &many);
    check_moves(&four("batch 4 healthy 51"), 4, &rolled(&[1]), &[]);
    let few = ["rolling over leaves 2 running servers of 3"];
    check_moves(&four("batch 4 healthy 51"), 4, &rolled(&[1, 2]), &few);
    // All but one at the most, unless all are asked for.
    check_moves(&four("batch 4 healthy 99"), 4, &rolled(&[1]), &[]);
    let all = ["rolling over leaves 3 running servers of 4"];
    check_moves(&four("batch 4 healthy 100"), 4, &rolled(&[1]), &all);
    check_moves(&four("batch 1 healthy 0 full"), 4, &rolled(&[1, 2, 3, 4]), &[]);
    // Who is seen, serves and stays is counted, and nobody else.
    let three = ["rolling over leaves 2 running servers of 3"];
    let with = |more: &str| format!("{}{more}\n", four("batch 4 healthy 75"));
    check_moves(&with("failing web-4 for 1s"), 4, &rolled(&[1]), &three);
    check_moves(&with("seen web-4 running age 90s"), 4, &rolled(&[1]), &[]);
    check_moves(&with("seen web-4 running age 90001ms"), 4, &rolled(&[1]), &three);
    check_moves(&with("missing web-4 for 1m listings 3"), 4, &rolled(&[1]), &three);
    // An unhealthy one that goes takes nothing away.
    check_moves(&with("failing web-1 for 1s\nfailing web-4 for 1s"), 4, &rolled(&[1]), &[]);
}

#[test]
fn what_was_seen_long_enough_ago_is_no_ground() {
    use TerminateReason::{Crashed, LaunchTimeout, ScalingDown, Unhealthy};
    let concluded = |more: &str, reason: TerminateReason, expected: &[Rule]| {
        let mut yard = Yard::new("shop", 1);
        let told = format!("{}{more}", crowd(4));
        told.lines().for_each(|line| tell(&mut yard, line));
        let mut plan = plan(&yard.input);
        (plan.freeze, plan.moves) = (None, vec![retire(1, reason)]);
        plan.targets[0].target = 3;
        let rules: Vec<Rule> = check(&yard.input, &plan).iter().map(|fault| fault.rule).collect();
        assert_eq!(rules, expected, "{told}\n{reason:?}");
    };
    concluded("seen web-1 stopped age 90s", Crashed, &[]);
    concluded("seen web-1 stopped age 90001ms", Crashed, &[Rule::Sighting]);
    concluded("seen web-1 running age 90s", Crashed, &[Rule::Sighting]);
    concluded("seen web-1 running age 90s", LaunchTimeout, &[]);
    concluded("missing web-1 for 30s listings 2", Crashed, &[]);
    concluded("missing web-1 for 29999ms listings 2", Crashed, &[Rule::Sighting]);
    concluded("missing web-1 for 30s listings 1", Crashed, &[Rule::Sighting]);
    concluded("missing web-1 for 30s listings 2", ScalingDown, &[Rule::Sighting]);
    concluded("role web unhealthy 5m\nfailing web-1 for 5m", Unhealthy, &[]);
    concluded("role web unhealthy 5m\nfailing web-1 for 299999ms", Unhealthy, &[Rule::Heal]);
    let others = "failing web-2 for 1s\nfailing web-3 for 1s\n";
    concluded(&format!("{others}failing web-1 for 6m"), Unhealthy, &[]);
    let dead = "seen web-4 stopped age 1s\nfailing web-1 for 6m";
    concluded(&format!("{others}{dead}"), Unhealthy, &[Rule::Heal]);
    concluded("role web storage\nfailing web-1 for 6m", Unhealthy, &[Rule::Heal]);
    concluded("role web storage with-volumes\nfailing web-1 for 6m", Unhealthy, &[]);
}

#[test]
fn restarts_are_counted_and_seen_to_the_moment() {
    let restart = |more: &str, kind: StepKind, expected: &[Rule]| {
        let mut yard = Yard::new("shop", 1);
        let told = format!("farm shop\nrole web min 1 max 1 heal restart\n{more}");
        told.lines().for_each(|line| tell(&mut yard, line));
        let mut plan = plan(&yard.input);
        (plan.freeze, plan.moves) = (None, vec![act(1, kind)]);
        let rules: Vec<Rule> = check(&yard.input, &plan).iter().map(|fault| fault.rule).collect();
        assert_eq!(rules, expected, "{told}\n{kind:?}");
    };
    let seen = |restarts: u32, age: &str| {
        format!("server web-1 running age 1m restarts {restarts}\nseen web-1 running age {age}")
    };
    restart(&seen(2, "90s"), StepKind::Reboot, &[]);
    restart(&seen(3, "90s"), StepKind::Reboot, &[Rule::Heal]);
    restart(&seen(2, "90001ms"), StepKind::Reboot, &[Rule::Sighting]);
    let asked = format!("{}\nask web-1 reboot", seen(3, "90001ms"));
    restart(&asked, StepKind::Reboot, &[]);
    let sleeps = |state: &str| format!("server web-1 suspended age 1m\nseen web-1 {state} age 1s");
    restart(&sleeps("running"), StepKind::Suspend, &[]);
    restart(&sleeps("suspended"), StepKind::Suspend, &[Rule::Known]);
    restart(&sleeps("suspended"), StepKind::Resume, &[]);
    restart(&sleeps("suspended"), StepKind::Start, &[Rule::Known]);
    restart(&sleeps("stopped"), StepKind::Start, &[]);
    restart(&sleeps("running"), StepKind::Stop, &[Rule::Known]);
    restart(&format!("farm shop stopped\n{}", sleeps("running")), StepKind::Stop, &[]);
    restart(&seen(0, "1s"), StepKind::Resume, &[Rule::Known]);
    restart(&seen(0, "1s"), StepKind::Start, &[Rule::Known]);
    let slept = "server web-1 running age 1m\nseen web-1 suspended age 1s";
    restart(slept, StepKind::Resume, &[]);
    let alert = format!("role web heal alert\n{slept}");
    restart(&alert, StepKind::Resume, &[Rule::Heal]);
}
