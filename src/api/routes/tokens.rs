//! Bearer tokens.

use super::Row;
use crate::service::access;
use crate::wire::token::{TOKEN_CREATE, TOKEN_REVOKE, TOKENS};
use std::sync::LazyLock;

/// Rows of this noun.
pub static ROWS: LazyLock<[Row; 3]> = LazyLock::new(|| {
    [
        Row::created(&TOKEN_CREATE, |on, call, input| {
            access::create_token(&on.service, &call.actor, &input)
        }),
        Row::rows(&TOKENS, |on, call, _, page| access::tokens(&on.service, &call.actor, page)),
        Row::nothing(&TOKEN_REVOKE, |on, call| {
            access::revoke_token(&on.service, &call.actor, call.param("tokenId", "token")?)
        }),
    ]
});
