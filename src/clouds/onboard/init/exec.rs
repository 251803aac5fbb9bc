//! The last step before a service: what is pid 1's own is undone, then the command is executed.

use super::OOM_SCORE;
use crate::base::output;
use nix::sys::signal::{SigSet, Signal};
use std::ffi::OsString;
use std::fs;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

/// A service is taken before pid 1 and the agent, whatever these could say of themselves: half of
/// the server's memory counts against it in advance (proc_pid_oom_score_adj(5)).
const TAKEN_FIRST: &str = "500";

/// Executes `session <command...>` (a session of its own), `agent <command...>` (the same, and as
/// protected from a lack of memory as pid 1) or `group <command...>` (stays in pid 1's process
/// group and dies with pid 1).
pub fn run(arguments: &[OsString]) -> ExitCode {
    let [kind, program, rest @ ..] = arguments else {
        output::line("onboard-init exec: nothing to execute");
        return ExitCode::from(2);
    };
    // Blocked signals are inherited over exec, and services expect none.
    let prepared = SigSet::all().thread_unblock().and_then(|()| {
        if kind == "session" || kind == "agent" {
            return nix::unistd::setsid().map(drop);
        }
        nix::sys::prctl::set_pdeathsig(Signal::SIGKILL)
    });
    if let Err(errno) = prepared {
        output::line(format_args!("preparing {}: {errno}", program.display()));
        return ExitCode::from(126);
    }
    // Upwards needs no capability, so this holds where pid 1 could not protect itself, too.
    if kind != "agent"
        && let Err(error) = fs::write(OOM_SCORE, TAKEN_FIRST)
    {
        output::line(format_args!("starting {}: {OOM_SCORE}: {error}", program.display()));
    }
    let error = Command::new(program).args(rest).exec();
    output::line(format_args!("starting {}: {error}", program.display()));
    ExitCode::from(127)
}
