//! Notes over the API: what people leave on farms, farm roles and servers.

use crate::wire::api::route::{
    Body, Created, NoBody, Nothing, Parameters, Query, Route, Rows, Shaped,
};
use serde::{Deserialize, Serialize};

/// Lists notes.
pub const NOTES: Route<NoteFilter, Rows<NoteView>> = Route::list(
    "/{envId}/grange/notes/",
    "Lists notes, the oldest first; with about only those on this and on what is under it.",
);

/// Leaves a note.
pub const NOTE_ADD: Route<NoteInput, Created<NoteView>> =
    Route::create("/{envId}/grange/notes/", "Leaves a note on a farm, farm role or server.");

/// Removes a note, by its number.
pub const NOTE_REMOVE: Route<NoBody, Nothing> =
    Route::remove("/{envId}/grange/notes/{noteId}/", "Removes a note; the journal keeps it.");

/// A note.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NoteView {
    /// Its number.
    pub id: u64,
    /// What it is on: `shop`, `shop/web`, `shop/web-3`.
    pub about: String,
    /// One line, in a person's words.
    pub text: String,
    /// Who left it.
    pub by: String,
    /// When, ms UTC.
    pub at: i64,
}

/// Body of `POST .../grange/notes/`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct NoteInput {
    /// On what: `shop`, `shop/web`, `shop/web-3`, or a server's UUID.
    pub what: String,
    /// One line of at most [`crate::base::limit::NOTE_BYTES_MAX`] bytes.
    pub text: String,
}

/// Which notes a list shows; `None` is any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NoteFilter {
    /// On this, or on what is under it: `shop` takes `shop/web` and `shop/web-3` along.
    pub about: Option<String>,
}

impl Shaped for NoteView {
    const SHAPE: &'static str = "Note";
}

impl Body for NoteInput {
    const NAMED: Option<(&'static str, &'static str)> = Some(("note", "NoteRequest"));
}

impl Query for NoteFilter {
    fn each(&mut self, visit: &mut impl Parameters) {
        visit.text("about", &mut self.about);
    }
}
