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
        "revision",
        "The revision that farm roles declared now get",
        Get::Count(|role| Some(role.grange.role_revision)),
    ),
    This::new(
        "made by",
        "Who made it; grange for what is built in",
        Get::Text(|role| Some(role.grange.created_by.clone())),
    ),
    This::new(
        "used",
        "How many farm roles use it",
        Get::Count(|role| u64::try_from(role.grange.used_by.len()).ok()),
    ),
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
