//! Keepers: small processes apart from the agent, each with one part of a role's setup or one of
//! its services as its child.
//!
//! Whoever starts a process is the one that learns how it ended. Were it the agent, then what it
//! had begun would be nobody's once it is killed: never reaped, run a second time or not again. So
//! a keeper stands between: the same binary, started as `agent-keeper <directory>`, in a process
//! group of its own. It holds the directory's lock for as long as it lives, which is why there is
//! never a second one; it adopts whatever its command leaves behind, which is why nothing of it is
//! lost; and it writes what happens to a file that is replaced whole, which is all that the next
//! agent has to read.
//!
//! - [`spec`]: what is kept, and what is said of it: the two files of the directory.
//! - [`keep`]: the loop: starts, reaps, pauses, stops. [`family`] is what else the command started.
//! - [`start`]: the last step before the command, as `agent-start <directory>`: its user, its
//!   limits, its directory.
//! - [`log`]: what it prints, bounded. [`user`]: users by name. [`process`]: one process for
//!   certain.
//! - [`handle`]: the agent's side: starts keepers, asks after them, tells them to stop.
//!
//! A keeper that is killed takes its command along (`PR_SET_PDEATHSIG`); the next one ends what is
//! left of the process group before it goes on. What only runs once is not begun a second time: a
//! begun part without an end was cut off, and says so.
//!
//! Not here: systemd. A machine with an init of its own has its services under our keepers too,
//! until they are written as units there.

mod family;
mod handle;
mod keep;
mod log;
mod process;
mod spec;
mod start;
mod user;

pub use handle::Keepers;
pub use log::last_lines;
pub use process::KnownProcess;
pub use spec::{CommandEnd, KeeperReport, KeptFor, Phase, Spec};
pub use user::find as find_user;

use crate::base::signals::ignore_none;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

/// The stage that keeps; see [`stage_main`].
pub const KEEPER: &str = "agent-keeper";
/// The stage before the command.
const START: &str = "agent-start";

/// Runs a stage, if the arguments name one. For `main`, before anything else and before any
/// thread.
pub fn stage_main(arguments: &[OsString]) -> Option<ExitCode> {
    let stage = arguments.first()?.to_str()?;
    let dir = || arguments.get(1).map(PathBuf::from).unwrap_or_default();
    match stage {
        KEEPER => {
            // Before it blocks those that it waits for.
            ignore_none();
            Some(keep::run(&dir()))
        }
        START => Some(start::run(&dir())),
        _ => None,
    }
}
