//! The last step before a service: what is pid 1's own is undone, then the command is executed.

use nix::sys::signal::{SigSet, Signal};
use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

/// Executes `session <command...>` (a session of its own) or `group <command...>` (stays in
/// pid 1's process group and dies with pid 1).
pub fn run(arguments: &[OsString]) -> ExitCode {
    let [kind, program, rest @ ..] = arguments else {
        eprintln!("onboard-init exec: nothing to execute");
        return ExitCode::from(2);
    };
    // Blocked signals are inherited over exec, and services expect none.
    let prepared = SigSet::all().thread_unblock().and_then(|()| {
        if kind == "session" {
            return nix::unistd::setsid().map(drop);
        }
        nix::sys::prctl::set_pdeathsig(Signal::SIGKILL)
    });
    if let Err(errno) = prepared {
        eprintln!("preparing {}: {errno}", program.display());
        return ExitCode::from(126);
    }
    let error = Command::new(program).args(rest).exec();
    eprintln!("starting {}: {error}", program.display());
    ExitCode::from(127)
}
