//! Routes of readings, and of what other scaling rules would have made of them.

use super::SeriesView;
use super::route::{Body, Object, Parameters, Query, Route, Shaped, Whole};
use crate::wire::simulation::{SimulationRequest, SimulationView};

/// Shows readings of a server.
pub const READINGS: Route<ReadingsAsked, Whole<SeriesView>> = Route::whole(
    "/{envId}/grange/servers/{serverId}/readings/",
    "Shows a server's readings of the last minutes.",
);

/// Simulates scaling rules.
pub const SIMULATE: Route<SimulationRequest, Object<SimulationView>> = Route::act(
    "/{envId}/grange/simulations/",
    "Plays a farm's past again under a manifest's scaling rules; it changes nothing.",
);

/// Which readings are asked for.
#[derive(Clone, Debug, Default)]
pub struct ReadingsAsked {
    /// Names of series with commas between them; all without it.
    pub series: Option<String>,
    /// Of so many minutes; 30 without it.
    pub minutes: Option<u64>,
}

impl Shaped for SeriesView {
    const SHAPE: &'static str = "Series";
}

impl Shaped for SimulationView {
    const SHAPE: &'static str = "Simulation";
}

impl Body for SimulationRequest {
    const NAMED: Option<(&'static str, &'static str)> = Some(("simulation", "SimulationRequest"));
}

impl Query for ReadingsAsked {
    fn each(&mut self, visit: &mut impl Parameters) {
        visit.text("series", &mut self.series);
        visit.parameter("minutes", "not a number of minutes", &mut self.minutes);
    }
}
