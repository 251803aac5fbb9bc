//! Shapes of notes.

use super::Kind::{Integer, Text};
use super::{Shape, field};

/// These shapes.
pub const SHAPES: &[Shape] = &[
    Shape {
        name: "Note",
        writable: &[],
        fields: &[
            field("id", Integer, "Its number."),
            field("about", Text, "What it is on: shop, shop/web, shop/web-3."),
            field("text", Text, "One line, in a person's words."),
            field("by", Text, "Who left it."),
            field("at", Integer, "When, ms UTC."),
        ],
    },
    Shape {
        name: "NoteRequest",
        writable: &["what", "text"],
        fields: &[
            field("what", Text, "On what: shop, shop/web, shop/web-3, or a server's UUID."),
            field("text", Text, "One line of at most 400 bytes."),
        ],
    },
];
