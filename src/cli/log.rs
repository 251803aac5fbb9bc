//! `grange server log`.
//!
//! A log goes on byte for byte into a file or a pipe; a terminal is shown what it would obey as an
//! escape. Ctrl-C ends it as it ends any program, and the appliance closes the stream.

use crate::base::text::escape_bytes;
use crate::base::{Code, Problem};
use crate::cli::{Done, Io, Stop, list as lists};
use crate::client::{Client, Heard};
use crate::wire::api::ServerView;
use crate::wire::api::logs::{LogAsked, StreamPiece};
use crate::wire::columns::logs::LOGS;
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

/// Shows what logs of a server say.
pub fn read(
    server: &ServerView,
    asked: &LogAsked,
    client: &Client,
    io: &mut Io<'_>,
    json: bool,
) -> Done {
    let name = &server.grange.name;
    let mut flow = client.log(&server.id, asked)?;
    let mut shown = Shown::default();
    loop {
        let piece = match flow.next(LOOK)? {
            Heard::Piece(piece) => piece,
            Heard::Nothing => continue,
            Heard::End => StreamPiece::broken("it ended without a word"),
        };
        if piece == StreamPiece::default() {
            continue;
        }
        if json {
            io.json_line(&piece)?;
        }
        match (&piece.lost, &piece.end) {
            (Some(lost), _) => {
                shown.flush(io)?;
                tell_lost(*lost, name, io)?;
            }
            (None, Some(end)) => {
                shown.flush(io)?;
                let why = piece.why.clone().unwrap_or_default();
                return ended(end, &why, name);
            }
            (None, None) if json => {}
            (None, None) => shown.write(piece.into_bytes(), io)?,
        }
        io.stdout.flush()?;
    }
}

fn ended(end: &str, why: &str, name: &str) -> Done {
    if end == "whole" {
        return Ok(0);
    }
    let text = format!("the log of {name} broke off: {why}");
    Err(Problem::new(Code::ServiceUnavailable, text).into())
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
    use super::begun_character;

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
