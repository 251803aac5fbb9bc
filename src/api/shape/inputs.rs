//! Shapes of what people send.

use super::Kind::{Flag, Integer, Text, Texts};
use super::{Shape, field};

/// These shapes.
pub const SHAPES: &[Shape] = &[
    Shape {
        name: "Manifest",
        writable: &["manifest", "prune", "dryRun", "launch", "fingerprint"],
        fields: &[
            field("manifest", Text, "The YAML text."),
            field("prune", Flag, "Remove farm roles that are declared but absent from it."),
            field("dryRun", Flag, "Say what would change and change nothing."),
            field("launch", Flag, "Launch the farm as well."),
            field("fingerprint", Text, "Declare only what the dry run with this one showed."),
        ],
    },
    Shape {
        name: "ProposalRequest",
        writable: &["manifest", "prune", "launch", "expiresInMs"],
        fields: &[
            field("manifest", Text, "The YAML text."),
            field("prune", Flag, "Remove farm roles that are declared but absent from it."),
            field("launch", Flag, "Launch the farm as well."),
            field("expiresInMs", Integer, "It can be applied for this long; a week without it."),
        ],
    },
    Shape {
        name: "ProposalText",
        writable: &["proposal"],
        fields: &[field("proposal", Text, "The signed text.")],
    },
    Shape {
        name: "Command",
        writable: &["command", "timeoutMs"],
        fields: &[
            field("command", Texts, "Program and arguments."),
            field("timeoutMs", Integer, "Killed after this long."),
        ],
    },
    Shape {
        name: "TokenRequest",
        writable: &["description", "expiresInMs"],
        fields: &[
            field("description", Text, "What it is for."),
            field("expiresInMs", Integer, "Valid for this long; for ever without it."),
        ],
    },
    Shape {
        name: "ServerLockOptions",
        writable: &["reason"],
        fields: &[field("reason", Text, "Why, in a person's words.")],
    },
    Shape {
        name: "ServerRebootOptions",
        writable: &["hard"],
        fields: &[field("hard", Flag, "By the cloud instead of by the server's own agent.")],
    },
    Shape {
        name: "ServerTerminationOptions",
        writable: &["force"],
        fields: &[field("force", Flag, "Do not leave it time to finish what it does.")],
    },
    Shape {
        name: "TerminateFarmRequest",
        writable: &["force"],
        fields: &[field("force", Flag, "Do not leave it time to finish what it does.")],
    },
];
