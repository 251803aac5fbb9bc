//! A second pair of eyes on each plan.

use crate::engine::{Fault, PlanInput};
use crate::model::Plan;

/// What is wrong with a plan in itself; empty for a sound one.
pub fn check(_input: &PlanInput, _plan: &Plan) -> Vec<Fault> {
    Vec::new()
}

/// What makes a sound plan too dangerous to carry out without a person's wish.
pub fn safety(_input: &PlanInput, _plan: &Plan) -> Vec<Fault> {
    Vec::new()
}
