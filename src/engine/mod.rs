//! Decisions, pure: everything about one farm goes in as values, one plan with its reasons comes
//! out.
//!
//! # How it works
//! [`plan`] turns a [`PlanInput`] into a [`World`](world::World), which is the same facts with
//! indexes and a judgement of every sighting, and hands it to the passes in [`plan`](plan::PASSES)
//! order. A pass reads the world and writes into a [`Draft`](draft::Draft): moves, report lines
//! and what scaling remembers. It sees what the passes before it decided, and a server that one
//! of them moved is left alone by the rest, so the order is a priority: what people asked for
//! goes before what we concluded, losses before counts, counts last.
//!
//! Two rules hold in every pass. *A second plan on an unchanged world is empty*: whatever a move
//! was made for must be visible in the records that committing it writes, or be remembered in
//! [`RoleTarget`](crate::model::RoleTarget). *Say why not*: a pass that would act and does not
//! leaves a [`Wait`](crate::model::Wait) with its numbers.
//!
//! A decision need not be about the whole farm: [other farm
//! roles](PlanInput::other_roles) come without their servers, as [`RoleSummary`], and keep what was
//! decided about them. So a pass decides about [`World::roles`](world::World::roles), and asks
//! across farm roles only what [`Draft::facts`](draft::Draft::facts) answers. Then a change of one
//! server of a large farm costs what its farm role costs.
//!
//! [`check`] and [`safety`] read the plan with their own eyes; they share no code with the passes
//! but the input, and a plan they object to is not committed.
//!
//! [`whatif`] asks the scaling rules about recorded minutes instead of the world as it is.
//!
//! # What is not here
//! No clock, no randomness but a seeded stream, no IO: `tests/tidy.rs` proves it. Whether max has
//! room is asked once more in the transaction that begins a launch, because this room sees a
//! snapshot. What becomes of a step's outcome is `service`'s business.
//!
//! # How to add a pass
//! A file in `pass/` with one `pub fn name(world: &World, draft: &mut Draft)`, its line in
//! [`plan::PASSES`], the rule of its dangerous move in `check.rs`, a story in `tests/stories/` for
//! every move and every reason to wait. Read next: `input.rs`, `world.rs`, `plan.rs`, then any
//! pass.

mod check;
mod draft;
mod facts;
mod fault;
mod hold;
pub mod input;
mod pass;
mod plan;
mod safety;
pub mod whatif;
mod world;

pub use check::check;
pub use facts::{FarmSummary, RoleSummary};
pub use fault::{Fault, Rule};
pub use input::{AgentPresence, PlanInput, WindowReading};
pub use plan::{Decided, decide, decide_within, followed_by, plan};
pub use safety::safety;
pub use whatif::what_if;
