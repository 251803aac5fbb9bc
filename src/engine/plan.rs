//! One decision: the passes in their order.

use crate::base::{FarmRoleId, PlanId, limit};
use crate::engine::draft::Draft;
use crate::engine::facts::{FarmSummary, RoleSummary};
use crate::engine::world::World;
use crate::engine::{PlanInput, pass};
use crate::model::{Decision, Line, Plan};
use std::collections::{BTreeMap, BTreeSet};

type Pass = fn(&World, &mut Draft);

/// The passes. Earlier ones take precedence: a server that one moved is left alone by the rest.
pub const PASSES: &[Pass] = &[
    pass::freeze::freeze,
    pass::goal::goal,
    pass::manual::manual,
    pass::sleep::sleep,
    pass::scale::range,
    pass::timeout::timeout,
    pass::lost::resuming,
    pass::cold_start::cold_start,
    pass::lost::lost,
    pass::sleep::wake,
    pass::backoff::backoff,
    pass::scale::scale,
    pass::surplus::surplus,
    pass::rollout::rollout,
    pass::count::count,
    pass::rollout::remember,
    pass::sleep::again,
    pass::retry::retry,
    pass::drain::drain,
    pass::outlook::outlook,
];

/// A decision, and what a later one about some of the farm roles may count on.
#[derive(Clone, Debug, PartialEq)]
pub struct Decided {
    /// The plan, with number 0 until it is committed.
    pub plan: Plan,
    /// What was true of each farm role before it.
    pub facts: BTreeMap<FarmRoleId, RoleSummary>,
    /// What was asked across farm roles.
    pub common: FarmSummary,
    /// Which farm roles something was said of but that all is well, `None` being the farm: time
    /// alone may change what is decided about them next.
    pub recheck_soon: BTreeSet<Option<FarmRoleId>>,
}

/// Decides what is to change in one farm, and says why for everything that is not changed.
///
/// Committing a plan when [`Plan::changes`] is false would write nothing but another plan.
pub fn plan(input: &PlanInput) -> Plan {
    decide(input).plan
}

/// The same as [`plan`], with what the next decision may count on.
pub fn decide(input: &PlanInput) -> Decided {
    let world = World::new(input);
    let mut draft = Draft::new(&world);
    for pass in PASSES {
        pass(&world, &mut draft);
    }
    let quiet = |line: &&Line| line.decision != Decision::Keep;
    Decided {
        facts: world.neighbours.iter().map(|near| (near.role.id, near.facts)).collect(),
        common: FarmSummary::of(&world, &draft),
        recheck_soon: draft.report.iter().filter(quiet).map(|line| line.farm_role).collect(),
        plan: Plan {
            id: PlanId(0),
            env: input.farm.env,
            farm: input.farm.id,
            parent: input.parent.as_ref().map(|p| p.id),
            at: input.now,
            targets: draft.targets.into_values().collect(),
            moves: draft.moves,
            report: bounded(draft.report),
            freeze: draft.freeze,
            cold_start: draft.cold_start,
        },
    }
}

/// Decides about the farm roles that are not [outside](PlanInput::other_roles) the input, as if it
/// had been about all of them. `before` is what the decision that the rest stands by had in
/// common; `None` when that does not hold any more, and the whole farm is to be decided about.
pub fn decide_within(input: &PlanInput, before: &FarmSummary) -> Option<Decided> {
    if before.needs_whole_farm() || input.parent.is_none() {
        return None;
    }
    let decided = decide(input);
    (decided.common == *before).then_some(decided)
}

/// A plan with what was decided about the world as it leaves it, as one: the moves of both, what
/// the first one changed, and what the second says of the rest.
pub fn followed_by(first: Plan, next: Plan) -> Plan {
    let mut report: Vec<Line> =
        first.report.into_iter().filter(|line| line.decision.is_change()).collect();
    report.extend(next.report);
    let mut moves = first.moves;
    moves.extend(next.moves);
    Plan { moves, report: bounded(report), id: first.id, parent: first.parent, ..next }
}

fn bounded(mut report: Vec<Line>) -> Vec<Line> {
    let over = report.len().saturating_sub(limit::REPORT_LINES_MAX);
    if over > 0 {
        report.truncate(limit::REPORT_LINES_MAX);
        let decision = Decision::Act(format!("{over} more lines are left out"));
        report.push(Line { farm_role: None, about: "report".into(), server: None, decision });
    }
    report
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_cut_where_it_is_too_long_and_says_so() {
        let line = |number: usize| {
            let (about, decision) = (number.to_string(), Decision::Keep);
            Line { farm_role: None, about, server: None, decision }
        };
        let most = limit::REPORT_LINES_MAX;
        let lines = |count: usize| (0..count).map(line).collect::<Vec<Line>>();
        assert_eq!(bounded(lines(most)), lines(most));
        let cut = bounded(lines(most + 1));
        assert_eq!(cut[..most], lines(most));
        let more = Decision::Act("1 more lines are left out".into());
        assert_eq!(
            (cut.len(), &cut[most].about[..], &cut[most].decision),
            (most + 1, "report", &more)
        );
    }
}
