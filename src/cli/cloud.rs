//! `grange cloud`.

use crate::base::time::say;
use crate::base::{Problem, Timestamp};
use crate::cli::args::{Listing, Showing, said};
use crate::cli::{Done, Io, list, table};
use crate::client::Client;
use crate::wire::account::{
    ACCOUNT, ACCOUNT_ADD, ACCOUNT_CHECK, ACCOUNT_EDIT, ACCOUNT_REMOVE, ACCOUNT_RESUME,
    ACCOUNT_TAKE, ACCOUNTS, AccountAdd, AccountCheckView, AccountEdit, AccountView, LeaseView,
    OptionValue,
};
use crate::wire::api::route::NoBody;
use crate::wire::columns::clouds::CLOUDS;
use crate::wire::deed::Deed;
use crate::wire::input::NoInput;
use clap::{Args as Group, Subcommand};
use std::io;
use std::path::PathBuf;

/// Verbs of cloud accounts.
#[derive(Debug, Subcommand)]
pub enum CloudVerb {
    /// Add an account; it is asked who it is, and not added when it does not answer
    #[command(after_help = "Example: grange cloud add docker --name home \
                            --endpoint unix:///var/run/docker.sock")]
    Add(Box<CloudAdd>),
    /// List them: which fail and are left alone, and how many steps may begin
    List(Listing),
    /// Show what is declared of one, and how it answers
    Show {
        /// As the list has it
        #[arg(value_parser = said::account)]
        name: String,
        #[command(flatten)]
        showing: Showing,
    },
    /// Ask one who it is, what we may do there, and what it lacks
    Check {
        /// As the list has it
        #[arg(value_parser = said::account)]
        name: String,
    },
    /// Change where one is, when it answers there; its servers stay
    Edit(Box<CloudEdit>),
    /// Remove one that no server, data volume or farm role is in
    Remove {
        /// As the list has it
        #[arg(value_parser = said::account)]
        name: String,
    },
    /// Manage one from here that another appliance manages; that one goes quiet
    Take {
        /// As the list has it
        #[arg(value_parser = said::account)]
        name: String,
        /// Do not ask, take it
        #[arg(long)]
        yes: bool,
    },
    /// Ask one again at once that is left alone
    Resume {
        /// As the list has it
        #[arg(value_parser = said::account)]
        name: String,
    },
}

/// What `cloud add` is given.
#[derive(Debug, Group)]
pub struct CloudAdd {
    /// The platform: docker or command
    #[arg(value_parser = said::something)]
    platform: String,
    /// What farms are to call it, as cloudAccount
    #[arg(long, value_parser = said::account)]
    name: String,
    /// Where the platform's API is, as unix:///var/run/docker.sock; of command the file of
    /// programs, as /etc/grange/clouds/vms.toml
    #[arg(long, value_parser = said::something)]
    endpoint: String,
    #[command(flatten)]
    options: CloudOptions,
}

/// What `cloud edit` is given.
#[derive(Debug, Group)]
pub struct CloudEdit {
    /// As the list has it
    #[arg(value_parser = said::account)]
    name: String,
    /// Where the platform's API is from now on
    #[arg(long, value_parser = said::something)]
    endpoint: Option<String>,
    #[command(flatten)]
    options: CloudOptions,
    /// What is not to be said any more, as network
    #[arg(long, value_name = "OPTION", value_parser = said::something)]
    unset: Vec<String>,
}

/// What may be said of an account beside where it is.
#[derive(Debug, Group)]
pub struct CloudOptions {
    /// The network of its servers [default: the platform's own]
    #[arg(long, value_name = "NAME", value_parser = said::something)]
    network: Option<String>,
    /// Where its servers reach the appliance, as 10.0.0.5:8883 [default: found out]
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = said::something)]
    agent_address: Option<String>,
    /// The authority of the engine's certificate, PEM; with it TLS is spoken
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// The SHA-256 fingerprint of the engine's certificate, instead of an authority
    #[arg(long, value_name = "SHA256", value_parser = said::something)]
    pin: Option<String>,
    /// The certificate that the engine knows the appliance by, PEM
    #[arg(long, value_name = "FILE")]
    cert: Option<PathBuf>,
    /// The private key of that certificate, PEM; kept sealed, never shown; - is standard input
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
}

impl CloudOptions {
    fn said(self, io: &mut Io<'_>) -> Result<Vec<OptionValue>, Problem> {
        let CloudOptions { network, agent_address, ca, pin, cert, key } = self;
        let mut text = |file: Option<PathBuf>| file.map(|file| io.text(&file)).transpose();
        let all = [
            ("network", network),
            ("agent-address", agent_address),
            ("ca", text(ca)?),
            ("pin", pin),
            ("cert", text(cert)?),
            ("key", text(key)?),
        ];
        let said = |(name, value): (&str, Option<String>)| {
            Some(OptionValue { name: name.to_owned(), value: value? })
        };
        Ok(all.into_iter().filter_map(said).collect())
    }
}

/// Does one of them.
pub fn carry(verb: CloudVerb, client: &Client, io: &mut Io<'_>, json: bool) -> Done {
    match verb {
        CloudVerb::List(listing) => {
            return list::list(&CLOUDS, &listing, io, json, |asked| {
                Ok(client.rows_kept(&ACCOUNTS, &[], &NoBody, &|account| asked.takes(account))?)
            });
        }
        CloudVerb::Add(added) => {
            let CloudAdd { platform, name, endpoint, options } = *added;
            let options = options.said(io)?;
            let input = AccountAdd { name, platform, endpoint, options };
            let account = client.ask(&ACCOUNT_ADD, &[], &input)?;
            said_of(&account, "is added", io, json)?;
        }
        CloudVerb::Show { name, showing } => {
            let account = client.show(&ACCOUNT, &[&name])?;
            return list::show(&account, &name, showing, io, json, |io| facts(&account, io));
        }
        CloudVerb::Check { name } => {
            let found = client.ask(&ACCOUNT_CHECK, &[&name], &NoInput {})?;
            match json {
                true => io.json(&found)?,
                false => checked(&found, io)?,
            }
        }
        CloudVerb::Edit(edited) => {
            let CloudEdit { name, endpoint, options, unset } = *edited;
            let gone = |name| OptionValue { name, value: String::new() };
            let options =
                options.said(io)?.into_iter().chain(unset.into_iter().map(gone)).collect();
            let input = AccountEdit { endpoint, options };
            let account = client.ask(&ACCOUNT_EDIT, &[&name], &input)?;
            said_of(&account, "is changed", io, json)?;
        }
        CloudVerb::Remove { name } => {
            client.remove(&ACCOUNT_REMOVE, &[&name])?;
            match json {
                true => io.json(&serde_json::json!({"name": name}))?,
                false => put_line!(io.stdout, "cloud account {name} is removed")?,
            }
        }
        CloudVerb::Take { name, yes } => {
            if !io.agreed(Deed::TakeAccount, &name, 0, yes)? {
                return Ok(1);
            }
            let account = client.ask(&ACCOUNT_TAKE, &[&name], &NoInput {})?;
            said_of(&account, "is managed from here", io, json)?;
        }
        CloudVerb::Resume { name } => {
            let account = client.ask(&ACCOUNT_RESUME, &[&name], &NoInput {})?;
            said_of(&account, "may be asked again", io, json)?;
        }
    }
    Ok(0)
}

fn said_of(account: &AccountView, what: &str, io: &mut Io<'_>, json: bool) -> io::Result<()> {
    match json {
        true => io.json(account),
        false => put_line!(io.stdout, "{} {what}", account.name),
    }
}

fn facts(account: &AccountView, io: &mut Io<'_>) -> io::Result<()> {
    // Certificates have many lines, and nobody reads them.
    let shown = |value: &str| match value.lines().count() {
        0 | 1 => value.to_owned(),
        _ => format!("{} bytes", value.len()),
    };
    let options = account.options.iter();
    let options = options.map(|option| (option.name.as_str(), shown(&option.value)));
    let secrets = account.secrets.iter().map(|name| (name.as_str(), "kept sealed".to_owned()));
    let mut facts = vec![
        ("account", account.name.clone()),
        ("platform", account.platform.clone()),
        ("endpoint", account.endpoint.clone()),
    ];
    facts.extend(options.chain(secrets));
    facts.push(("state", account.state.clone()));
    facts.push(("lease", lease(&account.lease)));
    facts.push(("the last said", account.reason.clone().unwrap_or_default()));
    let pace = format!("{} of {} a minute", account.steps_left, account.steps_per_minute);
    facts.push(("steps left", pace));
    table::facts(io, &facts)
}

/// Who manages an account.
fn lease(lease: &LeaseView) -> String {
    let since = lease.since.map(|since| Timestamp(since).to_string()).unwrap_or_default();
    let since = since.get(..16).unwrap_or_default().replace('T', " ");
    let (left, epoch) = (say(lease.left.unwrap_or(0)), lease.epoch.unwrap_or(0));
    let holder = lease.holder.as_deref().unwrap_or_default();
    match lease.state.as_str() {
        "ours" if lease.left.is_some() => format!("ours, epoch {epoch}; calls begin in {left}"),
        "ours" => format!("ours since {since} UTC, epoch {epoch}"),
        "other" => format!(
            "{holder}, started {since} UTC; taken over in {left} unless it writes its mark anew"
        ),
        "lapsed" => format!("cannot be kept: {}", lease.reason.as_deref().unwrap_or_default()),
        "none" => "none: the platform carries none".to_owned(),
        _ => "nobody looked yet".to_owned(),
    }
}

fn checked(found: &AccountCheckView, io: &mut Io<'_>) -> io::Result<()> {
    let mut facts = vec![("account", found.name.clone()), ("endpoint", found.endpoint.clone())];
    facts.extend(found.facts.iter().map(|fact| (fact.name.as_str(), fact.value.clone())));
    table::facts(io, &facts)?;
    table::lines(io, "lacks", &found.lacks)
}
