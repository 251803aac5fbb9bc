//! A cloud account: where a platform is asked, and as whom.

use crate::base::{CloudAccountId, EnvironmentId, Name, Timestamp, UserId};
use crate::model::Sealed;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A cloud account as people declare it. `onboard` is one without such a record: it is there with
/// the machine, and named as its platform.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CloudAccount {
    /// Its number, which no other account gets.
    pub id: CloudAccountId,
    /// Environments whose farms may use it. Its name is one name in all of them, because calls,
    /// pace and failures are counted by it.
    pub environments: Vec<EnvironmentId>,
    /// What farm roles call it: `home`. It stays while there is anything in the account.
    pub name: Name,
    /// The platform it is on: `docker`.
    pub platform: String,
    /// Where the platform's API is, as that platform writes it.
    pub endpoint: String,
    /// What else is said of it, by the names its platform has for that.
    pub options: BTreeMap<String, String>,
    /// When it was added.
    pub added_at: Timestamp,
    /// The person who added it.
    pub added_by: UserId,
    /// The secret that its platform's options have, sealed; `None` where none is said.
    pub secret: Option<Sealed>,
}
