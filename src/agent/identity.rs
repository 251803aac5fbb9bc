//! Who the agent is: a key it makes once, and the certificate it gets for it.
//!
//! The key is made before the first request and kept, so that an answer that was lost is simply
//! asked for again: the appliance gives the same token with the same key another certificate.
//! That is also how a certificate is renewed.

use super::state::State;
use super::transport::{EnrolError, Transport};
use crate::base::{Secret, ServerId, Timestamp};
use crate::net::tls::{DeviceKey, TlsError, validity};
use crate::wire::agent::{EnrolRequest, EnrolResponse, VERSION};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

const KEY: &str = "key.pem";
const CERTIFICATE: &str = "certificate.pem";

/// What a connection is opened with.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// The chain, leaf first.
    pub certificate_pem: String,
    /// Its private key.
    pub key_pem: Secret,
}

/// How a certificate stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// To be used.
    Good,
    /// To be used, and to be renewed.
    Due,
    /// Not there, not readable, or over.
    None,
}

/// What stood in the way of a certificate.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The state directory.
    #[error("keeping the agent's key and certificate")]
    State(#[from] io::Error),
    /// The key.
    #[error("making the agent's key")]
    Key(#[from] TlsError),
    /// The appliance.
    #[error(transparent)]
    Enrol(#[from] EnrolError),
    /// Its answer.
    #[error("reading the appliance's answer to the enrolment")]
    Answer(#[from] serde_json::Error),
}

/// The key, the certificate, and what it takes to get one.
pub struct Identity {
    state: Arc<State>,
    server: ServerId,
    token: Secret,
}

impl Identity {
    /// The identity of `server` in `state`.
    pub fn new(state: Arc<State>, server: ServerId, token: Secret) -> Identity {
        Identity { state, server, token }
    }

    /// What to open a connection with; `None` without a certificate.
    pub fn credentials(&self) -> io::Result<Option<Credentials>> {
        let certificate = self.state.text(CERTIFICATE)?;
        let key = self.state.text(KEY)?;
        Ok(certificate.zip(key).map(|(certificate_pem, key)| Credentials {
            certificate_pem,
            key_pem: Secret::new(key),
        }))
    }

    /// How the certificate stands at `now`: it is due when two thirds of its validity are over.
    pub fn standing(&self, now: Timestamp) -> Standing {
        let Ok(Some(credentials)) = self.credentials() else { return Standing::None };
        validity(&credentials.certificate_pem)
            .map_or(Standing::None, |(from, to)| standing(from, to, now))
    }

    /// Asks the appliance for a certificate and keeps it. Blocks until the deadline at most.
    pub fn enrol(
        &self,
        transport: &dyn Transport,
        address: SocketAddr,
        deadline: Duration,
    ) -> Result<(), IdentityError> {
        let request = EnrolRequest {
            v: VERSION,
            server: self.server,
            token: self.token.clone(),
            csr: self.key()?.request_pem()?,
        };
        let answer = transport.enrol(address, &serde_json::to_vec(&request)?, deadline)?;
        let answer: EnrolResponse = serde_json::from_slice(&answer)?;
        self.state.write(CERTIFICATE, answer.certificate.as_bytes())?;
        Ok(())
    }

    fn key(&self) -> Result<DeviceKey, IdentityError> {
        if let Some(pem) = self.state.text(KEY)? {
            return Ok(DeviceKey::from_pem(&pem)?);
        }
        let key = DeviceKey::generate()?;
        self.state.write(KEY, key.to_pem().as_bytes())?;
        Ok(key)
    }
}

fn standing(from: Timestamp, to: Timestamp, now: Timestamp) -> Standing {
    // A server whose clock is wrong finds out from the appliance, not here, unless it is over.
    if now >= to {
        return Standing::None;
    }
    if now.since(from) >= to.since(from) / 3 * 2 { Standing::Due } else { Standing::Good }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_are_renewed_at_two_thirds() {
        let check = |now: i64, expected: Standing| {
            assert_eq!(standing(Timestamp(100), Timestamp(400), Timestamp(now)), expected, "{now}");
        };
        check(50, Standing::Good);
        check(299, Standing::Good);
        check(300, Standing::Due);
        check(399, Standing::Due);
        check(400, Standing::None);
        // Thirds are cut, and a clock that is far behind is not the agent's to judge.
        let uneven = |now| standing(Timestamp(0), Timestamp(101), Timestamp(now));
        assert_eq!([uneven(65), uneven(66)], [Standing::Good, Standing::Due]);
    }
}
