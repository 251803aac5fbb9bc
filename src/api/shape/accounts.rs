//! Shapes of cloud accounts.

use super::Kind::{Integer, Text};
use super::{Shape, field};

/// These shapes.
pub const SHAPES: &[Shape] = &[Shape {
    name: "CloudAccount",
    writable: &[],
    fields: &[
        field("name", Text, "Its name: the platform's."),
        field("state", Text, "well, failing, open (left alone) or trial (one step decides)."),
        field("failures", Integer, "Calls that failed in a row."),
        field("reason", Text, "What the last of them said; absent when well."),
        field("since", Integer, "When the first of them failed, ms UTC; absent when well."),
        field("openUntil", Integer, "Until when it is left alone, ms UTC."),
        field("left", Integer, "How much longer, ms."),
        field("stepsPerMinute", Integer, "Steps begun in a minute at the most."),
        field("stepsLeft", Integer, "How many of them may begin now."),
    ],
}];
