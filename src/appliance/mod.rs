//! Floor 6: the machine itself. Install and uninstall.
//!
//! `grange <noun> <verb>` is the system; `appliance <verb>` is the machine it runs on. From the
//! binary alone a bare machine becomes an appliance, with one command that may be run twice: each
//! step looks first, does what is missing, and says what it did. Where things go is
//! [`layout::Layout`]; what install made of them it writes down ([`made::Made`]), and that, and
//! nothing that merely has the same name, `uninstall` takes away again.
//!
//! Not here: what the appliance does once it runs (that is `service`), and how it is assembled
//! (that is `boot`).

pub mod alone;
pub mod command;
pub mod doctor;
pub mod failure;
pub mod install;
pub mod layout;
pub mod made;
pub mod start;
pub mod uninstall;
pub mod user;

pub use alone::Alone;
pub use doctor::{Finding, Scope, doctor};
pub use failure::Failure;
pub use install::{InstallOptions, install};
pub use layout::Layout;
pub use start::addresses;
pub use uninstall::{UninstallOptions, uninstall};
pub use user::uid_of;

/// The user this process acts as; 0 is root.
pub fn own_uid() -> u32 {
    nix::unistd::geteuid().as_raw()
}

/// Allows this process as many open files as the machine lets it have of what is wanted, and says
/// how many that is. What a login allows, often 1,024, would be used up by as many agents.
pub fn allow_open_files(wanted: u64) -> nix::Result<u64> {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    if soft >= wanted {
        return Ok(soft);
    }
    // The superuser may have more than the hard limit; others up to it.
    if setrlimit(Resource::RLIMIT_NOFILE, wanted, hard.max(wanted)).is_ok() {
        return Ok(wanted);
    }
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?;
    Ok(hard)
}

/// What this machine calls itself, where that can stand in a certificate.
pub fn host_name() -> Option<String> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
    Some(name.trim().to_owned()).filter(|name| !name.is_empty() && name.chars().all(fits))
}
