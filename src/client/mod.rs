//! Floor 3: the typed client of our own API.
//!
//! CLI and TUI look and act through this and through nothing else, on the appliance as from
//! anywhere: one path, always used, so that what the API cannot do nobody can. A [`Client`] is
//! asked with the constant of a route ([`Client::ask`], [`Client::show`], [`Client::rows`]);
//! methods with names of their own only say the same shorter. It takes and gives the shapes of
//! `wire`, and fails with an [`Error`] that knows its exit code.
//!
//! Below it is a [`Transport`]: a request, a deadline, an answer. [`Http`] is ours, a small
//! HTTP/1.1 over any byte stream a [`Dial`] opens: the unix socket, or TLS from `net`. It keeps one
//! connection and uses it again; a connection that turns out to have been closed meanwhile is
//! replaced once, and because changes carry an `Idempotency-Key`, once is once there too.
//!
//! What comes over time (`flow`) has a connection of its own, and is given up when the appliance is
//! silent for too long.
//!
//! It blocks. Every exchange has a deadline over all of it (connecting, writing, every byte of the
//! answer), and answers have a size limit: an appliance that hangs costs its caller a deadline.
//!
//! To add a route: its constant beside its noun's shapes in `wire`; its transcript is in
//! `tests/cli`.

mod ask;
mod error;
mod farms;
mod flow;
mod house;
mod http1;
mod rollouts;
mod servers;
mod transport;
mod volumes;

pub use error::Error;
pub use flow::{Flow, Heard};
pub use house::Listing;
pub use http1::{Chunks, Stream};
pub use transport::{Dial, Http, Request, Response, Transport, Upload, https, socket};

use crate::base::limit::IMAGE_SILENCE;
use crate::base::{Millis, Secret, random};
use crate::wire::api::route::{Created, Query, Route, Shaped};
use crate::wire::api::{Errors, One};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::Arc;
use std::time::Duration;

/// Longest an exchange may take when nobody says otherwise: twice what the API gives a verb
/// would outwait it, half of it is when people give up.
pub const DEADLINE: Millis = 30_000;

/// A client of one appliance, acting in one environment.
#[derive(Clone)]
pub struct Client {
    transport: Arc<dyn Transport>,
    token: Option<Secret>,
    env: u64,
    deadline: Duration,
}

impl Client {
    /// A client over a transport, in environment 1, known by what the transport is known by.
    pub fn new(transport: Arc<dyn Transport>) -> Client {
        Client { transport, token: None, env: 1, deadline: Duration::from_millis(DEADLINE) }
    }

    /// The same, known by a bearer token, which always beats what the socket says.
    pub fn with_token(self, token: Option<Secret>) -> Client {
        Client { token, ..self }
    }

    /// The same, in another environment.
    pub fn with_env(self, env: u64) -> Client {
        Client { env, ..self }
    }

    /// The same, with another deadline for each exchange.
    pub fn with_deadline(self, deadline: Duration) -> Client {
        Client { deadline, ..self }
    }

    /// Where it talks to, for messages.
    pub fn address(&self) -> String {
        self.transport.address()
    }

    fn path(&self, rest: &str) -> String {
        format!("/api/v1beta0/user/{}/{rest}", self.env)
    }

    fn get(&self, rest: &str, deadline: Duration) -> Result<Response, Error> {
        self.exchange("GET", rest, Vec::new(), None, deadline)
    }

    fn change(
        &self,
        method: &'static str,
        rest: &str,
        input: &impl Serialize,
        revision: Option<u64>,
    ) -> Result<Response, Error> {
        let body = serde_json::to_vec(input).map_err(|e| Error::Shape(e.to_string()))?;
        let mut headers = vec![("Idempotency-Key", format!("{:016x}", random::fresh_seed()))];
        headers.extend(revision.map(|revision| ("If-Match", format!("\"{revision}\""))));
        self.exchange(method, rest, headers, Some(body), self.deadline)
    }

    fn exchange(
        &self,
        method: &'static str,
        rest: &str,
        mut headers: Vec<(&'static str, String)>,
        body: Option<Vec<u8>>,
        deadline: Duration,
    ) -> Result<Response, Error> {
        headers.extend(self.known_by());
        let request = Request { method, path: self.path(rest), headers, body };
        self.accepted(self.transport.exchange(&request, deadline)?)
    }

    /// Sends a file to a route that makes something of it; `deadline` is for that.
    pub fn upload<Q: Query, T: Shaped>(
        &self,
        route: &Route<Q, Created<T>>,
        query: &Q,
        file: Upload<'_>,
        deadline: Duration,
    ) -> Result<T, Error> {
        let path = self.path(&ask::asked(route.path, &[], query));
        let headers = self.known_by();
        let request = Request { method: route.method, path, headers, body: None };
        let silence = Duration::from_millis(IMAGE_SILENCE);
        let answer = self.transport.upload(&request, file, silence, deadline)?;
        Ok(read::<One<T>>(&self.accepted(answer)?)?.data)
    }

    /// What says who is asking.
    fn known_by(&self) -> Vec<(&'static str, String)> {
        let token = self.token.iter();
        token.map(|token| ("Authorization", format!("Bearer {}", token.reveal()))).collect()
    }

    /// An answer, if it is no refusal.
    fn accepted(&self, answer: Response) -> Result<Response, Error> {
        if (200..300).contains(&answer.status) {
            return Ok(answer);
        }
        match serde_json::from_slice::<Errors>(&answer.body) {
            Ok(errors) if !errors.errors.is_empty() => {
                Err(Error::Refused { status: answer.status, faults: errors.errors })
            }
            Ok(_) | Err(_) => Err(self.unexplained(answer.status)),
        }
    }
}

impl Client {
    /// What an answer says that is not in the API's own words.
    fn unexplained(&self, status: u16) -> Error {
        match status {
            502..=504 => Error::Proxy { address: self.address(), status },
            300..400 => Error::Shape(format!(
                "HTTP status {status}, another address: say the appliance's own"
            )),
            _ => Error::Shape(format!(
                "HTTP status {status} without an explanation: is this the Grange API?"
            )),
        }
    }
}

fn read<T: DeserializeOwned>(answer: &Response) -> Result<T, Error> {
    serde_json::from_slice(&answer.body).map_err(|e| Error::Shape(e.to_string()))
}

/// Percent-encodes all but the unreserved characters (RFC 3986, section 2.3).
fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(byte));
            }
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}
