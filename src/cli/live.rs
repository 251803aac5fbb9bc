//! What the command of a run prints, shown while it runs.
//!
//! Reading along is for people who wait: it is tried, and a server that cannot be read along with
//! (its command has not begun or has ended, its agent is of an earlier version, the connection
//! broke) is shown when its result is there. Every byte has its place in its output, so that what
//! was shown is not shown again: a stream that is opened anew begins before where the last one
//! broke, and the result has it all, as far as it was kept.
//!
//! Of several servers each line has its server's name before it.

use super::log::begun_character;
use crate::base::limit::RUN_LIVE_MAX;
use crate::base::text::escape_bytes;
use crate::cli::{Io, Stop};
use crate::client::{Client, Flow, Heard};
use crate::model::Printed;
use crate::wire::api::logs::StreamPiece;
use crate::wire::api::route::NoBody;
use crate::wire::run::{RUN_OUTPUT, RunServerView};
use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

/// How long a look waits for each stream: what is there is there at once.
const LOOK: Duration = Duration::from_millis(1);
/// Pieces of one stream that are shown at one look, so that a flood leaves the others their turn.
const PIECES_AT_ONCE: usize = 64;
/// A stream that could not be opened is tried again after so many looks.
const LOOKS_BETWEEN: u32 = 2;
/// A line of several servers' output that has not ended is shown when it is so long.
const LINE_BYTES_MAX: usize = 8 * 1024;

/// How what servers print is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Manner {
    /// Not at all, for whoever reads JSON.
    #[default]
    Silent,
    /// Byte for byte, where there is one server.
    Whole,
    /// Line by line, where there are several.
    Lines {
        /// With the server's name before each.
        named: bool,
    },
}

/// What is read along with, and what of it was shown.
#[derive(Default)]
pub struct Along {
    manner: Manner,
    flows: Vec<OpenFlow>,
    parts: BTreeMap<String, Part>,
}

/// A stream of one server's output.
struct OpenFlow {
    server: String,
    flow: Flow<StreamPiece>,
    /// Where in each output it is.
    at: [u64; 2],
}

/// What of one server was shown.
#[derive(Default)]
struct Part {
    name: String,
    outputs: [Shown; 2],
    /// Looks until its stream is opened again.
    pause: u32,
    /// Its stream has come to its end.
    is_over: bool,
}

/// What of one output was shown.
#[derive(Default)]
struct Shown {
    /// Bytes from its beginning up to here.
    at: u64,
    /// Bytes before that which were not there to be shown.
    missing: u64,
    /// A line, or a character, whose end has not come.
    begun: Vec<u8>,
    /// What was shown last does not end a line.
    is_within_line: bool,
}

impl Along {
    /// Shows what comes in one manner.
    pub fn new(manner: Manner) -> Along {
        Along { manner, ..Along::default() }
    }

    /// Shows what was printed since the last look on servers where the command runs.
    pub fn look(
        &mut self,
        run: u64,
        servers: &[RunServerView],
        client: &Client,
        io: &mut Io<'_>,
    ) -> Result<(), Stop> {
        if self.manner == Manner::Silent {
            return Ok(());
        }
        for server in servers.iter().filter(|server| server.state == "open") {
            self.open(run, server, client);
        }
        let mut flows = std::mem::take(&mut self.flows);
        let mut kept = Vec::new();
        for mut flow in flows.drain(..) {
            if self.read(&mut flow, io)? {
                kept.push(flow);
            }
        }
        self.flows = kept;
        io.stdout.flush()?;
        Ok(())
    }

    fn open(&mut self, run: u64, server: &RunServerView, client: &Client) {
        let part = self.parts.entry(server.server.clone()).or_default();
        part.name.clone_from(&server.name);
        let is_open = self.flows.iter().any(|flow| flow.server == server.server);
        if is_open || part.is_over || self.flows.len() >= RUN_LIVE_MAX {
            return;
        }
        if part.pause > 0 {
            part.pause -= 1;
            return;
        }
        part.pause = LOOKS_BETWEEN;
        if let Ok(flow) = client.flow(&RUN_OUTPUT, &[&run, &server.server], &NoBody) {
            self.flows.push(OpenFlow { server: server.server.clone(), flow, at: [0; 2] });
        }
    }

    /// Shows what a stream has; whether there may be more.
    fn read(&mut self, open: &mut OpenFlow, io: &mut Io<'_>) -> Result<bool, Stop> {
        let manner = self.manner;
        let part = self.parts.entry(open.server.clone()).or_default();
        for _ in 0..PIECES_AT_ONCE {
            let piece = match open.flow.next(LOOK) {
                Ok(Heard::Piece(piece)) => piece,
                Ok(Heard::Nothing) => return Ok(true),
                Ok(Heard::End) | Err(_) => return Ok(false),
            };
            if let Some(end) = &piece.end {
                part.is_over = end == "whole";
                return Ok(false);
            }
            let output = usize::from(piece.error);
            let at = &mut open.at[output];
            if let Some(lost) = piece.lost {
                *at += lost;
                continue;
            }
            let bytes = piece.into_bytes();
            let (name, shown) = (&part.name, &mut part.outputs[output]);
            let begin = std::mem::replace(at, *at + bytes.len() as u64);
            shown.take(begin, &bytes, (manner, name, output), io)?;
        }
        Ok(true)
    }

    /// Shows the rest of what a server printed; how many bytes of each output were never there.
    pub fn end(&mut self, result: &RunServerView, io: &mut Io<'_>) -> Result<[u64; 2], Stop> {
        self.flows.retain(|flow| flow.server != result.server);
        let part = self.parts.entry(result.server.clone()).or_default();
        if self.manner == Manner::Silent {
            let left_out = |printed: &Option<Printed>| printed.as_ref().map_or(0, |p| p.left_out);
            return Ok([left_out(&result.stdout), left_out(&result.stderr)]);
        }
        let printed = [&result.stdout, &result.stderr];
        for (output, printed) in printed.into_iter().enumerate() {
            let how = (self.manner, result.name.as_str(), output);
            let shown = &mut part.outputs[output];
            if let Some(printed) = printed {
                shown.fill(printed, how, io)?;
            }
            shown.flush(how, io)?;
            shown.end_line(how, io)?;
        }
        io.stdout.flush()?;
        Ok([part.outputs[0].missing, part.outputs[1].missing])
    }
}

/// How it is shown, whose it is, and whether it is the standard output (0) or error (1).
type How<'a> = (Manner, &'a str, usize);

impl Shown {
    /// Shows what of some bytes was not shown.
    fn take(
        &mut self,
        begin: u64,
        bytes: &[u8],
        how: How<'_>,
        io: &mut Io<'_>,
    ) -> Result<(), Stop> {
        let seen = usize::try_from(self.at.saturating_sub(begin)).unwrap_or(usize::MAX);
        let Some(new) = bytes.get(seen..).filter(|new| !new.is_empty()) else { return Ok(()) };
        if begin > self.at {
            self.miss(begin - self.at, how, io)?;
        }
        self.at = begin + bytes.len() as u64;
        self.show(new, how, io)
    }

    /// Shows what a result has beyond that.
    fn fill(&mut self, printed: &Printed, how: How<'_>, io: &mut Io<'_>) -> Result<(), Stop> {
        let head = &printed.head.0;
        self.take(0, head, how, io)?;
        let tail = head.len() as u64 + printed.left_out;
        self.take(tail, &printed.tail.0, how, io)
    }

    /// Says that some bytes are not there.
    fn miss(&mut self, bytes: u64, how: How<'_>, io: &mut Io<'_>) -> Result<(), Stop> {
        self.missing += bytes;
        match how.0 {
            Manner::Lines { .. } => {
                self.flush(how, io)?;
                self.show(format!("[{bytes} bytes left out]\n").as_bytes(), how, io)
            }
            Manner::Whole if is_terminal(how, io) => {
                self.show(format!("\n[{bytes} bytes left out]\n").as_bytes(), how, io)
            }
            // A file gets what there is, byte for byte; how much is missing is said at the end.
            Manner::Whole | Manner::Silent => Ok(()),
        }
    }

    fn show(&mut self, bytes: &[u8], how: How<'_>, io: &mut Io<'_>) -> Result<(), Stop> {
        self.begun.extend_from_slice(bytes);
        let whole = match how.0 {
            Manner::Lines { .. } => {
                let end = self.begun.iter().rposition(|byte| *byte == b'\n').map(|end| end + 1);
                let is_long = self.begun.len() > LINE_BYTES_MAX;
                end.unwrap_or(if is_long { self.begun.len() } else { 0 })
            }
            Manner::Whole | Manner::Silent if is_terminal(how, io) => {
                self.begun.len() - begun_character(&self.begun)
            }
            Manner::Whole | Manner::Silent => self.begun.len(),
        };
        let rest = self.begun.split_off(whole);
        let shown = std::mem::replace(&mut self.begun, rest);
        self.write(&shown, how, io)
    }

    fn write(&mut self, bytes: &[u8], how: How<'_>, io: &mut Io<'_>) -> Result<(), Stop> {
        if let Some(last) = bytes.last() {
            self.is_within_line = *last != b'\n';
        }
        write(bytes, how, io)?;
        Ok(())
    }

    /// On a terminal what comes next begins a line of its own.
    fn end_line(&mut self, how: How<'_>, io: &mut Io<'_>) -> Result<(), Stop> {
        if self.is_within_line && how.0 == Manner::Whole && is_terminal(how, io) {
            self.write(b"\n", how, io)?;
        }
        Ok(())
    }

    /// Shows what waits for an end that does not come.
    fn flush(&mut self, how: How<'_>, io: &mut Io<'_>) -> Result<(), Stop> {
        let begun = std::mem::take(&mut self.begun);
        self.write(&begun, how, io)
    }
}

fn is_terminal(how: How<'_>, io: &Io<'_>) -> bool {
    if how.2 == 0 { io.terminal } else { io.error_terminal }
}

fn write(bytes: &[u8], how: How<'_>, io: &mut Io<'_>) -> io::Result<()> {
    if bytes.is_empty() {
        return Ok(());
    }
    let terminal = is_terminal(how, io);
    let to = if how.2 == 0 { &mut *io.stdout } else { &mut *io.stderr };
    let shown = |bytes: &[u8]| match terminal {
        true => escape_bytes(bytes).into_bytes(),
        false => bytes.to_vec(),
    };
    let Manner::Lines { named } = how.0 else { return to.write_all(&shown(bytes)) };
    let prefix = if named { format!("{}: ", how.1) } else { String::new() };
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        to.write_all(&[prefix.as_bytes(), &shown(line), b"\n"].concat())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Bytes, Millis, Timestamp};
    use crate::cli::{NoFiles, Patience};

    /// Time that does not pass, and no signal.
    struct Still;

    impl Patience for Still {
        fn wall(&self) -> Timestamp {
            Timestamp(0)
        }

        fn now(&self) -> Millis {
            0
        }

        fn pause(&self, _: Millis) {}

        fn interrupted(&self) -> bool {
            false
        }
    }

    /// What comes of one server: pieces of its standard output with their places, then its result.
    fn shown(manner: Manner, pieces: &[(u64, &str)], result: Option<&Printed>) -> (String, u64) {
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        let mut io = Io {
            stdin: &mut &b""[..],
            stdout: &mut stdout,
            stderr: &mut stderr,
            files: &NoFiles,
            env: &|_| None,
            patience: &Still,
            interactive: false,
            terminal: false,
            error_terminal: false,
            demo: None,
        };
        let (mut shown, how) = (Shown::default(), (manner, "web-1", 0));
        for (at, text) in pieces {
            assert!(shown.take(*at, text.as_bytes(), how, &mut io).is_ok());
        }
        if let Some(result) = result {
            assert!(shown.fill(result, how, &mut io).is_ok());
            assert!(shown.flush(how, &mut io).is_ok());
        }
        let missing = shown.missing;
        (String::from_utf8(stdout).unwrap(), missing)
    }

    fn printed(head: &str, left_out: u64, tail: &str) -> Printed {
        let bytes = |text: &str| Bytes(text.as_bytes().to_vec());
        Printed { head: bytes(head), left_out, tail: bytes(tail) }
    }

    const LINES: Manner = Manner::Lines { named: true };

    #[test]
    fn every_byte_is_shown_once_wherever_reading_along_broke_off() {
        let result = printed("one\ntwo\n", 0, "");
        for pieces in [
            &[][..],
            &[(0, "one\ntwo\n")],
            &[(0, "on"), (2, "e\nt"), (5, "wo\n")],
            // It broke off, and another stream began before that.
            &[(0, "one\nt"), (0, "one\n"), (4, "two\n")],
            &[(0, "one"), (3, "\n"), (2, "e\ntw")],
        ] {
            let all = ("one\ntwo\n".to_owned(), 0);
            assert_eq!(shown(Manner::Whole, pieces, Some(&result)), all, "{pieces:?}");
            let lines = ("web-1: one\nweb-1: two\n".to_owned(), 0);
            assert_eq!(shown(LINES, pieces, Some(&result)), lines, "{pieces:?}");
        }
    }

    #[test]
    fn lines_are_shown_when_they_end() {
        assert_eq!(shown(LINES, &[(0, "a\nb")], None).0, "web-1: a\n");
        assert_eq!(shown(Manner::Lines { named: false }, &[(0, "a\n\nb")], None).0, "a\n\n");
        let long = "x".repeat(LINE_BYTES_MAX + 1);
        assert_eq!(shown(LINES, &[(0, &long)], None).0, format!("web-1: {long}\n"));
        let ended = shown(LINES, &[(0, "a")], Some(&printed("ab", 0, "")));
        assert_eq!(ended.0, "web-1: ab\n");
    }

    #[test]
    fn what_is_missing_is_what_nobody_has() {
        let result = printed("head\n", 100, "tail\n");
        let cut = ("web-1: head\nweb-1: [100 bytes left out]\nweb-1: tail\n".to_owned(), 100);
        assert_eq!(shown(LINES, &[], Some(&result)), cut);
        assert_eq!(shown(Manner::Whole, &[], Some(&result)), ("head\ntail\n".to_owned(), 100));
        // What was read along with is not missing.
        let along = format!("head\n{}", "y".repeat(60));
        let (text, missing) = shown(Manner::Whole, &[(0, &along)], Some(&result));
        assert_eq!((text, missing), (format!("{along}tail\n"), 40));
        let whole = format!("head\n{}tail\n", "y".repeat(100));
        assert_eq!(shown(Manner::Whole, &[(0, &whole)], Some(&result)), (whole, 0));
        // What went by before it was read is, even where it came into the result.
        let (text, missing) = shown(Manner::Whole, &[(0, "he"), (50, "z")], Some(&result));
        assert_eq!((text.as_str(), missing), ("heztail\n", 48 + 54));
    }
}
