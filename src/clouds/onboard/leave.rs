//! Leaving the machine: for good, or as when it is switched off.

use super::failure::Failure;
use super::record::{self, Isolation, make_private};
use super::{LOCK_WAIT, Onboard, publish};

impl Onboard {
    /// Destroys every server, its volumes with `volumes`, and what the platform made of the
    /// machine: for the end of a demo and for uninstalling.
    ///
    /// # Errors
    /// When something cannot be removed; calling again goes on from there.
    pub fn remove_all(&self, volumes: bool) -> Result<(), Failure> {
        publish::end(&self.shelf.state)?;
        for directory in self.shelf.servers()? {
            self.terminate(&directory)?;
        }
        if volumes {
            record::remove_tree(&self.shelf.state.join("volumes"))?;
            make_private(&self.shelf.state.join("volumes"))?;
        }
        self.leave_machine()
    }

    /// Stops every server and takes away what the platform made of the machine, as switching the
    /// machine off would: servers and volumes stay on disk, stopped.
    ///
    /// # Errors
    /// When something cannot be stopped or removed; calling again goes on from there.
    pub fn stop_all(&self) -> Result<(), Failure> {
        publish::end(&self.shelf.state)?;
        for directory in self.shelf.servers()? {
            let _lock = directory.lock(LOCK_WAIT)?;
            self.halt(&directory, true)?;
            self.sweep(&directory, directory.record().ok().as_ref())?;
        }
        self.leave_machine()
    }

    fn leave_machine(&self) -> Result<(), Failure> {
        if self.isolation == Isolation::Namespaces {
            self.keep_in()?;
            self.cgroups.remove_all()?;
            self.place.remove_link(&self.place.bridge())?;
        }
        self.lease.forget()
    }
}
