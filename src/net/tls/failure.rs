//! Why a handshake came to nothing, in a sentence for the person who dialled.

use crate::base::Timestamp;
use rustls::pki_types::UnixTime;
use rustls::{AlertDescription, CertificateError, Error};
use std::io;

/// What was wrong with the other end's TLS; `None` when the connection itself failed.
pub fn handshake_failure(error: &io::Error) -> Option<String> {
    let error = error.get_ref()?.downcast_ref::<Error>()?;
    Some(match error {
        Error::InvalidCertificate(why) => certificate(why),
        Error::InvalidMessage(_) => {
            "it does not speak TLS: plain HTTP or another service has that port".to_owned()
        }
        Error::AlertReceived(AlertDescription::NoApplicationProtocol)
        | Error::NoApplicationProtocol => {
            "it speaks TLS, and not HTTP: that is not the API's port".to_owned()
        }
        Error::AlertReceived(alert) => format!("it refused the connection ({alert:?})"),
        Error::PeerIncompatible(why) => {
            format!("it has no TLS version or cipher in common with this program ({why:?})")
        }
        Error::NoCertificatesPresented => "it shows no certificate".to_owned(),
        other => format!("TLS failed: {other}"),
    })
}

/// What stands against a connection over TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HandshakeFault {
    /// We do not believe whoever signed the other end's certificate.
    Authority,
    /// The other end does not believe us.
    Client,
    /// The other end does not speak TLS.
    NoTls,
    /// Something else, as a certificate that expired.
    Other,
}

/// The same as [`handshake_failure`] as a kind, also where it comes with the first answer.
pub fn handshake_fault(error: &io::Error) -> Option<HandshakeFault> {
    use AlertDescription as A;
    let error = error.get_ref()?.downcast_ref::<Error>()?;
    Some(match error {
        Error::InvalidCertificate(
            CertificateError::UnknownIssuer | CertificateError::BadSignature,
        ) => HandshakeFault::Authority,
        Error::InvalidMessage(_) => HandshakeFault::NoTls,
        Error::AlertReceived(
            A::CertificateRequired
            | A::BadCertificate
            | A::UnknownCA
            | A::CertificateUnknown
            | A::CertificateExpired
            | A::HandshakeFailure
            | A::AccessDenied
            | A::DecryptError,
        ) => HandshakeFault::Client,
        _ => HandshakeFault::Other,
    })
}

fn certificate(why: &CertificateError) -> String {
    match why {
        CertificateError::ExpiredContext { time, not_after } => format!(
            "its certificate expired at {}, and it is {} here: it needs a new one, or this \
             machine's clock is wrong",
            minute(*not_after),
            minute(*time)
        ),
        CertificateError::Expired => "its certificate expired".to_owned(),
        CertificateError::NotValidYetContext { time, not_before } => format!(
            "its certificate is not valid before {}, and it is {} here: one of the two clocks is \
             wrong",
            minute(*not_before),
            minute(*time)
        ),
        CertificateError::NotValidYet => "its certificate is not valid yet".to_owned(),
        CertificateError::NotValidForNameContext { presented, .. } => {
            let names: Vec<String> = presented.iter().map(|name| bare(name)).collect();
            format!("its certificate has another name: it is for {}", names.join(", "))
        }
        CertificateError::NotValidForName => "its certificate has another name".to_owned(),
        // Two authorities of ours have the same name, so that a signature of the other is wrong
        // rather than unknown.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "its certificate is not by the authority that was given: it is another appliance, or \
             --ca names the file of another"
                .to_owned()
        }
        CertificateError::Revoked => "its certificate was revoked".to_owned(),
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "its certificate is not one of a server".to_owned()
        }
        other => format!("its certificate cannot be accepted: {other}"),
    }
}

/// A name out of what the library says of it: `DnsName("grange.example")`, `IpAddress(10.0.0.5)`.
fn bare(name: &str) -> String {
    let inner = name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')'));
    inner.unwrap_or(name).trim_matches('"').to_owned()
}

/// A moment to the minute: `2026-11-29 02:20 UTC`.
fn minute(at: UnixTime) -> String {
    let at = i64::try_from(at.as_secs()).unwrap_or(i64::MAX / 1000);
    format!("{} UTC", Timestamp(at.saturating_mul(1000)).minute())
}
