//! Streams from agents on their way to whoever reads them: in memory, bounded, never journaled.
//!
//! A reader opens a stream with [`open`] and takes its frames from a [`StreamReader`]; what it has
//! taken is granted to the agent anew, so that no more is ever held of a stream than
//! [`limit::STREAM_WINDOW_BYTES`]. Dropping the reader closes the stream. One that its agent's
//! connection took with it is broken, and says so; nothing is resumed here.
//!
//! Not here: deadlines. Whoever reads knows how long they wait; the API lets go of a reader who
//! takes nothing, and an agent ends a stream that is granted nothing.

use crate::base::{Code, Problem, Result, ServerId, UserId, limit};
use crate::wire::agent::VERSION;
use crate::wire::stream::{Body, Control, Source, Verb, decode};
use std::collections::{BTreeMap, BTreeSet};
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, ready};
use tokio::sync::mpsc;

/// Tells agents of streams. The broker does, handed in by `boot`.
pub trait StreamCourier: Send + Sync {
    /// Tells one; false where it is not connected, or has no room now.
    fn tell(&self, server: ServerId, control: Vec<u8>) -> bool;
}

/// Every stream there is.
#[derive(Clone, Default)]
pub struct Streams {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    inner: Mutex<Inner>,
    courier: OnceLock<Arc<dyn StreamCourier>>,
}

#[derive(Default)]
struct Inner {
    /// The number given last.
    last: u64,
    /// Agents that said, when they came in, that they send streams.
    able: BTreeSet<ServerId>,
    open: BTreeMap<u64, Stream>,
}

/// One that is open.
struct Stream {
    server: ServerId,
    user: UserId,
    /// What its agent may still send.
    credit: usize,
    /// Bounded by the credit: each frame costs some.
    reader: mpsc::UnboundedSender<Body>,
}

/// Where a stream comes out. Dropped, it closes the stream.
pub struct StreamReader {
    shared: Arc<Shared>,
    number: u64,
    frames: mpsc::UnboundedReceiver<Body>,
    /// Taken and not granted anew yet.
    taken: usize,
    ended: bool,
}

impl Streams {
    /// Says once how agents are told.
    pub fn connect(&self, courier: Arc<dyn StreamCourier>) {
        if self.shared.courier.set(courier).is_err() {
            tracing::warn!("agents are told of streams already");
        }
    }

    /// An agent came in; whether it sends streams.
    pub fn hello(&self, server: ServerId, able: bool) {
        let mut inner = self.shared.lock();
        match able {
            true => inner.able.insert(server),
            false => inner.able.remove(&server),
        };
    }

    /// Its server is gone.
    pub fn forget(&self, server: ServerId) {
        self.shared.lock().able.remove(&server);
    }

    /// Its agent's connection ended, or another one has begun: its streams are over.
    pub fn end_of(&self, server: ServerId) {
        let mut inner = self.shared.lock();
        if inner.open.is_empty() {
            return;
        }
        let of_it = inner.open.iter().filter(|(_, stream)| stream.server == server);
        let numbers: Vec<u64> = of_it.map(|(number, _)| *number).collect();
        for number in numbers {
            inner.end(number, Body::Broken("its agent's connection ended".to_owned()));
        }
    }

    /// Takes a frame to its reader.
    ///
    /// # Errors
    /// What an agent that behaves would not have sent.
    pub fn frame(&self, from: ServerId, bytes: &[u8]) -> std::result::Result<(), String> {
        let frame = decode(bytes).map_err(|bad| bad.to_string())?;
        let mut inner = self.shared.lock();
        let Some(stream) = inner.open.get_mut(&frame.stream) else {
            // It was closed while this was on its way.
            return Ok(());
        };
        if stream.server != from {
            return Err(format!("a frame of stream {}, which is another's", frame.stream));
        }
        let cost = frame.body.cost();
        if cost > stream.credit {
            let why = "its agent sent more than it was granted".to_owned();
            inner.end(frame.stream, Body::Broken(why.clone()));
            return Err(why);
        }
        stream.credit -= cost;
        if frame.body.is_last() {
            inner.end(frame.stream, frame.body);
        } else {
            // A reader that is gone has closed the stream, or is about to.
            stream.reader.send(frame.body).unwrap_or_default();
        }
        Ok(())
    }

    /// How many are open.
    pub fn count(&self) -> usize {
        self.shared.lock().open.len()
    }

    /// Opens one from a server whose agent is connected; `name` is the server's, for what is said.
    pub(in crate::service) fn open(
        &self,
        server: ServerId,
        user: UserId,
        name: &str,
        source: Source,
    ) -> Result<StreamReader> {
        let (reader, frames) = mpsc::unbounded_channel();
        let number = {
            let mut inner = self.shared.lock();
            inner.admit(server, user, name)?;
            inner.last += 1;
            let credit = limit::STREAM_WINDOW_BYTES;
            let number = inner.last;
            inner.open.insert(number, Stream { server, user, credit, reader });
            number
        };
        let opened =
            StreamReader { shared: self.shared.clone(), number, frames, taken: 0, ended: false };
        let verb = Verb::Open { source, credit: limit::STREAM_WINDOW_BYTES as u32 };
        match self.shared.tell(server, number, verb) {
            true => Ok(opened),
            false => Err(unavailable(format!("the agent of {name} cannot be told just now"))),
        }
    }
}

fn unavailable(text: String) -> Problem {
    Problem::new(Code::ServiceUnavailable, text)
}

impl Inner {
    fn admit(&self, server: ServerId, user: UserId, name: &str) -> Result<()> {
        if !self.able.contains(&server) {
            let text = format!("the agent of {name} is of a version that sends no streams");
            return Err(Problem::new(Code::UnacceptableState, text));
        }
        if self.open.len() >= limit::STREAMS_MAX {
            let text = format!("{} streams of servers are read already", limit::STREAMS_MAX);
            return Err(Problem::new(Code::LimitExceeded, text));
        }
        let of_user = self.open.values().filter(|stream| stream.user == user).count();
        if of_user >= limit::STREAMS_OF_USER_MAX {
            let text = format!("this user reads {of_user} streams of servers already");
            return Err(Problem::new(Code::LimitExceeded, text));
        }
        let of_server = self.open.values().filter(|stream| stream.server == server).count();
        if of_server >= limit::STREAMS_OF_SERVER_MAX {
            let text = format!("{of_server} streams of {name} are read already");
            return Err(Problem::new(Code::LimitExceeded, text));
        }
        Ok(())
    }

    fn end(&mut self, number: u64, last: Body) {
        if let Some(stream) = self.open.remove(&number) {
            stream.reader.send(last).unwrap_or_default();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, server: ServerId, stream: u64, verb: Verb) -> bool {
        let control = Control { v: VERSION, stream, verb };
        match (self.courier.get(), serde_json::to_vec(&control)) {
            (Some(courier), Ok(json)) => courier.tell(server, json),
            (None, _) | (_, Err(_)) => false,
        }
    }

    /// Grants a stream's agent more, if the stream is still open.
    fn grant(&self, number: u64, bytes: usize) {
        let server = {
            let mut inner = self.lock();
            let Some(stream) = inner.open.get_mut(&number) else { return };
            stream.credit += bytes;
            stream.server
        };
        let credit = u32::try_from(bytes).unwrap_or(u32::MAX);
        if !self.tell(server, number, Verb::Grant { credit }) {
            let why = "its agent does not read what it is told".to_owned();
            self.lock().end(number, Body::Broken(why));
        }
    }
}

impl StreamReader {
    /// The next frame; `None` after the last.
    pub async fn next(&mut self) -> Option<Body> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// The next frame when it is there. What was taken before is granted anew.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Body>> {
        if self.ended {
            return Poll::Ready(None);
        }
        if self.taken >= limit::STREAM_WINDOW_BYTES / 2 {
            self.shared.grant(self.number, std::mem::take(&mut self.taken));
        }
        let body = ready!(self.frames.poll_recv(cx));
        match &body {
            Some(body) => {
                self.taken += body.cost();
                self.ended = body.is_last();
            }
            None => self.ended = true,
        }
        Poll::Ready(body)
    }
}

impl Drop for StreamReader {
    fn drop(&mut self) {
        let Some(stream) = self.shared.lock().open.remove(&self.number) else { return };
        // An agent that cannot be told ends it once it is granted nothing more.
        self.shared.tell(stream.server, self.number, Verb::Close);
    }
}

#[cfg(test)]
mod tests;
