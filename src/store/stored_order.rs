//! Orders as they are stored.

use super::codec::CodecError;
use super::old::v1::OrderV1;
use crate::base::{EnvironmentId, OrderId, ServerId, Timestamp};
use crate::model::{Cancel, OrderBody, OrderState};
use serde::{Deserialize, Serialize};

/// An order as it is stored: its body is JSON, because it is tagged from the inside, which only
/// a format that describes itself can carry.
#[derive(Serialize, Deserialize)]
pub(super) struct StoredOrder {
    pub id: OrderId,
    pub env: EnvironmentId,
    pub server: ServerId,
    pub body: String,
    pub at: Timestamp,
    pub deadline: Timestamp,
    pub state: OrderState,
    pub cancel: Option<Cancel>,
}

impl From<OrderV1> for StoredOrder {
    fn from(old: OrderV1) -> StoredOrder {
        StoredOrder {
            id: old.id,
            env: old.env,
            server: old.server,
            body: old.body,
            at: old.at,
            deadline: old.deadline,
            state: old.state,
            cancel: None,
        }
    }
}

/// A body as it is stored.
pub(super) fn order_body(json: &str) -> Result<OrderBody, CodecError> {
    serde_json::from_str(json).map_err(|e| CodecError::Decode(e.into()))
}
