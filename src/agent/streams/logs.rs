//! Which logs a server has, and reading some of them together.
//!
//! The agent keeps those of setup and services in its state directory: `logs/setup-<n>.log` and
//! `logs/service-<name>.log`, each with the one before it beside it (`.1`). A platform that
//! supervises the server keeps what the agent itself prints, in `/var/log/grange/service.log` with
//! the one before as `.old`.

use super::tail::{LogPiece, LogTail, open};
use crate::base::limit::{LOGS_FOLLOWED_MAX, LOGS_MAX};
use crate::wire::stream::{Body, LogFile};
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// Where the logs of this server are.
pub struct Logs {
    dir: PathBuf,
    /// What the agent prints, where a platform keeps it.
    printed: PathBuf,
}

/// A log by its name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Log {
    kind: Kind,
    name: String,
    path: PathBuf,
    rotated: PathBuf,
}

/// What a log is of, in the order in which they are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// The part of setup with this number.
    Setup(u64),
    Service,
    Agent,
}

impl Logs {
    /// Those below an agent's state directory and a server's home.
    pub fn new(state: &Path, home: &Path) -> Logs {
        let printed = home.join("var/log/grange/service.log");
        Logs { dir: state.join("logs"), printed }
    }

    /// Every log there is, setup first.
    pub fn list(&self) -> Vec<LogFile> {
        self.find().iter().take(LOGS_MAX).map(Log::file).collect()
    }

    fn find(&self) -> Vec<Log> {
        let entries = std::fs::read_dir(&self.dir).into_iter().flatten().flatten();
        let mut logs: Vec<Log> =
            entries.filter_map(|entry| Log::of(&self.dir, entry.file_name().to_str()?)).collect();
        let rotated = self.printed.with_extension("old");
        if self.printed.is_file() || rotated.is_file() {
            let (path, name) = (self.printed.clone(), "agent".to_owned());
            logs.push(Log { kind: Kind::Agent, name, path, rotated });
        }
        logs.sort();
        // One that was rotated just now has two files and one name.
        logs.dedup();
        logs
    }

    /// Those that somebody asks for; what there is instead where there are none.
    fn select(&self, of: Option<&str>) -> Result<Vec<Log>, String> {
        let all = self.find();
        let is_asked = |log: &Log| match of {
            None => true,
            Some("setup") => matches!(log.kind, Kind::Setup(_)),
            Some(name) => log.name == name,
        };
        let asked: Vec<Log> = all.iter().filter(|log| is_asked(log)).cloned().collect();
        if !asked.is_empty() {
            return Ok(asked);
        }
        let what = of.map_or_else(|| "no log".to_owned(), |name| format!("no log {name}"));
        let names = all.iter().map(|log| log.name.as_str()).collect::<Vec<&str>>().join(", ");
        Err(match names.is_empty() {
            true => format!("{what}: this server has printed nothing yet that is kept"),
            false => format!("{what}: there are {names}"),
        })
    }
}

impl Log {
    /// The log that a file of the directory belongs to.
    fn of(dir: &Path, file: &str) -> Option<Log> {
        let stem = file.strip_suffix(".1").unwrap_or(file).strip_suffix(".log")?;
        let (kind, name) = match stem.split_once('-')? {
            ("setup", number) => (Kind::Setup(number.parse().ok()?), stem),
            ("service", name) if !name.is_empty() => (Kind::Service, name),
            _ => return None,
        };
        let path = dir.join(format!("{stem}.log"));
        let rotated = dir.join(format!("{stem}.log.1"));
        Some(Log { kind, name: name.to_owned(), path, rotated })
    }

    fn file(&self) -> LogFile {
        let kind = match self.kind {
            Kind::Setup(_) => "setup",
            Kind::Service => "service",
            Kind::Agent => "agent",
        };
        let length = |path: &Path| open(path).ok().flatten().map_or(0, |(_, _, length)| length);
        let bytes = length(&self.path).saturating_add(length(&self.rotated));
        let changed = std::fs::metadata(&self.path).and_then(|metadata| metadata.modified()).ok();
        let since = changed.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let written_at = since.and_then(|since| i64::try_from(since.as_millis()).ok());
        let (name, kind) = (self.name.clone(), kind.to_owned());
        LogFile { name, kind, bytes, written_at: written_at.unwrap_or(0) }
    }

    fn tail(&self, lines: Option<usize>, ends: bool) -> Result<LogTail, String> {
        let (name, path, rotated) = (self.name.clone(), self.path.clone(), self.rotated.clone());
        LogTail::begin(name, path, rotated, lines, ends)
            .map_err(|error| format!("log {} cannot be read: {error}", self.name))
    }
}

/// Logs that are read together: each for as long as it has something, then the next. Where there
/// are several, a heading says whose lines follow, as `tail -f` does.
pub struct Tails {
    of: Option<String>,
    follow: bool,
    /// The one that is read is the first.
    tails: VecDeque<LogTail>,
    /// Whose lines came last, and whether they ended with a line break.
    last: Option<(String, bool)>,
}

impl Tails {
    /// Begins at the last lines of those that are asked for.
    pub fn begin(
        logs: &Logs,
        of: Option<String>,
        lines: usize,
        follow: bool,
    ) -> Result<Tails, String> {
        let asked = logs.select(of.as_deref())?;
        if asked.len() > LOGS_FOLLOWED_MAX {
            let count = asked.len();
            return Err(format!("there are {count} logs: say which, at most {LOGS_FOLLOWED_MAX}"));
        }
        let tails = asked
            .iter()
            .map(|log| log.tail(Some(lines), !follow))
            .collect::<Result<_, String>>()?;
        Ok(Tails { of, follow, tails, last: None })
    }

    /// What comes next, in at most so many bytes; `None` when there is nothing now.
    pub fn read(&mut self, at_most: usize, logs: &Logs) -> Option<Body> {
        for _ in 0..self.tails.len() {
            let several = self.tails.len() > 1;
            let tail = self.tails.front_mut()?;
            let heading = match several {
                true => heading(&tail.name, self.last.as_ref()),
                false => String::new(),
            };
            // A name is short beside a frame; where it does not fit, it waits for room.
            if heading.len() >= at_most {
                return None;
            }
            match tail.read(at_most - heading.len()) {
                Ok(LogPiece::Bytes(bytes)) => {
                    self.last = Some((tail.name.clone(), bytes.ends_with(b"\n")));
                    return Some(Body::Data([heading.into_bytes(), bytes].concat()));
                }
                Ok(LogPiece::Lost) => return Some(Body::Lost(0)),
                Ok(LogPiece::End) => self.tails.rotate_left(1),
                Err(error) => {
                    let why = format!("log {} cannot be read: {error}", tail.name);
                    return Some(Body::Broken(why));
                }
            }
        }
        if !self.follow {
            return Some(Body::End);
        }
        self.look_for_more(logs);
        None
    }

    /// Logs that were not there before are read from their beginning.
    fn look_for_more(&mut self, logs: &Logs) {
        let Ok(asked) = logs.select(self.of.as_deref()) else { return };
        for log in asked {
            let known = self.tails.iter().any(|tail| tail.name == log.name);
            if known || self.tails.len() >= LOGS_FOLLOWED_MAX {
                continue;
            }
            // What cannot be read now is tried again at the next look.
            if let Ok(tail) = log.tail(None, false) {
                self.tails.push_back(tail);
            }
        }
    }
}

/// What goes before the lines of a log, where others' came last.
fn heading(name: &str, last: Option<&(String, bool)>) -> String {
    match last {
        Some((last, _)) if last == name => String::new(),
        Some((_, true)) => format!("\n==> {name} <==\n"),
        Some((_, false)) => format!("\n\n==> {name} <==\n"),
        None => format!("==> {name} <==\n"),
    }
}
