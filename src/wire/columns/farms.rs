//! The list of farms.

use super::{Cell, Column, Get, List, Tone};
use crate::wire::api::FarmView;

/// Farms.
pub const FARMS: List<FarmView> =
    List { of: "farms", columns: COLUMNS, name: |farm| farm.name.clone() };

/// Every status of a farm.
const STATUSES: [&str; 6] = [
    "running",
    "pending_launch",
    "pending_terminate",
    "terminated",
    "pending_suspend",
    "suspended",
];

type This = Column<FarmView>;

const COLUMNS: &[This] = &[
    This::new("farm", "Its name", Get::Text(|farm| Some(farm.name.clone()))),
    This::new(
        "status",
        "Its status; shown with how many of its servers run without serving",
        Get::Text(|farm| Some(farm.status.clone())),
    )
    .shown(status)
    .one_of(|| STATUSES.to_vec()),
    This::new(
        "running",
        "Servers that run and serve",
        Get::Count(|farm| Some(farm.grange.running.into())),
    ),
    This::new(
        "target",
        "Servers that scaling wants",
        Get::Count(|farm| Some(farm.grange.target.into())),
    ),
    This::new(
        "farm roles",
        "How many farm roles it has",
        Get::Count(|farm| Some(farm.grange.farm_roles.into())),
    ),
    This::new("waiting", "What it waits for, or why it is frozen", Get::Text(waiting)),
    This::new(
        "unhealthy",
        "Servers that run and do not serve",
        Get::Count(|farm| Some(farm.grange.unhealthy.into())),
    )
    .wide(),
    This::new(
        "servers",
        "Servers that are not confirmed gone",
        Get::Count(|farm| Some(farm.grange.servers.into())),
    )
    .wide(),
    This::new("plan", "The number of its current plan", Get::Count(plan)).wide(),
    This::new("held", "What is held of it", Get::Text(|f| Some(f.grange.holds.join("; ")))).wide(),
    This::new("order", "Its launch order", Get::Text(|farm| Some(farm.launch_order.clone())))
        .wide(),
    This::new("description", "What it is for", Get::Text(|f| Some(f.description.clone()))).wide(),
    This::new("id", "Its number", Get::Count(|farm| Some(farm.id))).wide(),
];

fn status(farm: &FarmView) -> Cell {
    match farm.grange.unhealthy {
        0 => Cell(farm.status.clone(), Tone::of_status(&farm.status)),
        unhealthy => Cell(format!("{}, {unhealthy} unhealthy", farm.status), Tone::Bad),
    }
}

fn waiting(farm: &FarmView) -> Option<String> {
    let freeze = farm.grange.freeze.as_ref().map(|why| format!("frozen: {why}"));
    freeze.or_else(|| farm.grange.waiting.first().cloned())
}

fn plan(farm: &FarmView) -> Option<u64> {
    Some(farm.grange.plan).filter(|plan| *plan > 0)
}
