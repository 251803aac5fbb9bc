//! Floor 1: how bytes leave, and how they come in.
//!
//! The only room that knows the TLS and HTTP libraries. Everybody else is handed a configuration
//! or a finished call:
//!
//! - [`tls`]: what the agents' port, the API, agents and the CLI say when they shake hands. One
//!   provider (ring) is named in every configuration, so nothing depends on what a process has
//!   installed. An agent knows the appliance by the fingerprint of its CA and dials addresses, so
//!   names are checked only for those who have one.
//! - [`http`]: calls to other people's servers, with a total deadline and a byte limit that no
//!   caller can leave out, and no proxy from the environment.
//! - [`exchange`]: one small HTTP/1.1 request over TLS to ourselves, where the library's own
//!   verification cannot do what a fingerprint asks.
//! - [`mqtt`]: the codec for what agents say.
//!
//! Not here: certificates (they are made in `pki`; this room only carries them), listeners, and
//! whoever decides what a peer may do.

pub mod exchange;
pub mod http;
pub mod mqtt;
pub mod tls;
