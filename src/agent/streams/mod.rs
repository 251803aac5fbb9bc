//! Streams to the appliance: what the server prints, sent while somebody reads it.
//!
//! The appliance opens a stream and grants bytes. Frames go out in turns, a few KiB ten times a
//! second over all streams and only while the connection takes them at once, so that messages and
//! readings never wait for them. Nothing is kept: a stream ends with its connection, and where the
//! reader is slow it is the log on disk that waits.
//!
//! [`logs`] says which logs there are, [`tail`] reads one on while it is written and rotated.
//! What a command prints is in [`super::live`].

mod logs;
mod tail;

pub use logs::Logs;

use super::live::{LiveOutputs, LiveReader};
use crate::base::limit::{
    STREAM_CHUNK_BYTES_MAX, STREAM_FRAME_BYTES, STREAM_LOOK_EVERY, STREAM_TURN, STREAM_TURN_BYTES,
    STREAM_UNREAD_MAX, STREAMS_OF_SERVER_MAX,
};
use crate::wire::stream::{Body, Control, Frame, Source, Verb};
use logs::Tails;
use std::collections::VecDeque;
use std::path::Path;
use std::time::Duration;
use tokio::time::Instant;

/// Frames of one turn: with ten turns a second, half of the packets an agent may send.
const TURN_FRAMES: usize = 5;

/// Every stream that is open on this connection.
pub struct Streams {
    logs: Logs,
    commands: LiveOutputs,
    /// The next to send is the first.
    open: VecDeque<Stream>,
    next: Instant,
}

/// One of them.
struct Stream {
    number: u64,
    credit: usize,
    reading: Reading,
    /// Said before what is read, whatever was granted: it costs nothing.
    said: Option<Body>,
    /// Since when there was something to send and nothing granted.
    unread_since: Option<Instant>,
}

/// What a stream is read from.
enum Reading {
    /// A text that is known.
    Text(VecDeque<u8>),
    /// Logs.
    Tails(Tails),
    /// A command that runs.
    Command(LiveReader),
    /// Nothing any more: its last word is said.
    Over,
}

/// What a stream has for its next frame.
enum Found {
    Frame(Body),
    /// There may be more later.
    Nothing,
    /// There is more than it may send now.
    Unread,
}

impl Streams {
    /// None, over the logs below an agent's state directory and a server's home, and over what
    /// commands print.
    pub fn below(state: &Path, home: &Path, commands: LiveOutputs) -> Streams {
        Streams { commands, ..Streams::new(Logs::new(state, home), Instant::now()) }
    }

    /// None, over these logs.
    pub fn new(logs: Logs, now: Instant) -> Streams {
        Streams { logs, commands: LiveOutputs::default(), open: VecDeque::new(), next: now }
    }

    /// The connection ended or a new one began: what was open is over.
    pub fn clear(&mut self) {
        self.open.clear();
    }

    /// Does what the appliance says of a stream.
    pub fn obey(&mut self, control: Control, now: Instant) {
        self.next = now;
        match control.verb {
            Verb::Open { source, credit } => self.begin(control.stream, source, credit as usize),
            Verb::Grant { credit } => {
                let of_it = self.open.iter_mut().find(|stream| stream.number == control.stream);
                if let Some(stream) = of_it {
                    stream.credit = stream.credit.saturating_add(credit as usize);
                    stream.unread_since = None;
                }
            }
            Verb::Close => self.open.retain(|stream| stream.number != control.stream),
        }
    }

    fn begin(&mut self, number: u64, source: Source, credit: usize) {
        let reading = match source {
            _ if self.open.len() >= STREAMS_OF_SERVER_MAX => {
                Err(format!("{STREAMS_OF_SERVER_MAX} streams of this server are read already"))
            }
            Source::Logs => self.listed(),
            Source::Log { of, lines, follow } => {
                Tails::begin(&self.logs, of, lines as usize, follow).map(Reading::Tails)
            }
            Source::Command { order } => match self.commands.read(order) {
                Some(reader) => Ok(Reading::Command(reader)),
                None => Err(format!("order {order} runs no command here now")),
            },
        };
        let (reading, said) = match reading {
            Ok(reading) => (reading, Body::Open),
            Err(why) => (Reading::Over, Body::Refused(why)),
        };
        let said = Some(said);
        self.open.push_back(Stream { number, credit, reading, said, unread_since: None });
    }

    fn listed(&self) -> Result<Reading, String> {
        let json = serde_json::to_vec(&self.logs.list()).map_err(|e| e.to_string())?;
        Ok(Reading::Text(json.into()))
    }

    /// When there may be something to send; `None` while nothing is open.
    pub fn next(&self) -> Option<Instant> {
        (!self.open.is_empty()).then_some(self.next)
    }

    /// The frames of a turn, if it is time for one.
    pub fn turn(&mut self, now: Instant) -> Vec<Frame> {
        if self.open.is_empty() || now < self.next {
            return Vec::new();
        }
        let (mut frames, mut left) = (Vec::new(), STREAM_TURN_BYTES);
        let mut without_news = 0;
        while without_news < self.open.len() && frames.len() < TURN_FRAMES && left > 0 {
            let Some(mut stream) = self.open.pop_front() else { break };
            let number = stream.number;
            match stream.find(left, &self.logs, now) {
                Found::Frame(body) => {
                    without_news = 0;
                    left = left.saturating_sub(body.cost());
                    if !body.is_last() {
                        self.open.push_back(stream);
                    }
                    frames.push(Frame { stream: number, body });
                }
                Found::Nothing | Found::Unread => {
                    without_news += 1;
                    self.open.push_back(stream);
                }
            }
        }
        let pause = if frames.is_empty() { STREAM_LOOK_EVERY } else { STREAM_TURN };
        self.next = now + Duration::from_millis(pause);
        frames
    }

    /// The connection has no room now: the turn comes later.
    pub fn wait(&mut self, now: Instant) {
        self.next = now + Duration::from_millis(STREAM_TURN);
    }
}

impl Stream {
    /// What it has to send next, in at most so many bytes.
    fn find(&mut self, at_most: usize, logs: &Logs, now: Instant) -> Found {
        if let Some(said) = self.said.take() {
            return Found::Frame(said);
        }
        let granted = self.credit.saturating_sub(STREAM_FRAME_BYTES);
        let room = granted.min(at_most).min(STREAM_CHUNK_BYTES_MAX);
        if room == 0 {
            return self.unread(granted, now);
        }
        let body = match &mut self.reading {
            Reading::Text(text) if text.is_empty() => Some(Body::End),
            Reading::Text(text) => {
                let part = text.drain(..room.min(text.len()));
                Some(Body::Data(part.collect()))
            }
            Reading::Tails(tails) => tails.read(room, logs),
            Reading::Command(reader) => reader.read(room),
            Reading::Over => Some(Body::End),
        };
        let Some(body) = body else { return Found::Nothing };
        self.credit = self.credit.saturating_sub(body.cost());
        Found::Frame(body)
    }

    /// Gives a reader up who has been granting nothing for long.
    fn unread(&mut self, granted: usize, now: Instant) -> Found {
        if granted > 0 {
            return Found::Unread;
        }
        let since = *self.unread_since.get_or_insert(now);
        if now < since + Duration::from_millis(STREAM_UNREAD_MAX) {
            return Found::Unread;
        }
        self.reading = Reading::Over;
        let seconds = STREAM_UNREAD_MAX / 1000;
        Found::Frame(Body::Broken(format!("nobody has read it for {seconds} s")))
    }
}

#[cfg(test)]
mod tests;
