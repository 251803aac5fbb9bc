//! Every command and option, once: parsing and help come from here.

mod listing;
mod manifest;
pub mod said;
mod server;

pub use listing::{Format, Listing, Showing};
pub use manifest::{Apply, Plan, Simulate};
pub use server::{AgentVerb, ServerVerb};

use crate::base::Millis;
use crate::cli::cloud::CloudVerb;
use crate::cli::example::ExampleVerb;
use crate::cli::exit;
use crate::cli::hold::HoldVerb;
use crate::cli::image::ImageVerb;
use crate::cli::local::{Appliance, Demo, Local};
use crate::cli::note::NoteVerb;
use crate::cli::role::RoleVerb;
use crate::cli::rollout::RolloutVerb;
use crate::cli::runs::RunArgs;
use crate::cli::target::Target;
use crate::cli::variable::VariableVerb;
use crate::cli::volume::VolumeVerb;
use clap::{Args as Group, Parser, Subcommand};
use std::ffi::OsString;
use std::path::PathBuf;

/// Declare farms of servers, and see how they live.
///
/// Without a command, on a terminal: the terminal UI.
#[derive(Debug, Parser)]
#[command(
    name = "grange",
    version,
    term_width = 80,
    after_help = exit::help()
)]
pub struct Args {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// Heading of the options every command has, so that a command's own come first and apart.
const EVERYWHERE: &str = "Options of every command";

/// Where the appliance is, and who is asking.
#[derive(Debug, Group)]
pub struct Global {
    /// The appliance's unix socket [env: GRANGE_SOCKET]
    #[arg(long, global = true, help_heading = EVERYWHERE, value_name = "PATH",
          conflicts_with = "url")]
    pub socket: Option<PathBuf>,
    /// The appliance's address, as https://10.0.0.5:7443 [env: GRANGE_URL]
    #[arg(long, global = true, help_heading = EVERYWHERE, value_parser = said::something)]
    pub url: Option<String>,
    /// A file with a bearer token; it beats who you are on this machine [env: GRANGE_TOKEN, the
    /// token itself]
    #[arg(long, global = true, help_heading = EVERYWHERE, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// The authority of the appliance's certificate (PEM) [env: GRANGE_CA]
    #[arg(long, global = true, help_heading = EVERYWHERE, value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// The environment's number
    #[arg(long, global = true, help_heading = EVERYWHERE, value_name = "NUMBER",
          default_value_t = 1)]
    pub env: u64,
    /// Print the API's objects instead of tables
    #[arg(long, global = true, help_heading = EVERYWHERE)]
    pub json: bool,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Declare a farm as a manifest says, and launch it; or apply a signed proposal
    #[command(after_help = "Examples: grange apply -f shop.yaml, grange apply change.grange")]
    Apply(Apply),
    /// Show what a manifest would change, or a farm's current plan; make proposals
    #[command(after_help = "Examples:
  grange plan -f shop.yaml                    what it would change; changes nothing
  grange plan -f shop.yaml -o change.grange   the same, signed, for a change ticket
  grange plan change.grange                   what is in that, and whether it still applies
  grange plan shop                            the farm's current plan")]
    Plan(Plan),
    /// Try scaling rules on the past: servers, decisions and server-hours as they would have been
    #[command(after_help = "Example: grange simulate -f shop.yaml --from 7d")]
    Simulate(Simulate),
    /// Look at farms, launch and terminate them
    #[command(subcommand)]
    Farm(FarmVerb),
    /// Look at servers, restart them, run commands on them
    #[command(subcommand)]
    Server(ServerVerb),
    /// Run a command on servers, farm roles and farms; look at what came of it
    #[command(
        args_conflicts_with_subcommands = true,
        subcommand_negates_reqs = true,
        after_help = "\
Of several servers, each line of what they print has its server's name before it;
how it ended on each is said at the end. The exit code is 0 only where it ended
with 0 on all of them. A farm and a farm role mean their servers that run. What
was printed is kept with the run, a share of 1 MiB for each server. Ctrl-C ends
it on all of them.

Examples:
  grange run shop/web -- systemctl reload nginx
  grange run --canary 1 --parallel 5 shop -- apt-get -y upgrade
  grange run show 12 --printed"
    )]
    Run(Box<RunArgs>),
    /// Look at data volumes, also those of farms that are gone; delete them
    #[command(subcommand)]
    Volume(VolumeVerb),
    /// Say what servers do: make roles, list, show, copy and delete them, take up revisions
    #[command(subcommand)]
    Role(RoleVerb),
    /// Say what servers are started from: import images, list, show and delete them
    #[command(subcommand)]
    Image(ImageVerb),
    /// Say where servers run: add cloud accounts, list, show, check, change and remove them
    #[command(subcommand)]
    Cloud(CloudVerb),
    /// Look at rollouts, pause and resume them, go back
    #[command(subcommand)]
    Rollout(RolloutVerb),
    /// Switch off for a while what runs by itself: launch, terminate, heal, scale,
    /// rollout or balance
    #[command(
        args_conflicts_with_subcommands = true,
        subcommand_negates_reqs = true,
        after_help = "Examples:\n  \
                  grange hold shop/web scale --for 2h --reason \"black friday\"\n  \
                  grange hold release shop/web scale"
    )]
    Hold(Box<Hold>),
    /// List what is held, why and until when
    Holds(Listing),
    /// Leave notes on farms, farm roles and servers, list and remove them
    #[command(subcommand)]
    Note(NoteVerb),
    /// Set global variables of the installation, environments, farms, farm roles and servers
    #[command(subcommand)]
    Variable(VariableVerb),
    /// Replace the key that seals hidden variables; all of them are sealed anew
    RotateKey {
        /// The key is gone and will not be found: begin anew, and set what it sealed anew
        #[arg(long)]
        lost: bool,
    },
    /// Tell how a farm, farm role, server, plan, step or volume is, and why
    #[command(after_help = "Examples: grange explain shop, grange explain shop/web-3, \
                            grange explain plan 12")]
    Explain {
        /// As shop, shop/web, shop/web-3, a server's UUID, plan 12, step 34, volume 5 or role api
        #[arg(required = true, num_args = 1..=2, value_parser = said::something)]
        what: Vec<String>,
    },
    /// Show what happened: the last 100 entries of the journal, oldest first
    #[command(after_help = "Example: grange events --follow --about shop/web")]
    Events(Events),
    /// Show how the appliance is: alerts, agents, jobs
    Status,
    /// Make bearer tokens, list and revoke them
    #[command(subcommand)]
    Token(TokenVerb),
    /// Read the documentation; it is in this program
    Docs {
        /// Which page; without it, which there are
        #[arg(value_parser = said::something)]
        topic: Option<String>,
    },
    /// Roles and farms of real services to begin with: list them, write them
    #[command(subcommand)]
    Example(ExampleVerb),
    /// Say which version this program is
    Version,
    /// Open the terminal UI
    Tui,
    /// Run the appliance
    #[command(after_help = "About the config file: grange docs install")]
    Serve {
        /// Its config file; every setting has a default [default: /etc/grange/grange.toml, if
        /// there is one]
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// Where it keeps everything [default: what the config file says]
        #[arg(long, value_name = "DIR")]
        data: Option<PathBuf>,
        /// Take over the servers of the state directory that this one is a copy of; that one is
        /// refused from then on
        #[arg(long)]
        take_over: bool,
    },
    /// Try it: a temporary appliance with a farm "shop" on this machine
    Demo {
        #[command(subcommand)]
        verb: Option<DemoVerb>,
        /// Print what happens instead of opening the terminal UI
        #[arg(long)]
        no_tui: bool,
        /// Where it keeps everything [default: a directory of this user's in the temporary one]
        #[arg(long, global = true, value_name = "DIR")]
        dir: Option<PathBuf>,
    },
    /// Be a server's agent, or ask it: on the server itself
    #[command(subcommand_negates_reqs = true)]
    Agent {
        /// The user data its platform gave it
        #[arg(long, value_name = "FILE", required = true)]
        config: Option<PathBuf>,
        /// Where it keeps what it has not yet sent [default: /var/lib/grange-agent]
        #[arg(long, global = true, value_name = "DIR")]
        state: Option<PathBuf>,
        #[command(subcommand)]
        verb: Option<AgentVerb>,
    },
    /// Install and remove the appliance on this machine
    #[command(subcommand)]
    Appliance(ApplianceVerb),
    /// A web server that burns CPU on request
    #[command(hide = true)]
    DemoWeb {
        #[arg(long)]
        port: u16,
    },
    /// The first process of an onboard server
    #[command(hide = true)]
    OnboardInit {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<OsString>,
    },
}

/// Verbs of a farm.
#[derive(Debug, Subcommand)]
pub enum FarmVerb {
    /// List farms
    #[command(after_help = "Example: grange farm list --filter 'unhealthy>0' -o name")]
    List(Listing),
    /// Show a farm, its farm roles and servers
    Show {
        /// Its name
        #[arg(value_parser = said::farm)]
        farm: String,
        #[command(flatten)]
        showing: Showing,
    },
    /// Launch a farm: from now on every farm role is to have its servers
    Launch {
        /// Its name
        #[arg(value_parser = said::farm)]
        farm: String,
    },
    /// Stop a farm: its servers are shut down in reverse launch order and kept
    Stop(Several),
    /// Start a farm that was stopped, in launch order
    Start(Several),
    /// Terminate a farm: from now on it is to have no servers; it stays declared
    Terminate(Sure),
    /// Remove a farm and what it declares; its servers go first
    Remove(Sure),
    /// Write a farm as a manifest, which changes nothing when it is applied
    #[command(after_help = "Example: grange farm export shop -o shop.yaml")]
    Export {
        /// Its name
        #[arg(value_parser = said::farm)]
        farm: String,
        /// Where to; standard output without it
        #[arg(short, long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
}

/// One farm, or all of them.
#[derive(Debug, Group)]
pub struct Several {
    /// Its name
    #[arg(conflicts_with = "all", value_parser = said::farm)]
    pub farm: Option<String>,
    /// Every farm, as when a power supply runs low
    #[arg(long)]
    pub all: bool,
    /// Wait until it is so, at most so long, as 5m
    #[arg(long, value_name = "TIME", value_parser = said::wait)]
    pub wait: Option<Millis>,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
}

/// A farm, and whether the person is sure.
#[derive(Debug, Group)]
pub struct Sure {
    /// Its name
    #[arg(value_parser = said::farm)]
    pub farm: String,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
}

/// What `events` is given.
#[derive(Debug, Group)]
pub struct Events {
    /// Go on showing what happens
    #[arg(long)]
    pub follow: bool,
    /// Only what came after the entry with this number
    #[arg(long, value_name = "NUMBER")]
    pub after: Option<u64>,
    /// Only what is about this or under it: shop, shop/web, shop/web-3
    #[arg(long, value_name = "WHAT", value_parser = said::something)]
    pub about: Option<String>,
    /// Only those with all these words, the last 100 of them
    #[arg(long, value_name = "WORDS", conflicts_with = "follow",
          value_parser = said::something)]
    pub search: Option<String>,
}

/// What `hold` is given.
#[derive(Debug, Group)]
pub struct Hold {
    #[command(subcommand)]
    pub verb: Option<HoldVerb>,
    /// A farm, or a farm role as shop/web
    #[arg(required = true, value_parser = said::farm_or_role)]
    pub what: Option<String>,
    /// launch, terminate, heal, scale, rollout or balance
    #[arg(required = true, value_parser = said::something)]
    pub kind: Option<String>,
    /// For how long, at most 30d: 90s, 30m, 2h, 5d
    #[arg(long = "for", value_name = "LENGTH", value_parser = said::length)]
    pub length: Option<u64>,
    /// Until somebody releases it
    #[arg(long, conflicts_with = "length")]
    pub no_end: bool,
    /// Why, for those who find it
    #[arg(long, required = true, value_parser = said::something)]
    pub reason: Option<String>,
}

/// Verbs of a token.
#[derive(Debug, Subcommand)]
pub enum TokenVerb {
    /// Create a token that acts as you; it is shown this once
    Create(TokenCreate),
    /// List your tokens, and everybody's if you manage users
    List(Listing),
    /// End a token: whatever acts with it is refused from then on
    Revoke {
        /// Its number, as the list has it
        id: u64,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

/// What `token create` is given.
#[derive(Debug, Group)]
pub struct TokenCreate {
    /// What it is for
    #[arg(long, default_value = "")]
    pub description: String,
    /// Days it is valid [default: 90]
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=1_826))]
    pub days: Option<u64>,
}

/// Verbs of the demo.
#[derive(Debug, Subcommand)]
pub enum DemoVerb {
    /// Load the farm of a running demo
    Load {
        /// Requests a second, for a minute and a half
        #[arg(default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=100_000))]
        rate: u32,
    },
    /// Kill a server of a running demo, to see it replaced: grange demo crash web-1
    Crash {
        /// As web-1
        #[arg(value_parser = said::server)]
        server: String,
    },
    /// End a running demo
    Stop,
}

/// Verbs of the machine.
#[derive(Debug, Subcommand)]
pub enum ApplianceVerb {
    /// Install the appliance from this binary, or upgrade it; twice is harmless
    Install,
    /// Remove the appliance and its servers from this machine
    Uninstall {
        /// Leave farms, readings, keys and the config file where they are
        #[arg(long)]
        keep_data: bool,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// List what appliances left on this machine whose state directory is gone (processes,
    /// links, control groups), and remove it
    Sweep {
        /// Ask nobody
        #[arg(long)]
        yes: bool,
    },
    /// Check this machine and the appliance on it
    Doctor {
        /// Check this state directory instead, as serve --data has it, or a copy of one
        #[arg(long, value_name = "DIR")]
        data: Option<PathBuf>,
    },
}

/// What is for this machine, or the command given back.
pub fn local(command: Command, target: &Target, json: bool) -> Result<Local, Command> {
    Ok(match command {
        Command::Tui => Local::Tui(target.clone()),
        Command::Serve { config, data, take_over } => Local::Serve { config, data, take_over },
        Command::Demo { verb, no_tui, dir } => {
            let demo = match verb {
                None => Demo::Start { tui: !no_tui },
                Some(DemoVerb::Load { rate }) => Demo::Load { rate },
                Some(DemoVerb::Crash { server }) => Demo::Crash { server },
                Some(DemoVerb::Stop) => Demo::Stop,
            };
            Local::Demo { demo, dir }
        }
        Command::Agent { config, state, verb } => match verb {
            None => Local::Agent { config: config.unwrap_or_default(), state },
            Some(verb) => {
                let idle = matches!(verb, AgentVerb::Idle);
                Local::AskAgent { idle, state, json }
            }
        },
        Command::Appliance(verb) => Local::Appliance(match verb {
            ApplianceVerb::Install => Appliance::Install,
            ApplianceVerb::Uninstall { keep_data, yes } => Appliance::Uninstall { keep_data, yes },
            ApplianceVerb::Sweep { yes } => Appliance::Sweep { yes },
            ApplianceVerb::Doctor { data } => Appliance::Doctor { json, data },
        }),
        Command::DemoWeb { port } => Local::DemoWeb { port },
        Command::OnboardInit { args } => Local::OnboardInit { args },
        Command::Apply(_)
        | Command::Plan(_)
        | Command::Simulate(_)
        | Command::Farm(_)
        | Command::Server(_)
        | Command::Note(_)
        | Command::Run(_)
        | Command::Variable(_)
        | Command::RotateKey { .. }
        | Command::Role(_)
        | Command::Image(_)
        | Command::Cloud(_)
        | Command::Rollout(_)
        | Command::Hold(_)
        | Command::Holds(_)
        | Command::Explain { .. }
        | Command::Events(_)
        | Command::Status
        | Command::Docs { .. }
        | Command::Example(_)
        | Command::Version
        | Command::Token(_)
        | Command::Volume(_) => return Err(command),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_holds_together() {
        Args::command().debug_assert();
    }
}
