//! Files that hold a key: for their owner alone, and replaced whole or not at all.

use super::PkiError;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

/// The file's text, or `None` when there is none.
pub fn read(path: &Path) -> Result<Option<String>, PkiError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        // Bytes that are no text are none of ours; whoever asks says so in its own words.
        Err(e) if e.kind() == io::ErrorKind::InvalidData => Ok(Some(String::new())),
        Err(e) => Err(PkiError::Read(path.to_owned(), e)),
    }
}

/// Writes the file beside its place, syncs it, and moves it there.
pub fn write(path: &Path, text: &str) -> Result<(), PkiError> {
    let attempt = || -> io::Result<()> {
        let directory = path.parent().unwrap_or(Path::new("."));
        fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        let beside = path.with_extension("new");
        // One that a crash left: its mode may be anything, and it is worth nothing.
        match fs::remove_file(&beside) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&beside, path)?;
        File::open(directory)?.sync_all()
    };
    attempt().map_err(|e| PkiError::Write(path.to_owned(), e))
}
