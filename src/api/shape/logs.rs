//! Shapes of what servers print.

use super::Kind::{Flag, Integer, Text};
use super::{Shape, field};

/// These shapes.
pub const SHAPES: &[Shape] = &[
    Shape {
        name: "Log",
        writable: &[],
        fields: &[
            field("name", Text, "What it is asked for by: setup-1, agent, a service's name."),
            field("kind", Text, "setup, service or agent."),
            field("bytes", Integer, "How long it is, with what was rotated away before it."),
            field("writtenAt", Integer, "When it was written last, milliseconds since 1970."),
        ],
    },
    Shape {
        name: "StreamPiece",
        writable: &[],
        fields: &[
            field("text", Text, "What was printed, where that is text."),
            field("bytes", Text, "What was printed, base64, where it is no text."),
            field("error", Flag, "It is of a command's standard error; absent where it is not."),
            field("lost", Integer, "So many bytes are missing here; 0 where nobody knows."),
            field("end", Text, "The stream is over: whole, or broken before its end."),
            field("why", Text, "Why it is broken."),
        ],
    },
];
