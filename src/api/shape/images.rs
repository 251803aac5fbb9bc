//! Shapes of images.

use super::Kind::{Integer, Of, Text, Texts};
use super::{Shape, field};

/// What a served image consists of.
pub const SHAPES: &[Shape] = &[
    Shape {
        name: "Image",
        writable: &[],
        fields: &[
            field("id", Text, "Its UUID."),
            field("name", Text, "Its name."),
            field("os", Of("OsKey"), "Its system."),
            field("architecture", Text, "What it runs on, as x86_64."),
            field("cloudPlatform", Text, "The platform."),
            field("cloudLocation", Text, "The location there."),
            field("cloudImageId", Text, "The platform's own id of it."),
            field("scope", Text, "Always environment."),
            field("source", Text, "Always Manual."),
            field("status", Text, "Always active."),
            field("grange", Of("ImageExtra"), "What Scalr has no word for."),
        ],
    },
    Shape {
        name: "OsKey",
        writable: &[],
        fields: &[field("id", Text, "As debian-12; empty where the image does not say.")],
    },
    Shape {
        name: "ImageExtra",
        writable: &[],
        fields: &[
            field("revision", Integer, "For If-Match."),
            field("bytes", Integer, "Bytes of all its files."),
            field("entries", Integer, "Files, directories and links of it."),
            field("command", Texts, "The program in it, with its arguments."),
            field("user", Text, "Who that runs as; empty for root."),
            field("environment", Texts, "Its environment, as NAME=value."),
            field("directory", Text, "Where it starts; empty for /."),
            field("ports", Texts, "Ports it serves, as 80/tcp."),
            field("addedAt", Integer, "When it was imported, ms UTC."),
            field("addedBy", Text, "By whom."),
            field("usedBy", Texts, "Roles and farm roles that use it."),
            field("notes", Texts, "What of the archive was left out, after an import."),
        ],
    },
];
