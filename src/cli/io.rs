//! The world as a command sees it: what it may read, where it writes, whether a person is there.

use super::interrupt::{Patience, Process};
use super::{Stop, archive, yaml};
use crate::base::text::{escape, escape_json};
use crate::base::{Code, Problem, output};
use crate::wire::deed::{Asking, Deed};
use serde::Serialize;
use std::fmt;
use std::io::{self, BufRead, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};

/// Largest file a command reads: a manifest, a token, a certificate.
const FILE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Everything a command may touch.
pub struct Io<'a> {
    /// Standard input.
    pub stdin: &'a mut dyn BufRead,
    /// Standard output.
    pub stdout: &'a mut dyn Write,
    /// Standard error.
    pub stderr: &'a mut dyn Write,
    /// Files.
    pub files: &'a dyn Files,
    /// Environment variables.
    pub env: &'a dyn Fn(&str) -> Option<String>,
    /// How time passes while a command waits.
    pub patience: &'a dyn Patience,
    /// Whether a person is at both ends: standard input and output are terminals.
    pub interactive: bool,
    /// Whether standard output is a terminal.
    pub terminal: bool,
    /// Whether standard error is a terminal.
    pub error_terminal: bool,
    /// The socket of a demo this user runs on this machine.
    pub demo: Option<PathBuf>,
}

/// The files a command may read and write.
pub trait Files {
    /// The whole of one.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;
    /// Where a path leads, symbolic links followed; as it is where there are none.
    fn real(&self, path: &Path) -> io::Result<PathBuf> {
        Ok(path.to_owned())
    }
    /// One that is read piece by piece, however large it is.
    fn open(&self, path: &Path) -> io::Result<OpenFile> {
        let bytes = self.read(path)?;
        let length = Some(bytes.len() as u64);
        Ok(OpenFile { length, bytes: Box::new(io::Cursor::new(bytes)) })
    }
    /// Whether there is one.
    fn exists(&self, path: &Path) -> bool;
    /// Writes the whole of one, in the place of the one that may be there.
    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()>;
    /// Makes a directory and those above it, where there is none.
    fn make_directory(&self, _path: &Path) -> io::Result<()> {
        Ok(())
    }
}

/// A file that is read piece by piece.
pub struct OpenFile {
    /// How many bytes it has, where that is known beforehand.
    pub length: Option<u64>,
    /// The content, from its beginning.
    pub bytes: Box<dyn Read>,
}

/// No files at all: for sessions of people who are not on this machine.
pub struct NoFiles;

impl Files for NoFiles {
    fn read(&self, _: &Path) -> io::Result<Vec<u8>> {
        let message = "files cannot be read from here; use - and standard input";
        Err(io::Error::new(io::ErrorKind::PermissionDenied, message))
    }

    fn exists(&self, _: &Path) -> bool {
        false
    }

    fn write(&self, _: &Path, _: &[u8]) -> io::Result<()> {
        let message = "files cannot be written from here; use - and standard output";
        Err(io::Error::new(io::ErrorKind::PermissionDenied, message))
    }
}

impl Io<'_> {
    /// The text of a file, or of standard input for `-`.
    pub(super) fn text(&mut self, path: &Path) -> Result<String, Problem> {
        let name = path.display().to_string();
        let bytes = if name == "-" {
            let mut bytes = Vec::new();
            let max = FILE_BYTES_MAX as u64 + 1;
            let mut bounded = Read::take(&mut self.stdin, max);
            Read::read_to_end(&mut bounded, &mut bytes).map(|_| bytes)
        } else {
            self.files.read(path)
        };
        let bytes = bytes.map_err(|e| Problem::invalid(&name, format!("cannot be read: {e}")))?;
        if bytes.len() > FILE_BYTES_MAX {
            return Err(Problem::invalid(name, format!("has more than {FILE_BYTES_MAX} bytes")));
        }
        let text =
            String::from_utf8(bytes).map_err(|_| Problem::invalid(name, "is not UTF-8 text"))?;
        // Some editors put a mark before the first line, which is no part of any text of ours.
        Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
    }

    /// Writes a text to a file, or to standard output for `-`.
    pub(super) fn put(&mut self, path: &Path, text: &str) -> Result<(), Stop> {
        let name = path.display().to_string();
        if name == "-" {
            return Ok(self.stdout.write_all(text.as_bytes())?);
        }
        let written = self.files.write(path, text.as_bytes());
        Ok(written.map_err(|e| Problem::invalid(name, format!("cannot be written: {e}")))?)
    }

    /// Whether tables may be coloured.
    pub(super) fn coloured(&self) -> bool {
        self.terminal && (self.env)("NO_COLOR").is_none_or(|set| set.is_empty())
    }

    /// An object as JSON, over several lines.
    pub(super) fn json(&mut self, data: &impl Serialize) -> io::Result<()> {
        let text = serde_json::to_string_pretty(data)?;
        writeln!(self.stdout, "{}", escape_json(&text))
    }

    /// An object as YAML, which escapes its texts itself, since JSON's way is not always YAML's.
    pub(super) fn yaml(&mut self, data: &impl Serialize) -> io::Result<()> {
        writeln!(self.stdout, "{}", yaml::text(data)?)
    }

    /// An object as JSON on one line.
    pub(super) fn json_line(&mut self, data: &impl Serialize) -> io::Result<()> {
        let text = serde_json::to_string(data)?;
        writeln!(self.stdout, "{}", escape_json(&text))
    }

    /// Asks a person about a deed, where it is to be asked about; whether to go on.
    pub(super) fn agreed(
        &mut self,
        deed: Deed,
        name: &str,
        servers: u32,
        yes: bool,
    ) -> Result<bool, Problem> {
        if yes || deed.asking() == Asking::Key {
            return Ok(true);
        }
        self.confirm(&deed.question(name, servers))
    }

    /// Asks a person; without one to ask, says how to do without.
    pub(super) fn confirm(&mut self, question: &str) -> Result<bool, Problem> {
        if !self.interactive {
            let message = format!("{question} Nobody is here to ask: say --yes");
            return Err(Problem::new(Code::BadRequest, message));
        }
        let mut answer = String::new();
        let asked = write!(self.stderr, "{} [y/N] ", escape(question))
            .and_then(|()| self.stderr.flush())
            .and_then(|()| self.stdin.read_line(&mut answer));
        let agreed = matches!(answer.trim(), "y" | "Y" | "yes");
        asked
            .and_then(|_| if agreed { Ok(()) } else { writeln!(self.stderr, "nothing is changed") })
            .map_err(|e| Problem::internal("asking on the terminal", e))?;
        Ok(agreed)
    }
}

/// The files of this machine.
pub struct Disk;

impl Files for Disk {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let file = std::fs::File::open(path)?;
        Read::read_to_end(&mut Read::take(file, FILE_BYTES_MAX as u64 + 1), &mut bytes)?;
        Ok(bytes)
    }

    fn real(&self, path: &Path) -> io::Result<PathBuf> {
        path.canonicalize()
    }

    /// A directory is read as the tar archive of what is in it.
    fn open(&self, path: &Path) -> io::Result<OpenFile> {
        let file = std::fs::File::open(path)?;
        let found = file.metadata()?;
        if found.is_dir() {
            return archive::of_directory(path);
        }
        let length = found.is_file().then_some(found.len());
        Ok(OpenFile { length, bytes: Box::new(file) })
    }

    fn exists(&self, path: &Path) -> bool {
        path.exists()
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        std::fs::write(path, bytes)
    }

    fn make_directory(&self, path: &Path) -> io::Result<()> {
        std::fs::create_dir_all(path)
    }
}

/// Does something in the shell this process was started from; with the socket of a running demo.
pub fn in_shell<T>(demo: Option<PathBuf>, work: impl FnOnce(&mut Io<'_>) -> T) -> T {
    let (mut stdin, mut stderr) = (io::stdin().lock(), output::Stderr);
    let mut stdout = io::BufWriter::new(io::stdout());
    let terminal = io::stdout().is_terminal();
    let interactive = terminal && io::stdin().is_terminal();
    work(&mut Io {
        stdin: &mut stdin,
        stdout: &mut stdout,
        stderr: &mut stderr,
        files: &Disk,
        env: &|name| std::env::var(name).ok(),
        patience: &Process::default(),
        interactive,
        terminal,
        error_terminal: io::stderr().is_terminal(),
        demo,
    })
}

/// Writes one line, escaped; `put_line!` is how commands say it.
pub(super) fn line(to: &mut dyn Write, text: fmt::Arguments<'_>) -> io::Result<()> {
    writeln!(to, "{}", escape(&text.to_string()))
}
