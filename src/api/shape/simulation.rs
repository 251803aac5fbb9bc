//! Shapes of a simulation.

use super::Kind::{Integer, ListOf, Number, Of, Text, Texts};
use super::{Shape, field};

/// These shapes.
pub const SHAPES: &[Shape] = &[
    Shape {
        name: "SimulationRequest",
        writable: &["manifest", "from", "to", "bucket"],
        fields: &[
            field("manifest", Text, "The YAML text of a manifest with the rules to try."),
            field("from", Text, "Where the period begins: 7d ago, 2026-11-14, 2026-11-14T10:30Z."),
            field("to", Text, "Where it ends, in the same words; now without it."),
            field("bucket", Text, "How long each row is, as 1h; about fifty rows without it."),
        ],
    },
    Shape {
        name: "Simulation",
        writable: &[],
        fields: &[
            field("farm", Text, "The farm."),
            field("from", Integer, "Where the period begins, ms UTC."),
            field("to", Integer, "Where it ends, ms UTC."),
            field("bucketMs", Integer, "How long each row is."),
            field("farmRoles", ListOf("SimulatedFarmRole"), "Each farm role that has rules."),
            field("notes", Texts, "What to know of the whole, one line each."),
        ],
    },
    Shape {
        name: "SimulatedFarmRole",
        writable: &[],
        fields: &[
            field("name", Text, "As shop/web."),
            field("tried", Texts, "The range and the rules that were tried, one line each."),
            field("buckets", ListOf("SimulatedBucket"), "Rows of the period."),
            field(
                "decisions",
                ListOf("SimulatedDecision"),
                "Changes of the target that the tried rules make.",
            ),
            field(
                "reallyDecided",
                ListOf("SimulatedDecision"),
                "Changes of the target that were recorded.",
            ),
            field("really", Of("SimulatedTotal"), "The whole period, as it was."),
            field("whatIf", Of("SimulatedTotal"), "The whole period, as it would have been."),
            field("gaps", ListOf("SimulatedGap"), "When there were no readings."),
            field("notes", Texts, "What is not known and what was assumed, one line each."),
        ],
    },
    Shape {
        name: "SimulatedBucket",
        writable: &[],
        fields: &[
            field("at", Integer, "When it begins, ms UTC."),
            field("minutes", Integer, "Minutes in it that were recorded."),
            field("really", Number, "Servers on average, running or starting."),
            field("whatIf", Number, "As many as there would have been."),
            field("metrics", ListOf("SimulatedMetric"), "Each metric of the rules."),
        ],
    },
    Shape {
        name: "SimulatedMetric",
        writable: &[],
        fields: &[
            field("ruleType", Text, "The rule's type."),
            field("really", Number, "Its average, as it was."),
            field("whatIf", Number, "As it would have been."),
        ],
    },
    Shape {
        name: "SimulatedDecision",
        writable: &[],
        fields: &[
            field("at", Integer, "When, ms UTC."),
            field("from", Integer, "From how many servers."),
            field("to", Integer, "To how many."),
            field("why", Text, "Which rule with which values; empty for what was recorded."),
        ],
    },
    Shape {
        name: "SimulatedTotal",
        writable: &[],
        fields: &[
            field("serverHours", Number, "Hours of servers, running or starting."),
            field("fewest", Integer, "Fewest servers in a minute."),
            field("most", Integer, "Most servers in a minute."),
            field("changes", Integer, "Changes of the target."),
            field("saturatedMinutes", Integer, "Minutes in which the CPU was saturated."),
        ],
    },
    Shape {
        name: "SimulatedGap",
        writable: &[],
        fields: &[
            field("from", Integer, "Its beginning, ms UTC."),
            field("to", Integer, "The moment after it, ms UTC."),
        ],
    },
];
