//! The verbs of a server, apart from the rest because there are many.

use super::{Listing, Showing, said};
use crate::base::limit::LOG_LINES_MAX;
use clap::Subcommand;

/// Verbs of a server.
#[derive(Debug, Subcommand)]
pub enum ServerVerb {
    /// List servers
    #[command(after_help = "Examples:
  grange server list --filter 'status=running,cpu>50' --sort -cpu
  grange server list --filter farm=shop,agent=away -o name | xargs -n 1 grange explain")]
    List {
        /// Only of this farm
        #[arg(long, value_parser = said::farm)]
        farm: Option<String>,
        #[command(flatten)]
        listing: Listing,
    },
    /// Show a server
    Show {
        /// As shop/web-3, web-3 or its UUID
        #[arg(value_parser = said::server)]
        server: String,
        #[command(flatten)]
        showing: Showing,
    },
    /// Ask for a server to go; one that is still wanted is replaced
    Terminate {
        /// As shop/web-3, web-3 or its UUID
        #[arg(value_parser = said::server)]
        server: String,
        /// Do not leave it time to finish what it does
        #[arg(long)]
        force: bool,
        /// Say that it is gone already, where its platform cannot list its servers
        #[arg(long, conflicts_with = "force")]
        gone: bool,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Restart a server
    Reboot {
        /// As shop/web-3, web-3 or its UUID
        #[arg(value_parser = said::server)]
        server: String,
        /// By its cloud instead of by its own agent
        #[arg(long)]
        hard: bool,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Put a server to sleep
    Suspend {
        /// As shop/web-3, web-3 or its UUID
        #[arg(value_parser = said::server)]
        server: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Wake a server that sleeps
    Resume {
        /// As shop/web-3, web-3 or its UUID
        #[arg(value_parser = said::server)]
        server: String,
    },
    /// Lock a server: neither scaling nor people take it away before it is unlocked
    Lock {
        /// As shop/web-3, web-3 or its UUID
        #[arg(value_parser = said::server)]
        server: String,
        /// Why, for whoever meets the lock
        #[arg(long, value_parser = said::something)]
        reason: Option<String>,
    },
    /// Take the lock off a server
    Unlock {
        /// As shop/web-3, web-3 or its UUID
        #[arg(value_parser = said::server)]
        server: String,
    },
    /// Show what a server prints: its setup, its services, its agent
    #[command(after_help = "\
Of several logs, a heading says whose lines follow. A log that was rotated away
before it was read is said to be missing. On a terminal, what it would obey is
shown as an escape; into a file or a pipe it goes byte for byte.

Examples:
  grange server log shop/api-1 --follow
  grange server log shop/api-1 --of setup
  grange server log shop/api-1 --list")]
    Log {
        /// As shop/web-3, web-3 or its UUID
        #[arg(value_parser = said::server)]
        server: String,
        /// Of what: setup, agent, the name of a service or of a log; all of them without it
        #[arg(long, value_name = "NAME", value_parser = said::log)]
        of: Option<String>,
        /// How many of the last lines of each
        #[arg(long, value_name = "LINES", default_value_t = 100,
              value_parser = clap::value_parser!(u64).range(0..=LOG_LINES_MAX))]
        lines: u64,
        /// Go on with what comes after them
        #[arg(long, short)]
        follow: bool,
        /// Say which logs there are instead
        #[arg(long, conflicts_with_all = ["of", "lines", "follow"])]
        list: bool,
    },
    /// Run a command on a server, and show what it printed
    #[command(after_help = "\
Both its outputs come back byte for byte, at most 64 KiB of each: of more, the
beginning and the end; that is said, and is exit code 9 where the command ended
with 0. It has no standard input. Ctrl-C ends it there, with all it started.

Example: grange server run web-3 -- uptime")]
    Run {
        /// As shop/web-3, web-3 or its UUID
        #[arg(value_parser = said::server)]
        server: String,
        /// Seconds it may take
        #[arg(long, value_name = "SECONDS", default_value_t = 60,
              value_parser = clap::value_parser!(u64).range(1..=3600))]
        timeout: u64,
        /// The program and its arguments
        #[arg(last = true, required = true, value_name = "COMMAND")]
        command: Vec<String>,
    },
    /// End a command that `run` began, with all it started
    #[command(after_help = "Example: grange server cancel 12")]
    Cancel {
        /// The number of its order, as `run` and the journal say it
        order: u64,
    },
}

/// Questions to a server's agent, for programs on that server.
#[derive(Debug, Subcommand)]
pub enum AgentVerb {
    /// Say by when this server is to go, and why: exits with 0 when it is, 1 when it is not
    Retiring,
    /// Say that nothing is left to finish on this server, which is to go: it goes at once
    Idle,
}
