//! TLS to an engine: whom to believe and as whom to come, as an account says it.

use super::engine::Endpoint;
use crate::base::Secret;
use crate::clouds::CloudError;
use crate::clouds::platform::{AccountOpening, FieldFault};
use crate::net::tls::{
    Alpn, ClientConfig, Dialled, HandshakeFault, Identity, Names, TlsError, Trust, client_config,
    dial, handshake_failure, handshake_fault,
};
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// What is said of a port where our first words are not understood.
const NO_TLS: &str = "it does not speak TLS there: say another port, or no ca, pin, cert and key";

/// How an engine is spoken to over TLS.
#[derive(Clone)]
pub struct EngineTls {
    config: Arc<ClientConfig>,
    /// The name its certificate has to have.
    host: String,
}

impl std::fmt::Debug for EngineTls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "EngineTls({})", self.host)
    }
}

/// Reads what an account says of it; `None` where TLS is not spoken.
///
/// # Errors
/// The field that is wrong.
pub fn read(opening: &AccountOpening, at: &Endpoint) -> Result<Option<EngineTls>, FieldFault> {
    let fault = |field: &str, why: String| FieldFault { field: format!("options.{field}"), why };
    let said = |name: &str| opening.options.get(name).filter(|text| !text.is_empty());
    let (ca, pin, cert, key) = (said("ca"), said("pin"), said("cert"), opening.secret.as_ref());
    let first = [("ca", ca), ("pin", pin), ("cert", cert)].into_iter().find(|one| one.1.is_some());
    let Some(field) = first.map(|one| one.0).or(key.map(|_| "key")) else { return Ok(None) };
    let Endpoint::Tcp(place) = at else {
        return Err(fault(field, "TLS is for tcp:// endpoints".to_owned()));
    };
    let trust = match (ca, pin) {
        (Some(ca), None) => Trust::Authority(ca.clone()),
        (None, Some(pin)) => Trust::Certificate(read_pin(pin).map_err(|why| fault("pin", why))?),
        (Some(_), Some(_)) => return Err(fault("pin", "say ca or pin, not both".to_owned())),
        (None, None) => {
            let text = "say whom to believe: the engine's authority with ca, or its certificate's \
                        fingerprint with pin";
            return Err(fault("ca", text.to_owned()));
        }
    };
    let identity = identity(cert, key).map_err(|(field, why)| fault(field, why))?;
    let config = client_config(&trust, Names::Checked, identity.as_ref(), Alpn::Http);
    let config = config.map_err(|error| fault("ca", told(&error)))?;
    let host = place.rsplit_once(':').map_or(place.as_str(), |(host, _)| host);
    let host = host.trim_matches(['[', ']']).to_owned();
    Ok(Some(EngineTls { config, host }))
}

fn identity(
    cert: Option<&String>,
    key: Option<&Secret>,
) -> Result<Option<Identity>, (&'static str, String)> {
    match (cert, key) {
        (None, None) => Ok(None),
        (Some(_), None) => Err(("key", "cert needs its private key".to_owned())),
        (None, Some(_)) => Err(("cert", "key needs its certificate".to_owned())),
        (Some(cert), Some(key)) => match Identity::from_pem(cert, key.reveal()) {
            Ok(identity) => Ok(Some(identity)),
            Err(error @ TlsError::NoCertificate) => Err(("cert", told(&error))),
            Err(error) => Err(("key", told(&error))),
        },
    }
}

fn told(error: &TlsError) -> String {
    crate::base::problem::chain(error)
}

/// Reads `SHA256:ab12...`, or what openssl prints: `AB:12:...`.
fn read_pin(text: &str) -> Result<[u8; 32], String> {
    let lower = text.to_lowercase();
    let bare: String = lower.trim_start_matches("sha256:").chars().filter(|c| *c != ':').collect();
    let digit = |at: usize| bare.get(at..at + 2).and_then(|two| u8::from_str_radix(two, 16).ok());
    let bytes: Option<Vec<u8>> = (0..32).map(|n| digit(2 * n)).collect();
    let right = bytes.filter(|_| bare.len() == 64).and_then(|bytes| bytes.try_into().ok());
    right.ok_or_else(|| {
        "write 64 hexadecimal digits, as openssl x509 -fingerprint -sha256 does".to_owned()
    })
}

impl EngineTls {
    /// Dials and shakes hands.
    ///
    /// # Errors
    /// Nothing was sent: `Busy`, or `Credentials` where one of the two is not believed.
    pub fn dial(&self, address: SocketAddr, within: Duration) -> Result<Dialled, CloudError> {
        dial(&self.config, address, &self.host, within).map_err(|error| {
            let ended =
                matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset);
            refusal(&error).unwrap_or_else(|| match ended {
                true => CloudError::Busy(NO_TLS.to_owned()),
                false => CloudError::Busy(format!("nothing answers at {address}: {error}")),
            })
        })
    }
}

/// What an error of a connection says of TLS: then nothing of a request was heard.
pub fn refusal(error: &io::Error) -> Option<CloudError> {
    Some(match handshake_fault(error)? {
        HandshakeFault::Authority => CloudError::Credentials(
            "the engine's certificate is not by the authority that ca has, nor the one of pin"
                .to_owned(),
        ),
        HandshakeFault::Client => CloudError::Credentials(
            "the engine does not take our certificate: say cert and key that its --tlscacert \
             signed"
                .to_owned(),
        ),
        HandshakeFault::NoTls => CloudError::Busy(NO_TLS.to_owned()),
        HandshakeFault::Other => {
            CloudError::Credentials(handshake_failure(error).unwrap_or_default())
        }
    })
}

/// The field that such an error is about.
pub fn field_of(error: &CloudError) -> &'static str {
    let text = error.to_string();
    match () {
        () if text.contains("not by the authority") => "options.ca",
        () if text.contains("take our certificate") => "options.cert",
        () => "endpoint",
    }
}
