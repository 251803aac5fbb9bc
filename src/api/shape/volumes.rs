//! Shapes of data volumes.

use super::Kind::{Integer, Text};
use super::{Shape, field};

/// These shapes.
pub const SHAPES: &[Shape] = &[Shape {
    name: "Volume",
    writable: &[],
    fields: &[
        field("id", Integer, "Its number."),
        field("name", Text, "shop/web-2:/data; of an unknown one, its platform's name for it."),
        field(
            "status",
            Text,
            "attached to a server; kept, while its farm role is declared; left, by a farm role \
             that was removed and finds it when it is declared again; unknown, of nobody we \
             know; missing on its platform; deleting.",
        ),
        field("farm", Text, "The name of its farm, which may be gone."),
        field("alias", Text, "The alias of its farm role, which may be gone."),
        field("index", Integer, "The index of its server."),
        field("mountPoint", Text, "Where the server sees it."),
        field("server", Text, "The UUID of the server that has it."),
        field("size", Integer, "Its size in bytes as declared last; 0 when nobody knows."),
        field("cloudPlatform", Text, "The platform."),
        field("cloudAccount", Text, "The cloud account."),
        field("cloudLocation", Text, "Where on it."),
        field("cloudVolumeId", Text, "What the platform calls it."),
        field("created", Text, "When it was first asked for, RFC 3339."),
    ],
}];
