//! An image: what servers of a platform are started from, by a name.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What an imported image says of the program in it, as container images do. A service of a role
/// takes over what it does not say itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ImageDefaults {
    /// Program and arguments; empty where it names none.
    pub command: Vec<String>,
    /// The user it runs as, by name or number; `None` for root.
    pub user: Option<String>,
    /// Variables of its environment.
    pub environment: BTreeMap<String, String>,
    /// Where it starts; `None` for `/`.
    pub directory: Option<String>,
    /// Ports it serves, as `80/tcp`.
    pub ports: Vec<String>,
}
