//! Shapes of global variables, and of the key that seals hidden ones.

use super::Kind::{Flag, Integer, Text, Texts};
use super::{Shape, field};

/// These shapes.
pub const SHAPES: &[Shape] = &[
    Shape {
        name: "GlobalVariable",
        writable: &[],
        fields: &[
            field("name", Text, "Its name."),
            field("type", Text, "The kind: always GlobalVariableString."),
            field("value", Text, "The value it was given in this scope; absent for a hidden one."),
            field(
                "computedValue",
                Text,
                "The value that counts here, as it is written; absent for a hidden one.",
            ),
            field("category", Text, "What it is listed under."),
            field("description", Text, "What it is for."),
            field("declaredIn", Text, "The kind of scope that declares it."),
            field(
                "definedIn",
                Text,
                "The kind of scope whose value counts; absent without a value.",
            ),
            field("hidden", Flag, "Nobody is shown its value."),
            field("locked", Flag, "Scopes further in may not give it another value."),
            field("requiredIn", Text, "It needs a value in this kind of scope or further out."),
            field("validationPattern", Text, "The whole of each value matches this."),
            field("outputFormat", Text, "How a value is written where it is used, as %05d."),
            field("usedBy", Texts, "Farm roles whose role names it; told where one is shown."),
        ],
    },
    Shape {
        name: "GlobalVariableRequest",
        writable: &[
            "name",
            "type",
            "value",
            "category",
            "description",
            "hidden",
            "locked",
            "requiredIn",
            "validationPattern",
            "outputFormat",
        ],
        fields: &[
            field("name", Text, "Its name, where it is declared."),
            field("type", Text, "The kind: always GlobalVariableString."),
            field("value", Text, "Its value in this scope."),
            field("category", Text, "What it is listed under."),
            field("description", Text, "What it is for."),
            field("hidden", Flag, "Whether nobody is shown its value; said where it is declared."),
            field("locked", Flag, "Scopes further in may not give it another value."),
            field(
                "requiredIn",
                Text,
                "Where it needs a value: scalr, environment, farm, farmrole.",
            ),
            field("validationPattern", Text, "The whole of each value matches this."),
            field("outputFormat", Text, "How a value is written where it is used, as %05d."),
        ],
    },
    Shape {
        name: "RotatedKey",
        writable: &[],
        fields: &[
            field("key", Text, "The number of the key that seals from now on."),
            field("resealed", Integer, "Values that were sealed anew."),
            field("closed", Integer, "Values that do not open and have to be set anew."),
        ],
    },
    Shape {
        name: "RotateKeyRequest",
        writable: &["lost"],
        fields: &[field("lost", Flag, "The key is missing and will not be found: begin anew.")],
    },
];
