//! Shapes of rollouts.

use super::Kind::{Flag, Integer, Integers, ListOf, Text};
use super::{Shape, field};

/// These shapes.
pub const SHAPES: &[Shape] = &[
    Shape {
        name: "Rollout",
        writable: &[],
        fields: &[
            field("about", Text, "Of what: shop/web."),
            field(
                "state",
                Text,
                "none, rolling, checkpoint, paused, rolling back, failed \
                   or rolled back.",
            ),
            field("wish", Text, "What people said last: go, pause or abort."),
            field("from", Integer, "The revision it comes from."),
            field("to", Integer, "The revision it goes to."),
            field("ready", Integer, "Servers of the wanted revision that run."),
            field("of", Integer, "Of how many."),
            field("failed", Integer, "New servers that did not get ready."),
            field("failuresMax", Integer, "So many of them end it."),
            field("strategy", Text, "serial or full."),
            field("healthy", Integer, "Servers that run and were seen, of any revision."),
            field("healthyMin", Integer, "So many of them stay."),
            field("batch", Integer, "At most so many are rolled over at a time."),
            field("checkpoints", Integers, "Percentages after which it pauses."),
            field("maintenance", Flag, "Balancers show a maintenance page just now."),
            field("beganAt", Integer, "When it began, ms UTC; absent without a rollout."),
            field("since", Integer, "When it came into its state, ms UTC."),
            field("before", Integer, "The revision that a rollback goes to without a number."),
            field("revisions", ListOf("Revision"), "The declared one first, then older ones."),
        ],
    },
    Shape {
        name: "Rollback",
        writable: &["to"],
        fields: &[field(
            "to",
            Integer,
            "The revision that is declared once more; the one before without it.",
        )],
    },
    Shape {
        name: "Revision",
        writable: &[],
        fields: &[
            field("number", Integer, "Its number."),
            field("role", Text, "The recipe's name."),
            field("account", Text, "In which cloud account."),
            field("location", Text, "Where on it."),
            field("instanceType", Text, "Which size."),
            field("servers", Integer, "Servers of it that are there."),
            field("leftAt", Integer, "When another was declared, ms UTC."),
        ],
    },
];
