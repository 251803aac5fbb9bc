//! Floor 3: our certificate authority.
//!
//! One authority a data directory, made at the first start. It signs two kinds of certificate:
//!
//! - the **server's** ([`server`]), which names every address people and agents dial, and is made
//!   again when those change or 30 days before it ends;
//! - **agents'** ([`agent`]), each naming one server in a URI. What a request wishes for is
//!   ignored; what counts is its key, and that whoever asks holds it.
//!
//! An agent renews when two thirds of its certificate's life are over, by enrolling again with the
//! same token and the same key: that is answered always, so that a lost answer, an expired
//! certificate and a renewal are all the same case and none locks a server out. There is no list
//! of revoked certificates either: on every connection the broker asks whether the server still
//! exists and has this key ([`identify`] reads both from the certificate), and a terminated
//! server's connection is cut at once.
//!
//! It also signs texts that leave the appliance and come back ([`signature`]).
//!
//! Clocks are not to be trusted on machines that just booted. So certificates start a day before
//! they are made, and the authority itself at a date no clock of ours should show.
//!
//! Each identity is one file in `keys/` with its certificates and its key, replaced whole, so that
//! no crash leaves a key without its certificate. Not here: who may have a certificate (floor 4
//! decides), and TLS (`net`).

pub mod agent;
pub mod authority;
mod file;
pub mod server;
pub mod signature;

pub use agent::{Signed, identify, request_key_digest};
pub use authority::Authority;
pub use server::{ServerIdentity, is_server_file, server_identity};
pub use signature::Verdict;

use crate::base::Timestamp;
use crate::base::random::fill_secret;
use rcgen::{CertificateParams, DistinguishedName, DnType, SerialNumber};
use std::path::PathBuf;
use std::time::Duration;

/// What was being done with keys and certificates when it failed.
#[derive(Debug, thiserror::Error)]
pub enum PkiError {
    /// A file of `keys/` could not be read.
    #[error("reading {0}")]
    Read(PathBuf, #[source] std::io::Error),
    /// A file of `keys/` could not be written.
    #[error("writing {0}")]
    Write(PathBuf, #[source] std::io::Error),
    /// A file of `keys/` is there but is not what we wrote. It is left alone: making a new
    /// authority would lock out every agent.
    #[error("reading {0}: it does not hold a certificate and its key; restore it from a backup")]
    Damaged(PathBuf),
    /// The authority's file is not there, and once was. Making another would lock out every agent.
    #[error(
        "{0} is missing, and every agent trusts the authority in it: put it back from a backup; \
         nothing was changed, and no other authority is made in its place"
    )]
    Missing(PathBuf),
    /// The authority's file holds another one than every agent trusts.
    #[error(
        "{path} holds the authority {found}, and every agent trusts {expected}: put the right file \
         back from a backup; nothing was changed"
    )]
    Another {
        /// Which file.
        path: PathBuf,
        /// The fingerprint of what is there.
        found: String,
        /// The fingerprint of what should be.
        expected: String,
    },
    /// A certificate or key could not be made.
    #[error("making a certificate")]
    Make(#[source] rcgen::Error),
    /// A text could not be signed.
    #[error("signing")]
    Sign(#[source] rcgen::Error),
    /// A name or address cannot stand in a certificate.
    #[error("naming {0:?} in a certificate")]
    Name(String, #[source] rcgen::Error),
    /// A request for a certificate is malformed, or its signature is not its key's.
    #[error("reading a certificate request")]
    Request(#[source] rcgen::Error),
    /// A request's key is not of the one kind we sign.
    #[error("reading a certificate request: its key is not ECDSA P-256")]
    KeyKind,
    /// A peer's certificate is not one we made for an agent.
    #[error("reading an agent's certificate: {0}")]
    NotAnAgent(&'static str),
}

/// How far certificates are backdated, for servers whose clock is behind.
const BACKDATED: Duration = Duration::from_secs(24 * 3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// What every certificate of ours begins with: a name, a random serial number, and its days.
fn parameters(common_name: String, now: Timestamp, life: Duration) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, "Grange");
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.serial_number = Some(serial_number());
    let since_1970 = Duration::from_millis(u64::try_from(now.0).unwrap_or(0));
    let made = rcgen::date_time_ymd(1970, 1, 1) + since_1970;
    params.not_before = made - BACKDATED;
    params.not_after = made + life;
    params.use_authority_key_identifier_extension = true;
    params
}

/// 127 random bits; the highest is clear, as a positive DER integer wants it (RFC 5280, 4.1.2.2).
fn serial_number() -> SerialNumber {
    let mut bytes = [0u8; 16];
    fill_secret(&mut bytes);
    bytes[0] &= 0x7f;
    bytes[0] |= 0x01;
    SerialNumber::from_slice(&bytes)
}

#[cfg(test)]
mod tests;
