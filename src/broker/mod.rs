//! Floor 3: the broker agents talk to, MQTT 3.1.1 over mutual TLS.
//!
//! rumqttd's router stands behind a gate of our own, because its network server must not face
//! agents: one idle socket stalls it, one bad client id kills it, and a client may take over
//! another's session. A connection's way:
//!
//! 1. [`doorway`]: it is one of a bounded number that have not said who they are; the oldest of
//!    the most crowded address gives way. Once it has spoken it waits for its turn, of which there
//!    are so many a second whoever comes.
//! 2. [`greet`]: TLS, then either enrolment ([`enrol`], the only thing without a certificate) or
//!    CONNECT. Who it is comes from its certificate alone; its client id has to say the same; and
//!    [`Admission`] has to let it in.
//! 3. [`roster`]: it takes its server's one seat, from which a newer connection of the same agent,
//!    a revocation or the end of the appliance can call it away at once. A copy of its identity
//!    cannot ([`history`]).
//! 4. [`session`]: every publish is checked and handed to [`Ingest`], which answers after the
//!    commit; only then does the PUBACK go out. Whatever is full stops the reading; how long it
//!    waits for what is [`patience`].
//! 5. Frames of streams are taken at once: the appliance has granted their bytes before, and what
//!    goes beyond is dropped. What agents are told of streams shares the way of orders out of
//!    [`roster`], leaves half of its places to them and is acknowledged by nobody.
//! 6. [`fanout`]: orders reach connections through the router, on topics and clients that never
//!    change, whoever comes and goes.
//!
//! What is not let through is counted and logged by kind ([`refused`]). Retained messages, wills,
//! QoS 2, wildcards and sessions that outlive a connection are not here: agents need none of them,
//! and each is state that a stranger could make grow. To add something agents may say, give it a
//! topic in `wire::topic`, a method in [`Ingest`], and a line in `session::Session::publish`; the
//! attacks are in `tests/fast.rs`, module `gate`.

mod doorway;
mod enrol;
mod fanout;
mod gate;
mod greet;
mod history;
mod pace;
mod patience;
mod refused;
mod roster;
mod session;

pub use doorway::Bounds;
pub use fanout::{FanoutFigures, NotSent, RouterGone};
pub use gate::{Broker, Figures, GateConfig, GateError, Identify};
pub use refused::Kind;

use gate::GateParts;

use crate::base::ServerId;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;

/// An answer that comes later.
pub type Later<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Where what agents say goes. Implemented on floor 4, handed in by `boot`.
pub trait Ingest: Send + Sync + 'static {
    /// A batch of readings (`wire::reading`). Answers once it is durable.
    fn readings(&self, from: ServerId, batch: Vec<u8>) -> Later<Result<(), Refusal>>;
    /// A message (`wire::agent::Message` as JSON). Answers once it is committed.
    fn message(&self, from: ServerId, json: Vec<u8>) -> Later<Result<(), Refusal>>;
    /// A frame of a stream (`wire::stream::Frame`), which is taken at once or dropped; the text
    /// says why an agent that behaves would not have sent it.
    fn frame(&self, _from: ServerId, _frame: &[u8]) -> Result<(), String> {
        Ok(())
    }
    /// An agent's connection began; its open orders should be sent.
    fn connected(&self, server: ServerId, address: SocketAddr);
    /// Somebody else shows the server's certificate while its agent lives, and was kept out.
    fn copied(&self, _server: ServerId, _agent: SocketAddr, _copy: SocketAddr) {}
    /// Its last connection ended.
    fn disconnected(&self, server: ServerId);
}

/// Who may come in. Implemented on floor 4, handed in by `boot`.
pub trait Admission: Send + Sync + 'static {
    /// Whether the server a certificate names may be connected: it exists, is not terminated, and
    /// the certificate's key is the one it enrolled with. Called for every CONNECT.
    fn admit(&self, server: ServerId, key_digest: [u8; 32]) -> Later<Result<(), Refusal>>;
    /// Trades a one-time token and a certificate request (PEM) for a certificate chain (PEM). The
    /// same token with the same key answers again, which is also how a certificate is renewed;
    /// with another key it is refused.
    fn enrol(
        &self,
        server: ServerId,
        token: String,
        csr_pem: String,
    ) -> Later<Result<String, Refusal>>;
}

/// Why something an agent sent was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It will never be taken: malformed, foreign, revoked. Acknowledged or disconnected, logged,
    /// not to be sent again.
    #[error("refused: {0}")]
    Never(String),
    /// The appliance cannot take it now. Not acknowledged; the agent sends it again.
    #[error("not now: {0}")]
    Later(String),
}
