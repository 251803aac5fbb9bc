//! The agent alone: the same code as `grange agent`, in a binary that carries nothing else.
#![forbid(unsafe_code)]

use grange::agent::{AgentOptions, Question, ask, run, stage_main, state_dir};
use grange::base::output;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

/// Where platforms put a server's user data.
const CONFIG: &str = "/etc/grange/agent.json";

/// What `--help` says.
const HELP: &str = "\
grange-agent: the program that runs on every server of a farm

usage:
  grange-agent [--config FILE] [--state DIR]   be the agent
  grange-agent retiring [--json] [--state DIR] say whether this server is to go
  grange-agent idle [--json] [--state DIR]     say that nothing is left to finish here
  grange-agent version | help                  also --version, -V, --help, -h

retiring
  Says by when the server goes and why, and exits with 0 when it is to go, 1 when it is not,
  2 when nobody can tell. A worker asks before it takes new work:
      grange-agent retiring >/dev/null && exit 0
  With --json: retiring, reason, by (UTC, the appliance's clock), leftMs, idle.

idle
  Ends the wait: the appliance stops the server as soon as it hears. Said of this retirement
  alone; exits with 1, and nothing is said, when the server is not to go. Needs root, or the
  user whose server it is. The word is kept on disk, also while the agent is not running.

options
  --config FILE   the user data its platform gave it [default: /etc/grange/agent.json]
  --state DIR     where it keeps key, certificate and what it has not yet sent
                  [default: /var/lib/grange-agent, below $GRANGE_HOME where that is set]
";

fn main() -> ExitCode {
    // Platforms start either binary with the same words.
    let named = |word: &OsString| word == "agent";
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    // What keeps a role's services has one thread: before anything else.
    if let Some(code) = stage_main(&arguments) {
        return code;
    }
    let mut arguments = arguments.into_iter().peekable();
    arguments.next_if(named);
    let question = match arguments.peek().and_then(|word| word.to_str()) {
        Some("retiring") => Some(Question::Retiring),
        Some("idle") => Some(Question::Idle),
        _ => None,
    };
    if question.is_some() {
        arguments.next();
    }
    let (mut config, mut state, mut json) = (PathBuf::from(CONFIG), None, false);
    while let Some(argument) = arguments.next() {
        match argument.to_str() {
            Some("--help" | "-h" | "help") => {
                return ExitCode::from(output::ended(output::tell(HELP.trim_end())));
            }
            Some("--version" | "-V" | "version") if question.is_none() => {
                let version = concat!("grange-agent ", env!("CARGO_PKG_VERSION"));
                return ExitCode::from(output::ended(output::tell(version)));
            }
            Some("--json") if question.is_some() => json = true,
            Some(option @ ("--config" | "--state")) => {
                let Some(value) = arguments.next() else { return misused(option) };
                match option {
                    "--config" if question.is_none() => config = PathBuf::from(value),
                    "--state" => state = Some(PathBuf::from(value)),
                    _ => return misused(option),
                }
            }
            _ => return misused(&argument.to_string_lossy()),
        }
    }
    if let Some(question) = question {
        return ask(question, &state.unwrap_or_else(state_dir), json);
    }
    // The journal or whoever starts the agent adds the time.
    tracing_subscriber::fmt()
        .with_writer(|| output::Stderr)
        .log_internal_errors(false)
        .with_target(false)
        .with_ansi(false)
        .without_time()
        .init();
    run(AgentOptions::from_environment(config, state))
}

fn misused(word: &str) -> ExitCode {
    let why = "is not understood here; grange-agent --help says what is";
    output::line(format_args!("grange-agent: {word:?} {why}"));
    ExitCode::from(2)
}
