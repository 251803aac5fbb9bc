//! Shapes of runs.

use super::Kind::{Integer, Of, Text, Texts};
use super::{Shape, field};

/// These shapes.
pub const SHAPES: &[Shape] = &[
    Shape {
        name: "Run",
        writable: &[],
        fields: &[
            field("id", Integer, "Its number."),
            field("what", Text, "On what, in the person's words."),
            field("command", Texts, "The program and its arguments."),
            field("by", Text, "Who began it."),
            field("at", Integer, "When, ms UTC."),
            field("endedAt", Integer, "Since when nothing is left to do, ms UTC."),
            field("state", Text, "running, done (everywhere with 0), failed or cancelled."),
            field("timeoutMs", Integer, "Ended on each server after this long."),
            field("parallel", Integer, "On how many servers at once."),
            field("canary", Integer, "On so many servers it has to end with 0 first."),
            field("servers", Integer, "How many servers it is for."),
            field("waiting", Integer, "Servers whose turn has not come."),
            field("open", Integer, "Servers whose agents have the order."),
            field("succeeded", Integer, "Servers where it ended with 0."),
            field("failed", Integer, "Servers where it ended otherwise, or could not be run."),
            field(
                "skipped",
                Integer,
                "Servers passed over: the canary failed, or it was cancelled.",
            ),
        ],
    },
    Shape {
        name: "RunServer",
        writable: &[],
        fields: &[
            field("server", Text, "The server's UUID."),
            field("name", Text, "What it was called when the run began."),
            field("order", Integer, "The order of its agent."),
            field("state", Text, "waiting, open, done, failed or skipped."),
            field("exitCode", Integer, "The command's exit code, where it ended."),
            field("why", Text, "Why it failed or was passed over."),
            field("stdout", Of("Printed"), "Its standard output, as much as is kept."),
            field("stderr", Of("Printed"), "Its standard error, as much as is kept."),
        ],
    },
    Shape {
        name: "RunRequest",
        writable: &["targets", "command", "timeoutMs", "parallel", "canary"],
        fields: &[
            field("targets", Texts, "Farms, farm roles as shop/web, servers as shop/web-3."),
            field("command", Texts, "The program and its arguments."),
            field("timeoutMs", Integer, "Ended on each server after this long; 0 for 60 s."),
            field("parallel", Integer, "On how many servers at once, 1 to 100; 10 without it."),
            field("canary", Integer, "On so many it has to end with 0 first; none without it."),
        ],
    },
];
