//! What listens: the agents' port and the API.

use super::{Identity, ServerStream, TlsError, provider, roots};
use crate::net::tls::client::Alpn;
use rustls::ServerConfig;
use rustls::server::{
    ClientHello, NoServerSessionStorage, ResolvesServerCert, WebPkiClientVerifier,
};
use rustls::sign::CertifiedKey;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

/// The certificate a listener shows, which can be replaced while it listens.
pub struct Serving {
    current: RwLock<Arc<CertifiedKey>>,
}

impl Serving {
    /// Shows this one from the start.
    pub fn new(identity: Identity) -> Arc<Serving> {
        Arc::new(Serving { current: RwLock::new(identity.certified) })
    }

    /// Shows another one from the next handshake on; open connections stay.
    pub fn replace(&self, identity: Identity) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = identity.certified;
    }
}

impl fmt::Debug for Serving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Serving")
    }
}

impl ResolvesServerCert for Serving {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.read().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

/// The agents' port: TLS 1.3, a client certificate of our own authority or none at all.
///
/// Sessions are not resumed: what a resumed one may do would have to be asked anew anyway, and
/// stored sessions cost memory for every agent.
pub fn agents_port(
    serving: Arc<Serving>,
    authority_pem: &str,
) -> Result<Arc<ServerConfig>, TlsError> {
    let authorities = Arc::new(roots(authority_pem)?);
    let clients = WebPkiClientVerifier::builder_with_provider(authorities, provider())
        .allow_unauthenticated()
        .build()
        .map_err(TlsError::ClientCheck)?;
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(TlsError::Versions)?
        .with_client_cert_verifier(clients)
        .with_cert_resolver(serving);
    config.alpn_protocols =
        [Alpn::Mqtt, Alpn::Enrolment, Alpn::Http].iter().map(|a| a.name().to_vec()).collect();
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(Arc::new(config))
}

/// The API: TLS 1.2 and 1.3, callers say who they are in their requests.
pub fn api_port(serving: Arc<Serving>) -> Result<Arc<ServerConfig>, TlsError> {
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Versions)?
        .with_no_client_auth()
        .with_cert_resolver(serving);
    config.alpn_protocols = vec![Alpn::Http.name().to_vec()];
    Ok(Arc::new(config))
}

/// What the other end of a finished handshake showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The protocol agreed on, if it named one we know.
    pub alpn: Option<Alpn>,
    /// Its certificate (DER), already checked against the authority.
    pub certificate: Option<Vec<u8>>,
}

/// Shakes hands on a connection that came in. The caller sets the deadline.
pub async fn accept(
    config: &Arc<ServerConfig>,
    socket: tokio::net::TcpStream,
) -> std::io::Result<(ServerStream, Peer)> {
    let stream = tokio_rustls::TlsAcceptor::from(config.clone()).accept(socket).await?;
    let connection = stream.get_ref().1;
    let certificate =
        connection.peer_certificates().and_then(|chain| chain.first()).map(|c| c.to_vec());
    let alpn = connection.alpn_protocol().and_then(Alpn::from_name);
    Ok((stream, Peer { alpn, certificate }))
}
