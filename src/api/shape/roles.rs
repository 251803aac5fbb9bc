//! Shapes of roles.

use super::Kind::{Flag, Integer, ListOf, Of, Text, Texts};
use super::{Shape, field};

/// These shapes.
pub const SHAPES: &[Shape] = &[
    Shape {
        name: "Role",
        writable: &["name", "description"],
        fields: &[
            field("id", Integer, "Its number."),
            field("name", Text, "Its name."),
            field("description", Text, "What it is for, in a few words."),
            field("builtinAutomation", Texts, "What Grange configures on it, as haproxy."),
            field("grange", Of("RoleExtra"), "What Scalr has no word for."),
        ],
    },
    Shape {
        name: "RoleExtra",
        writable: &[],
        fields: &[
            field("revision", Integer, "For If-Match."),
            field("roleRevision", Integer, "The revision that farm roles declared now get."),
            field("builtIn", Flag, "Shipped with the appliance."),
            field("platforms", Texts, "Platforms it has an image for."),
            field("createdBy", Text, "Who made it."),
            field("createdAt", Integer, "When, ms UTC; 0 when that is not known."),
            field("usedBy", ListOf("RoleUse"), "The farm roles that use it."),
        ],
    },
    Shape {
        name: "RoleUse",
        writable: &[],
        fields: &[
            field("farmRole", Text, "The farm role, as shop/web."),
            field("farm", Integer, "The farm's number."),
            field("roleRevision", Integer, "The revision it uses."),
        ],
    },
    Shape {
        name: "RoleCloneRequest",
        writable: &["name"],
        fields: &[field("name", Text, "The copy's name.")],
    },
    Shape {
        name: "RoleManifestRequest",
        writable: &["manifest", "sources", "dryRun"],
        fields: &[
            field("manifest", Text, "The YAML text."),
            field("sources", ListOf("RoleSource"), "The files beside it that it names."),
            field("dryRun", Flag, "Say what would change and change nothing."),
        ],
    },
    Shape {
        name: "RoleSource",
        writable: &["path", "text"],
        fields: &[
            field("path", Text, "As the manifest names it, relative to its directory."),
            field("text", Text, "Its text."),
        ],
    },
    Shape {
        name: "RoleApplied",
        writable: &[],
        fields: &[
            field("role", Text, "The role."),
            field("id", Integer, "Its number; 0 in a dry run of a new role."),
            field("roleRevision", Integer, "The revision that has what the manifest says."),
            field("changes", Texts, "What differs from the revision before, one line each."),
            field("behind", Texts, "Farm roles that go on with another revision of it."),
        ],
    },
    Shape {
        name: "RoleManifest",
        writable: &[],
        fields: &[
            field("role", Text, "The role."),
            field("roleRevision", Integer, "Which revision of it."),
            field("manifest", Text, "The YAML text, which changes nothing when it is applied."),
        ],
    },
    Shape {
        name: "RoleRevision",
        writable: &[],
        fields: &[
            field("number", Integer, "Its number."),
            field("current", Flag, "Whether farm roles declared now get it."),
            field("at", Integer, "When it was made, ms UTC; 0 when that is not known."),
            field("by", Text, "By whom."),
            field("usedBy", Texts, "Farm roles that use it, as shop/web."),
            field("summary", Text, "What it has, as 2 parts of setup, 1 service."),
        ],
    },
    Shape {
        name: "RoleUpgradeRequest",
        writable: &["farm", "roleRevision", "dryRun", "fingerprint"],
        fields: &[
            field("farm", Integer, "The farm's number: one request changes one farm."),
            field("roleRevision", Integer, "Which revision; the current one without it."),
            field("dryRun", Flag, "Say what would change and change nothing."),
            field("fingerprint", Text, "Take up only what the dry run with this one showed."),
        ],
    },
];
