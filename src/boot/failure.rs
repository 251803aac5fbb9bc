//! Why an appliance could not be started, each with what was being done; exit codes by kind.

use crate::store::OpenError;
use std::net::SocketAddr;
use std::path::PathBuf;

/// A start that failed. Nothing is left running.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The config file.
    #[error(transparent)]
    Config(#[from] crate::boot::config::ConfigError),
    /// The state directory, as when somebody else has it.
    #[error("opening the state directory {0}")]
    Store(PathBuf, #[source] OpenError),
    /// A state directory that was used, without its store.
    #[error(
        "{0} has no store any more, though it was used ({1} is there): restore store.redb, \
         store.wal and store.mark from a backup, or name a new directory to begin anew"
    )]
    Emptied(PathBuf, &'static str),
    /// The readings' log.
    #[error("opening the readings")]
    Series(#[source] crate::series::SeriesError),
    /// Keys and certificates.
    #[error("opening the keys")]
    Keys(#[source] crate::pki::PkiError),
    /// TLS.
    #[error("setting up TLS")]
    Tls(#[source] crate::net::tls::TlsError),
    /// A port or socket that cannot be listened on.
    #[error("cannot listen on {0} (free it, or name another in the config file)")]
    Listen(String, #[source] std::io::Error),
    /// The platform of servers on this machine.
    #[error("opening the onboard platform")]
    Onboard(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Servers of this machine that another appliance manages.
    #[error("{0}")]
    Taken(String),
    /// First records or adopted steps.
    #[error("preparing the store")]
    Records(#[source] crate::base::Problem),
    /// Threads, the runtime, signals.
    #[error("starting {0}")]
    System(&'static str, #[source] std::io::Error),
    /// What the command was asked for cannot be written.
    #[error("writing the output")]
    Output(#[source] std::io::Error),
    /// The demo.
    #[error("{0}")]
    Demo(String),
}

impl StartError {
    /// A listener that could not be had.
    pub fn listen(address: SocketAddr, cause: std::io::Error) -> StartError {
        StartError::Listen(address.to_string(), cause)
    }

    /// The name of an installation that could not be had.
    pub fn alone(cause: std::io::Error) -> StartError {
        match cause.kind() {
            std::io::ErrorKind::ResourceBusy => StartError::Taken(cause.to_string()),
            _ => StartError::System("the appliance", cause),
        }
    }

    /// The exit code: 2 for what the person wrote, 5 for what is taken or a later version's, 1
    /// for the rest.
    pub fn exit_code(&self) -> u8 {
        match self {
            StartError::Config(_) => 2,
            StartError::Store(_, OpenError::InUse { .. } | OpenError::Newer { .. })
            | StartError::Taken(_)
            | StartError::Listen(..) => 5,
            StartError::Store(..)
            | StartError::Emptied(..)
            | StartError::Series(_)
            | StartError::Keys(_)
            | StartError::Tls(_)
            | StartError::Onboard(_)
            | StartError::Records(_)
            | StartError::System(..)
            | StartError::Output(_)
            | StartError::Demo(_) => 1,
        }
    }
}
