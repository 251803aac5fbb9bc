//! The list of tokens.

use super::{Cell, Column, Get, List, Tone, day};
use crate::wire::input::TokenInfo;

/// Bearer tokens.
pub const TOKENS: List<TokenInfo> =
    List { of: "tokens", columns: COLUMNS, name: |token| token.id.to_string() };

type This = Column<TokenInfo>;

const COLUMNS: &[This] = &[
    This::new("token", "Its number", Get::Count(|token| Some(token.id))),
    This::new("user", "Whom it acts as", Get::Text(|token| Some(token.user.clone()))),
    This::new("created", "Since when there is one", Get::Day(|token| Some(token.created_at))),
    This::new("until", "Until when it lets anybody in", Get::Day(|token| token.expires_at))
        .shown(until),
    This::new("description", "What it is for", Get::Text(|t| Some(t.description.clone()))),
];

fn until(token: &TokenInfo) -> Cell {
    match (token.expires_at, token.ended) {
        (None, _) => Cell("no end".to_owned(), Tone::Bad),
        (Some(at), false) => Cell::from(day(at)),
        (Some(at), true) => Cell(format!("{}, ended", day(at)), Tone::Busy),
    }
}
