//! What dials: agents and the CLI.
//!
//! Both know the appliance by its own authority, either whole or as a fingerprint that came with
//! the user data or from a person. The chain the appliance shows ends in that authority, so a
//! fingerprint is enough to find it there, and then the chain is verified as any other.

use super::{ClientStream, Identity, TlsError, provider, roots};
use crate::base::hash::{same, sha256};
use crate::base::time::{Clock, Millis, WallClock};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, Error, RootCertStore,
    SignatureScheme, StreamOwned,
};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

/// Whom to believe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// Chains that end in one of these authorities (PEM).
    Authority(String),
    /// Chains that show an authority whose certificate (DER) has this SHA-256 digest.
    Fingerprint([u8; 32]),
    /// The one certificate (DER) that has this SHA-256 digest, whoever signed it, whatever name
    /// and dates are in it: who has its key is believed.
    Certificate([u8; 32]),
}

/// Whether the certificate must name what was dialled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Names {
    /// It must: whoever else holds a certificate of that authority is somebody else.
    Checked,
    /// Any server of that authority will do: ours signs one server alone, the appliance, and
    /// agents dial it by addresses that may change.
    Any,
}

/// The protocols spoken behind our handshakes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alpn {
    /// MQTT, on the agents' port.
    Mqtt,
    /// Enrolment, on the agents' port.
    Enrolment,
    /// HTTP/1.1.
    Http,
}

impl Alpn {
    /// Its name on the wire.
    pub fn name(self) -> &'static [u8] {
        match self {
            Alpn::Mqtt => b"mqtt",
            Alpn::Enrolment => b"grange-enrol/1",
            Alpn::Http => b"http/1.1",
        }
    }

    pub(super) fn from_name(name: &[u8]) -> Option<Alpn> {
        [Alpn::Mqtt, Alpn::Enrolment, Alpn::Http].into_iter().find(|a| a.name() == name)
    }
}

/// How to dial: whom to believe, as whom, and to say what.
pub fn client_config(
    trust: &Trust,
    names: Names,
    identity: Option<&Identity>,
    alpn: Alpn,
) -> Result<Arc<ClientConfig>, TlsError> {
    let anchor = match trust {
        Trust::Authority(pem) => Anchor::Roots(roots(pem)?),
        Trust::Fingerprint(digest) => Anchor::Fingerprint(*digest),
        Trust::Certificate(digest) => Anchor::Certificate(*digest),
    };
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Versions)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Verifier { anchor, names }));
    let mut config = match identity {
        None => builder.with_no_client_auth(),
        Some(identity) => {
            let resolver = rustls::sign::SingleCertAndKey::from(identity.certified.clone());
            builder.with_client_cert_resolver(Arc::new(resolver))
        }
    };
    config.alpn_protocols = vec![alpn.name().to_vec()];
    config.resumption = rustls::client::Resumption::disabled();
    Ok(Arc::new(config))
}

/// Shakes hands on an open connection; `name` is the host name or address that was dialled. The
/// caller sets the deadline.
pub async fn connect(
    config: &Arc<ClientConfig>,
    socket: tokio::net::TcpStream,
    name: &str,
) -> io::Result<ClientStream> {
    let connector = tokio_rustls::TlsConnector::from(config.clone());
    connector.connect(server_name(name)?, socket).await
}

/// Dials and shakes hands, blocking; that, and every read and write, ends with the deadline.
pub fn dial(
    config: &Arc<ClientConfig>,
    address: SocketAddr,
    name: &str,
    deadline: Duration,
) -> io::Result<Dialled> {
    let clock = WallClock::new();
    let socket = TcpStream::connect_timeout(&address, deadline)?;
    socket.set_nodelay(true)?;
    let deadline_ms = u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX);
    let mut connection =
        ClientConnection::new(config.clone(), server_name(name)?).map_err(io::Error::other)?;
    let mut hurried = DeadlineStream { socket, clock, deadline_ms };
    while connection.is_handshaking() {
        connection.complete_io(&mut hurried)?;
    }
    Ok(Dialled(StreamOwned::new(connection, hurried)))
}

/// A stream that [`dial`] opened.
pub struct Dialled(StreamOwned<ClientConnection, DeadlineStream>);

impl Dialled {
    /// The address that this machine has on its way there.
    pub fn local_address(&self) -> io::Result<SocketAddr> {
        self.0.sock.socket.local_addr()
    }

    /// Sets another deadline, counted from now: for the next exchange on the same stream.
    pub fn renew(&mut self, deadline: Duration) {
        let length_ms = u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX);
        let hurried = &mut self.0.sock;
        hurried.deadline_ms = hurried.clock.monotonic().saturating_add(length_ms);
    }
}

impl Read for Dialled {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for Dialled {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.0.write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

fn server_name(name: &str) -> io::Result<ServerName<'static>> {
    ServerName::try_from(name.to_owned())
        .map_err(|e| io::Error::new(io::ErrorKind::InvalidInput, e))
}

/// A socket whose reads and writes all end at one moment.
struct DeadlineStream {
    socket: TcpStream,
    clock: WallClock,
    deadline_ms: Millis,
}

impl DeadlineStream {
    fn left(&self) -> io::Result<Option<Duration>> {
        match self.deadline_ms.saturating_sub(self.clock.monotonic()) {
            0 => Err(io::ErrorKind::TimedOut.into()),
            left_ms => Ok(Some(Duration::from_millis(left_ms))),
        }
    }
}

impl Read for DeadlineStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.socket.set_read_timeout(self.left()?)?;
        self.socket.read(buffer).map_err(timed_out)
    }
}

impl Write for DeadlineStream {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.socket.set_write_timeout(self.left()?)?;
        self.socket.write(buffer).map_err(timed_out)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush()
    }
}

/// A socket's timeout reads `WouldBlock` on this platform, which says the wrong thing to people.
fn timed_out(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::WouldBlock => io::ErrorKind::TimedOut.into(),
        _ => error,
    }
}

#[derive(Debug)]
enum Anchor {
    Roots(RootCertStore),
    Fingerprint([u8; 32]),
    Certificate([u8; 32]),
}

#[derive(Debug)]
struct Verifier {
    anchor: Anchor,
    names: Names,
}

impl Verifier {
    fn verify(
        &self,
        leaf: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        roots: &RootCertStore,
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let parsed = ParsedCertificate::try_from(leaf)?;
        let algorithms = provider().signature_verification_algorithms.all;
        verify_server_cert_signed_by_trust_anchor(&parsed, roots, chain, now, algorithms)?;
        match self.names {
            Names::Checked => verify_server_name(&parsed, name)?,
            Names::Any => {}
        }
        Ok(ServerCertVerified::assertion())
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        _ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let pinned;
        let roots = match &self.anchor {
            Anchor::Roots(roots) => roots,
            Anchor::Certificate(digest) if same(&sha256(leaf), digest) => {
                return Ok(ServerCertVerified::assertion());
            }
            Anchor::Certificate(_) => return Err(CertificateError::UnknownIssuer.into()),
            Anchor::Fingerprint(digest) => {
                let shown = chain.iter().find(|c| same(&sha256(c), digest));
                let shown = shown.ok_or(CertificateError::UnknownIssuer)?;
                let mut only = RootCertStore::empty();
                only.add(shown.clone().into_owned())?;
                pinned = only;
                &pinned
            }
        };
        self.verify(leaf, chain, roots, name, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, leaf, signed, &provider().signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, leaf, signed, &provider().signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        provider().signature_verification_algorithms.supported_schemes()
    }
}
