//! Notes: what people leave on things.

use super::Row;
use crate::service::farms::notes;
use crate::wire::note::{NOTE_ADD, NOTE_REMOVE, NOTES};
use std::sync::LazyLock;

/// Rows of this noun.
pub static ROWS: LazyLock<[Row; 3]> = LazyLock::new(|| {
    [
        Row::rows(&NOTES, |on, call, filter, page| {
            notes::list(&on.service, &call.actor, &filter, page)
        }),
        Row::created(&NOTE_ADD, |on, call, input| notes::add(&on.service, &call.actor, &input)),
        Row::nothing(&NOTE_REMOVE, |on, call| {
            notes::remove(&on.service, &call.actor, call.param("noteId", "note")?)
        }),
    ]
});
