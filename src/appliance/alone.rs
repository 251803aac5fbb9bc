//! One appliance for each installation: a copy of a state directory is the same installation, also
//! where nothing of its servers was copied, and both would launch what is declared.
//!
//! The name is one of the network name space, which the kernel lets go of with the process. What
//! runs in another one, or on another machine, is told by what servers are made of: the lease of
//! `clouds::onboard`, and the mark in each cloud account.

use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::time::{Duration, Instant};

/// How long a process that was killed may take to be gone.
const LEFT_WITHIN: Duration = Duration::from_secs(2);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// That this process alone is the appliance of an installation, for as long as it is kept.
pub struct Alone {
    _name: Option<UnixListener>,
}

impl Alone {
    /// Takes the name of an installation.
    ///
    /// # Errors
    /// [`io::ErrorKind::ResourceBusy`], with the process, where its appliance runs already; what
    /// the system says otherwise.
    pub fn take(installation: &str) -> io::Result<Alone> {
        let name = format!("grange-installation-{installation}");
        let address = SocketAddr::from_abstract_name(name)?;
        let begun = Instant::now();
        loop {
            match UnixListener::bind_addr(&address) {
                Ok(name) => return Ok(Alone { _name: Some(name) }),
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
                Err(error) => return Err(error),
            }
            let holder = holder(&address);
            // Whoever else is there and is neither root nor us cannot keep us out.
            if let Some((user, pid)) = holder
                && ![0, nix::unistd::geteuid().as_raw()].contains(&user)
            {
                tracing::warn!(user, pid, "a stranger has taken the name of this installation");
                return Ok(Alone { _name: None });
            }
            if begun.elapsed() > LEFT_WITHIN {
                let who = holder
                    .map_or("another process".to_owned(), |(_, pid)| format!("process {pid}"));
                let why = format!(
                    "{who} is the appliance of this installation already, from another directory: \
                     this one is a copy, and both would launch what is declared. Stop that one \
                     first, or start with an empty directory"
                );
                return Err(io::Error::new(io::ErrorKind::ResourceBusy, why));
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }
}

/// The user and the process that have a name.
fn holder(address: &SocketAddr) -> Option<(u32, i32)> {
    let peer = UnixStream::connect_addr(address).ok()?;
    let peer = getsockopt(&peer, PeerCredentials).ok()?;
    Some((peer.uid(), peer.pid()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_one_is_refused_with_whose_it_is_until_the_first_is_gone() {
        let id = format!("test-{}", std::process::id());
        let first = Alone::take(&id).unwrap();
        let refused = Alone::take(&id).map(drop).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::ResourceBusy);
        let own = format!("process {} is the appliance", std::process::id());
        assert!(refused.to_string().starts_with(&own), "{refused}");
        assert!(Alone::take(&format!("{id}-other")).is_ok());
        drop(first);
        assert!(Alone::take(&id).is_ok());
    }
}
