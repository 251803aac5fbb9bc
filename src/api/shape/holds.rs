//! Shapes of holds.

use super::Kind::{Flag, Integer, Text};
use super::{Shape, field};

/// These shapes.
pub const SHAPES: &[Shape] = &[
    Shape {
        name: "Hold",
        writable: &[],
        fields: &[
            field("id", Integer, "Its number."),
            field("about", Text, "What it is on: shop, shop/web."),
            field("kind", Text, "launch, terminate, heal, scale, rollout or balance."),
            field("reason", Text, "Why, in a person's words."),
            field("by", Text, "Who placed it."),
            field("at", Integer, "When, ms UTC."),
            field("until", Integer, "When it ends by itself, ms UTC; absent without an end."),
            field("left", Integer, "How much longer, ms; absent without an end."),
        ],
    },
    Shape {
        name: "HoldRequest",
        writable: &["what", "kind", "reason", "for", "until", "noEnd"],
        fields: &[
            field("what", Text, "What to hold: shop, shop/web."),
            field("kind", Text, "launch, terminate, heal, scale, rollout or balance."),
            field("reason", Text, "Why: one line of at most 200 letters."),
            field("for", Integer, "For how long, ms, at most 30 days."),
            field("until", Integer, "Until when, ms UTC, at most 30 days ahead."),
            field("noEnd", Flag, "Until a person releases it; instead of for and until."),
        ],
    },
];
