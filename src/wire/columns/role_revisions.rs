//! The list of a role's revisions.

use super::{Cell, Column, Get, List, minute};
use crate::wire::role::RoleRevisionView;

/// Revisions of a role; named as `--revision` takes them.
pub const ROLE_REVISIONS: List<RoleRevisionView> = List {
    of: "revisions of a role",
    columns: COLUMNS,
    name: |revision| revision.number.to_string(),
};

type This = Column<RoleRevisionView>;

const COLUMNS: &[This] = &[
    This::new("revision", "Its number", Get::Count(|revision| Some(revision.number))),
    This::new(
        "current",
        "Whether farm roles declared now get it",
        Get::Text(|revision| Some(if revision.current { "yes" } else { "no" }.to_owned())),
    ),
    This::new("made", "When", Get::Moment(|revision| Some(revision.at).filter(|at| *at > 0)))
        .shown(|revision| match revision.at {
            0 => Cell::from("-"),
            at => Cell::from(minute(at)),
        }),
    This::new("by", "Who made it", Get::Text(|revision| Some(revision.by.clone()))),
    This::new(
        "used-by",
        "Farm roles that use it",
        Get::Text(|revision| Some(revision.used_by.join(", "))),
    ),
    This::new("has", "What is in it", Get::Text(|revision| Some(revision.summary.clone()))),
];
