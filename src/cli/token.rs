//! `grange token`.

use crate::base::Timestamp;
use crate::cli::args::{TokenCreate, TokenVerb};
use crate::cli::{Done, Io, list};
use crate::client::Client;
use crate::wire::api::route::NoBody;
use crate::wire::columns;
use crate::wire::deed::Deed;
use crate::wire::input::TokenInput;
use crate::wire::token::{TOKEN_CREATE, TOKEN_REVOKE, TOKENS};

/// Carries out a verb.
pub fn carry(verb: TokenVerb, client: &Client, io: &mut Io<'_>, json: bool) -> Done {
    match verb {
        TokenVerb::Create(args) => create(&args, client, io, json),
        TokenVerb::List(listing) => {
            list::list(&columns::tokens::TOKENS, &listing, io, json, |asked| {
                Ok(client.rows_kept(&TOKENS, &[], &NoBody, &|token| asked.takes(token))?)
            })
        }
        TokenVerb::Revoke { id, yes } => {
            if !io.agreed(Deed::RevokeToken, &id.to_string(), 0, yes)? {
                return Ok(1);
            }
            client.remove(&TOKEN_REVOKE, &[&id])?;
            put_line!(io.stdout, "token {id} is revoked")?;
            Ok(0)
        }
    }
}

/// Creates a token. Only its text goes to stdout, so that it can go straight into a file.
fn create(args: &TokenCreate, client: &Client, io: &mut Io<'_>, json: bool) -> Done {
    let input = TokenInput {
        description: args.description.clone(),
        expires_in_ms: args.days.map(|days| days * 86_400_000),
    };
    let token = client.ask(&TOKEN_CREATE, &[], &input)?;
    let told =
        if json { io.json(&token) } else { put_line!(io.stdout, "{}", token.token.reveal()) };
    // One that nobody was shown is nobody's, and would be good for as long as it lasts.
    if let Err(error) = told.and_then(|()| io.stdout.flush()) {
        client.remove(&TOKEN_REVOKE, &[&token.id])?;
        return Err(error.into());
    }
    if json {
        return Ok(0);
    }
    let until = token.expires_at.map(|at| format!(", until {}", Timestamp(at)));
    let until = until.unwrap_or_default();
    put_line!(io.stderr, "token {}{until}; it is not shown again", token.id)?;
    Ok(0)
}
