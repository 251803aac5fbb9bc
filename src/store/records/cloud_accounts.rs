//! What the store knows of a cloud account.

use crate::base::{CloudAccountId, EnvironmentId};
use crate::model::{CloudAccount, Sealed};
use crate::store::codec::CodecError;
use crate::store::old::{self, v1::CloudAccountV1};
use crate::store::tables::{Index, Record, key};

impl Record for CloudAccount {
    type Key = CloudAccountId;
    const SCHEMA: u8 = 2;
    const SEALS: bool = true;

    fn key(&self) -> CloudAccountId {
        self.id
    }

    fn env(&self) -> Option<EnvironmentId> {
        None
    }

    fn indexes(&self) -> Vec<(Index, Vec<u8>)> {
        vec![(Index::CloudAccountsByName, key::name(&self.name))]
    }

    fn sealed(&mut self) -> Vec<(&'static str, &mut Sealed)> {
        self.secret.iter_mut().map(|sealed| ("secret", sealed)).collect()
    }

    fn decode(schema: u8, bytes: &[u8]) -> Result<CloudAccount, CodecError> {
        old::decode::<CloudAccount, CloudAccountV1>(schema, bytes)
    }
}
