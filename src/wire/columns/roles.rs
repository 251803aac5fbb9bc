//! The list of roles.

use super::{Column, Get, List};
use crate::wire::input::RoleView;

/// Roles.
pub const ROLES: List<RoleView> =
    List { of: "roles", columns: COLUMNS, name: |role| role.name.clone() };

type This = Column<RoleView>;

const COLUMNS: &[This] = &[
    This::new("role", "Its name", Get::Text(|role| Some(role.name.clone()))),
    This::new(
        "platforms",
        "Where it has an image",
        Get::Text(|role| Some(role.grange.platforms.join(", "))),
    ),
    This::new(
        "automation",
        "What Grange configures on it",
        Get::Text(|role| Some(role.builtin_automation.join(", "))),
    ),
    This::new("description", "What it does", Get::Text(|r| Some(r.description.clone()))),
    This::new("id", "Its number", Get::Count(|role| Some(role.id))).wide(),
];
