//! Exit codes: one table, from which `--help` is made and which the pages of `grange docs` repeat.
//!
//! Scripts decide by these, so a number keeps its meaning for ever. Faults of the API have theirs
//! from [`Code::exit_code`](crate::base::Code::exit_code).

use crate::base::output::PIPE_CLOSED;

/// What is declared is not what runs: its rollout failed or was aborted, a server of it failed.
pub const NOT_WHAT_RUNS: u8 = 7;
/// What was waited for has not come in time, and goes on.
pub const LATE: u8 = 8;

/// A command on a server ended well, and some of what it printed was not kept.
pub const NOT_WHOLE: u8 = 9;

/// A signal ended the waiting: 128 and the number of `SIGINT`, as a shell shows it.
pub const INTERRUPTED: u8 = 130;

/// Every exit code of our own, with what it means.
pub const TABLE: &[(u8, &str)] = &[
    (0, "done"),
    (1, "a fault; or you were asked, and said no"),
    (2, "wrong input"),
    (3, "no such thing"),
    (4, "not allowed"),
    (5, "a conflict: somebody changed it, or it is taken"),
    (6, "not available just now"),
    (NOT_WHAT_RUNS, "what is declared is not what runs: a rollout or a server failed"),
    (LATE, "what --wait waited for has not come in time, and goes on"),
    (NOT_WHOLE, "`server run`: it ended with 0, and not all it printed was kept"),
    (INTERRUPTED, "a signal ended the command while it waited"),
    (PIPE_CLOSED, "whoever reads the output has read enough"),
];

/// What stands at the end of `grange --help`.
pub fn help() -> String {
    let mut text = String::from("Exit codes:\n");
    for (code, meaning) in TABLE {
        text.push_str(&format!("  {code:>3}  {meaning}\n"));
    }
    text.push_str("`server run` ends with the command's own code.\n\n");
    text.push_str("Try it: grange demo. Read about it: grange docs");
    text
}
