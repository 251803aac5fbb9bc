//! Declaring a farm: manifests, what they would change, and signed proposals of that.

use super::ErrorView;
use crate::base::Millis;
use serde::{Deserialize, Serialize};

/// Body of `POST .../grange/manifests/`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct ManifestRequest {
    /// The YAML text.
    pub manifest: String,
    /// Remove farm roles that are declared but absent from it.
    pub prune: bool,
    /// Say what would change and change nothing.
    pub dry_run: bool,
    /// Launch the farm as well.
    pub launch: bool,
    /// Declare only what a dry run showed: its fingerprint.
    pub fingerprint: Option<String>,
}

/// Its answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ManifestResult {
    /// The farm.
    pub farm: String,
    /// Its number; 0 in a dry run of a new farm.
    pub id: u64,
    /// Field-level changes, one line each: `farmRoles[web].scaling.minInstances: 2 -> 3`.
    pub changes: Vec<String>,
    /// What the engine would do next because of them, one line each.
    pub steps: Vec<String>,
    /// How many servers would be stopped.
    pub stops: u32,
    /// Which, and why: `shop/web-3: scaling down`.
    pub stopped: Vec<String>,
    /// Farm roles that keep what was declared before although another revision is declared, because
    /// its rollout failed or was aborted, and what a person may do about it, one line each.
    pub behind: Vec<String>,
    /// What of the farm is not well as it is, whatever this changes, one line each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unwell: Vec<String>,
    /// What tells this change of the farm as it is now from every other.
    pub fingerprint: String,
}

/// A farm as a manifest: answer of `GET .../grange/farms/{farmId}/manifest/`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct FarmManifestView {
    /// The farm.
    pub farm: String,
    /// Whether it is to have servers: to apply the manifest to one that is not launches it, unless
    /// that is said.
    pub launched: bool,
    /// The YAML text, which changes nothing when it is applied.
    pub manifest: String,
}

/// Body of `POST .../grange/proposals/`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct ProposalRequest {
    /// The YAML text.
    pub manifest: String,
    /// Remove farm roles that are declared but absent from it.
    pub prune: bool,
    /// Launch the farm as well.
    pub launch: bool,
    /// How long it can be applied, in milliseconds; a week without it.
    pub expires_in_ms: Option<Millis>,
}

/// Body of `POST .../grange/proposals/check/` and `.../apply/`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct ProposalText {
    /// The signed text.
    pub proposal: String,
}

/// A signed proposal.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ProposalView {
    /// Its number.
    pub number: u64,
    /// The farm.
    pub farm: String,
    /// Who made it.
    pub made_by: String,
    /// When, ms UTC.
    pub made_at: i64,
    /// Until when it can be applied, ms UTC.
    pub expires_at: i64,
    /// Field-level changes, one line each: `farmRoles[web].scaling.minInstances: 2 -> 3`.
    pub changes: Vec<String>,
    /// What the engine would do next because of them, one line each.
    pub steps: Vec<String>,
    /// Which servers would be stopped, and why.
    pub stopped: Vec<String>,
    /// The manifest.
    pub manifest: String,
    /// The signed text, when it was made just now.
    pub text: String,
    /// Why it can no longer be applied, when it cannot.
    pub refusal: Vec<ErrorView>,
}
