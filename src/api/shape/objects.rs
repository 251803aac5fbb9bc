//! Shapes of what is declared and what runs.

use super::Kind::{Flag, Integer, ListOf, Of, Text, Texts};
use super::{Shape, field};

/// These shapes.
pub const SHAPES: &[Shape] = &[
    Shape {
        name: "Farm",
        writable: &["name", "description", "launchOrder"],
        fields: &[
            field("id", Integer, "Its number."),
            field("name", Text, "Its name."),
            field("description", Text, "Free text."),
            field("launchOrder", Text, "simultaneous or sequential."),
            field("status", Text, "running, pending_launch, pending_terminate or terminated."),
            field("grange", Of("FarmExtra"), "What Scalr has no word for."),
        ],
    },
    Shape {
        name: "FarmExtra",
        writable: &[],
        fields: &[
            field("revision", Integer, "For If-Match."),
            field("plan", Integer, "Number of the current plan; 0 before the first."),
            field("farmRoles", Integer, "Farm roles."),
            field("running", Integer, "Servers that run."),
            field("target", Integer, "Servers that scaling wants."),
            field("servers", Integer, "Servers not confirmed gone."),
            field("freeze", Text, "Why automation is stopped by ourselves, if it is."),
            field("holds", Texts, "What is held, one line each."),
            field("waiting", Texts, "What it waits for, one line each, most important first."),
        ],
    },
    Shape {
        name: "FarmRole",
        writable: &[],
        fields: &[
            field("id", Integer, "Its number."),
            field("alias", Text, "Its name in the farm."),
            field("farm", Of("ForeignKey"), "The farm."),
            field("role", Of("RoleIdentity"), "The role."),
            field("cloudPlatform", Text, "The platform."),
            field("cloudLocation", Text, "Where on it."),
            field("instanceType", Of("NameForeignKey"), "The size."),
            field("launchIndex", Integer, "Its place in a sequential launch."),
            field("scaling", Of("ScalingConfiguration"), "Range and rules."),
            field("grange", Of("FarmRoleExtra"), "What Scalr has no word for."),
        ],
    },
    Shape {
        name: "FarmRoleExtra",
        writable: &[],
        fields: &[
            field("revision", Integer, "For If-Match."),
            field("target", Integer, "Servers that scaling wants."),
            field("running", Integer, "Servers that run."),
            field("servers", Integer, "Servers not confirmed gone."),
            field(
                "rules",
                Texts,
                "Each rule in words: CpuPercent: up above 60, down below 20, over 60 s.",
            ),
            field("volumes", Texts, "Mount points of its data volumes."),
            field("balances", Text, "Alias of the farm role it balances."),
            field("holds", Texts, "What is held, one line each."),
            field("waiting", Texts, "What it waits for."),
        ],
    },
    Shape {
        name: "ScalingConfiguration",
        writable: &["enabled", "minInstances", "maxInstances"],
        fields: &[
            field("enabled", Flag, "Whether the rules apply."),
            field("minInstances", Integer, "Never fewer."),
            field("maxInstances", Integer, "Never more."),
            field("rules", Texts, "The rules, by their metric's name."),
        ],
    },
    Shape {
        name: "Server",
        writable: &[],
        fields: &[
            field("id", Text, "Its UUID."),
            field("hostname", Text, "web-3."),
            field("index", Integer, "Its index in the farm role."),
            field("status", Text, "Scalr's status."),
            field("farm", Of("ForeignKey"), "The farm."),
            field("farmRole", Of("ForeignKey"), "The farm role."),
            field("cloudPlatform", Text, "The platform."),
            field("cloudLocation", Text, "Where on it."),
            field("cloudServerId", Text, "The platform's id for it."),
            field("instanceType", Of("NameForeignKey"), "The size."),
            field("privateIp", Texts, "Addresses."),
            field("publicIp", Texts, "Addresses."),
            field("launchReason", Text, "Why it was launched."),
            field("launched", Text, "When, RFC 3339."),
            field("grange", Of("ServerExtra"), "What Scalr has no word for."),
        ],
    },
    Shape {
        name: "ServerExtra",
        writable: &[],
        fields: &[
            field("revision", Integer, "For If-Match."),
            field("name", Text, "shop/web-3."),
            field("farm", Text, "The farm's name."),
            field("alias", Text, "The farm role's alias."),
            field("statusAt", Integer, "When the status last changed, ms UTC."),
            field("statusAge", Integer, "Milliseconds in this status."),
            field("conditions", ListOf("Condition"), "Derived states, the worst first."),
            field("agentConnected", Flag, "Whether its agent is connected."),
            field("agentVersion", Text, "Its agent's version."),
            field("terminateReason", Text, "Why it is to go."),
            field("waiting", Texts, "What it waits for."),
            field(
                "seen",
                Text,
                "What the cloud last said, as running; unknown when not seen since the start.",
            ),
            field("seenAge", Integer, "How old that is, in milliseconds."),
            field(
                "latest",
                ListOf("Reading"),
                "Last readings: cpu_percent, memory_percent, load_1m.",
            ),
        ],
    },
    Shape {
        name: "Condition",
        writable: &[],
        fields: &[
            field("name", Text, "failed, missing, rebooting or locked."),
            field("why", Text, "Why, or for how long."),
        ],
    },
    Shape {
        name: "Role",
        writable: &[],
        fields: &[
            field("id", Integer, "Its number."),
            field("name", Text, "Its name."),
            field("description", Text, "One line on what it does."),
            field("builtinAutomation", Texts, "What Grange configures on it, as haproxy."),
            field("grange", Of("RoleExtra"), "What Scalr has no word for."),
        ],
    },
    Shape {
        name: "RoleExtra",
        writable: &[],
        fields: &[
            field("builtIn", Flag, "Shipped with the appliance."),
            field("platforms", Texts, "Platforms it has an image for."),
        ],
    },
    Shape {
        name: "RoleIdentity",
        writable: &[],
        fields: &[field("id", Integer, "Its number."), field("name", Text, "Its name.")],
    },
    Shape { name: "ForeignKey", writable: &[], fields: &[field("id", Integer, "Its number.")] },
    Shape { name: "NameForeignKey", writable: &[], fields: &[field("id", Text, "Its name.")] },
];
