//! How the appliance is reached: over TLS from `net`, or in tests over plain loopback.

use super::identity::Credentials;
use crate::net::exchange;
use crate::net::tls::{self, Alpn, Identity, Names, Trust, client_config};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

/// Largest answer to an enrolment: a chain of three certificates is under 4 KiB.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// A connection to speak MQTT on.
pub trait Wire: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Wire for T {}

/// A connection that is being made.
pub type Opening = Pin<Box<dyn Future<Output = io::Result<Box<dyn Wire>>> + Send>>;

/// Why enrolment did not work.
#[derive(Debug, thiserror::Error)]
pub enum EnrolError {
    /// The appliance says no.
    #[error("the appliance refuses to enrol this server: {0}")]
    Refused(String),
    /// It was not reached, or did not answer sensibly.
    #[error("asking for a certificate")]
    Failed(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// How the appliance is reached. The caller sets the deadline of [`Transport::open`].
pub trait Transport: Send + Sync + 'static {
    /// Posts an `EnrolRequest` and gives the answer's body. Blocks until the deadline at most.
    fn enrol(
        &self,
        address: SocketAddr,
        body: &[u8],
        deadline: Duration,
    ) -> Result<Vec<u8>, EnrolError>;
    /// Opens a connection for MQTT.
    fn open(&self, address: SocketAddr, credentials: Credentials) -> Opening;
}

/// TLS to an appliance known by its authority's fingerprint.
pub struct Tls {
    /// SHA-256 of the authority's certificate.
    pub authority: [u8; 32],
}

impl Transport for Tls {
    fn enrol(
        &self,
        address: SocketAddr,
        body: &[u8],
        deadline: Duration,
    ) -> Result<Vec<u8>, EnrolError> {
        let trust = Trust::Fingerprint(self.authority);
        let config = client_config(&trust, Names::Any, None, Alpn::Enrolment)
            .map_err(|error| EnrolError::Failed(error.into()))?;
        exchange::post(&config, address, "/enrol", body, ANSWER_BYTES_MAX, deadline).map_err(
            |error| match error {
                exchange::ExchangeError::Refused { status: 400..500, text, .. } => {
                    EnrolError::Refused(text)
                }
                other => EnrolError::Failed(other.into()),
            },
        )
    }

    fn open(&self, address: SocketAddr, credentials: Credentials) -> Opening {
        let trust = Trust::Fingerprint(self.authority);
        Box::pin(async move {
            let Credentials { certificate_pem, key_pem } = credentials;
            let identity =
                Identity::from_pem(&certificate_pem, key_pem.reveal()).map_err(io::Error::other)?;
            let config = client_config(&trust, Names::Any, Some(&identity), Alpn::Mqtt)
                .map_err(io::Error::other)?;
            let socket = TcpStream::connect(address).await?;
            socket.set_nodelay(true)?;
            let stream = tls::connect(&config, socket, &address.ip().to_string()).await?;
            Ok(Box::new(stream) as Box<dyn Wire>)
        })
    }
}
