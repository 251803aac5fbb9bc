//! `grange hold` and `grange holds`.

use crate::base::time::say;
use crate::base::{Code, Problem};
use crate::cli::args::{Hold, Listing, said};
use crate::cli::{Done, Io, list as lists};
use crate::client::Client;
use crate::wire::api::route::NoBody;
use crate::wire::columns::{self, minute};
use crate::wire::hold::{HOLD_PLACE, HOLD_RELEASE, HOLDS, HoldInput, HoldView};
use clap::Subcommand;

/// Verbs of a hold.
#[derive(Debug, Subcommand)]
pub enum HoldVerb {
    /// End a hold
    Release {
        /// As it was placed: a farm, or a farm role as shop/web
        #[arg(value_parser = said::farm_or_role)]
        what: String,
        /// launch, terminate, heal, scale, rollout or balance
        #[arg(value_parser = said::something)]
        kind: String,
    },
}

/// Places or releases a hold.
pub fn carry(args: Hold, client: &Client, io: &mut Io<'_>, json: bool) -> Done {
    if let Some(HoldVerb::Release { what, kind }) = args.verb {
        let found =
            client.rows(&HOLDS, &[])?.into_iter().find(|h| h.about == what && h.kind == kind);
        let hold = found.ok_or_else(|| {
            let text = format!("{kind} of {what} is not held (grange holds lists what is)");
            Problem::new(Code::ObjectNotFound, text)
        })?;
        client.remove(&HOLD_RELEASE, &[&hold.id])?;
        match json {
            true => io.json(&hold)?,
            false => put_line!(io.stdout, "{kind} of {what} runs by itself again")?,
        }
        return Ok(0);
    }
    let input = HoldInput {
        what: args.what.unwrap_or_default(),
        kind: args.kind.unwrap_or_default(),
        reason: args.reason.unwrap_or_default(),
        length: args.length,
        until: None,
        no_end: args.no_end,
    };
    let hold = client.ask(&HOLD_PLACE, &[], &input)?;
    if json {
        io.json(&hold)?;
        return Ok(0);
    }
    put_line!(io.stdout, "{} of {} is held {}", hold.kind, hold.about, end(&hold))?;
    Ok(0)
}

fn end(hold: &HoldView) -> String {
    match (hold.until, hold.left) {
        (Some(until), Some(left)) => format!("for {}, until {}", say(left), minute(until)),
        _ => "until it is released".to_owned(),
    }
}

/// Lists what is held.
pub fn list(listing: &Listing, client: &Client, io: &mut Io<'_>, json: bool) -> Done {
    lists::list(&columns::holds::HOLDS, listing, io, json, |asked| {
        Ok(client.rows_kept(&HOLDS, &[], &NoBody, &|hold| asked.takes(hold))?)
    })
}
