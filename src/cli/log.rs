//! `grange server log`.
//!
//! A log goes on byte for byte into a file or a pipe; a terminal is shown what it would obey as an
//! escape. Ctrl-C ends it as it ends any program, and the appliance closes the stream.
//!
//! One that is followed outlives its stream. The place where one log goes on is found by what was
//! shown last of it; of several at once only what is new is shown, and that there is a gap.

use crate::base::limit::LOG_LINES_MAX;
use crate::base::text::escape_bytes;
use crate::base::{Code, Millis, Problem};
use crate::cli::exit::INTERRUPTED;
use crate::cli::wait::{self, Waited};
use crate::cli::{Done, Io, Stop, list as lists};
use crate::client::{Client, Flow, Heard};
use crate::wire::api::ServerView;
use crate::wire::api::logs::{LogAsked, StreamPiece};
use crate::wire::columns::logs::LOGS;
use crate::wire::stream::Body;
use std::time::Duration;

/// How long one look at a stream waits: silence and death are noticed by the client.
const LOOK: Duration = Duration::from_secs(1);

/// Says which logs a server has.
pub fn list(server: &ServerView, client: &Client, io: &mut Io<'_>, json: bool) -> Done {
    let logs = client.logs(&server.id)?;
    if json {
        io.json(&logs)?;
        return Ok(0);
    }
    if logs.is_empty() {
        put_line!(io.stderr, "{} has printed nothing yet that is kept", server.grange.name)?;
        return Ok(0);
    }
    lists::usual(&LOGS, &logs, io)?;
    Ok(0)
}

/// Shows what logs of a server say. Whoever follows them goes on when the appliance or the agent is
/// back, and is told of a gap.
pub fn read(
    server: &ServerView,
    asked: &LogAsked,
    client: &Client,
    io: &mut Io<'_>,
    json: bool,
) -> Done {
    let name = &server.grange.name;
    let mut flow = client.log(&server.id, asked)?;
    let mut reading = Reading { name, json, shown: Shown::default(), last: Vec::new() };
    let mut catch_up = None;
    loop {
        let (why, may_pass) = match reading.whole(&mut flow, &mut catch_up, io) {
            Ok(Broken { why: None, .. }) => return Ok(0),
            Ok(Broken { why: Some(why), interrupted: true }) => {
                put_line!(io.stderr, "grange: {why}")?;
                return Ok(INTERRUPTED);
            }
            Ok(Broken { why: Some(why), .. }) => (why, true),
            Err(Stop::Client(error)) => (error.to_string(), error.may_pass()),
            Err(error) => return Err(error),
        };
        if asked.follow != Some(true) || !may_pass {
            let text = format!("the log of {name} broke off: {why}");
            return Err(Problem::new(Code::ServiceUnavailable, text).into());
        }
        reading.shown.flush(io)?;
        put_line!(io.stderr, "grange: the log of {name} broke off: {why}; it goes on when it can")?;
        // Of one log what was shown last is looked for again; several do not come in one order.
        let lines = if asked.of.is_some() { LOG_LINES_MAX } else { 0 };
        let again = LogAsked { lines: Some(lines), ..asked.clone() };
        let looking = &wait::looking(client);
        match wait::until(COMES_BACK, io, |_| open_again(server, &again, looking))? {
            Waited::Found(opened) => flow = opened,
            Waited::Interrupted => return Ok(INTERRUPTED),
            Waited::Late => {
                let text = format!("the log of {name} has not come back: {why}");
                return Err(Problem::new(Code::ServiceUnavailable, text).into());
            }
        }
        catch_up = asked.of.is_some().then(Vec::new);
        if catch_up.is_none() {
            put_line!(
                io.stderr,
                "grange: it goes on here; what {name} printed meanwhile is missing"
            )?;
        }
    }
}

/// How long the appliance and an agent may be away before nobody waits for the log any more: an
/// upgrade with a restart of the machine.
const COMES_BACK: Millis = 600_000;
/// Bytes of what was shown last by which the place is found where the log goes on.
const LAST_BYTES: usize = 2048;
/// Bytes that are looked through for that place.
const CATCH_UP_BYTES_MAX: usize = 1024 * 1024;

/// The same log once it can be read; nothing while it cannot be for a reason that may pass.
fn open_again(
    server: &ServerView,
    asked: &LogAsked,
    client: &Client,
) -> Result<Option<Flow<StreamPiece>>, Stop> {
    let error = match client.log(&server.id, asked) {
        Ok(flow) => return Ok(Some(flow)),
        Err(error) => error,
    };
    let is_away = matches!(
        error.code(),
        Some(Code::UnacceptableState | Code::ServiceUnavailable | Code::ObjectNotFound)
    );
    match is_away && client.server(&server.id).is_ok_and(|now| now.status != "terminated") {
        true => Ok(None),
        false if error.may_pass() => Ok(None),
        false => Err(error.into()),
    }
}

/// How a stream ended: `None` where it came to its end.
struct Broken {
    why: Option<String>,
    interrupted: bool,
}

/// A log that is shown.
struct Reading<'a> {
    name: &'a str,
    json: bool,
    shown: Shown,
    /// The last of what was shown.
    last: Vec<u8>,
}

impl Reading<'_> {
    /// Shows what a stream says, to its end. What it says first is looked through for what was
    /// shown last, where that is wanted.
    fn whole(
        &mut self,
        flow: &mut Flow<StreamPiece>,
        catch_up: &mut Option<Vec<u8>>,
        io: &mut Io<'_>,
    ) -> Result<Broken, Stop> {
        let may_stop = catch_up.is_some();
        loop {
            let piece = match flow.next(LOOK)? {
                Heard::Piece(piece) => piece,
                Heard::Nothing => {
                    if let Some(missed) = catch_up.take() {
                        self.caught_up(missed, io)?;
                    }
                    // Before that a signal ends the process.
                    if may_stop && io.patience.interrupted() {
                        let why = Some("no longer following it".to_owned());
                        return Ok(Broken { why, interrupted: true });
                    }
                    continue;
                }
                Heard::End => StreamPiece::broken("it ended without a word"),
            };
            if piece == StreamPiece::default() {
                continue;
            }
            if let Some(end) = &piece.end {
                if let Some(missed) = catch_up.take() {
                    self.caught_up(missed, io)?;
                }
                if self.json {
                    io.json_line(&piece)?;
                }
                self.shown.flush(io)?;
                let why = (end != "whole").then(|| piece.why.clone().unwrap_or_default());
                return Ok(Broken { why, interrupted: false });
            }
            self.piece(piece, catch_up, io)?;
            io.stdout.flush()?;
        }
    }

    fn piece(
        &mut self,
        piece: StreamPiece,
        catch_up: &mut Option<Vec<u8>>,
        io: &mut Io<'_>,
    ) -> Result<(), Stop> {
        if let Some(missed) = catch_up.as_mut() {
            missed.extend(piece.into_bytes());
            if missed.len() > CATCH_UP_BYTES_MAX {
                let missed = catch_up.take().unwrap_or_default();
                self.caught_up(missed, io)?;
            }
            return Ok(());
        }
        if self.json {
            io.json_line(&piece)?;
        }
        match piece.lost {
            Some(lost) => {
                self.shown.flush(io)?;
                tell_lost(lost, self.name, io)
            }
            None => self.bytes(piece.into_bytes(), io),
        }
    }

    /// Shows of the last lines of a log what was not shown before it broke off.
    fn caught_up(&mut self, missed: Vec<u8>, io: &mut Io<'_>) -> Result<(), Stop> {
        let new = match place_after(&missed, &self.last) {
            Some(place) => missed[place..].to_vec(),
            None => {
                put_line!(
                    io.stderr,
                    "grange: some of the log of {} may be missing here",
                    self.name
                )?;
                missed
            }
        };
        if self.json && !new.is_empty() {
            io.json_line(&StreamPiece::from(Body::Data(new.clone())))?;
        }
        self.bytes(new, io)?;
        io.stdout.flush()?;
        Ok(())
    }

    fn bytes(&mut self, bytes: Vec<u8>, io: &mut Io<'_>) -> Result<(), Stop> {
        self.last.extend_from_slice(&bytes);
        let over = self.last.len().saturating_sub(LAST_BYTES);
        self.last.drain(..over);
        if !self.json {
            self.shown.write(bytes, io)?;
        }
        Ok(())
    }
}

/// Where some bytes go on after what was seen last; `None` where that is not among them.
fn place_after(bytes: &[u8], last: &[u8]) -> Option<usize> {
    if last.is_empty() {
        return Some(0);
    }
    (last.len()..=bytes.len()).rev().find(|end| bytes[..*end].ends_with(last))
}

fn tell_lost(bytes: u64, name: &str, io: &mut Io<'_>) -> Result<(), Stop> {
    match bytes {
        0 => put_line!(
            io.stderr,
            "grange: some of the log of {name} is missing here: it was rotated away or cut before \
             it was read"
        )?,
        bytes => put_line!(io.stderr, "grange: {bytes} bytes of {name} are missing here")?,
    }
    Ok(())
}

/// What a stream says, as it is shown.
#[derive(Default)]
pub struct Shown {
    /// The beginning of a character whose end has not come; for a terminal alone.
    begun: Vec<u8>,
}

impl Shown {
    /// Writes what came.
    pub fn write(&mut self, bytes: Vec<u8>, io: &mut Io<'_>) -> Result<(), Stop> {
        if !io.terminal {
            io.stdout.write_all(&bytes)?;
            return Ok(());
        }
        self.begun.extend(bytes);
        let whole = self.begun.len() - begun_character(&self.begun);
        let rest = self.begun.split_off(whole);
        io.stdout.write_all(escape_bytes(&self.begun).as_bytes())?;
        self.begun = rest;
        Ok(())
    }

    /// Writes what waits for its end, which does not come.
    pub fn flush(&mut self, io: &mut Io<'_>) -> Result<(), Stop> {
        let begun = std::mem::take(&mut self.begun);
        io.stdout.write_all(escape_bytes(&begun).as_bytes())?;
        Ok(())
    }
}

/// How many bytes at the end are the beginning of a character.
pub(super) fn begun_character(bytes: &[u8]) -> usize {
    match std::str::from_utf8(bytes) {
        Err(error) if error.error_len().is_none() => bytes.len() - error.valid_up_to(),
        // Where something before is no text, the last three bytes are looked at alone.
        Err(_) => (1..=3.min(bytes.len()))
            .find(|count| {
                let end = std::str::from_utf8(&bytes[bytes.len() - count..]);
                end.is_err_and(|error| error.valid_up_to() == 0 && error.error_len().is_none())
            })
            .unwrap_or(0),
        Ok(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::{begun_character, place_after};

    #[test]
    fn a_log_goes_on_after_what_was_seen_last_of_it() {
        assert_eq!(place_after(b"one\ntwo\nthree\n", b"two\n"), Some(8));
        assert_eq!(place_after(b"one\ntwo\n", b"two\n"), Some(8));
        assert_eq!(place_after(b"two\ntwo\n", b"two\n"), Some(8), "as little as there may be");
        assert_eq!(place_after(b"four\n", b"three\n"), None);
        assert_eq!(place_after(b"", b"three\n"), None);
        assert_eq!(place_after(b"one\n", b""), Some(0));
    }

    #[test]
    fn a_character_that_is_cut_waits_for_its_end() {
        let check =
            |bytes: &[u8], begun: usize| assert_eq!(begun_character(bytes), begun, "{bytes:?}");
        check(b"", 0);
        check(b"abc\n", 0);
        check("ä".as_bytes(), 0);
        check(&"aä".as_bytes()[..2], 1);
        check(&"a\u{20ac}".as_bytes()[..3], 2);
        check(&"a\u{1f600}".as_bytes()[..4], 3);
        check(b"\xff\xffa\xe2\x82", 2);
        check(b"\xffabc", 0);
        check(b"\x80\x80\x80\x80", 0);
    }
}
