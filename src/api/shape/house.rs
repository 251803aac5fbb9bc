//! Shapes of what Scalr has no word for.

use super::Kind::{Flag, Integer, Integers, ListOf, Number, Numbers, Of, Text, Texts};
use super::{Shape, field};

/// These shapes.
pub const SHAPES: &[Shape] = &[
    Shape {
        name: "Reading",
        writable: &[],
        fields: &[
            field("series", Text, "The series."),
            field("at", Integer, "When, ms UTC."),
            field("value", Number, "The value."),
        ],
    },
    Shape {
        name: "Series",
        writable: &[],
        fields: &[
            field("series", Text, "Its name."),
            field("at", Integers, "Moments, ms UTC."),
            field("value", Numbers, "Values, one a moment."),
        ],
    },
    Shape {
        name: "Event",
        writable: &[],
        fields: &[
            field("seq", Integer, "Its sequence number."),
            field("at", Integer, "When, ms UTC."),
            field("actor", Text, "Who: admin, job:plan, agent:shop/web-1."),
            field("verb", Text, "The verb, as server.terminate."),
            field(
                "about",
                Text,
                "What it is about: shop, shop/web, shop/web-3; empty when about none.",
            ),
            field("text", Text, "One sentence."),
            field("tables", Texts, "Tables it changed."),
        ],
    },
    Shape {
        name: "Explanation",
        writable: &[],
        fields: &[
            field("about", Text, "What it is about."),
            field("now", Text, "One line on how it is now."),
            field("because", ListOf("Because"), "The chain of causes, latest first."),
            field("waiting", Texts, "What it waits for, and what happens next."),
            field("notes", ListOf("Note"), "Notes on it, the oldest first; absent without any."),
        ],
    },
    Shape {
        name: "Because",
        writable: &[],
        fields: &[
            field("seq", Integer, "Journal entry."),
            field("at", Integer, "When, ms UTC."),
            field("text", Text, "One sentence."),
            field(
                "root",
                Text,
                "Where the chain ends: person, reading, clock, sighting, power cut, agent, cloud \
                 or journal; empty for a link between.",
            ),
        ],
    },
    Shape {
        name: "Plan",
        writable: &[],
        fields: &[
            field("id", Integer, "Its number; 0 while the farm has none."),
            field("farm", Text, "The farm."),
            field("parent", Integer, "The plan before it."),
            field("at", Integer, "When, ms UTC."),
            field("moves", Texts, "What it changes, one line each."),
            field("report", Texts, "Why each thing is or is not done."),
        ],
    },
    Shape {
        name: "ManifestResult",
        writable: &[],
        fields: &[
            field("farm", Text, "The farm."),
            field("id", Integer, "Its number; 0 in a dry run of a new farm."),
            field(
                "changes",
                Texts,
                "Field-level changes, one line each: farmRoles[web].launchIndex: 2 -> 3.",
            ),
            field("steps", Texts, "What the engine would do next because of them."),
            field("stops", Integer, "How many servers would be stopped."),
            field("stopped", Texts, "Which, and why: shop/web-3: scaling down."),
            field(
                "behind",
                Texts,
                "Farm roles whose declared revision does not run, and what to do about it.",
            ),
            field(
                "unwell",
                Texts,
                "What of the farm is not well as it is; absent where nothing is.",
            ),
            field("fingerprint", Text, "What tells this change of the farm as it is from others."),
        ],
    },
    Shape {
        name: "FarmManifest",
        writable: &[],
        fields: &[
            field("farm", Text, "The farm."),
            field("launched", Flag, "Whether it is to have servers."),
            field("manifest", Text, "The YAML text."),
        ],
    },
    Shape {
        name: "Proposal",
        writable: &[],
        fields: &[
            field("number", Integer, "Its number."),
            field("farm", Text, "The farm."),
            field("madeBy", Text, "Who made it."),
            field("madeAt", Integer, "When, ms UTC."),
            field("expiresAt", Integer, "Until when it can be applied, ms UTC."),
            field(
                "changes",
                Texts,
                "Field-level changes, one line each: farmRoles[web].launchIndex: 2 -> 3.",
            ),
            field("steps", Texts, "What the engine would do next because of them."),
            field("stopped", Texts, "Which servers would be stopped, and why."),
            field("manifest", Text, "The manifest."),
            field("text", Text, "The signed text, when it was made just now."),
            field("refusal", ListOf("Refusal"), "Why it can no longer be applied, if it cannot."),
        ],
    },
    Shape {
        name: "Refusal",
        writable: &[],
        fields: &[
            field("code", Text, "As in an error's answer."),
            field("message", Text, "One sentence."),
            field("field", Text, "The field it concerns."),
        ],
    },
    Shape {
        name: "Order",
        writable: &[],
        fields: &[
            field("id", Integer, "Its number."),
            field("state", Text, "open, done, failed, cancelled, expired or superseded."),
            field(
                "exitCode",
                Integer,
                "The command's; 128 and its number where a signal ended it.",
            ),
            field("output", Text, "Both outputs as text for people, or why it failed."),
            field("why", Text, "Why it is not done; null where it is, or open."),
            field("stdout", Of("Printed"), "The command's standard output, byte for byte."),
            field("stderr", Of("Printed"), "Its standard error."),
            field("leftOut", Integer, "Bytes of both that were not kept: above 0 it is not whole."),
            field("cancelledBy", Text, "Who wants it ended."),
        ],
    },
    Shape {
        name: "Printed",
        writable: &[],
        fields: &[
            field("head", Text, "The whole of it, or its first 32 KiB, as base64."),
            field("leftOut", Integer, "Bytes after that which were not kept."),
            field("tail", Text, "Its last 32 KiB where some were not, as base64."),
        ],
    },
    Shape {
        name: "Status",
        writable: &[],
        fields: &[
            field("version", Text, "Its version."),
            field("startedAt", Integer, "Since when it runs, ms UTC."),
            field(
                "now",
                Integer,
                "Its clock, ms UTC: ages are counted from it, not from the reader's clock.",
            ),
            field("epoch", Integer, "The active node's epoch."),
            field("seq", Integer, "Last journal entry."),
            field("agents", Integer, "Connected agents."),
            field("farms", Integer, "Farms."),
            field("servers", Integer, "Servers not confirmed gone."),
            field(
                "lostLogLines",
                Integer,
                "Lines of its log that could not be written since it runs.",
            ),
            field("alerts", Texts, "Alerts, one line each."),
            field("published", Texts, "Ports of the machine that lead to servers, one line each."),
            field("jobs", ListOf("Job"), "Each background job: name and how its last run went."),
        ],
    },
    Shape {
        name: "Job",
        writable: &[],
        fields: &[
            field("name", Text, "Its name."),
            field("description", Text, "What it is for."),
            field("runs", Integer, "Runs since the start."),
            field("failures", Integer, "Runs that failed."),
            field("last", Text, "How the last one went."),
        ],
    },
    Shape {
        name: "Who",
        writable: &[],
        fields: &[
            field("user", Integer, "The user's number."),
            field("name", Text, "Their name."),
            field("environment", Integer, "The environment."),
            field("door", Text, "socket or https."),
            field("permissions", Texts, "What they may do, as farms_read."),
        ],
    },
    Shape {
        name: "Token",
        writable: &[],
        fields: &[
            field("id", Integer, "Its number."),
            field("token", Text, "Its text."),
            field("description", Text, "What it is for."),
            field("expiresAt", Integer, "Until when, ms UTC."),
        ],
    },
    Shape {
        name: "TokenInfo",
        writable: &[],
        fields: &[
            field("id", Integer, "Its number."),
            field("user", Text, "Whom it acts as."),
            field("description", Text, "What it is for."),
            field("createdAt", Integer, "Since when, ms UTC."),
            field("expiresAt", Integer, "Until when, ms UTC; absent without an end."),
            field("ended", Flag, "Whether it is over."),
        ],
    },
];
