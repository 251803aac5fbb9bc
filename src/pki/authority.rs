//! The authority itself: one key, one certificate, one fingerprint.

use super::{DAY, PkiError, file, parameters};
use crate::base::Timestamp;
use crate::base::hash::{hex, sha256};
use crate::base::kept::{self, KeptFate};
use rcgen::{BasicConstraints, IsCa, Issuer, KeyPair, KeyUsagePurpose, PublicKeyData};
use std::path::Path;
use x509_parser::prelude::{FromDer, X509Certificate};

/// Signs the server's and the agents' certificates.
pub struct Authority {
    pub(super) issuer: Issuer<'static, KeyPair>,
    certificate_pem: String,
    fingerprint: [u8; 32],
}

/// Its file in `keys/`.
const FILE: &str = "authority.pem";
/// An authority that ends takes every agent with it, so it outlives the machine.
const LIFE: std::time::Duration = DAY.saturating_mul(20 * 365);

impl Authority {
    /// Writes it again where its file is gone or holds something else, and says which it was.
    ///
    /// # Errors
    /// When the file cannot be written, or what is in its place cannot be set aside.
    pub fn put_back(&self, keys: &Path) -> Result<Option<KeptFate>, PkiError> {
        let path = keys.join(FILE);
        let is_ours = |found: &str| {
            Self::from_pem(found).is_some_and(|it| it.fingerprint_text() == self.fingerprint_text())
        };
        let fate = match file::read(&path) {
            Ok(Some(found)) if is_ours(&found) => return Ok(None),
            Ok(None) => KeptFate::Gone,
            Ok(Some(_)) | Err(_) => KeptFate::Changed,
        };
        if fate == KeptFate::Changed {
            kept::set_aside(&path).map_err(|e| PkiError::Write(path.clone(), e))?;
        }
        let text = self.certificate_pem.clone() + &self.issuer.key().serialize_pem();
        file::write(&path, &text).map(|()| Some(fate))
    }

    /// The authority kept in this directory, made now if there is none.
    pub fn open(keys: &Path, now: Timestamp) -> Result<Authority, PkiError> {
        let path = keys.join(FILE);
        let text = match file::read(&path)? {
            Some(text) => text,
            None => {
                let text = make(now)?;
                file::write(&path, &text)?;
                text
            }
        };
        Self::from_pem(&text).ok_or(PkiError::Damaged(path))
    }

    /// The authority that was made at the first start, and no other: one that is missing is an
    /// error, and so is one with another fingerprint than `expected`, where that is known.
    pub fn open_kept(keys: &Path, expected: Option<&str>) -> Result<Authority, PkiError> {
        let path = keys.join(FILE);
        let Some(text) = file::read(&path)? else { return Err(PkiError::Missing(path)) };
        let Some(authority) = Self::from_pem(&text) else { return Err(PkiError::Damaged(path)) };
        match (expected, authority.fingerprint_text()) {
            (Some(expected), found) if found != expected => {
                Err(PkiError::Another { path, found, expected: expected.to_owned() })
            }
            _ => Ok(authority),
        }
    }

    /// A certificate and its key in one text, as [`make`] writes them.
    fn from_pem(text: &str) -> Option<Authority> {
        let key = KeyPair::from_pem(&text[text.find(KEY_BEGINS)?..]).ok()?;
        let certificate_pem = text[..text.find(KEY_BEGINS)?].to_owned();
        let (_, der) = x509_parser::pem::parse_x509_pem(certificate_pem.as_bytes()).ok()?;
        let fingerprint = sha256(&der.contents);
        let (_, parsed) = X509Certificate::from_der(&der.contents).ok()?;
        if *parsed.public_key().subject_public_key.data != *PublicKeyData::der_bytes(&key) {
            return None;
        }
        let issuer = Issuer::from_ca_cert_pem(&certificate_pem, key).ok()?;
        Some(Authority { issuer, certificate_pem, fingerprint })
    }

    /// Its certificate, PEM.
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// SHA-256 of its certificate (DER): what user data carries, and what people compare.
    pub fn fingerprint(&self) -> [u8; 32] {
        self.fingerprint
    }

    /// The fingerprint as 64 hexadecimal digits.
    pub fn fingerprint_text(&self) -> String {
        hex(&self.fingerprint)
    }
}

/// Where the second half of an identity's file begins.
pub(super) const KEY_BEGINS: &str = "-----BEGIN PRIVATE KEY-----";

fn make(now: Timestamp) -> Result<String, PkiError> {
    let key = KeyPair::generate().map_err(PkiError::Make)?;
    let name = format!("Grange authority {}", &crate::base::random::secret_text()[..8]);
    let mut params = parameters(name, now, LIFE);
    // Nothing of ours is older, so an agent with a clock far behind fails on its own certificate
    // alone, which says so.
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.use_authority_key_identifier_extension = false;
    let certificate = params.self_signed(&key).map_err(PkiError::Make)?;
    Ok(certificate.pem() + &key.serialize_pem())
}
