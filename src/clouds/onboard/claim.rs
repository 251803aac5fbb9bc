//! A name of this network name space, which one process at a time can have: the kernel lets go of
//! it with the process.

use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};

/// What came of claiming a name.
pub enum NameClaim {
    /// It is ours for as long as this is kept.
    Ours(UnixListener),
    /// A stranger has it, who is neither root nor us and keeps nobody out.
    Strangers,
    /// This process has it.
    Taken(i32),
}

/// Claims a name.
///
/// # Errors
/// What the system says; [`io::ErrorKind::ConnectionRefused`] where whoever had it goes just now.
pub fn claim(name: &str) -> io::Result<NameClaim> {
    let address = SocketAddr::from_abstract_name(name)?;
    match UnixListener::bind_addr(&address) {
        Ok(socket) => return Ok(NameClaim::Ours(socket)),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
        Err(error) => return Err(error),
    }
    let peer = getsockopt(&UnixStream::connect_addr(&address)?, PeerCredentials)?;
    let own = nix::unistd::geteuid().as_raw();
    if ![0, own].contains(&peer.uid()) {
        tracing::warn!(name, user = peer.uid(), pid = peer.pid(), "a stranger has taken our name");
        return Ok(NameClaim::Strangers);
    }
    Ok(NameClaim::Taken(peer.pid()))
}
