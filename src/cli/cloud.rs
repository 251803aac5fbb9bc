//! `grange cloud`.

use crate::base::time::say;
use crate::cli::args::said;
use crate::cli::table::{self, Cell};
use crate::cli::{Done, Io};
use crate::client::Client;
use crate::wire::account::{ACCOUNT_RESUME, ACCOUNTS, AccountView};
use crate::wire::input::NoInput;
use clap::Subcommand;

/// Verbs of cloud accounts.
#[derive(Debug, Subcommand)]
pub enum CloudVerb {
    /// List them: which fail and are left alone, and how many steps may begin
    List,
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
        CloudVerb::List => list(client, io, json),
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

fn list(client: &Client, io: &mut Io<'_>, json: bool) -> Done {
    let accounts = client.rows(&ACCOUNTS, &[])?;
    if json {
        io.json(&accounts)?;
        return Ok(0);
    }
    let row = |account: &AccountView| {
        let state = match account.state.as_str() {
            "well" | "failing" => account.state.clone(),
            "open" => format!("left alone for {}", say(account.left.unwrap_or(0))),
            _ => "tried with one call".to_owned(),
        };
        let failed = account.failures.to_string();
        let pace = format!("{} of {}", account.steps_left, account.steps_per_minute);
        let reason = account.reason.clone().unwrap_or_default();
        [&account.name, &state, &failed, &pace, &reason].into_iter().map(Cell::from).collect()
    };
    let rows = accounts.iter().map(row).collect();
    table::write(io, &["CLOUD", "STATE", "FAILED", "STEPS LEFT", "THE LAST SAID"], rows)?;
    Ok(0)
}
