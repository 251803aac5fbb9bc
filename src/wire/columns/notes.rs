//! The list of notes.

use super::{Cell, Column, Get, List, minute};
use crate::wire::note::NoteView;

/// What people left on things; named as `grange note remove` takes it.
pub const NOTES: List<NoteView> =
    List { of: "notes", columns: COLUMNS, name: |note| note.id.to_string() };

type This = Column<NoteView>;

const COLUMNS: &[This] = &[
    This::new("id", "Its number", Get::Count(|note| Some(note.id))),
    This::new("on", "The farm, farm role or server", Get::Text(|note| Some(note.about.clone()))),
    This::new("since", "When it was left", Get::Moment(|note| Some(note.at)))
        .shown(|note| Cell::from(minute(note.at))),
    This::new("by", "Who left it", Get::Text(|note| Some(note.by.clone()))),
    This::new("note", "What it says", Get::Text(|note| Some(note.text.clone()))),
];
