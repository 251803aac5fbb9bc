//! What the store knows of a cloud account.

use crate::base::{CloudAccountId, EnvironmentId};
use crate::model::CloudAccount;
use crate::store::tables::{Index, Record, key};

impl Record for CloudAccount {
    type Key = CloudAccountId;
    const SCHEMA: u8 = 1;

    fn key(&self) -> CloudAccountId {
        self.id
    }

    fn env(&self) -> Option<EnvironmentId> {
        None
    }

    fn indexes(&self) -> Vec<(Index, Vec<u8>)> {
        vec![(Index::CloudAccountsByName, key::name(&self.name))]
    }
}
