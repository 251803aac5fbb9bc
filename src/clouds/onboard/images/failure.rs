//! Why an image was not imported: because of what is in the archive, or because of the machine.

use crate::clouds::onboard::failure::Failure;
use std::io;

/// Why an image was not imported.
#[derive(Debug, thiserror::Error)]
pub enum ImageFailure {
    /// The archive is at fault; names the entry.
    #[error("{0}")]
    Refused(String),
    /// The machine is.
    #[error("{}", .0.line())]
    Failed(#[from] Failure),
}

/// What comes of a part of an import.
pub type ImportResult<T> = Result<T, ImageFailure>;

/// A refusal that is the archive's fault.
pub fn refuse<T>(why: impl Into<String>) -> ImportResult<T> {
    Err(ImageFailure::Refused(why.into()))
}

/// An archive that cannot be unpacked is at fault itself; anything else is the machine's.
impl From<io::Error> for ImageFailure {
    fn from(error: io::Error) -> ImageFailure {
        use io::ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
        match error.kind() {
            UnexpectedEof => ImageFailure::Refused("it ends in the middle of an entry".to_owned()),
            InvalidData | InvalidInput => ImageFailure::Refused(error.to_string()),
            _ => ImageFailure::Failed(Failure {
                doing: "reading the archive".to_owned(),
                source: error,
            }),
        }
    }
}
