//! Answers that come over time: a line of JSON for each piece.

use super::http1::Chunks;
use super::transport::Transport;
use super::{Client, Error, Request, ask};
use crate::base::Millis;
use crate::base::limit::STREAM_PULSE;
use crate::wire::api::route::{Query, Route, Shaped, Streamed};
use std::fmt::Display;
use std::io;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Longest silence: an appliance that is there says so every [`STREAM_PULSE`].
const SILENCE: Millis = 6 * STREAM_PULSE;
/// Longest line: a frame of 8 KiB whose every byte JSON escapes with six.
const LINE_BYTES_MAX: usize = 128 * 1024;

/// An answer that is still coming about.
pub struct Flow<T> {
    transport: Arc<dyn Transport>,
    chunks: Chunks,
    /// Read, and no whole line yet.
    ahead: Vec<u8>,
    /// When something came last.
    heard: Instant,
    pieces: PhantomData<fn() -> T>,
}

/// What came.
#[derive(Debug, PartialEq, Eq)]
pub enum Heard<T> {
    /// A piece.
    Piece(T),
    /// Nothing in the time that was given.
    Nothing,
    /// The answer is whole.
    End,
}

impl Client {
    /// Asks for what comes over time.
    pub fn flow<Q: Query, T: Shaped>(
        &self,
        route: &Route<Q, Streamed<T>>,
        at: &[&dyn Display],
        query: &Q,
    ) -> Result<Flow<T>, Error> {
        let request = Request {
            method: route.method,
            path: self.path(&ask::asked(route.path, at, query)),
            headers: self.known_by(),
            body: None,
        };
        let (answer, chunks) = self.transport.begin(&request, self.deadline)?;
        match (self.accepted(answer)?, chunks) {
            (_, Some(chunks)) => Ok(Flow {
                transport: self.transport.clone(),
                chunks,
                ahead: Vec::new(),
                heard: Instant::now(),
                pieces: PhantomData,
            }),
            (_, None) => Err(Error::Shape("an answer in one piece".to_owned())),
        }
    }
}

impl<T: Shaped> Flow<T> {
    /// What comes next, waited for so long.
    pub fn next(&mut self, wait: Duration) -> Result<Heard<T>, Error> {
        let until = Instant::now() + wait;
        loop {
            if let Some(end) = self.ahead.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.ahead.drain(..=end).collect();
                let piece = serde_json::from_slice(&line);
                return piece.map(Heard::Piece).map_err(|e| Error::Shape(e.to_string()));
            }
            if self.ahead.len() > LINE_BYTES_MAX {
                return Err(Error::Shape("a line that does not end".to_owned()));
            }
            match self.chunks.more(until) {
                Ok(bytes) if bytes.is_empty() => return Ok(Heard::End),
                Ok(bytes) => {
                    self.ahead.extend(bytes);
                    self.heard = Instant::now();
                }
                Err(error) if is_wait(&error) => {
                    let silence = Duration::from_millis(SILENCE);
                    if self.heard.elapsed() < silence {
                        return Ok(Heard::Nothing);
                    }
                    return Err(self.transport.broken(io::ErrorKind::TimedOut.into(), silence));
                }
                Err(error) => return Err(self.transport.broken(error, wait)),
            }
        }
    }
}

/// Whether a read ended because its time was over.
fn is_wait(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}
