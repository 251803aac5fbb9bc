//! Global variables: names with values, from the whole installation in to one server.
//!
//! A variable is *declared* in one scope, which says what it is: whether it is hidden, locked,
//! required, what its values look like. Scopes further in may give it another value, and nothing
//! else; the innermost value counts, unless it is locked.

use crate::base::{EnvironmentId, FarmId, FarmRoleId, ServerId, VariableId};
use crate::model::Sealed;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Where a variable has a value: the thing itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum VariableScope {
    /// The installation with all of its environments.
    Installation,
    /// An environment with all of its farms.
    Environment(EnvironmentId),
    /// A farm with all of its servers.
    Farm(FarmId),
    /// A farm role with all of its servers.
    FarmRole(FarmRoleId),
    /// One server and nothing else.
    Server(ServerId),
}

/// Which kind of scope, the outermost first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ScopeKind {
    /// The installation with all of its environments.
    Installation,
    /// An environment with all of its farms.
    Environment,
    /// A farm with all of its servers.
    Farm,
    /// A farm role with all of its servers.
    FarmRole,
    /// One server and nothing else.
    Server,
}

impl ScopeKind {
    /// All of them, the outermost first.
    pub const ALL: [ScopeKind; 5] = [
        ScopeKind::Installation,
        ScopeKind::Environment,
        ScopeKind::Farm,
        ScopeKind::FarmRole,
        ScopeKind::Server,
    ];

    /// Its name as the published API has it.
    pub fn as_str(self) -> &'static str {
        match self {
            ScopeKind::Installation => "scalr",
            ScopeKind::Environment => "environment",
            ScopeKind::Farm => "farm",
            ScopeKind::FarmRole => "farmrole",
            ScopeKind::Server => "server",
        }
    }
}

impl fmt::Display for ScopeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl VariableScope {
    /// Which kind of scope it is.
    pub fn kind(&self) -> ScopeKind {
        match self {
            VariableScope::Installation => ScopeKind::Installation,
            VariableScope::Environment(_) => ScopeKind::Environment,
            VariableScope::Farm(_) => ScopeKind::Farm,
            VariableScope::FarmRole(_) => ScopeKind::FarmRole,
            VariableScope::Server(_) => ScopeKind::Server,
        }
    }
}

/// A variable in one scope: its declaration, or the value that it has there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GlobalVariable {
    /// Its number, which what is sealed of it is bound to.
    pub id: VariableId,
    /// Where it lives; `None` for the whole installation.
    pub env: Option<EnvironmentId>,
    /// Where it has this value.
    pub scope: VariableScope,
    /// Its name, as it was written where it is declared.
    pub name: String,
    /// Its value here; `None` where it is only declared.
    pub value: Option<VariableValue>,
    /// What it is; `None` where it only has a value.
    pub declared: Option<VariableDeclaration>,
}

/// The value of a variable, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum VariableValue {
    /// For everybody to read.
    Plain(String),
    /// Of a hidden variable.
    Hidden(Sealed),
}

/// What is said of a variable where it is declared.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VariableDeclaration {
    /// What it is listed under; may be empty.
    pub category: String,
    /// What it is for; may be empty.
    pub description: String,
    /// Whether scopes further in may not give it another value.
    pub locked: bool,
    /// Whether nobody is shown its value.
    pub hidden: bool,
    /// Without a value in this scope or further out, a farm is not launched.
    pub required_in: Option<ScopeKind>,
    /// A regular expression that the whole of each value matches; empty for none.
    pub validation_pattern: String,
    /// How a value is written where it is used, as in `%05d`; empty for as it is.
    pub output_format: String,
}
