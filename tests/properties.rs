//! The laws, over random worlds.
//!
//! Two kinds of world. *Still* ones are inputs made of whatever combination the records allow,
//! likely or not: one plan of each is held against the laws. *Living* ones are a small farm whose
//! cloud crashes, lies, loses answers and loses its power, while an appliance of a few lines
//! carries the plans out: max holds at every moment, and once the outside behaves, everything
//! declared is there and the next plan is empty.

#[path = "properties/living.rs"]
mod living;
#[path = "properties/replayed.rs"]
mod replayed;
#[path = "properties/still.rs"]
mod still;

use crate::stories::yard::Yard;
use grange::base::limit;
use grange::engine::{PlanInput, check, plan, safety};
use grange::model::{Freshness, MINUTE, Move, Plan, TerminateReason};
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_plan_of_any_world_keeps_the_laws(world in still::world()) {
        let yard = world.build();
        let decided = plan(&yard.input);
        let bytes = serde_json::to_string(&decided).unwrap();
        prop_assert_eq!(&bytes, &serde_json::to_string(&plan(&shuffled(&yard.input))).unwrap());
        laws(&yard.input, &decided)?;
        empty_again(yard, decided)?;
    }

    #[test]
    fn a_farm_lives_through_anything(seed in any::<u64>()) {
        let mut house = living::House::new(seed);
        for _ in 0..60 {
            house.tick(true);
            let decided = plan(&house.yard.input);
            laws(&house.yard.input, &decided)?;
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
            laws(&house.yard.input, &decided)?;
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
    // Each case is half a day of a farm's life; more of them with PROPTEST_CASES.
    #![proptest_config(replayed::config())]

    #[test]
    fn the_same_rules_on_what_was_recorded_decide_the_same(seed in any::<u64>()) {
        let mut house = replayed::House::new(seed);
        house.live();
        let again = house.replay(house.policy());
        prop_assert_eq!(&again, &house.replay(house.policy()));
        prop_assert_eq!(&again.gaps, &[]);
        house.decisions.retain(|turn| turn.at > replayed::House::from());
        let really: Vec<(u32, u32)> = house.decisions.iter().map(|t| (t.from, t.to)).collect();
        let replayed: Vec<(u32, u32)> = again.decisions.iter().map(|t| (t.from, t.to)).collect();
        let rules = house.policy();
        let told = || format!("{rules:#?}\n{:#?}\n{:#?}", house.decisions, again.decisions);
        prop_assert_eq!(really, replayed, "{}", told());
        let bucket = 2 * MINUTE;
        for (was, is) in house.decisions.iter().zip(&again.decisions) {
            prop_assert!(was.at.since(is.at).max(is.at.since(was.at)) <= bucket, "{}", told());
        }
    }
}

/// What holds for every plan, whatever the world.
fn laws(input: &PlanInput, decided: &Plan) -> Result<(), TestCaseError> {
    let faults = [check(input, decided), safety(input, decided)].concat();
    prop_assert!(faults.is_empty(), "{faults:?}\n{:#?}", decided.report);
    for role in &input.farm_roles {
        let counted = input.servers.iter().filter(|s| s.farm_role == role.id);
        let cancelled = decided.moves.iter().filter(|m| matches!(m, Move::Cancel { .. })).count();
        let launches = decided
            .moves
            .iter()
            .filter(|m| matches!(m, Move::Launch { farm_role, .. } if *farm_role == role.id));
        let (counted, launches) = (counted.count(), launches.count());
        let room = (role.scaling.max as usize + cancelled).saturating_sub(counted);
        prop_assert!(launches <= room, "{launches} launches, room for {room}");
    }
    for (server, reason) in decided.moves.iter().filter_map(|step| match step {
        Move::Retire { server, reason, .. } => Some((server, reason)),
        _ => None,
    }) {
        let wished = matches!(
            reason,
            TerminateReason::Manual
                | TerminateReason::FarmTerminated
                | TerminateReason::RoleRemoved
        );
        let at = match input.sightings.get(server) {
            Some(Freshness::Seen { at, .. } | Freshness::Missing { at, .. }) => Some(*at),
            Some(Freshness::Unknown) | None => None,
        };
        let fresh = at.is_some_and(|at| input.now.since(at) <= limit::LISTING_STALE_AFTER);
        prop_assert!(wished || fresh, "destroyed blindly: {server} {reason:?}");
    }
    Ok(())
}

/// Law 4: a second plan on an unchanged world is empty.
fn empty_again(mut yard: Yard, decided: Plan) -> Result<(), TestCaseError> {
    yard.commit(decided.clone());
    let again = plan(&yard.input);
    let changes = again.changes(yard.input.parent.as_ref());
    prop_assert!(!changes, "first: {decided:#?}\nagain: {again:#?}");
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
