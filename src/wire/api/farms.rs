//! Routes of farms, farm roles, manifests and the roles they are made of; published ports as people
//! see them.

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
use serde::{Deserialize, Serialize};

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

/// A port of the machine that leads to a farm role's servers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PublishedView {
    /// The port that clients connect to on the machine.
    pub port: u16,
    /// Where servers listen: a number, or its name in the role.
    pub to: String,
    /// `tcp` or `udp`.
    pub protocol: String,
    /// The one address of the machine's it is declared for.
    pub address: Option<String>,
    /// Where it is open now, `address:port`.
    pub open: Vec<String>,
    /// Servers that new connections go to.
    pub servers: u32,
    /// Why it is not open everywhere it should be.
    pub wrong: Option<String>,
}

impl PublishedView {
    /// Addresses named in a line; a machine with containers has dozens.
    const NAMED_MAX: usize = 4;

    /// In words: `port 80 to http, 2 servers, at 192.0.2.1:80`.
    pub fn line(&self) -> String {
        let PublishedView { port, to, protocol, address, open, servers, wrong } = self;
        let protocol = if protocol == "udp" { "/udp" } else { "" };
        let of = address.as_ref().map_or_else(String::new, |address| format!(" of {address}"));
        let behind = match servers {
            0 => "no server".to_owned(),
            1 => "1 server".to_owned(),
            many => format!("{many} servers"),
        };
        let more = open.len().saturating_sub(Self::NAMED_MAX);
        let named = open[..open.len() - more].join(" ");
        let at = match (open.len(), more) {
            (0, _) if wrong.is_some() => String::new(),
            (0, _) => ", not open yet".to_owned(),
            (_, 0) => format!(", at {named}"),
            (_, more) => format!(", at {named} and {more} more"),
        };
        let wrong = wrong.as_ref().map_or_else(String::new, |why| format!(": {why}"));
        format!("port {port}{protocol}{of} to {to}, {behind}{at}{wrong}")
    }
}

/// A role by number and name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RoleRef {
    /// Its number.
    pub id: u64,
    /// Its name.
    pub name: String,
}
