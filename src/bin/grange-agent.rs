//! The agent alone: the same code as `grange agent`, in a binary that carries nothing else.
#![forbid(unsafe_code)]

use grange::agent::{AgentOptions, STATE_DIR, run};
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

/// Where platforms put a server's user data.
const CONFIG: &str = "/etc/grange/agent.json";

fn main() -> ExitCode {
    let mut config = PathBuf::from(CONFIG);
    let mut state = None;
    // Platforms start either binary with the same words.
    let named = |word: &OsString| word == "agent";
    let mut arguments = std::env::args_os().skip(1).peekable();
    arguments.next_if(named);
    while let Some(argument) = arguments.next() {
        match (argument.to_str(), arguments.next()) {
            (Some("--config"), Some(value)) => config = PathBuf::from(value),
            (Some("--state"), Some(value)) => state = Some(PathBuf::from(value)),
            (Some("--version"), None) => {
                println!("grange-agent {}", env!("CARGO_PKG_VERSION"));
                return ExitCode::SUCCESS;
            }
            _ => {
                eprintln!("usage: grange-agent [--config {CONFIG}] [--state {STATE_DIR}]");
                return ExitCode::from(2);
            }
        }
    }
    // The journal or whoever starts the agent adds the time.
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_target(false)
        .with_ansi(false)
        .without_time()
        .init();
    run(AgentOptions::from_environment(config, state))
}
