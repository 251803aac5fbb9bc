//! The list of a farm role's revisions.

use super::{Cell, Column, Get, List, minute};
use crate::wire::rollout::RevisionView;

/// Revisions that are kept.
pub const REVISIONS: List<RevisionView> =
    List { of: "revisions", columns: COLUMNS, name: |revision| revision.number.to_string() };

type This = Column<RevisionView>;

const COLUMNS: &[This] = &[
    This::new("revision", "Its number", Get::Count(|revision| Some(revision.number))),
    This::new("role", "What its servers are made of", Get::Text(|r| Some(r.role.clone()))),
    This::new("cloud", "The cloud account", Get::Text(|r| Some(r.account.clone()))),
    This::new("size", "The instance type", Get::Text(|r| Some(r.instance_type.clone()))),
    This::new("servers", "Servers of it that are there", Get::Count(|r| Some(r.servers.into()))),
    This::new("until", "When another was declared", Get::Moment(|revision| revision.left_at))
        .shown(|r| Cell::from(r.left_at.map_or_else(|| "declared".to_owned(), minute))),
    This::new("location", "Where on the platform", Get::Text(|r| Some(r.location.clone()))).wide(),
];
