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
