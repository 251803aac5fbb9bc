//! Routes of farms, farm roles, manifests and the roles they are made of.

use super::route::{
    Body, Created, NoBody, Nothing, Object, Parameters, Query, Route, Rows, Shaped,
};
use super::{
    FarmManifestView, FarmRoleView, FarmView, ManifestRequest, ManifestResult, ScalingView,
};
use crate::wire::input::{
    FarmFilter, FarmInput, FarmRoleFilter, NoInput, RoleFilter, RoleView, ScalingInput,
    TerminateInput,
};

/// Lists farms.
pub const FARMS: Route<FarmFilter, Rows<FarmView>> =
    Route::list("/{envId}/farms/", "Lists the farms of this environment.");

/// Declares a farm.
pub const FARM_CREATE: Route<FarmInput, Created<FarmView>> =
    Route::create("/{envId}/farms/", "Declares an empty farm.");

/// Shows a farm.
pub const FARM: Route<NoBody, Object<FarmView>> =
    Route::show("/{envId}/farms/{farmId}/", "Shows a farm.");

/// Changes a farm.
pub const FARM_UPDATE: Route<FarmInput, Object<FarmView>> =
    Route::change("/{envId}/farms/{farmId}/", "Changes a farm's own fields.");

/// Removes a farm.
pub const FARM_REMOVE: Route<NoBody, Nothing> =
    Route::remove("/{envId}/farms/{farmId}/", "Removes a farm; its servers go first.");

/// Launches a farm.
pub const FARM_LAUNCH: Route<NoInput, Object<FarmView>> = Route::act(
    "/{envId}/farms/{farmId}/actions/launch/",
    "Wants every farm role of a farm to have its servers.",
);

/// Stops a farm.
pub const FARM_SUSPEND: Route<NoInput, Object<FarmView>> = Route::act(
    "/{envId}/farms/{farmId}/actions/suspend/",
    "Shuts a farm's servers down in reverse launch order and keeps them.",
);

/// Starts a farm that was stopped.
pub const FARM_RESUME: Route<NoInput, Object<FarmView>> = Route::act(
    "/{envId}/farms/{farmId}/actions/resume/",
    "Brings the servers of a farm that was stopped up again, in launch order.",
);

/// Terminates a farm.
pub const FARM_TERMINATE: Route<TerminateInput, Object<FarmView>> =
    Route::act("/{envId}/farms/{farmId}/actions/terminate/", "Wants no server of a farm left.")
        .named("terminateFarmRequest", "TerminateFarmRequest");

/// Lists the farm roles of a farm.
pub const FARM_ROLES: Route<FarmRoleFilter, Rows<FarmRoleView>> =
    Route::list("/{envId}/farms/{farmId}/farm-roles/", "Lists the farm roles of a farm.");

/// Shows a farm role.
pub const FARM_ROLE: Route<NoBody, Object<FarmRoleView>> =
    Route::show("/{envId}/farm-roles/{farmRoleId}/", "Shows a farm role.");

/// Shows a farm role's range.
pub const SCALING: Route<NoBody, Object<ScalingView>> = Route::show(
    "/{envId}/farm-roles/{farmRoleId}/scaling/",
    "Shows a farm role's range and the names of its scaling rules.",
);

/// Changes a farm role's range.
pub const SCALING_UPDATE: Route<ScalingInput, Object<ScalingView>> =
    Route::change("/{envId}/farm-roles/{farmRoleId}/scaling/", "Changes a farm role's range.");

/// Lists roles.
pub const ROLES: Route<RoleFilter, Rows<RoleView>> =
    Route::list("/{envId}/roles/", "Lists the roles this environment can use.");

/// Applies a manifest.
pub const MANIFEST_APPLY: Route<ManifestRequest, Object<ManifestResult>> = Route::act(
    "/{envId}/grange/manifests/",
    "Declares what a manifest says, or with dryRun says what that would change.",
);

/// Shows a farm as a manifest.
pub const FARM_MANIFEST: Route<NoBody, Object<FarmManifestView>> = Route::show(
    "/{envId}/grange/farms/{farmId}/manifest/",
    "Shows a farm as a manifest, which changes nothing when it is applied.",
);

impl Shaped for FarmView {
    const SHAPE: &'static str = "Farm";

    fn revision(&self) -> Option<u64> {
        Some(self.grange.revision)
    }
}

impl Shaped for FarmRoleView {
    const SHAPE: &'static str = "FarmRole";

    fn revision(&self) -> Option<u64> {
        Some(self.grange.revision)
    }
}

impl Shaped for ScalingView {
    const SHAPE: &'static str = "ScalingConfiguration";
}

impl Shaped for RoleView {
    const SHAPE: &'static str = "Role";

    fn revision(&self) -> Option<u64> {
        Some(self.grange.revision)
    }
}

impl Shaped for ManifestResult {
    const SHAPE: &'static str = "ManifestResult";
}

impl Shaped for FarmManifestView {
    const SHAPE: &'static str = "FarmManifest";
}

impl Body for FarmInput {
    const NAMED: Option<(&'static str, &'static str)> = Some(("farmObject", "Farm"));
}

impl Body for ScalingInput {
    const NAMED: Option<(&'static str, &'static str)> =
        Some(("scalingConfigurationObject", "ScalingConfiguration"));
}

impl Body for TerminateInput {
    const NAMED: Option<(&'static str, &'static str)> =
        Some(("serverTerminationOptions", "ServerTerminationOptions"));
}

impl Body for ManifestRequest {
    const NAMED: Option<(&'static str, &'static str)> = Some(("manifest", "Manifest"));
}

impl Query for FarmFilter {
    fn each(&mut self, visit: &mut impl Parameters) {
        visit.parameter("id", "not a farm's number", &mut self.id);
        visit.text("name", &mut self.name);
        visit.text("launchOrder", &mut self.launch_order);
        visit.text("status", &mut self.status);
    }
}

impl Query for FarmRoleFilter {
    fn each(&mut self, visit: &mut impl Parameters) {
        visit.parameter("id", "not a farm role's number", &mut self.id);
        visit.text("alias", &mut self.alias);
        visit.parameter("role", "not a role's number", &mut self.role);
        visit.text("cloudPlatform", &mut self.cloud_platform);
        visit.text("cloudLocation", &mut self.cloud_location);
    }
}

impl Query for RoleFilter {
    fn each(&mut self, visit: &mut impl Parameters) {
        visit.parameter("id", "not a role's number", &mut self.id);
        visit.text("name", &mut self.name);
    }
}
