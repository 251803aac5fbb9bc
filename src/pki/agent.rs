//! Agents' certificates: signing a request, and reading one back from a connection.

use super::{DAY, PkiError, parameters};
use crate::base::hash::sha256;
use crate::base::{ServerId, Timestamp};
use crate::pki::Authority;
use rcgen::{
    CertificateSigningRequestParams, ExtendedKeyUsagePurpose, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256, PublicKeyData, SanType,
};
use std::time::Duration;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

/// Life of an agent's certificate. It renews at two thirds, so an appliance may be away for 30
/// days before anybody has to go back to its token.
const LIFE: Duration = DAY.saturating_mul(90);
/// What the URI in an agent's certificate begins with; the server's id follows.
const URI_PREFIX: &str = "grange:server:";

/// A certificate made for an agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// The certificate and its authority, PEM.
    pub chain_pem: String,
    /// SHA-256 of its public key (`SubjectPublicKeyInfo`, DER): what the server is known by.
    pub key_digest: [u8; 32],
    /// When it ends.
    pub ends: Timestamp,
}

impl Authority {
    /// Signs an agent's request (PEM). Only its key is taken from it; subject, use and days are
    /// ours to say.
    pub fn sign_agent(
        &self,
        server: ServerId,
        request_pem: &str,
        now: Timestamp,
    ) -> Result<Signed, PkiError> {
        let key = request(request_pem)?.public_key;
        let mut params = parameters(server.to_string(), now, LIFE);
        let uri = format!("{URI_PREFIX}{server}");
        let text = uri.as_str().try_into().map_err(|e| PkiError::Name(uri.clone(), e))?;
        params.subject_alt_names = vec![SanType::URI(text)];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let certificate = params.signed_by(&key, &self.issuer).map_err(PkiError::Make)?;
        Ok(Signed {
            chain_pem: certificate.pem() + self.certificate_pem(),
            key_digest: sha256(&key.subject_public_key_info()),
            ends: now.after(u64::try_from(LIFE.as_millis()).unwrap_or(u64::MAX)),
        })
    }
}

/// The digest of a request's key, checked to be its signer's: whether it asks again, or is
/// somebody else.
pub fn request_key_digest(request_pem: &str) -> Result<[u8; 32], PkiError> {
    Ok(sha256(&request(request_pem)?.public_key.subject_public_key_info()))
}

/// Parses a request and verifies its signature.
fn request(pem: &str) -> Result<CertificateSigningRequestParams, PkiError> {
    let parsed = CertificateSigningRequestParams::from_pem(pem).map_err(PkiError::Request)?;
    if *parsed.public_key.algorithm() != PKCS_ECDSA_P256_SHA256 {
        return Err(PkiError::KeyKind);
    }
    Ok(parsed)
}

/// Which server a connection's certificate (DER) names, and the digest of its key. The handshake
/// has checked that the certificate is ours and that the peer holds the key.
pub fn identify(certificate: &[u8]) -> Result<(ServerId, [u8; 32]), PkiError> {
    let (_, parsed) = X509Certificate::from_der(certificate)
        .map_err(|_| PkiError::NotAnAgent("it cannot be parsed"))?;
    let names = parsed
        .subject_alternative_name()
        .map_err(|_| PkiError::NotAnAgent("it has more than one list of names"))?
        .ok_or(PkiError::NotAnAgent("it names nobody"))?;
    let [GeneralName::URI(uri)] = names.value.general_names.as_slice() else {
        return Err(PkiError::NotAnAgent("it does not name exactly one server"));
    };
    let id = uri.strip_prefix(URI_PREFIX).ok_or(PkiError::NotAnAgent("its URI is not ours"))?;
    let server: ServerId =
        id.parse().map_err(|_| PkiError::NotAnAgent("its URI holds no server id"))?;
    Ok((server, sha256(parsed.public_key().raw)))
}
