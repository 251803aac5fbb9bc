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

/// Copies a pipe to the log until its last writer is gone. A full disk loses what is printed
/// meanwhile, and a line says how much once there is room; it never blocks a service.
pub fn copy(mut from: impl Read, path: &Path) {
    let mut log = None;
    let mut buffer = [0u8; 8192];
    let mut lost = 0;
    while let Ok(count) = from.read(&mut buffer) {
        if count == 0 {
            return;
        }
        if log.is_none() {
            log = Log::open(path).ok();
        }
        let written = log.as_mut().map(|log| log.write_on(&mut lost, &buffer[..count]));
        if !matches!(written, Some(Ok(()))) {
            lost += count as u64;
            log = None;
        }
    }
}

impl Log {
    fn open(path: &Path) -> io::Result<Log> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        let length = file.metadata()?.len();
        Ok(Log { path: path.to_owned(), file, length })
    }

    /// Writes, and before it what was lost since it could be written last.
    fn write_on(&mut self, lost: &mut u64, bytes: &[u8]) -> io::Result<()> {
        if *lost > 0 {
            let line = format!("\n[{lost} bytes lost here: the disk did not take them]\n");
            self.write(line.as_bytes())?;
            *lost = 0;
        }
        self.write(bytes)
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

    #[test]
    fn what_the_log_cannot_take_is_counted_in_it() {
        /// Takes the disk away before the second piece, and gives it back before the third.
        struct Pieces(PathBuf, u32);

        impl Read for Pieces {
            fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
                self.1 += 1;
                match self.1 {
                    2 => std::fs::rename(&self.0, self.0.with_extension("away"))?,
                    3 => std::fs::rename(self.0.with_extension("away"), &self.0)?,
                    5 => return Ok(0),
                    _ => {}
                }
                into[..4].copy_from_slice(b"some");
                Ok(4)
            }
        }

        let directory = std::env::temp_dir().join(format!("grange-lost-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        // A log that is full has to be renamed where it no longer is, as on a disk that is gone.
        let path = directory.join("service.log");
        std::fs::write(&path, vec![b'x'; usize::try_from(SERVER_LOG_BYTES_MAX).unwrap()]).unwrap();
        copy(Pieces(directory.clone(), 1), &path);
        let kept = std::fs::read(&path).unwrap();
        std::fs::remove_dir_all(&directory).unwrap();
        let expected = "\n[4 bytes lost here: the disk did not take them]\nsomesome";
        assert_eq!(String::from_utf8(kept).unwrap(), expected);
    }
}
