//! Floor 6: the machine itself. Install, uninstall, doctor.
//!
//! `grange <noun> <verb>` is the system; `appliance <verb>` is the machine it runs on. From the
//! binary alone a bare machine becomes an appliance, with one command that may be run twice: each
//! step looks first, does what is missing, and says what it did. What it wrote is a list
//! ([`layout::Layout`]), which is also what `uninstall` takes away again.
//!
//! Not here: what the appliance does once it runs (that is `service`), and how it is assembled
//! (that is `boot`).

pub mod command;
pub mod failure;
pub mod install;
pub mod layout;
pub mod start;
pub mod uninstall;

pub use failure::Failure;
pub use install::{InstallOptions, install};
pub use uninstall::{UninstallOptions, uninstall};

/// The user this process acts as; 0 is root.
pub fn own_uid() -> u32 {
    nix::unistd::geteuid().as_raw()
}
