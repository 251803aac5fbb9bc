//! What went wrong on the machine, with what was being done.

use std::fmt::Display;
use std::io;

/// A system call or file operation that failed.
#[derive(Debug, thiserror::Error)]
#[error("{doing}")]
pub struct Failure {
    /// What was being done, as "mounting /proc".
    pub doing: String,
    /// What the system said.
    pub source: io::Error,
}

impl Failure {
    /// A failure that no system call told of.
    pub fn new(doing: impl Into<String>, why: impl Into<String>) -> Failure {
        Failure { doing: doing.into(), source: io::Error::other(why.into()) }
    }

    /// Whether what was wanted is somebody else's.
    pub fn is_taken(&self) -> bool {
        self.source.kind() == io::ErrorKind::ResourceBusy
    }

    /// Both parts in one line, for where the cause cannot travel as a value: a pipe, a
    /// [`crate::clouds::CloudError`].
    pub fn line(&self) -> String {
        format!("{}: {}", self.doing, self.source).replace('\n', " ")
    }
}

/// Adds what was being done to a result of the standard library's or nix's.
pub(super) trait Doing<T> {
    /// `fs::write(..).doing("writing", path.display())`.
    fn doing(self, verb: &str, object: impl Display) -> Result<T, Failure>;
}

impl<T, E: Into<io::Error>> Doing<T> for Result<T, E> {
    fn doing(self, verb: &str, object: impl Display) -> Result<T, Failure> {
        self.map_err(|e| Failure { doing: format!("{verb} {object}"), source: e.into() })
    }
}
