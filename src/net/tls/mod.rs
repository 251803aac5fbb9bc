//! TLS for both ends: configurations, identities, and the few calls around them.
//!
//! [`server`] has what listens, [`client`] what dials, [`failure`] what people are told when that
//! comes to nothing, [`key`] the key an agent makes for itself,
//! [`validity`](validity()) the dates it renews its certificate by.
//! Certificates are PEM texts at the edges of this module, so that nobody else needs the
//! library's types; its configurations and streams leave it only as opaque values.

pub mod client;
pub mod failure;
pub mod key;
pub mod server;
pub mod validity;

pub use client::{Alpn, Dialled, Names, Trust, client_config, connect, dial};
pub use failure::{HandshakeFault, handshake_failure, handshake_fault};
pub use key::DeviceKey;
pub use rustls::{ClientConfig, ServerConfig};
pub use server::{Peer, Serving, accept, agents_port, api_port};
pub use validity::validity;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use std::sync::{Arc, LazyLock};

/// A TLS stream of the listening end.
pub type ServerStream = tokio_rustls::server::TlsStream<tokio::net::TcpStream>;
/// A TLS stream of the dialling end.
pub type ClientStream = tokio_rustls::client::TlsStream<tokio::net::TcpStream>;

/// What was being done when TLS could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The text holds no certificate, or no PEM at all.
    #[error("reading certificates: no PEM certificate in it")]
    NoCertificate,
    /// The PEM is broken.
    #[error("reading PEM")]
    Pem(#[source] rustls::pki_types::pem::Error),
    /// Key and certificate do not belong together, or are of a kind nobody uses here.
    #[error("joining a certificate and its key")]
    Identity(#[source] rustls::Error),
    /// The authority's certificate cannot be trusted.
    #[error("taking a certificate authority")]
    Authority(#[source] rustls::Error),
    /// The check of client certificates cannot be built.
    #[error("building the check of client certificates")]
    ClientCheck(#[source] rustls::server::VerifierBuilderError),
    /// Versions or cipher suites do not fit together.
    #[error("choosing TLS versions")]
    Versions(#[source] rustls::Error),
    /// A key of our own cannot be read or used.
    #[error("reading a private key: {0}")]
    Key(String),
}

/// A certificate chain and its private key.
#[derive(Clone)]
pub struct Identity {
    pub(crate) certified: Arc<CertifiedKey>,
}

impl Identity {
    /// Reads a chain, leaf first, and its key; both texts may be the same one.
    pub fn from_pem(chain_pem: &str, key_pem: &str) -> Result<Identity, TlsError> {
        let chain = certificates(chain_pem)?;
        let key = PrivateKeyDer::from_pem_slice(key_pem.as_bytes()).map_err(TlsError::Pem)?;
        let certified =
            CertifiedKey::from_der(chain, key, &provider()).map_err(TlsError::Identity)?;
        Ok(Identity { certified: Arc::new(certified) })
    }
}

/// The cryptography of every configuration: ring, whatever else the process may have installed.
fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: LazyLock<Arc<CryptoProvider>> =
        LazyLock::new(|| Arc::new(rustls::crypto::ring::default_provider()));
    PROVIDER.clone()
}

/// Every certificate of a PEM text, at least one.
fn certificates(pem: &str) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let all: Vec<_> = CertificateDer::pem_slice_iter(pem.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(TlsError::Pem)?;
    if all.is_empty() { Err(TlsError::NoCertificate) } else { Ok(all) }
}

/// A store that trusts these authorities alone.
fn roots(pem: &str) -> Result<rustls::RootCertStore, TlsError> {
    let mut store = rustls::RootCertStore::empty();
    for certificate in certificates(pem)? {
        store.add(certificate).map_err(TlsError::Authority)?;
    }
    Ok(store)
}
