//! What can go wrong on the machine, each with what would be right.

use std::path::PathBuf;

/// An install or uninstall stopped. What was done until then stays and is found by the next run.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Not the superuser.
    #[error("{0} changes the machine and needs root: run it with sudo")]
    NotRoot(&'static str),
    /// A file or directory could not be written, read or removed.
    #[error("{doing} {path}")]
    File {
        /// What was being done.
        doing: &'static str,
        /// With what.
        path: PathBuf,
        /// What the system said.
        #[source]
        cause: std::io::Error,
    },
    /// A command of the system could not be run or failed.
    #[error("{command} failed: {output}")]
    Command {
        /// The command line.
        command: String,
        /// What it printed, or why it could not be run.
        output: String,
    },
    /// The appliance was started and did not become ready.
    #[error("the appliance was started but is not ready after {seconds} s; its log: {log}")]
    NotReady {
        /// How long it was waited for.
        seconds: u64,
        /// Where its log is.
        log: String,
    },
    /// The appliance was started and ended again.
    #[error("the appliance ended as soon as it was started: {said}; its log: {log}")]
    Ended {
        /// The last line it said.
        said: String,
        /// Where its log is.
        log: PathBuf,
    },
    /// Something else holds the place.
    #[error("{0}")]
    InTheWay(String),
}

impl Failure {
    /// The exit code: 4 without the right to, 5 for what is in the way, 6 for what is not ready.
    pub fn exit_code(&self) -> u8 {
        match self {
            Failure::NotRoot(_) => 4,
            Failure::InTheWay(_) => 5,
            Failure::NotReady { .. } | Failure::Ended { .. } => 6,
            Failure::File { .. } | Failure::Command { .. } => 1,
        }
    }

    /// A file operation that failed.
    pub fn file(doing: &'static str, path: impl Into<PathBuf>, cause: std::io::Error) -> Failure {
        Failure::File { doing, path: path.into(), cause }
    }
}
