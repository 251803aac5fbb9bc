//! The list of holds.

use super::{Cell, Column, Get, List, minute};
use crate::base::time::say;
use crate::model::HoldKind;
use crate::wire::hold::HoldView;

/// What is held; named as `grange hold release` takes it.
pub const HOLDS: List<HoldView> =
    List { of: "holds", columns: COLUMNS, name: |hold| format!("{} {}", hold.about, hold.kind) };

type This = Column<HoldView>;

const COLUMNS: &[This] = &[
    This::new("on", "The farm or farm role", Get::Text(|hold| Some(hold.about.clone()))),
    This::new(
        "held",
        "launch, terminate, heal, scale, rollout or balance",
        Get::Text(|hold| Some(hold.kind.clone())),
    )
    .one_of(|| HoldKind::ALL.map(HoldKind::as_str).to_vec()),
    This::new("left", "How much longer", Get::Length(|hold| hold.left))
        .shown(|hold| Cell::from(hold.left.map_or_else(|| "no end".to_owned(), say))),
    This::new("until", "When it ends by itself", Get::Moment(|hold| hold.until))
        .shown(|hold| Cell::from(hold.until.map_or_else(String::new, minute))),
    This::new("by", "Who placed it", Get::Text(|hold| Some(hold.by.clone()))),
    This::new("reason", "Why, in a person's words", Get::Text(|h| Some(h.reason.clone()))),
    This::new("since", "When it was placed", Get::Moment(|hold| Some(hold.at))).wide(),
    This::new("id", "Its number", Get::Count(|hold| Some(hold.id))).wide(),
];
