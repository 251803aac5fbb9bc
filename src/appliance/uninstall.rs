//! `appliance uninstall`: everything install wrote, taken away again.

use crate::appliance::command::{remove, run};
use crate::appliance::layout::{Layout, USER};
use crate::appliance::{Failure, start};
use std::io::Write;
use std::path::Path;

/// What the person asked for.
#[derive(Clone, Debug, Default)]
pub struct UninstallOptions {
    /// Leave the state, the keys and the config.
    pub keep_data: bool,
}

/// Stops the appliance and removes it. `remove_servers` removes the servers on this machine
/// itself, which need their platform to be taken down whole; it is called once nothing runs that
/// could bring them back, and not at all when the data is kept.
pub fn uninstall(
    options: &UninstallOptions,
    remove_servers: &mut dyn FnMut(&Path) -> Result<usize, String>,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    if !nix::unistd::geteuid().is_root() {
        return Err(Failure::NotRoot("appliance uninstall"));
    }
    let layout = Layout::default();
    let mut say = |text: String| {
        // A closed terminal does not stop an uninstall.
        drop(writeln!(out, "{text}"));
    };
    let systemd = Path::new("/run/systemd/system").is_dir();
    start::stop(&layout, systemd)?;
    if !options.keep_data && layout.data_dir.is_dir() {
        let removed = remove_servers(&layout.data_dir).map_err(Failure::InTheWay)?;
        if removed > 0 {
            say(format!("removed {removed} servers of this machine"));
        }
    }
    let mut gone = vec![layout.unit.clone(), layout.log.clone(), layout.run_dir.clone()];
    gone.extend(layout.links.iter().cloned());
    if !options.keep_data {
        gone.extend([layout.data_dir.clone(), layout.config_dir.clone()]);
    }
    gone.push(layout.binary.clone());
    for path in &gone {
        if remove(path)? {
            say(format!("removed {}", path.display()));
        }
    }
    if systemd {
        run("systemctl", &["daemon-reload"])?;
    }
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    if passwd.lines().any(|line| line.split(':').next() == Some(USER)) {
        run("userdel", &[USER])?;
        say(format!("removed the system user {USER}"));
    }
    if options.keep_data {
        say(format!(
            "kept {} and {}: install again and they are found",
            layout.data_dir.display(),
            layout.config_dir.display()
        ));
    }
    Ok(())
}
