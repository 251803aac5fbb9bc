//! Shapes of cloud accounts.

use super::Kind::{Integer, ListOf, Of, Text, Texts};
use super::{Shape, field};

/// These shapes.
pub const SHAPES: &[Shape] = &[ACCOUNT, LEASE, ADD, CHANGE, OPTION, CHECK, FACT];

const ACCOUNT: Shape = Shape {
    name: "CloudAccount",
    writable: &[],
    fields: &[
        field("name", Text, "Its name; of one that is there with the machine, the platform's."),
        field("platform", Text, "Its platform."),
        field("endpoint", Text, "Where its API is; empty where it is the machine itself."),
        field("options", ListOf("CloudAccountOption"), "What else is said of it."),
        field("secrets", Texts, "Names of options whose value is never shown."),
        field("revision", Integer, "Its revision, for If-Match; 0 where it has no record."),
        field("state", Text, "well, failing, open, trial, elsewhere or awaited."),
        field("lease", Of("CloudAccountLease"), "Who manages it."),
        field("failures", Integer, "Calls that failed in a row."),
        field("reason", Text, "What the last of them said; absent when well."),
        field("since", Integer, "When the first of them failed, ms UTC; absent when well."),
        field("openUntil", Integer, "Until when it is left alone, ms UTC."),
        field("left", Integer, "How much longer, ms."),
        field("stepsPerMinute", Integer, "Steps begun in a minute at the most."),
        field("stepsLeft", Integer, "How many of them may begin now."),
    ],
};

const LEASE: Shape = Shape {
    name: "CloudAccountLease",
    writable: &[],
    fields: &[
        field("state", Text, "ours, other, lapsed, unasked or none (its platform has none)."),
        field("holder", Text, "Another's machine and state directory."),
        field("since", Integer, "When it became ours, or the other one started, ms UTC."),
        field("epoch", Integer, "How often the account has changed hands."),
        field("left", Integer, "How long until it is taken over, or until calls begin, ms."),
        field("reason", Text, "Why no mark could be written."),
    ],
};

const ADD: Shape = Shape {
    name: "CloudAccountRequest",
    writable: &["name", "platform", "endpoint", "options"],
    fields: &[
        field("name", Text, "What farm roles are to call it."),
        field("platform", Text, "Its platform, as docker."),
        field("endpoint", Text, "Where its API is, as unix:///var/run/docker.sock."),
        field("options", ListOf("CloudAccountOption"), "What else is said of it."),
    ],
};

const CHANGE: Shape = Shape {
    name: "CloudAccountChange",
    writable: &["endpoint", "options"],
    fields: &[
        field("endpoint", Text, "Where its API is from now on; absent, it stays."),
        field("options", ListOf("CloudAccountOption"), "Options that are to be another."),
    ],
};

const OPTION: Shape = Shape {
    name: "CloudAccountOption",
    writable: &["name", "value"],
    fields: &[
        field("name", Text, "Its name, as its platform has it."),
        field("value", Text, "What is said; in a change, an empty one says nothing any more."),
    ],
};

const CHECK: Shape = Shape {
    name: "CloudAccountCheck",
    writable: &[],
    fields: &[
        field("name", Text, "Its name."),
        field("platform", Text, "Its platform."),
        field("endpoint", Text, "Where it was asked."),
        field("facts", ListOf("CloudAccountFact"), "What it is."),
        field("lacks", Texts, "What it lacks, each with what follows."),
    ],
};

const FACT: Shape = Shape {
    name: "CloudAccountFact",
    writable: &[],
    fields: &[field("name", Text, "What."), field("value", Text, "What it is there.")],
};
