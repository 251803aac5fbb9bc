//! Routes of servers, commands for their agents, and data volumes.

use super::route::{
    Body, Created, NoBody, Nothing, Object, Parameters, Query, Route, Rows, Shaped,
};
use super::{CommandRequest, OrderView, ServerView};
use crate::model::ServerStatus;
use crate::wire::input::{
    LockInput, NoInput, RebootInput, ServerFilter, TerminateInput, VolumeFilter,
};
use crate::wire::volume::VolumeView;

/// Lists servers.
pub const SERVERS: Route<ServerFilter, Rows<ServerView>> = Route::list(
    "/{envId}/servers/",
    "Lists the servers of this environment that are not confirmed gone.",
);

/// Lists the servers of a farm.
pub const SERVERS_OF_FARM: Route<ServerFilter, Rows<ServerView>> =
    Route::list("/{envId}/farms/{farmId}/servers/", "Lists the servers of a farm.");

/// Lists the servers of a farm role.
pub const SERVERS_OF_FARM_ROLE: Route<ServerFilter, Rows<ServerView>> =
    Route::list("/{envId}/farm-roles/{farmRoleId}/servers/", "Lists the servers of a farm role.");

/// Shows a server.
pub const SERVER: Route<NoBody, Object<ServerView>> =
    Route::show("/{envId}/servers/{serverId}/", "Shows a server.");

/// Terminates a server.
pub const SERVER_TERMINATE: Route<TerminateInput, Object<ServerView>> = Route::act(
    "/{envId}/servers/{serverId}/actions/terminate/",
    "Asks for a server to go; it is replaced if it is still wanted.",
);

/// Reboots a server.
pub const SERVER_REBOOT: Route<RebootInput, Object<ServerView>> =
    Route::act("/{envId}/servers/{serverId}/actions/reboot/", "Asks for a reboot of a server.");

/// Suspends a server.
pub const SERVER_SUSPEND: Route<NoInput, Object<ServerView>> =
    Route::act("/{envId}/servers/{serverId}/actions/suspend/", "Puts a server to sleep.");

/// Takes a person's word that a server is gone.
pub const SERVER_GONE: Route<NoInput, Object<ServerView>> = Route::act(
    "/{envId}/servers/{serverId}/grange/actions/gone/",
    "Says that a server is gone, on a platform that cannot list its servers.",
);

/// Resumes a server.
pub const SERVER_RESUME: Route<NoInput, Object<ServerView>> =
    Route::act("/{envId}/servers/{serverId}/actions/resume/", "Wakes a server that sleeps.");

/// Locks a server.
pub const SERVER_LOCK: Route<LockInput, Object<ServerView>> = Route::act(
    "/{envId}/servers/{serverId}/actions/lock/",
    "Locks a server: neither scaling nor people take it away before it is unlocked.",
);

/// Unlocks a server.
pub const SERVER_UNLOCK: Route<NoInput, Object<ServerView>> =
    Route::act("/{envId}/servers/{serverId}/actions/unlock/", "Takes the lock off a server.");

/// Orders a command.
pub const COMMAND_RUN: Route<CommandRequest, Created<OrderView>> = Route::create(
    "/{envId}/grange/servers/{serverId}/commands/",
    "Orders a command run by a server's agent.",
);

/// Shows an order.
pub const ORDER: Route<NoBody, Object<OrderView>> =
    Route::show("/{envId}/grange/orders/{orderId}/", "Shows an order and what came of it.");

/// Cancels an order.
pub const ORDER_CANCEL: Route<NoInput, Object<OrderView>> = Route::act(
    "/{envId}/grange/orders/{orderId}/actions/cancel/",
    "Ends the command an order runs, with all it started; the order says when it has.",
);

/// Lists data volumes.
pub const VOLUMES: Route<VolumeFilter, Rows<VolumeView>> = Route::list(
    "/{envId}/grange/volumes/",
    "Lists the data volumes of this environment, also those of farms that are gone.",
);

/// Shows a data volume.
pub const VOLUME: Route<NoBody, Object<VolumeView>> =
    Route::show("/{envId}/grange/volumes/{volumeId}/", "Shows a data volume.");

/// Deletes a data volume.
pub const VOLUME_DELETE: Route<NoBody, Nothing> = Route::remove(
    "/{envId}/grange/volumes/{volumeId}/",
    "Wants a data volume gone with its data; one that a server has is refused.",
);

impl Shaped for ServerView {
    const SHAPE: &'static str = "Server";

    fn revision(&self) -> Option<u64> {
        Some(self.grange.revision)
    }
}

impl Shaped for OrderView {
    const SHAPE: &'static str = "Order";
}

impl Shaped for VolumeView {
    const SHAPE: &'static str = "Volume";
}

impl Body for RebootInput {
    const NAMED: Option<(&'static str, &'static str)> =
        Some(("serverRebootOptions", "ServerRebootOptions"));
}

impl Body for LockInput {
    const NAMED: Option<(&'static str, &'static str)> =
        Some(("serverLockOptions", "ServerLockOptions"));
}

impl Body for CommandRequest {
    const NAMED: Option<(&'static str, &'static str)> = Some(("command", "Command"));
}

impl Query for ServerFilter {
    fn each(&mut self, visit: &mut impl Parameters) {
        let statuses = ServerStatus::ALL.map(ServerStatus::as_str).join(", ");
        visit.parameter("id", "not a server's UUID", &mut self.id);
        visit.text("hostname", &mut self.hostname);
        visit.parameter("index", "not a number", &mut self.index);
        visit.parameter("status", &format!("none of: {statuses}"), &mut self.status);
        visit.parameter("farm", "not a farm's number", &mut self.farm);
        visit.parameter("farmRole", "not a farm role's number", &mut self.farm_role);
        visit.text("cloudPlatform", &mut self.cloud_platform);
        visit.text("cloudLocation", &mut self.cloud_location);
        visit.text("cloudServerId", &mut self.cloud_server_id);
        visit.text("instanceType", &mut self.instance_type);
    }
}

impl Query for VolumeFilter {
    fn each(&mut self, visit: &mut impl Parameters) {
        visit.parameter("id", "not a volume's number", &mut self.id);
        visit.text("farm", &mut self.farm);
        visit.text("farmRole", &mut self.alias);
        visit.parameter("index", "not a number", &mut self.index);
        visit.text("cloudPlatform", &mut self.cloud_platform);
        visit.text("status", &mut self.status);
    }
}
