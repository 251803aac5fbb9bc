//! `grange cloud`.

use crate::cli::args::{Listing, said};
use crate::cli::{Done, Io, list};
use crate::client::Client;
use crate::wire::account::{ACCOUNT_RESUME, ACCOUNTS};
use crate::wire::api::route::NoBody;
use crate::wire::columns::clouds::CLOUDS;
use crate::wire::input::NoInput;
use clap::Subcommand;

/// Verbs of cloud accounts.
#[derive(Debug, Subcommand)]
pub enum CloudVerb {
    /// List them: which fail and are left alone, and how many steps may begin
    List(Listing),
    /// Ask one again at once that is left alone
    Resume {
        /// As the list has it
        #[arg(value_parser = said::account)]
        name: String,
    },
}

/// Does one of them.
pub fn carry(verb: CloudVerb, client: &Client, io: &mut Io<'_>, json: bool) -> Done {
    match verb {
        CloudVerb::List(listing) => list::list(&CLOUDS, &listing, io, json, |asked| {
            Ok(client.rows_kept(&ACCOUNTS, &[], &NoBody, &|account| asked.takes(account))?)
        }),
        CloudVerb::Resume { name } => {
            let account = client.ask(&ACCOUNT_RESUME, &[&name], &NoInput {})?;
            match json {
                true => io.json(&account)?,
                false => put_line!(io.stdout, "{} may be asked again", account.name)?,
            }
            Ok(0)
        }
    }
}
