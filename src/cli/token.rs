//! `grange token`.

use crate::base::Timestamp;
use crate::cli::args::{TokenCreate, TokenVerb};
use crate::cli::table::{self, Cell, Tone};
use crate::cli::{Done, Io};
use crate::client::Client;
use crate::wire::deed::Deed;
use crate::wire::input::{TokenInfo, TokenInput};
use crate::wire::token::{TOKEN_CREATE, TOKEN_REVOKE, TOKENS};

/// Carries out a verb.
pub fn carry(verb: TokenVerb, client: &Client, io: &mut Io<'_>, json: bool) -> Done {
    match verb {
        TokenVerb::Create(args) => create(&args, client, io, json),
        TokenVerb::List => list(client, io, json),
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
    if json {
        io.json(&token)?;
        return Ok(0);
    }
    put_line!(io.stdout, "{}", token.token.reveal())?;
    let until = token.expires_at.map(|at| format!(", until {}", Timestamp(at)));
    let until = until.unwrap_or_default();
    put_line!(io.stderr, "token {}{until}; it is not shown again", token.id)?;
    Ok(0)
}

fn list(client: &Client, io: &mut Io<'_>, json: bool) -> Done {
    let tokens = client.rows(&TOKENS, &[])?;
    if json {
        io.json(&tokens)?;
        return Ok(0);
    }
    let row = |token: &TokenInfo| {
        let until = match (token.expires_at, token.ended) {
            (None, _) => Cell("no end".to_owned(), Tone::Bad),
            (Some(at), false) => Cell::from(day(at)),
            (Some(at), true) => Cell(format!("{}, ended", day(at)), Tone::Busy),
        };
        let (id, user) = (Cell::from(token.id), Cell::from(&token.user));
        vec![id, user, Cell::from(day(token.created_at)), until, Cell::from(&token.description)]
    };
    let rows = tokens.iter().map(row).collect();
    table::write(io, &["TOKEN", "USER", "CREATED", "UNTIL", "DESCRIPTION"], rows)?;
    Ok(0)
}

/// The day, UTC.
fn day(at: i64) -> String {
    let time = Timestamp(at).to_string();
    time.get(..10).unwrap_or(&time).to_owned()
}
