//! The key an agent makes for itself, and its request for a certificate.
//!
//! The agent is kept slim, so this is the whole of PKCS #10 (RFC 2986) that it needs, written
//! out: no subject and no wishes, because the appliance decides what the certificate says. What
//! the signature proves is that whoever asks holds the key.

use super::TlsError;
use crate::base::hash::sha256;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject;

/// An ECDSA P-256 key.
pub struct DeviceKey {
    pkcs8: Vec<u8>,
    pair: EcdsaKeyPair,
}

impl DeviceKey {
    /// Makes a new one.
    pub fn generate() -> Result<DeviceKey, TlsError> {
        let random = SystemRandom::new();
        let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random)
            .map_err(|_| TlsError::Key("the system gave no randomness".into()))?;
        Self::from_pkcs8(made.as_ref().to_vec())
    }

    /// Reads one that [`DeviceKey::to_pem`] wrote.
    pub fn from_pem(pem: &str) -> Result<DeviceKey, TlsError> {
        let der = PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes()).map_err(TlsError::Pem)?;
        Self::from_pkcs8(der.secret_pkcs8_der().to_vec())
    }

    fn from_pkcs8(pkcs8: Vec<u8>) -> Result<DeviceKey, TlsError> {
        let random = SystemRandom::new();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &pkcs8, &random)
            .map_err(|e| TlsError::Key(e.to_string()))?;
        Ok(DeviceKey { pkcs8, pair })
    }

    /// PKCS #8 as PEM, for a file that only its owner reads.
    pub fn to_pem(&self) -> String {
        pem("PRIVATE KEY", &self.pkcs8)
    }

    /// A request for a certificate, PEM.
    pub fn request_pem(&self) -> Result<String, TlsError> {
        // Version 0, an empty name, our key, no attributes.
        let info = der(
            0x30,
            &[&[0x02, 0x01, 0x00], &[0x30, 0x00], &self.public_key_info(), &[0xa0, 0x00]],
        );
        let signature = self
            .pair
            .sign(&SystemRandom::new(), &info)
            .map_err(|_| TlsError::Key("signing with it failed".into()))?;
        let signature = der(0x03, &[&[0x00], signature.as_ref()]);
        Ok(pem("CERTIFICATE REQUEST", &der(0x30, &[&info, &ECDSA_WITH_SHA256, &signature])))
    }

    /// SHA-256 of the public key as certificates carry it.
    pub fn digest(&self) -> [u8; 32] {
        sha256(&self.public_key_info())
    }

    fn public_key_info(&self) -> Vec<u8> {
        let bits = der(0x03, &[&[0x00], self.pair.public_key().as_ref()]);
        der(0x30, &[&EC_PUBLIC_KEY_P256, &bits])
    }
}

/// `AlgorithmIdentifier` of a P-256 key: id-ecPublicKey, prime256v1 (RFC 5480).
const EC_PUBLIC_KEY_P256: [u8; 21] = [
    0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
    0xce, 0x3d, 0x03, 0x01, 0x07,
];

/// `AlgorithmIdentifier` of ecdsa-with-SHA256 (RFC 5758).
const ECDSA_WITH_SHA256: [u8; 12] =
    [0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];

/// One DER element: tag, length, and its parts one after the other. All of ours are short.
fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    let mut out = vec![tag];
    match u8::try_from(body.len()) {
        Ok(length @ ..0x80) => out.push(length),
        Ok(length) => out.extend([0x81, length]),
        Err(_) => {
            out.push(0x82);
            out.extend((body.len() as u16).to_be_bytes());
        }
    }
    out.extend(body);
    out
}

/// RFC 7468: base64 in lines of 64 between two markers.
fn pem(label: &str, der: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = format!("-----BEGIN {label}-----\n");
    for line in der.chunks(48) {
        for group in line.chunks(3) {
            let mut three = [0u8; 3];
            three[..group.len()].copy_from_slice(group);
            let bits = u32::from_be_bytes([0, three[0], three[1], three[2]]);
            for place in 0..4 {
                let digit = DIGITS[(bits >> (18 - 6 * place)) as usize & 0x3f];
                text.push(if place <= group.len() { char::from(digit) } else { '=' });
            }
        }
        text.push('\n');
    }
    text + &format!("-----END {label}-----\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_round_trip_and_requests_differ_only_in_their_signature() {
        let key = DeviceKey::generate().unwrap();
        let again = DeviceKey::from_pem(&key.to_pem()).unwrap();
        assert_eq!(again.digest(), key.digest());
        assert!(DeviceKey::from_pem("-----BEGIN PRIVATE KEY-----").is_err());
        assert!(key.request_pem().unwrap().starts_with("-----BEGIN CERTIFICATE REQUEST-----\n"));
    }
}
