//! The shapes the served description names: every field of every view and input, in words.
//!
//! Kept beside the views instead of derived from them, because a description has words that a
//! type has not; the test below holds each shape to its view, field for field.

mod accounts;
mod holds;
mod house;
mod images;
mod inputs;
mod logs;
mod notes;
mod objects;
mod roles;
mod rollouts;
mod runs;
mod simulation;
mod variables;
mod volumes;

/// An object of the API.
pub struct Shape {
    /// Its name in the description.
    pub name: &'static str,
    /// Fields that are not read-only.
    pub writable: &'static [&'static str],
    /// Its fields.
    pub fields: &'static [Field],
}

/// A field of an object.
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// One sentence on what it means.
    pub about: &'static str,
}

/// What a field holds.
#[derive(Clone, Copy)]
pub enum Kind {
    /// A text.
    Text,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// True or false.
    Flag,
    /// Texts.
    Texts,
    /// Whole numbers.
    Integers,
    /// Numbers.
    Numbers,
    /// An object of a shape.
    Of(&'static str),
    /// Objects of a shape.
    ListOf(&'static str),
}

const fn field(name: &'static str, kind: Kind, about: &'static str) -> Field {
    Field { name, kind, about }
}

/// Every shape there is.
pub fn all() -> impl Iterator<Item = &'static Shape> {
    let more = inputs::SHAPES.iter().chain(simulation::SHAPES).chain(accounts::SHAPES);
    let more = more
        .chain(rollouts::SHAPES)
        .chain(volumes::SHAPES)
        .chain(notes::SHAPES)
        .chain(logs::SHAPES)
        .chain(runs::SHAPES)
        .chain(roles::SHAPES);
    let more = more.chain(variables::SHAPES).chain(images::SHAPES);
    objects::SHAPES.iter().chain(house::SHAPES).chain(holds::SHAPES).chain(more)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Bytes, Secret};
    use crate::model::Printed;
    use crate::wire::account::AccountView;
    use crate::wire::api::logs::StreamPiece;
    use crate::wire::api::*;
    use crate::wire::hold::{HoldInput, HoldView};
    use crate::wire::image::*;
    use crate::wire::input::*;
    use crate::wire::note::{NoteInput, NoteView};
    use crate::wire::role::*;
    use crate::wire::rollout::{RevisionView, RolloutView};
    use crate::wire::run::{RunInput, RunServerView, RunView};
    use crate::wire::sealing::{RotateKeyInput, RotatedView};
    use crate::wire::service::ServiceView;
    use crate::wire::simulation::*;
    use crate::wire::stream::LogFile;
    use crate::wire::variable::{VariableInput, VariableView};
    use crate::wire::volume::VolumeView;
    use serde::Serialize;
    use std::collections::BTreeSet;

    fn check(name: &str, view: &impl Serialize) {
        let shape = all().find(|shape| shape.name == name).expect(name);
        let value = serde_json::to_value(view).expect(name);
        let sent: BTreeSet<&str> =
            value.as_object().expect(name).keys().map(String::as_str).collect();
        let described: BTreeSet<&str> = shape.fields.iter().map(|field| field.name).collect();
        assert_eq!(sent, described, "{name}");
        let stray = shape.writable.iter().find(|name| !described.contains(*name));
        assert_eq!(stray, None, "{name}");
    }

    fn text() -> Option<String> {
        Some("x".to_owned())
    }

    fn whole_variable() -> VariableView {
        VariableView {
            value: text(),
            computed_value: text(),
            defined_in: text(),
            required_in: text(),
            used_by: vec![String::new()],
            ..VariableView::default()
        }
    }

    fn whole_input() -> VariableInput {
        VariableInput {
            name: text(),
            kind: text(),
            value: Some(Secret::new("x")),
            category: text(),
            description: text(),
            hidden: Some(true),
            locked: Some(true),
            required_in: text(),
            validation_pattern: text(),
            output_format: text(),
        }
    }

    fn notes() -> Vec<NoteView> {
        vec![NoteView::default()]
    }

    fn farm_role_extra() -> FarmRoleExtra {
        let published = vec![PublishedView::default()];
        let (notes, overrides) = (notes(), line());
        FarmRoleExtra { notes, published, overrides, ..FarmRoleExtra::default() }
    }

    fn line() -> Vec<String> {
        vec![String::new()]
    }

    #[test]
    fn shapes_are_their_views() {
        check("Farm", &FarmView::default());
        check("FarmExtra", &FarmExtra { notes: notes(), ..FarmExtra::default() });
        check("FarmRole", &FarmRoleView::default());
        check("FarmRoleExtra", &farm_role_extra());
        check("Published", &PublishedView::default());
        check("ScalingConfiguration", &ScalingView::default());
        check("Volume", &VolumeView::default());
        check("Run", &RunView { ended_at: Some(1), ..RunView::default() });
        let (order, exit_code, why) = (Some(1), Some(1), Some(String::new()));
        let (stdout, stderr) = (Some(Printed::default()), Some(Printed::default()));
        let part = RunServerView { order, exit_code, why, stdout, stderr, ..Default::default() };
        check("RunServer", &part);
        let (name, kind) = (String::new(), String::new());
        check("Log", &LogFile { name, kind, bytes: 1, written_at: 1 });
        let (text, bytes, lost, error) = (Some("x".into()), Some(Bytes::default()), Some(0), true);
        check("StreamPiece", &StreamPiece { text, bytes, lost, error, ..StreamPiece::broken("x") });
        check("Server", &ServerView::default());
        check("ServerExtra", &ServerExtra { notes: notes(), ..ServerExtra::default() });
        check("Service", &ServiceView::default());
        check("Condition", &ConditionView::default());
        check("Role", &RoleView::default());
        check("RoleExtra", &RoleExtra::default());
        check("RoleUse", &RoleUseView::default());
        check("RoleCloneRequest", &RoleCloneInput::default());
        check("RoleManifestRequest", &RoleManifestRequest::default());
        check("RoleSource", &RoleSource::default());
        check("RoleApplied", &RoleApplied::default());
        check("RoleManifest", &RoleManifestView::default());
        check("RoleRevision", &RoleRevisionView::default());
        let (role_revision, fingerprint) = (Some(1), Some(String::new()));
        let upgrade = RoleUpgradeRequest { role_revision, fingerprint, ..Default::default() };
        check("RoleUpgradeRequest", &upgrade);
        check("RoleIdentity", &RoleRef::default());
        check("ForeignKey", &Ref::default());
        check("NameForeignKey", &NameRef::default());
        check("Reading", &ReadingView::default());
        check("Series", &SeriesView::default());
        check("Event", &EventView::default());
        check("Explanation", &ExplainView { notes: notes(), ..ExplainView::default() });
        check("Because", &BecauseView::default());
        check("Plan", &PlanView::default());
        check("ManifestResult", &ManifestResult { unwell: line(), ..Default::default() });
    }

    #[test]
    fn shapes_of_what_is_asked_and_said_are_their_views() {
        check("FarmManifest", &FarmManifestView::default());
        check("Proposal", &ProposalView::default());
        let field = Some(String::new());
        check("Refusal", &ErrorView { field, ..ErrorView::default() });
        check("Order", &OrderView::default());
        check("Status", &StatusView::default());
        check("Job", &JobView::default());
        check("Who", &WhoView::default());
        let (since, open_until, left) = (Some(1), Some(1), Some(1));
        let reason = Some("throttled".into());
        let secrets = vec!["key".to_owned()];
        let failing =
            AccountView { secrets, reason, since, open_until, left, ..AccountView::default() };
        check("CloudAccount", &failing);
        check("Note", &NoteView::default());
        check("Hold", &HoldView { until: Some(1), left: Some(1), ..HoldView::default() });
        let (began_at, since, before) = (Some(1), Some(1), Some(1));
        check("Rollout", &RolloutView { began_at, since, before, ..RolloutView::default() });
        check("Rollback", &RollbackInput { to: Some(1) });
        check("Revision", &RevisionView { left_at: Some(1), ..RevisionView::default() });
        check("Simulation", &SimulationView::default());
        check("SimulatedFarmRole", &SimulatedFarmRoleView::default());
        check("SimulatedBucket", &SimulatedBucketView::default());
        check("SimulatedMetric", &SimulatedMetricView::default());
        check("SimulatedDecision", &SimulatedDecisionView::default());
        check("SimulatedTotal", &SimulatedTotalView::default());
        check("SimulatedGap", &SimulatedGapView::default());
        let token = Secret::new("x");
        let (description, expires_at) = (String::new(), None);
        check("Token", &TokenView { id: 1, token, description, expires_at });
    }

    #[test]
    fn shapes_of_variables_are_their_views() {
        check("GlobalVariable", &whole_variable());
        check("RotatedKey", &RotatedView::default());
    }

    #[test]
    fn shapes_of_images_are_their_views() {
        check("Image", &ImageView::default());
        check("ImageExtra", &ImageExtra::default());
        check("OsKey", &OsKey::default());
    }

    #[test]
    fn shapes_are_their_inputs() {
        check("Manifest", &ManifestRequest::default());
        check("ProposalRequest", &ProposalRequest::default());
        check("ProposalText", &ProposalText::default());
        check("Command", &CommandRequest::default());
        check("RunRequest", &RunInput::default());
        let (length, until) = (Some(1), Some(1));
        check("NoteRequest", &NoteInput::default());
        check("GlobalVariableRequest", &whole_input());
        check("RotateKeyRequest", &RotateKeyInput::default());
        check("HoldRequest", &HoldInput { length, until, ..HoldInput::default() });
        check("SimulationRequest", &SimulationRequest::default());
        let expires_in_ms = Some(1);
        check("TokenRequest", &TokenInput { description: String::new(), expires_in_ms });
        check("ServerLockOptions", &LockInput::default());
        check("ServerRebootOptions", &RebootInput::default());
        check("ServerTerminationOptions", &TerminateInput::default());
        check("TerminateFarmRequest", &TerminateInput::default());
    }

    #[test]
    fn what_a_field_refers_to_is_there() {
        for field in all().flat_map(|shape| shape.fields) {
            let (Kind::Of(name) | Kind::ListOf(name)) = field.kind else {
                continue;
            };
            assert!(all().any(|shape| shape.name == name), "{}: {name}", field.name);
        }
    }
}
