//! Bearer tokens over the API.

use crate::wire::api::route::{Body, Created, NoBody, Nothing, Route, Rows, Shaped};
use crate::wire::input::{TokenInfo, TokenInput, TokenView};

/// Makes a token.
pub const TOKEN_CREATE: Route<TokenInput, Created<TokenView>> = Route::create(
    "/{envId}/grange/tokens/",
    "Creates a bearer token of the asker's own user; its text is shown this once.",
);

/// Lists tokens.
pub const TOKENS: Route<NoBody, Rows<TokenInfo>> = Route::list(
    "/{envId}/grange/tokens/",
    "Lists the asker's own tokens, and everybody's for who manages users.",
);

/// Revokes a token, by its number.
pub const TOKEN_REVOKE: Route<NoBody, Nothing> = Route::remove(
    "/{envId}/grange/tokens/{tokenId}/",
    "Revokes a token: the next request with it is refused.",
);

impl Body for TokenInput {
    const NAMED: Option<(&'static str, &'static str)> = Some(("token", "TokenRequest"));
}

impl Shaped for TokenView {
    const SHAPE: &'static str = "Token";
}

impl Shaped for TokenInfo {
    const SHAPE: &'static str = "TokenInfo";
}
