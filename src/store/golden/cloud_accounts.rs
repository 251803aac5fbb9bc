//! Of cloud accounts.

use super::{AT, ENV, check, name};
use crate::base::{CloudAccountId, UserId};
use crate::model::{CloudAccount, Sealed, SealingKeyId};
use std::collections::BTreeMap;

#[test]
fn where_a_platform_is_asked() {
    let account = CloudAccount {
        id: CloudAccountId(3),
        environments: vec![ENV],
        name: name("h"),
        platform: "p".to_owned(),
        endpoint: "e".to_owned(),
        options: BTreeMap::from([("o".to_owned(), "v".to_owned())]),
        added_at: AT,
        added_by: UserId(4),
        secret: None,
    };
    check(&account, "03010101680170016501016f0176fbd0070400");
    let sealed = Sealed { key: SealingKeyId([1; 8]), bytes: vec![2, 3] };
    let account = CloudAccount { secret: Some(sealed), ..account };
    check(&account, "03010101680170016501016f0176fbd00704010101010101010101020203");
}
