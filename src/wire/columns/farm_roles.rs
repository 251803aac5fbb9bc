//! The list of farm roles.

use super::{Cell, Column, Get, List, Tone};
use crate::wire::api::FarmRoleView;

/// Farm roles of one farm.
pub const FARM_ROLES: List<FarmRoleView> =
    List { of: "farm roles", columns: COLUMNS, name: |farm_role| farm_role.alias.clone() };

type This = Column<FarmRoleView>;

const COLUMNS: &[This] = &[
    This::new("farm role", "Its name in the farm", Get::Text(|role| Some(role.alias.clone()))),
    This::new("role", "What its servers are made of", Get::Text(|r| Some(r.role.name.clone()))),
    This::new(
        "running",
        "Servers that run and serve; shown with those whose check fails",
        Get::Count(|role| Some(role.grange.running.into())),
    )
    .shown(|role| match role.grange.unhealthy {
        0 => Cell::from(role.grange.running),
        ill => Cell(format!("{}, {ill} unhealthy", role.grange.running), Tone::Bad),
    }),
    This::new(
        "target",
        "Servers that scaling wants",
        Get::Count(|role| Some(role.grange.target.into())),
    ),
    This::new("range", "Never fewer and never more", Get::Text(range)),
    This::new("rules", "When there are more or fewer, or what it balances", Get::Text(rules)),
];

fn range(role: &FarmRoleView) -> Option<String> {
    let scaling = &role.scaling;
    Some(format!("{} to {}", scaling.min_instances, scaling.max_instances))
}

fn rules(role: &FarmRoleView) -> Option<String> {
    let mut rules = role.grange.rules.clone();
    rules.extend(role.grange.balances.as_ref().map(|alias| format!("balances {alias}")));
    Some(rules.join("; "))
}
