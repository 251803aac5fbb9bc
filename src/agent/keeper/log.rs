//! What a command prints, in two files of bounded size.
//!
//! `<name>.log` is written to; when it is full it becomes `<name>.log.1`, the one before. Of a
//! part of setup the beginning is worth more than the middle: there the first file stays `.1`, and
//! a later one that is full gives way to the next.

use crate::base::limit::WORK_LOG_BYTES_MAX;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Of what a command printed last, what fits into a reason.
const LAST_LINES_BYTES: usize = 160;

/// A log that is written to.
pub struct OutputLog {
    path: PathBuf,
    keep_beginning: bool,
    open: Option<(File, u64)>,
    /// Bytes the disk did not take since it last took some.
    lost: u64,
    /// Bytes that gave way.
    left_out: u64,
}

impl OutputLog {
    /// A log at a path; it is opened when there is something to write.
    pub fn at(path: &Path, keep_beginning: bool) -> OutputLog {
        OutputLog { path: path.to_owned(), keep_beginning, open: None, lost: 0, left_out: 0 }
    }

    /// Writes what it can. A full disk loses what is printed meanwhile, and a line says how much
    /// once there is room: it never blocks the command.
    pub fn write(&mut self, bytes: &[u8]) {
        if self.try_write(bytes).is_err() {
            self.lost += bytes.len() as u64;
            self.open = None;
        }
    }

    fn try_write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.open.is_none() {
            let file = OpenOptions::new().create(true).append(true).mode(0o600).open(&self.path)?;
            let length = file.metadata()?.len();
            self.open = Some((file, length));
        }
        if self.lost > 0 {
            let line = format!("\n[{} bytes lost here: the disk did not take them]\n", self.lost);
            self.append(line.as_bytes())?;
            self.lost = 0;
        }
        self.append(bytes)
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let Some((file, length)) = &mut self.open else { return Ok(()) };
            let room = WORK_LOG_BYTES_MAX.saturating_sub(*length);
            let now = rest.len().min(usize::try_from(room).unwrap_or(usize::MAX));
            file.write_all(&rest[..now])?;
            *length += now as u64;
            rest = &rest[now..];
            if !rest.is_empty() {
                self.turn()?;
            }
        }
        Ok(())
    }

    /// Goes on in a new file. Whoever reads the old one keeps it until it is done with it.
    fn turn(&mut self) -> io::Result<()> {
        let before = suffixed(&self.path, ".1");
        let beside = suffixed(&self.path, ".new");
        let gives_way = self.keep_beginning && before.exists();
        let mut file =
            OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(&beside)?;
        let mut length = 0;
        if gives_way {
            self.left_out += self.open.as_ref().map_or(0, |(_, length)| *length);
            let line = format!("[{} bytes left out here]\n", self.left_out);
            file.write_all(line.as_bytes())?;
            length = line.len() as u64;
        } else {
            fs::rename(&self.path, &before)?;
        }
        fs::rename(&beside, &self.path)?;
        self.open = Some((file, length));
        Ok(())
    }
}

/// The last lines of a log that have anything in them: what fits into a reason, beside how the
/// command ended.
pub fn last_lines(path: &Path) -> String {
    lines_of_end(path, LAST_LINES_BYTES)
}

fn lines_of_end(path: &Path, bytes_max: usize) -> String {
    let mut bytes = fs::read(path).unwrap_or_default();
    let from = bytes.len().saturating_sub(bytes_max);
    let whole_line = from == 0 || bytes[from - 1] == b'\n';
    let text = String::from_utf8_lossy(&bytes.split_off(from)).into_owned();
    let lines = text.lines().skip(usize::from(!whole_line && text.contains('\n')));
    let lines: Vec<&str> = lines.map(str::trim).filter(|line| !line.is_empty()).collect();
    lines.join(" / ")
}

fn suffixed(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::tests::scratch;

    fn fill(keep_beginning: bool) -> (PathBuf, Vec<Vec<u8>>) {
        let path = scratch("keeper-log").join("a.log");
        let mut log = OutputLog::at(&path, keep_beginning);
        let max = usize::try_from(WORK_LOG_BYTES_MAX).unwrap();
        log.write(b"first\n");
        for _ in 0..5 {
            log.write(&vec![b'x'; max - 7]);
        }
        log.write(b"\nlast\n");
        let read = |path: &Path| fs::read(path).unwrap();
        let both = vec![read(&suffixed(&path, ".1")), read(&path)];
        (path, both)
    }

    #[test]
    fn a_log_is_bounded_whatever_is_printed() {
        let max = usize::try_from(WORK_LOG_BYTES_MAX).unwrap();
        for keep_beginning in [false, true] {
            let (path, both) = fill(keep_beginning);
            assert!(both.iter().all(|file| file.len() <= max), "{keep_beginning}");
            assert_eq!(both[0].starts_with(b"first\n"), keep_beginning);
            assert!(both[1].ends_with(b"x\nlast\n"));
            assert_eq!(both[1].starts_with(b"["), keep_beginning, "what is left out is said");
            assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 2);
        }
    }

    #[test]
    fn what_the_disk_does_not_take_is_counted() {
        let dir = scratch("keeper-lost");
        let (path, away) = (dir.join("logs/a.log"), dir.join("logs"));
        let mut log = OutputLog::at(&path, false);
        log.write(b"lost");
        fs::create_dir(away).unwrap();
        log.write(b"kept");
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text, "\n[4 bytes lost here: the disk did not take them]\nkept");
    }

    #[test]
    fn the_last_lines_are_whole_and_few() {
        let path = scratch("keeper-tail").join("a.log");
        let check = |text: &str, expected: &str| {
            fs::write(&path, text).unwrap();
            assert_eq!(lines_of_end(&path, 20), expected, "{text:?}");
        };
        check("", "");
        check("one\n\n  two\n", "one / two");
        check("a long line of many words\nshort\n", "short");
        check("12345678901234567890abc", "45678901234567890abc");
        check("x\n1234567890123456789\n", "1234567890123456789");
    }
}
