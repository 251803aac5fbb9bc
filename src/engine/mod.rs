//! Decisions, pure: everything about one farm goes in as values, one plan with its reasons comes
//! out.

mod check;
mod fault;
pub mod input;
mod plan;

pub use check::{check, safety};
pub use fault::{Fault, Rule};
pub use input::{AgentPresence, PlanInput, WindowReading};
pub use plan::plan;
