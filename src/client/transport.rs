//! A request, a deadline, an answer; and the one transport there is, over streams it dials.

use crate::client::Error;
use crate::client::http1::{self, Connection, Stream};
use std::io;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What is sent.
#[derive(Clone, Debug)]
pub struct Request {
    /// `GET`, `POST`, ...
    pub method: &'static str,
    /// Path and query.
    pub path: String,
    /// Headers beyond the ones every request has.
    pub headers: Vec<(&'static str, String)>,
    /// JSON, if any.
    pub body: Option<Vec<u8>>,
}

/// What comes back.
#[derive(Clone, Debug, Default)]
pub struct Response {
    /// HTTP status.
    pub status: u16,
    /// Headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, whole.
    pub body: Vec<u8>,
}

impl Response {
    /// A header's value by its lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }
}

/// Carries a request over and the answer back.
pub trait Transport: Send + Sync {
    /// One exchange, all of it within the deadline.
    fn exchange(&self, request: &Request, deadline: Duration) -> Result<Response, Error>;
    /// Where it goes, for messages.
    fn address(&self) -> String;
}

/// Opens a stream to the appliance within a time.
pub type Dial = Box<dyn Fn(Duration) -> io::Result<Box<dyn Stream>> + Send + Sync>;

/// HTTP/1.1 over whatever `dial` opens, with one connection kept for the next exchange.
pub struct Http {
    address: String,
    host: String,
    dial: Dial,
    idle: Mutex<Option<Connection>>,
}

/// The transport over the appliance's unix socket.
pub fn socket(path: PathBuf) -> Http {
    let address = path.display().to_string();
    Http::new(
        address,
        "localhost".to_owned(),
        Box::new(move |_| {
            // Connecting to a unix socket answers at once or, with a full backlog, when the
            // appliance accepts; the exchange's own deadline starts with the first byte.
            UnixStream::connect(&path).map(|stream| Box::new(stream) as Box<dyn Stream>)
        }),
    )
}

impl Http {
    /// A transport that dials so. `address` is for people, `host` is the `Host` header.
    pub fn new(address: String, host: String, dial: Dial) -> Http {
        Http { address, host, dial, idle: Mutex::new(None) }
    }

    fn idle(&self) -> Option<Connection> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn keep(&self, connection: Connection) {
        *self.idle.lock().unwrap_or_else(PoisonError::into_inner) = Some(connection);
    }

    fn over(
        &self,
        mut connection: Connection,
        request: &Request,
        until: Instant,
    ) -> Result<Response, io::Error> {
        let (response, reusable) = http1::exchange(&mut connection, &self.host, request, until)?;
        if reusable {
            self.keep(connection);
        }
        Ok(response)
    }

    fn fault(&self, source: io::Error, deadline: Duration) -> Error {
        let address = self.address.clone();
        match source.kind() {
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => {
                Error::Late { address, seconds: deadline.as_secs() }
            }
            io::ErrorKind::InvalidData => Error::Shape(source.to_string()),
            _ => Error::Broken { address, source },
        }
    }
}

impl Transport for Http {
    fn exchange(&self, request: &Request, deadline: Duration) -> Result<Response, Error> {
        let until = Instant::now() + deadline;
        if let Some(kept) = self.idle() {
            match self.over(kept, request, until) {
                Err(e) if http1::is_stale(&e) => {}
                other => return other.map_err(|e| self.fault(e, deadline)),
            }
        }
        let stream = (self.dial)(until.saturating_duration_since(Instant::now()))
            .map_err(|source| Error::Unreachable { address: self.address.clone(), source })?;
        self.over(Connection::new(stream), request, until).map_err(|e| self.fault(e, deadline))
    }

    fn address(&self) -> String {
        self.address.clone()
    }
}
