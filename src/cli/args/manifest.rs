//! What the commands that take a manifest are given.

use super::said::{self, length};
use crate::base::Millis;
use clap::{ArgGroup, Args as Group};
use std::path::PathBuf;

/// What `apply` is given.
#[derive(Debug, Group)]
#[command(group(ArgGroup::new("what").required(true).args(["file", "proposal"])))]
pub struct Apply {
    /// A signed proposal, as plan -o made it
    pub proposal: Option<PathBuf>,
    /// A manifest, or a proposal; - reads it from standard input
    #[arg(short, long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Remove farm roles that are declared but absent from the manifest
    #[arg(long, conflicts_with = "proposal")]
    pub prune: bool,
    /// Do not ask, even when servers would be stopped
    #[arg(long)]
    pub yes: bool,
    /// Launch the farm (the default)
    #[arg(long, overrides_with = "no_launch", conflicts_with = "proposal")]
    pub launch: bool,
    /// Declare only
    #[arg(long, conflicts_with = "proposal")]
    pub no_launch: bool,
    /// Wait until the farm is as declared, at most so long, as 5m [default: 15m]
    #[arg(long, value_name = "TIME", num_args = 0..=1,
          default_missing_value = "15m", conflicts_with = "no_launch", value_parser = said::wait)]
    pub wait: Option<Millis>,
}

/// What `plan` is given.
#[derive(Debug, Group)]
#[command(group(ArgGroup::new("which").required(true).args(["file", "what"])))]
pub struct Plan {
    /// A farm, for its current plan; or a file with a signed proposal: with a . or / in its name
    #[arg(value_name = "FARM|PROPOSAL", value_parser = said::something)]
    pub what: Option<String>,
    /// A manifest, for what it would change, or a proposal; - reads it from standard input
    #[arg(short, long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// As apply --prune would
    #[arg(long, requires = "file")]
    pub prune: bool,
    /// As apply --no-launch would
    #[arg(long, requires = "file")]
    pub no_launch: bool,
    /// Write it as a signed proposal; - writes it to standard output
    #[arg(short, long, requires = "file", value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// How long the proposal can be applied, as 8h or 3d [default: 7d]
    #[arg(long, requires = "out", value_name = "TIME", value_parser = length)]
    pub expires: Option<Millis>,
}

/// What `simulate` is given.
#[derive(Debug, Group)]
pub struct Simulate {
    /// The manifest with the rules to try; - reads it from standard input
    #[arg(short, long, value_name = "FILE")]
    pub file: PathBuf,
    /// Where the period begins: 7d, 36h or 90m ago, or 2026-11-14T10:30Z
    #[arg(long, value_name = "WHEN", value_parser = said::something)]
    pub from: String,
    /// Where it ends, in the same words; now without it
    #[arg(long, value_name = "WHEN", value_parser = said::something)]
    pub to: Option<String>,
    /// How long each row is, as 15m or 1h; about fifty rows without it
    #[arg(long, value_name = "LENGTH", value_parser = said::something)]
    pub bucket: Option<String>,
}
