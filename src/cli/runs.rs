//! `grange run`: a command on one server or many.
//!
//! What servers print is shown while they print it ([`super::live`]): of one server byte for byte,
//! as with `server run`, of several line by line with the server's name before each. Whoever ends
//! the waiting ends the run.

use super::live::{Along, Manner};
use super::run::{CANCEL_PATIENCE, JOURNEY};
use crate::base::{Code, Problem};
use crate::cli::args::{Listing, said};
use crate::cli::exit::{INTERRUPTED, NOT_WHOLE};
use crate::cli::wait::{self, Waited};
use crate::cli::{Done, Io, Stop, list as lists, table};
use crate::client::Client;
use crate::wire::api::route::NoBody;
use crate::wire::columns;
use crate::wire::columns::minute;
use crate::wire::input::NoInput;
use crate::wire::run::{
    RUN, RUN_CANCEL, RUN_SERVERS, RUN_START, RUNS, RunInput, RunServerView, RunView,
};
use clap::{Args as Group, Subcommand};
use std::collections::BTreeSet;
use std::io::{self, Write};

/// What `run` is given.
#[derive(Debug, Group)]
pub struct RunArgs {
    #[command(subcommand)]
    verb: Option<RunVerb>,
    /// Farms, farm roles as shop/web, servers as shop/web-3 or their UUID
    #[arg(required = true, value_name = "TARGET", value_parser = said::thing)]
    targets: Vec<String>,
    /// On how many servers at once
    #[arg(long, value_name = "SERVERS", default_value_t = 10,
          value_parser = clap::value_parser!(u32).range(1..=100))]
    parallel: u32,
    /// On so many servers it has to end with 0 before the others follow
    #[arg(long, value_name = "SERVERS", default_value_t = 0)]
    canary: u32,
    /// Show what servers print without their names before it
    #[arg(long)]
    no_prefix: bool,
    /// Seconds it may take on each server
    #[arg(long, value_name = "SECONDS", default_value_t = 60,
          value_parser = clap::value_parser!(u64).range(1..=1200))]
    timeout: u64,
    /// The program and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<String>,
}

/// Verbs of a run.
#[derive(Debug, Subcommand)]
pub enum RunVerb {
    /// List the runs that are kept, the latest first
    List(Listing),
    /// Show a run, and what came of it on each server
    Show {
        /// Its number
        run: u64,
        /// What was printed there, too, as much as is kept
        #[arg(long)]
        printed: bool,
    },
    /// End a run: servers whose turn has not come are passed over
    Cancel {
        /// Its number
        run: u64,
    },
}

/// Begins a run and shows what comes of it, or carries out a verb.
pub fn carry(args: RunArgs, client: &Client, io: &mut Io<'_>, json: bool) -> Done {
    match args.verb {
        Some(RunVerb::List(listing)) => {
            lists::list(&columns::runs::RUNS, &listing, io, json, |asked| {
                Ok(client.rows_kept(&RUNS, &[], &NoBody, &|run| asked.takes(run))?)
            })
        }
        Some(RunVerb::Show { run, printed }) => show(run, printed, client, io, json),
        Some(RunVerb::Cancel { run }) => {
            let run = client.ask(&RUN_CANCEL, &[&run], &NoInput {})?;
            match json {
                true => io.json(&run)?,
                false => put_line!(io.stdout, "run {} is {}", run.id, ending(&run))?,
            }
            Ok(0)
        }
        None => {
            let input = RunInput {
                targets: args.targets,
                command: args.command,
                timeout_ms: args.timeout * 1000,
                parallel: Some(args.parallel),
                canary: Some(args.canary),
            };
            begin(&input, args.no_prefix, client, io, json)
        }
    }
}

fn ending(run: &RunView) -> String {
    match (run.state.as_str(), run.open) {
        ("running", open) => format!("to end: {open} agents have not answered yet"),
        (state, _) => state.to_owned(),
    }
}

fn begin(input: &RunInput, no_prefix: bool, client: &Client, io: &mut Io<'_>, json: bool) -> Done {
    // From here on a signal ends what is begun.
    if io.patience.interrupted() {
        return Ok(INTERRUPTED);
    }
    let begun = client.ask(&RUN_START, &[], input)?;
    let turns = u64::from(begun.servers.div_ceil(begun.parallel.max(1)) + begun.canary);
    let at_most = (begun.timeout_ms + JOURNEY).saturating_mul(turns + 1);
    let looking = &wait::looking(client);
    let along = Along::new(match (json, begun.servers) {
        (true, _) => Manner::Silent,
        (false, 0 | 1) => Manner::Whole,
        (false, _) => Manner::Lines { named: !no_prefix },
    });
    let mut watched = Watched { id: begun.id, json, along, ..Watched::default() };
    match wait::until(at_most, io, |io| watched.look(looking, io))? {
        Waited::Found(run) => watched.end(&run, io),
        Waited::Interrupted => interrupted(watched, looking, io),
        Waited::Late => {
            let id = begun.id;
            let text = format!("run {id} has not ended, and stays open: grange run cancel {id}");
            Err(Problem::new(Code::ServiceUnavailable, text).into())
        }
    }
}

fn interrupted(mut watched: Watched, client: &Client, io: &mut Io<'_>) -> Done {
    let id = watched.id;
    put_line!(io.stderr, "grange: ending run {id}; another Ctrl-C leaves it to itself")?;
    if let Err(error) = client.ask(&RUN_CANCEL, &[&id], &NoInput {})
        && error.code() != Some(Code::UnacceptableState)
    {
        put_line!(io.stderr, "grange: whether it ends is not known: {error}")?;
        put_line!(io.stderr, "grange: ask again: grange run cancel {id}")?;
        return Ok(INTERRUPTED);
    }
    match wait::until_even_so(CANCEL_PATIENCE, io, |io| watched.look(client, io))? {
        Some(run) => drop(watched.end(&run, io)?),
        None => put_line!(io.stderr, "grange: not all agents have answered: grange run show {id}")?,
    }
    Ok(INTERRUPTED)
}

/// A run that somebody waits for, and what of it was shown.
#[derive(Default)]
struct Watched {
    id: u64,
    json: bool,
    servers: Vec<RunServerView>,
    along: Along,
    /// Servers whose end was shown.
    shown: BTreeSet<String>,
    /// How many had ended, and how many had begun, at the last look.
    so_far: Option<(u32, u32)>,
    /// Bytes of each output that were never there to be shown, where there is one server.
    missing: [u64; 2],
}

impl Watched {
    /// Shows what has ended since the last look; the run once it has.
    fn look(&mut self, client: &Client, io: &mut Io<'_>) -> Result<Option<RunView>, Stop> {
        let run = match client.show(&RUN, &[&self.id]) {
            Ok(run) => run,
            // An appliance that restarts comes back with it.
            Err(error) if error.may_pass() => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let ended = run.succeeded + run.failed + run.skipped;
        let so_far = Some((ended, ended + run.open));
        if so_far != self.so_far {
            self.servers = match client.rows(&RUN_SERVERS, &[&self.id]) {
                Ok(servers) => servers,
                Err(error) if error.may_pass() => return Ok(None),
                Err(error) => return Err(error.into()),
            };
            self.so_far = so_far;
            self.show_ended(io)?;
        }
        self.along.look(self.id, &self.servers, client, io)?;
        Ok(run.ended_at.is_some().then_some(run))
    }

    fn show_ended(&mut self, io: &mut Io<'_>) -> Result<(), Stop> {
        let over = |part: &&RunServerView| !matches!(part.state.as_str(), "waiting" | "open");
        for part in self.servers.iter().filter(over) {
            if self.shown.insert(part.server.clone()) {
                self.missing = self.along.end(part, io)?;
            }
        }
        Ok(())
    }

    /// Says how it ended, server by server, and gives the exit code.
    fn end(&self, run: &RunView, io: &mut Io<'_>) -> Done {
        if self.json {
            io.json(&serde_json::json!({"run": run, "servers": self.servers}))?;
        } else if let [only] = &self.servers[..] {
            for (which, missing) in ["output", "error"].into_iter().zip(self.missing) {
                tell_missing(which, missing, io.stderr)?;
            }
            if let Some(why) = &only.why {
                put_line!(io.stderr, "grange: {}: {why}", only.name)?;
            }
        } else {
            tell_results(run, &self.servers, io)?;
        }
        Ok(exit_code(run, &self.servers, self.missing))
    }
}

/// 0 only where it ended with 0 everywhere; of one server, what its command ended with.
fn exit_code(run: &RunView, servers: &[RunServerView], missing: [u64; 2]) -> u8 {
    match servers {
        [_] if run.state == "done" && missing != [0; 2] => NOT_WHOLE,
        _ if run.state == "done" => 0,
        [only] => match only.exit_code.and_then(|code| u8::try_from(code).ok()) {
            Some(0) | None => 1,
            Some(code) => code,
        },
        _ => 1,
    }
}

fn tell_results(run: &RunView, servers: &[RunServerView], io: &mut Io<'_>) -> io::Result<()> {
    let width = servers.iter().map(|part| part.name.chars().count()).max().unwrap_or(0);
    for part in servers {
        let result = result(part);
        put_line!(io.stderr, "{:width$}  {result}", part.name)?;
    }
    let RunView { id, succeeded, failed, skipped, .. } = run;
    put_line!(io.stderr, "run {id}: {succeeded} done, {failed} failed, {skipped} passed over")
}

fn result(part: &RunServerView) -> String {
    match (part.exit_code, &part.why) {
        (Some(code), None) => format!("exit code {code}"),
        (Some(code), Some(why)) => format!("exit code {code}: {why}"),
        (None, Some(why)) => format!("{}: {why}", part.state),
        (None, None) => part.state.clone(),
    }
}

fn tell_missing(which: &str, bytes: u64, to: &mut dyn Write) -> io::Result<()> {
    match bytes {
        0 => Ok(()),
        bytes => put_line!(to, "grange: {bytes} bytes of its standard {which} left out"),
    }
}

fn show(id: u64, printed: bool, client: &Client, io: &mut Io<'_>, json: bool) -> Done {
    let run = client.show(&RUN, &[&id])?;
    let servers = client.rows(&RUN_SERVERS, &[&id])?;
    if json {
        io.json(&serde_json::json!({"run": run, "servers": servers}))?;
        return Ok(0);
    }
    let facts = [
        ("run", run.id.to_string()),
        ("state", run.state.clone()),
        ("on", run.what.clone()),
        ("command", run.command.join(" ")),
        ("begun", format!("{} by {}", minute(run.at), run.by)),
        ("ended", run.ended_at.map(minute).unwrap_or_default()),
        ("at once", format!("{}, {} first", run.parallel, run.canary)),
    ];
    table::facts(io, &facts)?;
    lists::usual(&columns::runs::RUN_SERVERS, &servers, io)?;
    if printed {
        let mut along = Along::new(Manner::Lines { named: true });
        for part in &servers {
            along.end(part, io)?;
        }
    }
    Ok(0)
}
