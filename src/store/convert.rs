//! Giving the database of an earlier version, a file of redb's own, the pages with checksums that
//! it did not have.
//!
//! Everything in it is compared first, by redb's own checksums: what rotted before is not to be
//! declared good. Then its pages are copied into a new file beside it, which takes its name once it
//! is on disk: whoever is interrupted finds one or the other.

use super::error::{OpenError, StoreError};
use super::lock::private_file;
use super::pages::{PAGE_BYTES, Pages};
use super::wal::RealFile;
use crate::base::limit::STORE_CACHE_BYTES;
use redb::{Builder, StorageBackend};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Bytes of redb's header.
const HEADER_BYTES: usize = 320;

/// Copies an earlier version's database into pages with checksums.
pub(super) fn convert(path: &Path) -> Result<(), OpenError> {
    compare(path)?;
    let new = path.with_extension("redb.new");
    let done = copy(path, &new).and_then(|()| {
        std::fs::rename(&new, path)?;
        File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
    });
    if let Err(cause) = done {
        // What is left of it says nothing, and takes space that may be what was missing.
        let _ = std::fs::remove_file(&new);
        return Err(OpenError::File {
            doing: "giving pages with checksums to",
            path: path.to_owned(),
            cause,
        });
    }
    tracing::info!("the store of an earlier version was given pages with checksums");
    Ok(())
}

/// Looks whether everything is as it was written. A later version's is refused, untouched.
fn compare(path: &Path) -> Result<(), OpenError> {
    let mut builder = Builder::new();
    builder.set_cache_size(STORE_CACHE_BYTES);
    if let Ok(database) = builder.open_read_only(path) {
        super::migrations::position(&database)?;
    }
    let opened = builder.open(path);
    let mut database = opened.map_err(|e| StoreError::database("opening the database", e))?;
    super::migrations::position(&database)?;
    let compared = database.check_integrity();
    compared.map_err(|e| StoreError::database("comparing everything in the database", e))?;
    Ok(())
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let old = File::open(from)?;
    let file = private_file(to).map_err(io::Error::other)?;
    file.set_len(0)?;
    let pages = Pages::open(Box::new(RealFile(file)))?;
    let length = old.metadata()?.len();
    pages.set_len(length)?;
    let mut header = [0u8; HEADER_BYTES];
    old.read_exact_at(&mut header, 0)?;
    pages.write(0, &header)?;
    let mut at = PAGE_BYTES as u64;
    let mut bytes = [0u8; PAGE_BYTES];
    while at + PAGE_BYTES as u64 <= length {
        old.read_exact_at(&mut bytes, at)?;
        // Pages that were never written stay so.
        if bytes.iter().any(|byte| *byte != 0) {
            pages.write(at, &bytes)?;
        }
        at += PAGE_BYTES as u64;
    }
    pages.sync_data()
}
