//! The certificate that the agents' port and the API show.

use super::authority::{Authority, KEY_BEGINS};
use super::{DAY, PkiError, file, parameters};
use crate::base::Timestamp;
use crate::base::hash::{hex, sha256};
use rcgen::{ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose, SanType};
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

/// Its file in `keys/`.
const FILE: &str = "server.pem";
/// Under 398 days, beyond which some clients refuse a server's certificate.
const LIFE: Duration = DAY.saturating_mul(365);
/// It is made again this long before it ends.
const RENEWED_BEFORE_END: Duration = DAY.saturating_mul(30);

/// A chain that ends in the authority, so that a fingerprint finds it there, and its key.
#[derive(Clone, PartialEq, Eq)]
pub struct ServerIdentity {
    /// Leaf, then authority; PEM.
    pub chain_pem: String,
    /// Private key, PEM.
    pub key_pem: String,
    /// Whether it was made just now; a listener that shows the one before should be told.
    pub renewed: bool,
}

/// The server's identity for these names and addresses: the one kept in `keys`, or a new one when
/// there is none, when it names others, or when it ends in less than 30 days. Cheap when nothing
/// is to be done; call it daily.
pub fn server_identity(
    authority: &Authority,
    keys: &Path,
    names: &[String],
    now: Timestamp,
) -> Result<ServerIdentity, PkiError> {
    let path = keys.join(FILE);
    let wanted = subject_names(names)?;
    if let Some(text) = file::read(&path)? {
        match unsealed(&text) {
            Some(text) => {
                if let Some(kept) = still_good(text, &wanted, authority, now) {
                    return Ok(kept);
                }
            }
            None => tracing::warn!(
                "{} was damaged or of an earlier version: the server's certificate is made anew",
                path.display()
            ),
        }
    }
    let key = KeyPair::generate().map_err(PkiError::Make)?;
    let mut params = parameters("Grange appliance".to_owned(), now, LIFE);
    params.subject_alt_names = wanted;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let certificate = params.signed_by(&key, &authority.issuer).map_err(PkiError::Make)?;
    let chain_pem = certificate.pem() + authority.certificate_pem();
    let key_pem = key.serialize_pem();
    file::write(&path, &sealed(&format!("{chain_pem}{key_pem}")))?;
    Ok(ServerIdentity { chain_pem, key_pem, renewed: true })
}

/// What the last line of the file begins with, which says what the rest is to be: a certificate
/// with a flipped bit is still one, and would be shown.
const SEAL: &str = "sha256 ";

fn sealed(text: &str) -> String {
    format!("{text}{SEAL}{}\n", hex(&sha256(text.as_bytes())))
}

fn unsealed(text: &str) -> Option<&str> {
    let (inner, _) = text.split_at(text.rfind(SEAL)?);
    (sealed(inner) == text).then_some(inner)
}

/// Whether a file is one of ours, as it was written.
pub fn is_server_file(path: &Path) -> bool {
    file::read(path).is_ok_and(|text| text.is_some_and(|text| unsealed(&text).is_some()))
}

/// Names and addresses as a certificate has them, each once.
fn subject_names(names: &[String]) -> Result<Vec<SanType>, PkiError> {
    let mut sorted: Vec<&String> = names.iter().collect();
    sorted.sort();
    sorted.dedup();
    let one = |name: &String| match name.parse::<IpAddr>() {
        Ok(address) => Ok(SanType::IpAddress(address)),
        Err(_) => {
            let text = name.as_str().try_into().map_err(|e| PkiError::Name(name.clone(), e))?;
            Ok(SanType::DnsName(text))
        }
    };
    sorted.into_iter().map(one).collect()
}

/// The kept identity if it is ours, names exactly these, and does not end soon. Anything else is
/// no loss: a new one is made.
fn still_good(
    text: &str,
    wanted: &[SanType],
    authority: &Authority,
    now: Timestamp,
) -> Option<ServerIdentity> {
    let (chain_pem, key_pem) = text.split_at(text.find(KEY_BEGINS)?);
    if !chain_pem.ends_with(authority.certificate_pem()) {
        return None;
    }
    KeyPair::from_pem(key_pem).ok()?;
    let (_, pem) = x509_parser::pem::parse_x509_pem(chain_pem.as_bytes()).ok()?;
    let (_, leaf) = X509Certificate::from_der(&pem.contents).ok()?;
    let named = leaf.subject_alternative_name().ok()??;
    let same = named.value.general_names.len() == wanted.len()
        && named.value.general_names.iter().zip(wanted).all(|(has, wants)| equal(has, wants));
    let ends_s = leaf.validity().not_after.timestamp();
    let renewed_s = ends_s - i64::try_from(RENEWED_BEFORE_END.as_secs()).ok()?;
    (same && now.0 / 1000 < renewed_s).then(|| ServerIdentity {
        chain_pem: chain_pem.to_owned(),
        key_pem: key_pem.to_owned(),
        renewed: false,
    })
}

fn equal(has: &GeneralName<'_>, wants: &SanType) -> bool {
    match (has, wants) {
        (GeneralName::DNSName(a), SanType::DnsName(b)) => *a == b.as_str(),
        (GeneralName::IPAddress(a), SanType::IpAddress(IpAddr::V4(b))) => *a == b.octets(),
        (GeneralName::IPAddress(a), SanType::IpAddress(IpAddr::V6(b))) => *a == b.octets(),
        _ => false,
    }
}
