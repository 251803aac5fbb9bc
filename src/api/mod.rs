//! Floor 6: the API, over the unix socket and HTTPS.
//!
//! Paths, fields, envelope and errors are Scalr's `v1beta0`; what Scalr has no word for is under
//! `grange`. It decides nothing: a request is somebody (by token, or by what the kernel says of
//! the process at the other end of the socket), a row of one table of routes, and an input; the
//! row calls the verb of `service`, which decides and commits.
//!
//! - `routes/` has the table: a row is method, path, words, filters, input, output and the call.
//!   It gives dispatch, and the description served at `/api/user.v1beta0.yml` ([`describe`]), so
//!   that neither can say what the other does not do.
//! - [`dispatch`] is the way of one request: who, which environment, body, deadline, verb, answer.
//! - [`call`] reads what a row is given; all faults of an input are told at once.
//! - [`listen`] is our own accept loop: deadlines on handshakes, heads, bodies and silence.
//! - [`crowd`] bounds connections of each user and address and of all: the longest idle gives way,
//!   and root and our own user get in whoever is there.
//! - [`body`] reads bodies: bounded each, all together, and in how many values they become.
//! - [`replay`] remembers answers by `Idempotency-Key`, so that a lost answer can be asked again.
//!
//! - [`upload`] takes a file while it arrives.
//! - [`flow`] answers with what comes over a stream from a server, while it comes.
//!
//! Verbs block, so they run on threads kept for that, a bounded number at once; who waits for
//! news (`waitMs`) holds no thread, but a [`Bell`] that the store's commit rings.
//!
//! To add a route: its verb in `service`, its constant in `wire` ([`crate::wire::api::route`]), a
//! row in `routes/`, its shape in `shape/` if it has a new one, a scenario in `tests/api`, which
//! runs on the real service. Nouns whose rows say path and words themselves are to be moved over.

mod answer;
mod bell;
mod body;
mod call;
mod crowd;
mod describe;
mod dispatch;
mod flow;
mod json;
mod listen;
mod replay;
mod routes;
mod shape;
mod stream;
mod upload;

pub use bell::Bell;
pub use listen::{Listener, bind_socket, serve};

use crate::base::{Clock, Millis, UserId, limit};
use crate::service::Service;
use crate::wire::api::JobView;
use std::collections::BTreeMap;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{Semaphore, watch};

/// Bounds of one API, so that a test can have them small.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Open connections of each listener, those of root and our own user aside.
    pub connections: usize,
    /// Of these, of one user of the socket or one address.
    pub connections_each: usize,
    /// Requests of one user that wait for events at once.
    pub event_waits_each: usize,
    /// Bodies in memory, all together, in bytes.
    pub bodies_bytes: usize,
    /// For TLS, for a request's head, and for its body.
    pub handshake: Millis,
    /// For one request, from its body to its answer.
    pub request: Millis,
    /// Largest body.
    pub body_bytes: usize,
    /// Verbs under way at once.
    pub verbs: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            connections: limit::API_CONNECTIONS_MAX,
            connections_each: limit::API_CONNECTIONS_EACH_MAX,
            event_waits_each: limit::API_EVENT_WAITS_EACH_MAX,
            bodies_bytes: limit::API_BODIES_BYTES_MAX,
            handshake: limit::API_HANDSHAKE_DEADLINE,
            request: limit::API_REQUEST_DEADLINE,
            body_bytes: limit::API_BODY_BYTES_MAX,
            verbs: limit::API_VERBS_MAX,
        }
    }
}

impl Limits {
    fn handshake(&self) -> Duration {
        Duration::from_millis(self.handshake)
    }
}

/// What the API stands on: the verbs, and what only whoever assembles the process knows.
pub struct Context {
    /// The verbs, which routes call as they are. Each takes the actor and decides itself.
    pub service: Arc<Service>,
    /// How the background jobs went; asked at each look at the status.
    pub jobs: Box<dyn Fn() -> Vec<JobView> + Send + Sync>,
    /// Users of this machine who are administrators on the unix socket, root aside.
    pub administrators: Vec<u32>,
}

/// What every request needs.
pub struct Api {
    context: Context,
    bell: Bell,
    clock: Arc<dyn Clock>,
    limits: Limits,
    answers: replay::Answers,
    working: Arc<Semaphore>,
    /// Room for the bodies of all requests.
    bodies: Arc<Semaphore>,
    /// Files under way at once.
    uploads: Arc<Semaphore>,
    /// Requests of each user that wait for events.
    followers: Mutex<BTreeMap<UserId, usize>>,
    waiting: AtomicUsize,
    stopping: watch::Sender<bool>,
}

impl Api {
    /// An API at the time of the service's clock. `bell` is rung after every commit.
    pub fn new(context: Context, bell: Bell, limits: Limits) -> Api {
        let clock = context.service.clock.clone();
        Api {
            context,
            bell,
            clock,
            limits,
            answers: replay::Answers::new(),
            working: Arc::new(Semaphore::new(limits.verbs)),
            bodies: Arc::new(Semaphore::new(body::units(limits.bodies_bytes))),
            uploads: Arc::new(Semaphore::new(limit::IMAGE_IMPORTS_MAX)),
            followers: Mutex::default(),
            waiting: AtomicUsize::new(0),
            stopping: watch::Sender::new(false),
        }
    }
}
