//! Bearer tokens.

use super::Row;
use crate::service::users;
use crate::wire::token::{TOKEN_CREATE, TOKEN_REVOKE, TOKENS};
use std::sync::LazyLock;

/// Rows of this noun.
pub static ROWS: LazyLock<[Row; 3]> = LazyLock::new(|| {
    [
        Row::created(&TOKEN_CREATE, |on, call, input| {
            users::create_token(&on.service, &call.actor, &input)
        }),
        Row::rows(&TOKENS, |on, call, page| users::tokens(&on.service, &call.actor, page)),
        Row::nothing(&TOKEN_REVOKE, |on, call| {
            users::revoke_token(&on.service, &call.actor, call.param("tokenId", "token")?)
        }),
    ]
});
