//! One log, read from its last lines on, while it is written and rotated.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::base::limit::LOG_LOOK_BACK_BYTES;

/// Bytes looked at at once, backwards.
const BLOCK_BYTES: u64 = 16 * 1024;

/// A log that is read on.
pub struct LogTail {
    /// What it is called.
    pub name: String,
    path: PathBuf,
    rotated: PathBuf,
    /// What is still to be read, oldest first; the last of them is being written.
    parts: VecDeque<Part>,
    /// Whether it ends where the log ended when it was begun, however fast that grows.
    ends: bool,
}

struct Part {
    file: File,
    inode: u64,
    at: u64,
    /// It is read up to here; `None` for as far as it goes.
    end: Option<u64>,
}

/// What is read from a log.
pub enum LogPiece {
    /// Bytes.
    Bytes(Vec<u8>),
    /// Some are missing here.
    Lost,
    /// There are no more now.
    End,
}

/// Opens a log for reading. Only a plain file is one: nothing that would make us wait.
pub fn open(path: &Path) -> io::Result<Option<(File, u64, u64)>> {
    let flags = nix::libc::O_NONBLOCK | nix::libc::O_NOFOLLOW;
    let file = match OpenOptions::new().read(true).custom_flags(flags).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let metadata = file.metadata()?;
    Ok(metadata.is_file().then(|| (file, metadata.ino(), metadata.len())))
}

impl LogTail {
    /// Begins at the last lines of a log, which may reach back into the one before it; with `None`
    /// at its beginning.
    pub fn begin(
        name: String,
        path: PathBuf,
        rotated: PathBuf,
        lines: Option<usize>,
        ends: bool,
    ) -> io::Result<LogTail> {
        let mut parts = VecDeque::new();
        let end = |length: u64| ends.then_some(length);
        let mut wanted = lines;
        if let Some((mut file, inode, length)) = open(&path)? {
            let (at, found) = match wanted {
                Some(lines) => start_of_last(&mut file, length, lines)?,
                None => (0, 0),
            };
            wanted = wanted.map(|lines| lines - found);
            parts.push_front(Part { file, inode, at, end: end(length) });
        }
        if let Some(lines) = wanted.filter(|lines| *lines > 0)
            && let Some((mut file, inode, length)) = open(&rotated)?
            && parts.front().is_none_or(|part| part.inode != inode)
        {
            let (at, _) = start_of_last(&mut file, length, lines)?;
            parts.push_front(Part { file, inode, at, end: end(length) });
        }
        Ok(LogTail { name, path, rotated, parts, ends })
    }

    /// Reads at most so many bytes on.
    pub fn read(&mut self, at_most: usize) -> io::Result<LogPiece> {
        loop {
            if let Some(part) = self.parts.front_mut() {
                let bytes = part.read(at_most)?;
                if !bytes.is_empty() {
                    return Ok(LogPiece::Bytes(bytes));
                }
                if self.parts.len() > 1 {
                    self.parts.pop_front();
                    continue;
                }
            }
            if self.ends {
                return Ok(LogPiece::End);
            }
            match self.look()? {
                Look::Same => return Ok(LogPiece::End),
                Look::Next => {}
                Look::Missed => return Ok(LogPiece::Lost),
            }
        }
    }

    /// Whether another file has the log's name by now, or the same one was begun anew.
    fn look(&mut self) -> io::Result<Look> {
        let Some((file, inode, length)) = open(&self.path)? else { return Ok(Look::Same) };
        let next = Part { file, inode, at: 0, end: None };
        let Some(part) = self.parts.back_mut() else {
            self.parts.push_back(next);
            return Ok(Look::Next);
        };
        if part.inode == inode {
            if length < part.at {
                part.at = 0;
                return Ok(Look::Missed);
            }
            return Ok(Look::Same);
        }
        // Where the one before is not ours, a whole file came and went between two looks.
        let before = open(&self.rotated)?.map(|(_, inode, _)| inode);
        let missed = before != Some(part.inode);
        self.parts.push_back(next);
        Ok(if missed { Look::Missed } else { Look::Next })
    }
}

enum Look {
    /// It is the file that is read.
    Same,
    /// There is another to be read after it.
    Next,
    /// The same, and something between them is gone.
    Missed,
}

impl Part {
    fn read(&mut self, at_most: usize) -> io::Result<Vec<u8>> {
        self.file.seek(SeekFrom::Start(self.at))?;
        let mut bytes = Vec::with_capacity(at_most.min(8 * 1024));
        let left = self.end.map_or(u64::MAX, |end| end.saturating_sub(self.at));
        let limit = u64::try_from(at_most).unwrap_or(u64::MAX).min(left);
        self.at += (&mut self.file).take(limit).read_to_end(&mut bytes)? as u64;
        Ok(bytes)
    }
}

/// Where the last lines of a file begin, and how many there are: fewer than asked for where it has
/// no more. They are looked for so far back and no further.
fn start_of_last(file: &mut File, length: u64, lines: usize) -> io::Result<(u64, usize)> {
    if lines == 0 || length == 0 {
        return Ok((length, 0));
    }
    let first = length.saturating_sub(LOG_LOOK_BACK_BYTES);
    let (mut end, mut found, mut start) = (length, 0, length);
    while end > first {
        let begin = end.saturating_sub(BLOCK_BYTES).max(first);
        file.seek(SeekFrom::Start(begin))?;
        let mut block = Vec::new();
        (&mut *file).take(end - begin).read_to_end(&mut block)?;
        for (offset, _) in block.iter().enumerate().rev().filter(|(_, byte)| **byte == b'\n') {
            let after = begin + offset as u64 + 1;
            // The line break that ends the last line begins none.
            if after == length {
                continue;
            }
            found += 1;
            start = after;
            if found == lines {
                return Ok((start, found));
            }
        }
        end = begin;
    }
    Ok(match (first, found) {
        // The first line there is begins at the beginning.
        (0, _) => (0, found + 1),
        // Further back nobody looked; of one line without end, that much is shown.
        (first, 0) => (first, lines),
        (_, _) => (start, lines),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::tests::scratch;
    use std::fs;
    use std::io::Write;

    fn rest(tail: &mut LogTail) -> String {
        let mut text = String::new();
        loop {
            match tail.read(7).unwrap() {
                LogPiece::Bytes(bytes) => text.push_str(&String::from_utf8(bytes).unwrap()),
                LogPiece::Lost => text.push_str("[lost]"),
                LogPiece::End => return text,
            }
        }
    }

    struct Log(PathBuf, PathBuf);

    impl Log {
        fn new(name: &str) -> Log {
            let dir = scratch(name);
            Log(dir.join("x.log"), dir.join("x.log.1"))
        }

        fn write(&self, text: &str) {
            let file = OpenOptions::new().create(true).append(true).open(&self.0);
            file.unwrap().write_all(text.as_bytes()).unwrap();
        }

        fn rotate(&self) {
            fs::rename(&self.0, &self.1).unwrap();
        }

        fn tail(&self, lines: Option<usize>) -> LogTail {
            LogTail::begin("x".to_owned(), self.0.clone(), self.1.clone(), lines, false).unwrap()
        }
    }

    #[test]
    fn the_last_lines_come_first_and_reach_back_into_the_log_before() {
        let log = Log::new("tail-last");
        let check = |lines: usize, expected: &str| {
            assert_eq!(rest(&mut log.tail(Some(lines))), expected, "{lines}");
        };
        check(3, "");
        log.write("1\n2\n3");
        for (lines, expected) in [(0, ""), (1, "3"), (2, "2\n3"), (3, "1\n2\n3"), (9, "1\n2\n3")] {
            check(lines, expected);
        }
        log.write("\n\n");
        check(1, "\n");
        check(2, "3\n\n");
        log.rotate();
        check(2, "3\n\n");
        log.write("4\n");
        check(1, "4\n");
        check(3, "3\n\n4\n");
        check(99, "1\n2\n3\n\n4\n");
        assert_eq!(rest(&mut log.tail(None)), "4\n", "from its beginning");
    }

    #[test]
    fn one_that_ends_reads_no_more_than_was_there_when_it_began() {
        let log = Log::new("tail-ends");
        log.write("1\n2\n");
        let paths = (log.0.clone(), log.1.clone());
        let mut tail = LogTail::begin("x".to_owned(), paths.0, paths.1, Some(9), true).unwrap();
        log.write("3\n");
        log.rotate();
        log.write("4\n");
        assert_eq!(rest(&mut tail), "1\n2\n");
    }

    #[test]
    fn a_line_without_end_is_looked_for_so_far_back_and_no_further() {
        let log = Log::new("tail-long");
        let long = "x".repeat(usize::try_from(LOG_LOOK_BACK_BYTES).unwrap() + 5);
        log.write(&format!("{long}\nlast\n"));
        assert_eq!(rest(&mut log.tail(Some(5))), "last\n");
        log.rotate();
        log.write(&long);
        let shown = rest(&mut log.tail(Some(5))).len() as u64;
        assert_eq!(shown, LOG_LOOK_BACK_BYTES);
        fs::remove_file(&log.0).unwrap();
        log.write(&"y\n".repeat(40_000));
        assert_eq!(rest(&mut log.tail(Some(3))), "y\ny\ny\n");
    }

    #[test]
    fn what_is_written_later_follows_over_every_rotation() {
        let log = Log::new("tail-follow");
        let mut tail = log.tail(Some(0));
        log.write("1\n");
        assert_eq!(rest(&mut tail), "1\n");
        log.write("2\n");
        log.rotate();
        assert_eq!(rest(&mut tail), "2\n", "there is no new one yet");
        log.write("3\n");
        assert_eq!(rest(&mut tail), "3\n");
        log.write("4\n");
        log.rotate();
        log.write("5\n");
        assert_eq!(rest(&mut tail), "4\n5\n");
        // One that came and went between two looks is said to be missing.
        log.write("6\n");
        log.rotate();
        log.write("7\n");
        log.rotate();
        log.write("8\n");
        assert_eq!(rest(&mut tail), "6\n[lost]8\n");
        fs::write(&log.0, "9").unwrap();
        assert_eq!(rest(&mut tail), "[lost]9");
    }

    #[test]
    fn what_is_no_plain_file_is_no_log() {
        let log = Log::new("tail-odd");
        fs::create_dir(&log.0).unwrap();
        assert_eq!(rest(&mut log.tail(Some(5))), "");
        fs::remove_dir(&log.0).unwrap();
        nix::unistd::mkfifo(&log.0, nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert_eq!(rest(&mut log.tail(Some(5))), "");
        fs::remove_file(&log.0).unwrap();
        std::os::unix::fs::symlink("/etc/hostname", &log.0).unwrap();
        let odd = LogTail::begin("x".to_owned(), log.0.clone(), log.1.clone(), Some(1), false);
        assert!(odd.is_err(), "a link leads elsewhere");
    }
}
