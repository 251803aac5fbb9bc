//! Why an exchange with the appliance came to nothing.

use crate::base::Code;
use crate::wire::api::ErrorView;
use std::io;

/// What a method of the client fails with.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nobody there: no connection could be opened.
    #[error("connecting to {address}: {}", unreached(source))]
    Unreachable {
        /// Where to.
        address: String,
        /// What the system said.
        source: io::Error,
    },
    /// Somebody is there, and not the appliance that was asked for: TLS says so.
    #[error("connecting to {address}: {why}")]
    Untrusted {
        /// Where to.
        address: String,
        /// What is wrong with whoever answers.
        why: String,
    },
    /// A proxy answers that the appliance behind it does not.
    #[error(
        "a proxy at {address} says that it does not reach the appliance (HTTP status {status})"
    )]
    Proxy {
        /// Where to.
        address: String,
        /// HTTP status.
        status: u16,
    },
    /// The address is none.
    #[error("{url}: {message}")]
    Address {
        /// What was given.
        url: String,
        /// What would be right.
        message: String,
    },
    /// The connection broke before the answer was whole.
    #[error("talking to {address}: {}", broken(source))]
    Broken {
        /// Where to.
        address: String,
        /// What the system said.
        source: io::Error,
    },
    /// The deadline passed.
    #[error("{address} did not answer within {seconds} s")]
    Late {
        /// Where to.
        address: String,
        /// The deadline.
        seconds: u64,
    },
    /// What came is not what the API sends.
    #[error("not an answer of the Grange API: {0}")]
    Shape(String),
    /// The appliance understood, and refused.
    #[error("{}", list(faults))]
    Refused {
        /// HTTP status.
        status: u16,
        /// Every fault; at least one.
        faults: Vec<ErrorView>,
    },
}

fn list(faults: &[ErrorView]) -> String {
    faults.iter().map(say).collect::<Vec<_>>().join("; ")
}

fn say(fault: &ErrorView) -> String {
    match &fault.field {
        Some(field) => format!("{field}: {}", fault.message),
        None => fault.message.clone(),
    }
}

/// Why no connection could be opened.
fn unreached(source: &io::Error) -> String {
    match source.kind() {
        io::ErrorKind::NotFound if source.raw_os_error().is_some() => {
            format!("no such socket, so no appliance listens there ({source})")
        }
        io::ErrorKind::ConnectionRefused => format!("nobody listens there ({source})"),
        io::ErrorKind::PermissionDenied => {
            format!("this user may not use it; sudo, or --url with a token ({source})")
        }
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            format!("there is no way there from here ({source})")
        }
        io::ErrorKind::UnexpectedEof
        | io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe => {
            "it closed the connection before TLS was agreed on: is that the API's port?".to_owned()
        }
        _ => source.to_string(),
    }
}

/// Why an open connection broke.
fn broken(source: &io::Error) -> String {
    match source.kind() {
        io::ErrorKind::UnexpectedEof => {
            "it closed the connection before its answer was whole".to_owned()
        }
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
            format!("it dropped the connection ({source})")
        }
        _ => source.to_string(),
    }
}

impl Error {
    /// The kind, where the appliance gave one.
    pub fn code(&self) -> Option<Code> {
        match self {
            Error::Refused { faults, .. } => faults.first().and_then(|f| Code::named(&f.code)),
            Error::Unreachable { .. }
            | Error::Broken { .. }
            | Error::Late { .. }
            | Error::Proxy { .. } => Some(Code::ServiceUnavailable),
            Error::Address { .. } => Some(Code::InvalidValue),
            // Another try finds the same certificate and the same service.
            Error::Untrusted { .. } | Error::Shape(_) => None,
        }
    }

    /// The exit code of a command that ends with it.
    pub fn exit_code(&self) -> u8 {
        self.code().map_or(1, Code::exit_code)
    }

    /// One line for each fault.
    pub fn lines(&self) -> Vec<String> {
        match self {
            Error::Refused { faults, .. } => faults.iter().map(say).collect(),
            other => vec![other.to_string()],
        }
    }

    /// Whether there is nobody to talk to, as against somebody who refuses, or a socket that this
    /// user may not use.
    pub fn is_absence(&self) -> bool {
        let Error::Unreachable { source, .. } = self else { return false };
        source.kind() != io::ErrorKind::PermissionDenied
    }

    /// Whether the same question may well be answered in a moment: nobody answered, or somebody
    /// who is just stopping.
    pub fn may_pass(&self) -> bool {
        self.code() == Some(Code::ServiceUnavailable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_follow_the_kind() {
        let check = |code: &str, exit| {
            let fault = ErrorView { code: code.into(), ..ErrorView::default() };
            let error = Error::Refused { status: 400, faults: vec![fault] };
            assert_eq!(error.exit_code(), exit, "{code}");
        };
        check("InvalidValue", 2);
        check("ObjectNotFound", 3);
        check("PermissionViolation", 4);
        check("RevisionConflict", 5);
        check("LimitExceeded", 6);
        check("InternalServerError", 1);
        check("SomethingNewer", 1);
    }
}
