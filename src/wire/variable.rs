//! Global variables over the API: the published paths of each scope, and one of ours for the whole
//! installation.

use crate::base::Secret;
use crate::wire::api::route::{Body, NoBody, Shaped};
use serde::{Deserialize, Serialize};

macro_rules! routes {
    ($(#[$doc:meta])* $scope:ident at $path:literal of $of:literal) => {
        $(#[$doc])*
        pub mod $scope {
            use super::{NoBody, VariableInput, VariableView};
            use crate::wire::api::route::{Created, Nothing, Object, Route, Rows};

            /// Lists them, with those that are inherited.
            pub const LIST: Route<NoBody, Rows<VariableView>> = Route::list(
                concat!($path, "global-variables/"),
                concat!("Lists the global variables of ", $of, ", with those it inherits."),
            );
            /// Declares one in this scope.
            pub const DECLARE: Route<VariableInput, Created<VariableView>> = Route::create(
                concat!($path, "global-variables/"),
                concat!("Declares a global variable in ", $of, "."),
            );
            /// Shows one of them as this scope has it.
            pub const SHOW: Route<NoBody, Object<VariableView>> = Route::show(
                concat!($path, "global-variables/{globalVariableName}/"),
                concat!("Shows a global variable as ", $of, " has it."),
            );
            /// Changes one, or gives one that is inherited a value.
            pub const CHANGE: Route<VariableInput, Object<VariableView>> = Route::change(
                concat!($path, "global-variables/{globalVariableName}/"),
                concat!("Changes a global variable in ", $of, ", or gives it a value there."),
            );
            /// Removes one from this scope.
            pub const REMOVE: Route<NoBody, Nothing> = Route::remove(
                concat!($path, "global-variables/{globalVariableName}/"),
                concat!("Removes a global variable from ", $of, "; what it inherits is left."),
            );
        }
    };
}

routes! {
    /// Variables of the whole installation.
    installation at "/{envId}/grange/" of "the whole installation"
}
routes! {
    /// Variables of an environment.
    environment at "/{envId}/" of "an environment"
}
routes! {
    /// Variables of a farm.
    farm at "/{envId}/farms/{farmId}/" of "a farm"
}
routes! {
    /// Variables of a farm role.
    farm_role at "/{envId}/farm-roles/{farmRoleId}/" of "a farm role"
}
routes! {
    /// Variables of a server.
    server at "/{envId}/servers/{serverId}/" of "a server"
}

/// A global variable as one scope has it. A hidden one has neither value nor computed value here,
/// whoever asks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct VariableView {
    /// Its name, as it was written where it is declared.
    pub name: String,
    /// The published kind: always `GlobalVariableString`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The value it was given in this scope.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// The value that counts in this scope, as it is written where it is used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub computed_value: Option<String>,
    /// What it is listed under.
    pub category: String,
    /// What it is for.
    pub description: String,
    /// The kind of scope that declares it.
    pub declared_in: String,
    /// The kind of scope whose value counts; absent without a value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub defined_in: Option<String>,
    /// Nobody is shown its value.
    pub hidden: bool,
    /// Scopes further in may not give it another value.
    pub locked: bool,
    /// A value has to be given in this kind of scope or further out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub required_in: Option<String>,
    /// The whole of each value matches this; may be empty.
    pub validation_pattern: String,
    /// How a value is written where it is used; may be empty.
    pub output_format: String,
    /// Farm roles whose role names it, as this scope has it; told where one variable is shown.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub used_by: Vec<String>,
}

/// Body that declares or changes a global variable; what is absent stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct VariableInput {
    /// Its name; only where it is declared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The published kind, `GlobalVariableString` where it is said.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Its value in this scope.
    #[serde(serialize_with = "Secret::expose_given", skip_serializing_if = "Option::is_none")]
    pub value: Option<Secret>,
    /// What it is listed under.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// What it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Whether nobody is shown its value; said when it is declared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hidden: Option<bool>,
    /// Whether scopes further in may not give it another value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locked: Option<bool>,
    /// In which kind of scope or further out it needs a value; empty for in none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub required_in: Option<String>,
    /// A regular expression that the whole of each value matches; empty for none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validation_pattern: Option<String>,
    /// How a value is written where it is used, as `%05d`; empty for as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_format: Option<String>,
}

impl Shaped for VariableView {
    const SHAPE: &'static str = "GlobalVariable";
}

impl Body for VariableInput {
    const NAMED: Option<(&'static str, &'static str)> =
        Some(("globalVariable", "GlobalVariableRequest"));
}
