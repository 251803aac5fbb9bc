//! The engine bench's own side: each part is a word on the command line and prints one line.
//!
//! `tests/bench/run engine` builds this, calls it beside what it is compared with, and makes
//! the figures.

#[path = "engine/agents.rs"]
mod agents;
#[path = "engine/house.rs"]
mod house;
#[path = "engine/journal.rs"]
mod journal;
#[path = "engine/launch.rs"]
mod launch;
#[path = "engine/planner.rs"]
mod planner;
#[path = "engine/topology.rs"]
mod topology;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["prepare", directory, rows] => journal::prepare(directory, number(rows)),
        ["commits", directory, writers, seconds] => {
            journal::commits(directory, number(writers), number(seconds));
        }
        ["passes", directory, farms, roles, servers] => {
            planner::passes(directory, number(farms), number(roles), number(servers));
        }
        ["launch", directory, roles, servers] => {
            launch::launch(directory, number(roles), number(servers));
        }
        ["topology", directory, servers] => topology::topology(directory, number(servers)),
        ["lives", directory, count] => launch::lives(directory, number(count)),
        _ => {
            eprintln!("engine prepare DIR ROWS | commits DIR WRITERS SECONDS");
            eprintln!("       passes DIR FARMS ROLES SERVERS | launch DIR ROLES SERVERS");
            eprintln!("       lives DIR COUNT | topology DIR SERVERS");
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}

fn number(text: &str) -> u64 {
    text.parse().unwrap_or_else(|e| panic!("{text}: {e}"))
}
