//! The laws, over random worlds.
//!
//! Two kinds of world. *Still* ones are inputs made of whatever combination the records allow,
//! likely or not: one plan of each is held against the laws. *Living* ones are a small farm whose
//! cloud crashes, lies, loses answers and loses its power, while an appliance of a few lines
//! carries the plans out: max holds at every moment, and once the outside behaves, everything
//! declared is there and the next plan is empty.

#[path = "properties/declared.rs"]
mod declared;
#[path = "properties/laws.rs"]
mod laws;
#[path = "properties/living.rs"]
mod living;
#[path = "properties/replayed.rs"]
mod replayed;
#[path = "properties/still.rs"]
mod still;

use crate::stories::yard::{BEGIN, Yard};
use grange::base::{FarmRoleId, ServerId};
use grange::engine::{Decided, PlanInput, RoleSummary, decide, decide_within, plan};
use grange::model::{CloudState, Line, Plan, ServerStatus};
use proptest::prelude::*;
use std::collections::BTreeSet;

/// So many cases, unless `PROPTEST_CASES` asks for another number.
pub fn cases(usual: u32) -> ProptestConfig {
    let asked = std::env::var_os("PROPTEST_CASES").is_some();
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    if asked { config } else { ProptestConfig { cases: usual, ..config } }
}

proptest! {
    #![proptest_config(cases(3000))]

    #[test]
    fn a_plan_of_any_world_keeps_the_laws(world in still::world()) {
        let yard = world.build();
        let decided = plan(&yard.input);
        let bytes = serde_json::to_string(&decided).unwrap();
        prop_assert_eq!(&bytes, &serde_json::to_string(&plan(&shuffled(&yard.input))).unwrap());
        laws::hold(&yard.input, &decided)?;
        empty_again(yard, decided)?;
    }

    #[test]
    fn a_decision_about_what_changed_is_the_decision_about_everything(
        world in still::world(),
        change in still::server(),
    ) {
        let mut yard = world.build();
        for _ in 0..3 {
            let decided = plan(&yard.input);
            yard.commit(decided);
        }
        let before = decide(&yard.input);
        let changed = change.replace(&mut yard);
        let whole = decide(&yard.input);
        let Some(part) = decide_within(&narrowed(&yard.input, changed, &before), &before.common)
        else {
            return Ok(());
        };
        let lines = |report: &[Line]| -> Vec<Line> {
            report.iter().filter(|line| line.farm_role == Some(changed)).cloned().collect()
        };
        prop_assert_eq!(lines(&part.plan.report), lines(&whole.plan.report));
        let rest = |decided: &Decided| Decided {
            plan: Plan { report: Vec::new(), ..decided.plan.clone() },
            recheck_soon: BTreeSet::new(),
            ..decided.clone()
        };
        prop_assert_eq!(rest(&part), rest(&whole));
    }
}

proptest! {
    // Each case is a few hundred plans.
    #![proptest_config(cases(512))]

    #[test]
    fn a_farm_lives_through_anything(seed in any::<u64>()) {
        let mut house = living::House::new(seed);
        for _ in 0..60 {
            house.tick(true);
            let decided = plan(&house.yard.input);
            laws::hold(&house.yard.input, &decided)?;
            let before = house.yard.input.clone();
            house.yard.commit(decided.clone());
            let again = plan(&house.yard.input);
            prop_assert!(
                !again.changes(house.yard.input.parent.as_ref()),
                "{:#?}\n{decided:#?}\nplanned again: {again:#?}",
                before.servers
            );
            prop_assert!(house.faults().is_empty(), "{:?}", house.faults());
        }
        house.behave();
        let mut ticks = 0;
        while !house.is_settled() {
            house.tick(false);
            let decided = plan(&house.yard.input);
            laws::hold(&house.yard.input, &decided)?;
            if decided.changes(house.yard.input.parent.as_ref()) {
                house.yard.commit(decided);
            }
            prop_assert!(house.faults().is_empty(), "{:?}", house.faults());
            ticks += 1;
            prop_assert!(ticks < 2000, "not settled: {:#?}", plan(&house.yard.input).report);
        }
    }
}

proptest! {
    // Each case is half a day of a farm's life.
    #![proptest_config(cases(16))]

    #[test]
    fn the_same_rules_on_what_was_recorded_decide_the_same(seed in any::<u64>()) {
        let mut house = replayed::House::new(seed);
        house.live();
        let again = house.replay(house.policy());
        prop_assert_eq!(&again, &house.replay(house.policy()));
        prop_assert_eq!(&again.gaps, &[]);
        house.decisions.retain(|turn| turn.at > replayed::House::from());
        let rules = house.policy();
        let told = || format!("{rules:#?}\n{:#?}\n{:#?}", house.decisions, again.decisions);
        // Minutes know less than readings do: where a load only grazes a threshold one may see it
        // and the other not, and from there on they are two farms.
        if let Some(turn) = replayed::parting(&house.decisions, &again.decisions) {
            prop_assert!(replayed::margin(turn) <= 1.0, "{turn:?}\n{}", told());
        }
    }
}

/// Law 4: a second plan on an unchanged world is empty. A plan is whole: what its own moves bring
/// about is decided with it, in the transaction that commits it.
fn empty_again(mut yard: Yard, decided: Plan) -> Result<(), TestCaseError> {
    yard.commit(decided.clone());
    yard.input.seed = yard.input.seed.wrapping_add(1);
    let again = plan(&yard.input);
    prop_assert!(
        !again.changes(yard.input.parent.as_ref()),
        "{decided:#?}\nplanned again: {again:#?}"
    );
    Ok(())
}

/// The same world told in another order.
fn shuffled(input: &PlanInput) -> PlanInput {
    let mut other = input.clone();
    other.farm_roles.reverse();
    other.servers.reverse();
    other.steps.reverse();
    other
}

/// The input of a decision about one farm role, with the facts of a decision before.
fn narrowed(input: &PlanInput, only: FarmRoleId, before: &Decided) -> PlanInput {
    let mut input = input.clone();
    input.other_roles = before.facts.clone();
    input.other_roles.remove(&only);
    input.servers.retain(|server| server.farm_role == only);
    input.steps.retain(|step| step.farm_role == only);
    input
}

#[test]
fn what_changes_in_one_farm_role_is_decided_without_the_others() {
    let mut yard = Yard::new("shop", 1);
    for alias in ["web", "app"] {
        yard.add_role(alias, 2, 2);
    }
    for (id, role) in [(1, 1), (2, 1), (3, 2), (4, 2)] {
        let index = u32::try_from(id).unwrap();
        yard.add_server(ServerId(id), FarmRoleId(role), index, ServerStatus::Running, 600_000);
        yard.see(ServerId(id), CloudState::Running, BEGIN);
        yard.hear(ServerId(id), true, BEGIN);
    }
    let decided = plan(&yard.input);
    yard.commit(decided);
    let before = decide(&yard.input);
    yard.see(ServerId(4), CloudState::Stopped, BEGIN);
    let input = narrowed(&yard.input, FarmRoleId(2), &before);
    let decided = decide_within(&input, &before.common).expect("a decision about app alone");
    assert_eq!(decided.plan.moves.len(), 1, "{:?}", decided.plan.report);
    // The other of its servers too: nothing runs in web's neighbour, and still web is not asked.
    yard.see(ServerId(3), CloudState::Stopped, BEGIN);
    let input = narrowed(&yard.input, FarmRoleId(2), &before);
    assert!(decide_within(&input, &before.common).is_some());
    // All of the farm: that is a power cut, and a matter of everything.
    let mut dark = before.clone();
    dark.facts.insert(FarmRoleId(1), RoleSummary { up: 0, ..before.facts[&FarmRoleId(1)] });
    let input = narrowed(&yard.input, FarmRoleId(2), &dark);
    assert_eq!(decide_within(&input, &dark.common), None);
}
