//! Files that a process keeps as long as it runs, whatever others do to them.

use std::io;
use std::path::{Path, PathBuf};

/// What had become of a file that is in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeptFate {
    /// Nothing was in its place.
    Gone,
    /// It held something else, which was set aside ([`set_aside`]).
    Changed,
}

impl KeptFate {
    /// Half a sentence about the file.
    pub fn as_str(self) -> &'static str {
        match self {
            KeptFate::Gone => "was taken away",
            KeptFate::Changed => "was changed while it is in use",
        }
    }
}

/// Where what was found in the place of a file is kept: `sealing.keys.found`.
pub fn found_beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".found");
    name.into()
}

/// Moves what is in the place of a file beside it; one that was set aside before gives way.
///
/// # Errors
/// When it cannot be moved.
pub fn set_aside(path: &Path) -> io::Result<()> {
    std::fs::rename(path, found_beside(path))
}
