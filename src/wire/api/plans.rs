//! Routes of plans, proposals and rollouts.

use super::route::{Body, Created, NoBody, Object, Route, Shaped};
use super::{ManifestResult, PlanView, ProposalRequest, ProposalText, ProposalView};
use crate::wire::input::{NoInput, RollbackInput};
use crate::wire::rollout::RolloutView;

/// Shows the plan of a farm.
pub const PLAN_OF_FARM: Route<NoBody, Object<PlanView>> =
    Route::show("/{envId}/grange/farms/{farmId}/plan/", "Shows a farm's current plan.");

/// Shows a plan.
pub const PLAN: Route<NoBody, Object<PlanView>> =
    Route::show("/{envId}/grange/plans/{planId}/", "Shows a plan.");

/// Makes a proposal.
pub const PROPOSAL_MAKE: Route<ProposalRequest, Created<ProposalView>> = Route::create(
    "/{envId}/grange/proposals/",
    "Makes a signed proposal of what a manifest would change, for a change ticket.",
);

/// Checks a proposal.
pub const PROPOSAL_CHECK: Route<ProposalText, Object<ProposalView>> = Route::act(
    "/{envId}/grange/proposals/check/",
    "Shows a signed proposal, and whether it could still be applied.",
);

/// Applies a proposal.
pub const PROPOSAL_APPLY: Route<ProposalText, Object<ManifestResult>> = Route::act(
    "/{envId}/grange/proposals/apply/",
    "Applies a signed proposal once: exactly what it says, or nothing.",
);

/// Shows a rollout.
pub const ROLLOUT: Route<NoBody, Object<RolloutView>> = Route::show(
    "/{envId}/farm-roles/{farmRoleId}/grange/rollout/",
    "Shows how the rollout of a farm role stands, and its revisions.",
);

/// Pauses a rollout.
pub const ROLLOUT_PAUSE: Route<NoInput, Object<RolloutView>> = Route::act(
    "/{envId}/farm-roles/{farmRoleId}/grange/rollout/actions/pause/",
    "Begins no further batch.",
);

/// Resumes a rollout.
pub const ROLLOUT_RESUME: Route<NoInput, Object<RolloutView>> = Route::act(
    "/{envId}/farm-roles/{farmRoleId}/grange/rollout/actions/resume/",
    "Goes on, also past a checkpoint or a failure.",
);

/// Aborts a rollout.
pub const ROLLOUT_ABORT: Route<NoInput, Object<RolloutView>> = Route::act(
    "/{envId}/farm-roles/{farmRoleId}/grange/rollout/actions/abort/",
    "Ends a rollout, and goes back to the revision it came from.",
);

/// Rolls back to the revision before.
pub const ROLLOUT_ROLLBACK: Route<RollbackInput, Object<RolloutView>> = Route::act(
    "/{envId}/farm-roles/{farmRoleId}/grange/rollout/actions/rollback/",
    "Declares a revision of before once more, and rolls over to it.",
);

impl Shaped for PlanView {
    const SHAPE: &'static str = "Plan";
}

impl Shaped for ProposalView {
    const SHAPE: &'static str = "Proposal";
}

impl Shaped for RolloutView {
    const SHAPE: &'static str = "Rollout";
}

impl Body for RollbackInput {
    const NAMED: Option<(&'static str, &'static str)> = Some(("rollback", "Rollback"));
}

impl Body for ProposalRequest {
    const NAMED: Option<(&'static str, &'static str)> = Some(("proposal", "ProposalRequest"));
}

impl Body for ProposalText {
    const NAMED: Option<(&'static str, &'static str)> = Some(("proposal", "ProposalText"));
}
