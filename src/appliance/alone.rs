//! One appliance for each installation: a copy of a state directory is the same installation, also
//! where nothing of its servers was copied, and both would launch what is declared.
//!
//! The name is one of the network name space, which the kernel lets go of with the process. What
//! runs in another one, or on another machine, is told by what servers are made of: the lease of
//! `clouds::onboard`, and the mark in each cloud account.

use crate::clouds::onboard::{NameClaim, claim};
use std::io;
use std::os::unix::net::UnixListener;
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
        let begun = Instant::now();
        loop {
            let holder = match claim(&name) {
                Ok(NameClaim::Ours(name)) => return Ok(Alone { _name: Some(name) }),
                Ok(NameClaim::Strangers) => return Ok(Alone { _name: None }),
                Ok(NameClaim::Taken(pid)) => format!("process {pid}"),
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                    "another process".to_owned()
                }
                Err(error) => return Err(error),
            };
            if begun.elapsed() > LEFT_WITHIN {
                let why = format!(
                    "{holder} is the appliance of this installation already, from another \
                     directory: this one is a copy, and both would launch what is declared. Stop \
                     that one first, or start with an empty directory"
                );
                return Err(io::Error::new(io::ErrorKind::ResourceBusy, why));
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }
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
