//! The server's own log: what its services print, in two files of bounded size.

use crate::base::limit::SERVER_LOG_BYTES_MAX;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// A file that becomes `<name>.old` when it is full.
struct Log {
    path: PathBuf,
    file: File,
    length: u64,
}

/// Copies a pipe to the log until its last writer is gone. A full disk loses lines, never blocks
/// a service.
pub fn copy(mut from: impl Read, path: &Path) {
    let mut log = Log::open(path).ok();
    let mut buffer = [0u8; 8192];
    while let Ok(count) = from.read(&mut buffer) {
        if count == 0 {
            return;
        }
        let written = log.as_mut().map(|log| log.write(&buffer[..count]));
        if !matches!(written, Some(Ok(()))) {
            log = Log::open(path).ok();
        }
    }
}

impl Log {
    fn open(path: &Path) -> io::Result<Log> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        let length = file.metadata()?.len();
        Ok(Log { path: path.to_owned(), file, length })
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.length >= SERVER_LOG_BYTES_MAX {
            std::fs::rename(&self.path, self.path.with_extension("old"))?;
            *self = Log::open(&self.path)?;
        }
        self.file.write_all(bytes)?;
        self.length += bytes.len() as u64;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_bounded() {
        let directory = std::env::temp_dir().join(format!("grange-log-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let path = directory.join("service.log");
        let much = vec![b'x'; usize::try_from(SERVER_LOG_BYTES_MAX * 3).unwrap()];
        copy(much.as_slice(), &path);
        let sizes: Vec<u64> = ["service.log", "service.old"]
            .map(|name| std::fs::metadata(directory.join(name)).unwrap().len())
            .to_vec();
        std::fs::remove_dir_all(&directory).unwrap();
        assert!(sizes.iter().all(|size| *size <= SERVER_LOG_BYTES_MAX + 8192), "{sizes:?}");
    }
}
