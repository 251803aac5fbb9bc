//! Floor 6: the command line.
//!
//! [`run`] is given arguments, a way to a [`Client`] and an [`Io`], and ends with an exit code:
//! it opens no file, reads no environment and touches no terminal but through that `Io`, so that
//! the same commands serve a shell, an SSH session and a test. It looks and acts only through the
//! API. What only this machine can do (`serve`, `demo`, `agent`, `appliance`, the screen) is
//! parsed here, into [`Local`], and left to `main.rs`: one definition gives parsing and help.
//!
//! Exit codes are a table in `exit.rs`. `server run` ends with the command's own code.
//!
//! Errors go to stderr, one line for each fault, as `grange: farmRoles[0].alias: ...`. Tables go
//! to stdout, aligned, coloured only on a terminal; `-o json` gives the API's own objects, `-o
//! yaml` the same, `-o name` what other commands take as an argument.
//!
//! To add a command: its arguments in `args.rs`, a function beside its noun, a line in [`carry`],
//! a transcript in `tests/cli`.

/// Writes one line, escaped: what a command shows comes from servers, agents, clouds and other
/// people, and none of them may steer the terminal of who looks, or add a line of their own.
/// `tests/tidy` lets no command write in another way.
macro_rules! put_line {
    ($to:expr) => { writeln!($to) };
    ($to:expr, $($text:tt)*) => { crate::cli::io::line(&mut *$to, format_args!($($text)*)) };
}

mod archive;
mod args;
mod cloud;
mod docs;
mod example;
mod exit;
mod farm;
mod hold;
mod house;
mod image;
mod interrupt;
mod io;
mod list;
mod live;
mod local;
mod log;
mod manifest;
mod name;
mod note;
mod proposal;
mod role;
mod rollout;
mod run;
mod runs;
mod server;
mod shell;
mod simulate;
mod table;
mod target;
mod token;
mod variable;
mod volume;
mod wait;
mod yaml;

pub use interrupt::Patience;
pub use io::{Disk, Files, Io, NoFiles, in_shell};
pub use local::{Appliance, Demo, Local};
pub use target::{Address, Target, connect};

use crate::base::output::PIPE_CLOSED;
use crate::base::text::escape_lines;
use crate::base::{Code, Problem};
use crate::client::{Client, Error};
use args::{Args, Command};
use clap::Parser;
use clap::error::ErrorKind;
use std::ffi::OsString;

/// How a target becomes a client.
pub type Connect<'a> = &'a dyn Fn(&Target) -> Result<Client, Error>;

/// How it ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is done; the process ends with this.
    Exit(u8),
    /// It is something for this machine.
    Local(Local),
}

/// Why a command stops before its end.
enum Stop {
    /// The appliance refused, or is not there.
    Client(Error),
    /// The input is wrong.
    Problem(Problem),
    /// The output cannot be written.
    Output(std::io::Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Stop {
        Stop::Client(error)
    }
}

impl From<Problem> for Stop {
    fn from(problem: Problem) -> Stop {
        Stop::Problem(problem)
    }
}

impl From<std::io::Error> for Stop {
    fn from(error: std::io::Error) -> Stop {
        Stop::Output(error)
    }
}

/// What a command ends with: an exit code other than 0 for a failure that is not its own.
type Done = Result<u8, Stop>;

/// Carries out a command line; `args` begins with the name the program was called by.
pub fn run(args: Vec<OsString>, dial: Connect<'_>, io: &mut Io<'_>) -> Outcome {
    let line = match shell::line(args, io) {
        Ok(line) => line,
        Err(problem) => return Outcome::Exit(report(Stop::Problem(problem), None, io)),
    };
    let parsed = match Args::try_parse_from(named(line.words)) {
        Ok(parsed) => parsed,
        Err(e) => return Outcome::Exit(usage(&e, io)),
    };
    let target = match target::resolve(&parsed.global, io) {
        Ok(target) => target,
        Err(problem) => return Outcome::Exit(report(Stop::Problem(problem), None, io)),
    };
    let command = match parsed.command {
        None if io.interactive => return Outcome::Local(Local::Tui(target)),
        None => {
            let message = "say what to do (see grange --help); the terminal UI needs a terminal";
            let problem = Problem::new(Code::BadRequest, message);
            return Outcome::Exit(report(Stop::Problem(problem), None, io));
        }
        Some(command) => command,
    };
    let command = match args::local(command, &target, parsed.global.json) {
        Ok(local) if line.instead_of_shell && !matches!(local, Local::Tui(_)) => {
            let message = "that is for a shell of the machine itself, and this is none";
            let problem = Problem::new(Code::PermissionViolation, message);
            return Outcome::Exit(report(Stop::Problem(problem), None, io));
        }
        Ok(local) => {
            return match agreed(&local, io) {
                Ok(true) => Outcome::Local(local),
                Ok(false) => Outcome::Exit(0),
                Err(problem) => Outcome::Exit(report(Stop::Problem(problem), None, io)),
            };
        }
        Err(command) => command,
    };
    if let Some(done) = without_appliance(&command, io, parsed.global.json) {
        return Outcome::Exit(done.unwrap_or_else(|stop| report(stop, None, io)));
    }
    let done = dial(&target).map_err(Stop::Client).and_then(|client| {
        carry(command, &client, io, parsed.global.json).and_then(|code| {
            io.stdout.flush()?;
            Ok(code)
        })
    });
    Outcome::Exit(done.unwrap_or_else(|stop| report(stop, Some(&target), io)))
}

/// What is in this program itself, and there when no appliance is: documentation and version.
fn without_appliance(command: &Command, io: &mut Io<'_>, json: bool) -> Option<Done> {
    let done = match command {
        Command::Docs { topic } => docs::carry(topic.as_deref(), io),
        Command::Example(verb) => example::carry(verb, io),
        Command::Version => version(io, json),
        _ => return None,
    };
    Some(done.and_then(|code| {
        io.stdout.flush()?;
        Ok(code)
    }))
}

fn version(io: &mut Io<'_>, json: bool) -> Done {
    let version = env!("CARGO_PKG_VERSION");
    match json {
        true => io.json(&serde_json::json!({"version": version}))?,
        false => put_line!(io.stdout, "grange {version}")?,
    }
    Ok(0)
}

/// Whether a person wants it: what takes servers and keys away from the machine is asked about.
fn agreed(local: &Local, io: &mut Io<'_>) -> Result<bool, Problem> {
    let question = match local {
        Local::Appliance(Appliance::Uninstall { keep_data: true, yes: false }) => {
            "Stop the appliance and its servers on this machine, and remove it? Data stay."
        }
        Local::Appliance(Appliance::Uninstall { keep_data: false, yes: false }) => {
            "Remove the appliance with every server, volume, reading and key on this machine?"
        }
        _ => return Ok(true),
    };
    io.confirm(question)
}

/// Whether the person at this process's terminal wants something.
///
/// # Errors
/// When nobody can be asked, which is said; with the exit code of that.
pub fn confirmed(question: &str) -> Result<bool, u8> {
    in_shell(None, |io| {
        io.confirm(question).map_err(|problem| report(Stop::Problem(problem), None, io))
    })
}

/// `appliance install` is `grange appliance install`: the same binary by another name.
fn named(mut args: Vec<OsString>) -> Vec<OsString> {
    let name = args.first().map(std::path::Path::new).and_then(|path| path.file_name());
    if name.is_some_and(|name| name == "appliance") {
        // Help and errors then show the one spelling that works by either name.
        args[0] = "grange".into();
        args.insert(1, "appliance".into());
    }
    args
}

fn carry(command: Command, client: &Client, io: &mut Io<'_>, json: bool) -> Done {
    match command {
        Command::Apply(args) => manifest::apply(&args, client, io, json),
        Command::Plan(args) => manifest::plan(&args, client, io, json),
        Command::Simulate(args) => simulate::carry(&args, client, io, json),
        Command::Farm(verb) => farm::carry(verb, client, io, json),
        Command::Server(verb) => server::carry(verb, client, io, json),
        Command::Image(verb) => image::carry(verb, client, io, json),
        Command::Role(verb) => role::carry(verb, client, io, json),
        Command::Cloud(verb) => cloud::carry(verb, client, io, json),
        Command::Run(args) => runs::carry(*args, client, io, json),
        Command::Rollout(verb) => rollout::carry(verb, client, io, json),
        Command::Hold(args) => hold::carry(*args, client, io, json),
        Command::Holds(listing) => hold::list(&listing, client, io, json),
        Command::Note(verb) => note::carry(verb, client, io, json),
        Command::Variable(verb) => variable::carry(verb, client, io, json),
        Command::RotateKey { lost } => variable::rotate_key(lost, client, io, json),
        Command::Explain { what } => house::explain(&what.join(" "), client, io, json),
        Command::Events(args) => house::events(&args, client, io, json),
        Command::Status => house::status(client, io, json),
        Command::Token(verb) => token::carry(verb, client, io, json),
        Command::Volume(verb) => volume::carry(verb, client, io, json),
        Command::Tui
        | Command::Serve { .. }
        | Command::Demo { .. }
        | Command::Agent { .. }
        | Command::Appliance(_)
        | Command::Docs { .. }
        | Command::Example(_)
        | Command::Version
        | Command::DemoWeb { .. }
        | Command::OnboardInit { .. } => {
            Err(Problem::new(Code::BadRequest, "this is for the machine itself").into())
        }
    }
}

/// Help goes to stdout and is no failure; everything else clap says is wrong input.
fn usage(error: &clap::Error, io: &mut Io<'_>) -> u8 {
    let text = error.render().to_string();
    let (written, code) = match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            (io.stdout.write_all(text.as_bytes()).and_then(|()| io.stdout.flush()), 0)
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            (io.stderr.write_all(text.as_bytes()), Code::BadRequest.exit_code())
        }
        _ => {
            // It has several lines, and quotes what was typed.
            let text = escape_lines(text.strip_prefix("error: ").unwrap_or(&text));
            (write!(io.stderr, "grange: {text}"), Code::BadRequest.exit_code())
        }
    };
    match written {
        Ok(()) => code,
        Err(error) => report(Stop::Output(error), None, io),
    }
}

/// Tells what stopped a command, and gives its exit code.
fn report(stop: Stop, target: Option<&Target>, io: &mut Io<'_>) -> u8 {
    let (lines, code, hint) = match &stop {
        Stop::Client(error) => {
            let local = target.is_some_and(|target| target.address.is_socket());
            let hint = match error.is_absence() && local {
                true => Some(
                    "is grange serve running? With --data DIR its socket is DIR/run/api.sock: say \
                     --socket or GRANGE_SOCKET. grange demo starts a temporary appliance",
                ),
                false => None,
            };
            (error.lines(), error.exit_code(), hint)
        }
        Stop::Problem(problem) => {
            let lines = problem.each().map(|p| crate::base::problem::chain(p)).collect();
            (lines, problem.code.exit_code(), None)
        }
        // Whoever read our output has read enough.
        Stop::Output(e) if e.kind() == std::io::ErrorKind::BrokenPipe => return PIPE_CLOSED,
        Stop::Output(e) => (vec![format!("writing the output: {e}")], 1, None),
    };
    for line in lines.iter().map(String::as_str).chain(hint) {
        // Whoever cannot be told why still gets the exit code that says of which kind it is.
        drop(put_line!(io.stderr, "grange: {line}"));
    }
    code
}
