//! What connects servers on the machine with what is outside of it: ports that lead to them, and
//! their way out.

use crate::base::FarmRoleId;
use crate::model::Protocol;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

/// What tells one published port from the others.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PublicationKey {
    /// Whose servers it leads to.
    pub farm_role: FarmRoleId,
    /// The port that clients connect to on the machine.
    pub port: u16,
    /// Whether connections or datagrams are carried.
    pub protocol: Protocol,
    /// The one address of the machine's it is open at; `None` for every address it has.
    pub address: Option<IpAddr>,
}

/// A port of the machine and where it leads just now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Publication {
    /// What tells it from the others.
    pub key: PublicationKey,
    /// Servers that take new connections, in a stable order; with none, clients are turned away.
    pub servers: Vec<SocketAddr>,
}

/// How the servers of a platform are connected with what is outside of the machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerConnections {
    /// Every port of the machine that leads to some.
    pub published: Vec<Publication>,
    /// Farm roles whose servers reach what the machine reaches.
    pub outbound: BTreeSet<FarmRoleId>,
    /// What the servers of each farm call each other.
    pub names: Vec<FarmNames>,
}

/// The names in a farm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FarmNames {
    /// The farm's own, which names of its servers end in.
    pub farm: String,
    /// Farm roles whose servers know these names: farms of two environments may be called the same.
    pub farm_roles: BTreeSet<FarmRoleId>,
    /// Its servers that run, in a stable order.
    pub servers: Vec<NamedServer>,
}

/// A server as the others of its farm find it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedServer {
    /// Where it is.
    pub address: IpAddr,
    /// What it is called within its farm.
    pub hostname: String,
    /// Its farm role's alias, while it serves: whoever asks for that reaches it.
    pub serves: Option<String>,
}

impl ServerConnections {
    /// Whether nothing is wanted that has to be looked after; names stay as they were told.
    pub fn is_empty(&self) -> bool {
        self.published.is_empty() && self.outbound.is_empty()
    }
}

/// How a published port is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Published {
    /// What tells it from the others.
    pub key: PublicationKey,
    /// Where it is open.
    pub open: Vec<SocketAddr>,
    /// Why it is not open everywhere it should be; `None` when it is, or is about to be.
    pub wrong: Option<String>,
}
