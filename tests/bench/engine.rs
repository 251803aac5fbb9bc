//! The engine bench's own side: each part is a word on the command line and prints one line.
//!
//! `tests/bench/run engine` builds this, calls it beside what it is compared with, and makes
//! the figures.

#[path = "engine/journal.rs"]
mod journal;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["prepare", directory, rows] => journal::prepare(directory, number(rows)),
        ["commits", directory, writers, seconds] => {
            journal::commits(directory, number(writers), number(seconds));
        }
        _ => {
            eprintln!("engine prepare DIR ROWS | commits DIR WRITERS SECONDS");
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}

fn number(text: &str) -> u64 {
    text.parse().unwrap_or_else(|e| panic!("{text}: {e}"))
}
