//! Roles over the API: what people make of them, their manifests and their revisions.

use super::api::ManifestResult;
use super::api::route::{
    Body, Created, NoBody, Nothing, Object, Parameters, Query, Route, Rows, Shaped,
};
use super::input::RoleView;
use serde::{Deserialize, Serialize};

/// Makes a role.
pub const ROLE_CREATE: Route<RoleInput, Created<RoleView>> = Route::create(
    "/{envId}/roles/",
    "Makes a role that has no image and does nothing yet; its manifest says what it does.",
);

/// Shows a role.
pub const ROLE: Route<NoBody, Object<RoleView>> =
    Route::show("/{envId}/roles/{roleId}/", "Shows a role.");

/// Changes a role's name or description.
pub const ROLE_UPDATE: Route<RoleInput, Object<RoleView>> =
    Route::change("/{envId}/roles/{roleId}/", "Changes a role's name or description.");

/// Removes a role.
pub const ROLE_REMOVE: Route<NoBody, Nothing> =
    Route::remove("/{envId}/roles/{roleId}/", "Removes a role that no farm role uses.");

/// Copies a role.
pub const ROLE_CLONE: Route<RoleCloneInput, Object<RoleView>> = Route::act(
    "/{envId}/roles/{roleId}/actions/clone/",
    "Copies the current revision of a role under another name.",
);

/// Applies a role's manifest.
pub const ROLE_APPLY: Route<RoleManifestRequest, Object<RoleApplied>> = Route::act(
    "/{envId}/grange/role-manifests/",
    "Makes a role, or its next revision, of a manifest. It changes nothing that runs.",
);

/// Shows a role as a manifest.
pub const ROLE_MANIFEST: Route<RoleManifestAsked, Object<RoleManifestView>> = Route::show(
    "/{envId}/grange/roles/{roleId}/manifest/",
    "Shows a role as a manifest, of its current revision or of roleRevision.",
);

/// Lists a role's revisions.
pub const ROLE_REVISIONS: Route<NoBody, Rows<RoleRevisionView>> = Route::list(
    "/{envId}/grange/roles/{roleId}/revisions/",
    "Lists the revisions of a role that are kept, the current one first.",
);

/// Takes up a revision of a role in a farm.
pub const ROLE_UPGRADE: Route<RoleUpgradeRequest, Object<ManifestResult>> = Route::act(
    "/{envId}/grange/roles/{roleId}/upgrade/",
    "Lets a farm's farm roles take up a revision of their role, or with dryRun says what that \
     would change.",
);

/// Body of a role's creation (`name` is required) and of its change.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RoleInput {
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What it is for, in a few words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// Body of a role's copying.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct RoleCloneInput {
    /// The copy's name.
    pub name: String,
}

/// Body of `POST .../grange/role-manifests/`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct RoleManifestRequest {
    /// The YAML text.
    pub manifest: String,
    /// The texts of the files beside it that it names.
    pub sources: Vec<RoleSource>,
    /// Say what would change and change nothing.
    pub dry_run: bool,
}

/// A file beside a manifest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct RoleSource {
    /// As the manifest names it, relative to its directory.
    pub path: String,
    /// Its text.
    pub text: String,
}

/// What came of a role's manifest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RoleApplied {
    /// The role.
    pub role: String,
    /// Its number; 0 in a dry run of a new role.
    pub id: u64,
    /// The revision that has what the manifest says, or would have.
    pub role_revision: u64,
    /// What differs from the revision that was current, one line each; none when nothing does.
    pub changes: Vec<String>,
    /// Farm roles that use another revision of it, and go on with that: `shop/web: revision 2`.
    pub behind: Vec<String>,
}

/// How a role's manifest is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoleManifestAsked {
    /// Which revision; the current one without it.
    pub role_revision: Option<u64>,
}

/// A role as a manifest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RoleManifestView {
    /// The role.
    pub role: String,
    /// Which revision of it.
    pub role_revision: u64,
    /// The YAML text, which makes no other revision when it is applied to this one.
    pub manifest: String,
}

/// A revision of a role.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RoleRevisionView {
    /// Its number.
    pub number: u64,
    /// Whether farm roles declared now get it.
    pub current: bool,
    /// When it was made, ms UTC; 0 when that is not known.
    pub at: i64,
    /// By whom.
    pub by: String,
    /// Farm roles that use it, as `shop/web`.
    pub used_by: Vec<String>,
    /// What it has, as `2 parts of setup, 1 service`.
    pub summary: String,
}

/// A farm role that uses a role.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RoleUseView {
    /// As people say it: `shop/web`.
    pub farm_role: String,
    /// The farm's number.
    pub farm: u64,
    /// The revision it uses.
    pub role_revision: u64,
}

/// Body of `POST .../grange/roles/{roleId}/upgrade/`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct RoleUpgradeRequest {
    /// The farm's number: one request changes one farm.
    pub farm: u64,
    /// Which revision; the current one without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role_revision: Option<u64>,
    /// Say what would change and change nothing.
    pub dry_run: bool,
    /// Take up only what a dry run showed: its fingerprint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
}

impl Shaped for RoleApplied {
    const SHAPE: &'static str = "RoleApplied";
}

impl Shaped for RoleManifestView {
    const SHAPE: &'static str = "RoleManifest";
}

impl Shaped for RoleRevisionView {
    const SHAPE: &'static str = "RoleRevision";
}

impl Body for RoleInput {
    const NAMED: Option<(&'static str, &'static str)> = Some(("roleObject", "Role"));
}

impl Body for RoleCloneInput {
    const NAMED: Option<(&'static str, &'static str)> =
        Some(("roleCloneRequest", "RoleCloneRequest"));
}

impl Body for RoleManifestRequest {
    const NAMED: Option<(&'static str, &'static str)> =
        Some(("roleManifest", "RoleManifestRequest"));
}

impl Body for RoleUpgradeRequest {
    const NAMED: Option<(&'static str, &'static str)> =
        Some(("roleUpgradeRequest", "RoleUpgradeRequest"));
}

impl Query for RoleManifestAsked {
    fn each(&mut self, visit: &mut impl Parameters) {
        visit.parameter("roleRevision", "not a revision's number", &mut self.role_revision);
    }
}
