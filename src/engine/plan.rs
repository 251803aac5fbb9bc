//! One decision: the passes in their order.

use crate::base::{PlanId, limit};
use crate::engine::PlanInput;
use crate::engine::draft::Draft;
use crate::engine::pass;
use crate::engine::world::World;
use crate::model::{Decision, Line, Plan};

type Pass = fn(&World, &mut Draft);

/// The passes. Earlier ones take precedence: a server that one moved is left alone by the rest.
pub const PASSES: &[Pass] = &[
    pass::freeze::freeze,
    pass::goal::goal,
    pass::sleep::sleep,
    pass::manual::manual,
    pass::scale::range,
    pass::timeout::timeout,
    pass::lost::resuming,
    pass::cold_start::cold_start,
    pass::lost::lost,
    pass::sleep::wake,
    pass::backoff::backoff,
    pass::scale::scale,
    pass::surplus::surplus,
    pass::count::count,
    pass::retry::retry,
    pass::outlook::outlook,
];

/// Decides what is to change in one farm, and says why for everything that is not changed.
///
/// The plan has number 0 until it is committed. Committing it when [`Plan::changes`] is false
/// would write nothing but another plan.
pub fn plan(input: &PlanInput) -> Plan {
    let world = World::new(input);
    let mut draft = Draft::new(&world);
    for pass in PASSES {
        pass(&world, &mut draft);
    }
    Plan {
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
    }
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
