//! Floor 6: the API over the unix socket and HTTPS.

pub mod verbs;

pub use verbs::Verbs;
