//! Which file of the index is which: the library's checksums are at the end of each file and say
//! nothing of its name, so that two files that changed places are both whole.
//!
//! After each commit the ends of all files, by name, are written down beside them. A crash between
//! the two makes the index one to be made anew, which costs time and nothing else.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// Where they are written down.
const FILE: &str = "tails.json";
/// Bytes of an end: more than the checksum and what the library says of itself.
const TAIL: u64 = 64;

/// Writes down the ends of some files of a directory.
pub(super) fn write(dir: &Path, files: &[PathBuf]) -> io::Result<()> {
    let text = serde_json::to_vec(&tails(dir, files)?)?;
    let new = dir.join("tails.new");
    std::fs::write(&new, text)?;
    std::fs::rename(new, dir.join(FILE))
}

/// Whether each of the files ends as it was written down.
pub(super) fn agree(dir: &Path, files: &[PathBuf]) -> bool {
    let known = std::fs::read(dir.join(FILE)).unwrap_or_default();
    let known = serde_json::from_slice::<BTreeMap<String, String>>(&known).ok();
    known.is_some() && known == tails(dir, files).ok()
}

fn tails(dir: &Path, files: &[PathBuf]) -> io::Result<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    for name in files {
        let mut file = File::open(dir.join(name))?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
        let mut tail = length.to_be_bytes().to_vec();
        file.read_to_end(&mut tail)?;
        found.insert(name.display().to_string(), crate::base::hash::hex(&tail));
    }
    Ok(found)
}
