//! Floor 3: the broker agents talk to, MQTT 3.1.1 over mutual TLS.
//!
//! rumqttd's router and codec stand behind a gate of our own, because its network server must not
//! face agents: one idle socket stalls it, one bad client id kills it, and a client may take over
//! another's session. The gate finishes TLS and CONNECT under a deadline, takes a connection's
//! identity from its certificate alone, checks every topic, and hands what agents send to
//! [`Ingest`], which answers after the commit; only then does the PUBACK go out. The router only
//! fans orders out to connections.

use crate::base::ServerId;
use std::future::Future;
use std::pin::Pin;

/// An answer that comes later.
pub type Later<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Where what agents say goes. Implemented on floor 4, handed in by `boot`.
pub trait Ingest: Send + Sync + 'static {
    /// A batch of readings (`wire::reading`). Answers once it is durable.
    fn readings(&self, from: ServerId, batch: Vec<u8>) -> Later<Result<(), Refusal>>;
    /// A message (`wire::agent::Message` as JSON). Answers once it is committed.
    fn message(&self, from: ServerId, json: Vec<u8>) -> Later<Result<(), Refusal>>;
    /// An agent's connection began; its open orders should be sent.
    fn connected(&self, server: ServerId, address: std::net::SocketAddr);
    /// Its last connection ended.
    fn disconnected(&self, server: ServerId);
}

/// Who may come in. Implemented on floor 4, handed in by `boot`.
pub trait Admission: Send + Sync + 'static {
    /// Whether the server a certificate names may be connected: it exists, is not terminated, and
    /// the certificate's key is the one it enrolled with. Called for every CONNECT.
    fn admit(&self, server: ServerId, key_digest: [u8; 32]) -> Later<Result<(), Refusal>>;
    /// Trades a one-time token and a certificate request (PEM) for a certificate chain (PEM). The
    /// same token with the same key answers again; with another key it is refused.
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
