//! `appliance uninstall`: everything install wrote, taken away again.

use crate::appliance::command::{remove, run};
use crate::appliance::layout::{Layout, USER};
use crate::appliance::{Failure, start, user};
use std::io::Write;
use std::path::{Path, PathBuf};

/// What the person asked for.
#[derive(Clone, Debug, Default)]
pub struct UninstallOptions {
    /// Leave the state, the keys and the config.
    pub keep_data: bool,
}

/// What becomes of the servers on this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Servers {
    /// They are removed, with their volumes.
    Remove,
    /// They are stopped and stay on disk, as when the machine is switched off.
    Stop,
}

/// Does that to the servers kept in a data directory; says how many there were.
pub type Settle<'a> = &'a mut dyn FnMut(&Path, Servers) -> Result<usize, String>;

/// Stops the appliance and removes it. `settle` takes down the servers on this machine, which
/// only their platform can do; it is called once nothing runs that could bring them back.
pub fn uninstall(
    layout: &Layout,
    options: &UninstallOptions,
    settle: Settle<'_>,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    if !nix::unistd::geteuid().is_root() {
        return Err(Failure::NotRoot("appliance uninstall"));
    }
    let mut say = |text: String| {
        // A closed terminal does not stop an uninstall.
        drop(writeln!(out, "{text}"));
    };
    let systemd = Path::new("/run/systemd/system").is_dir();
    start::stop(layout, systemd)?;
    if layout.data_dir.is_dir() {
        let (what, done) = match options.keep_data {
            true => (Servers::Stop, "stopped"),
            false => (Servers::Remove, "removed"),
        };
        let count = settle(&layout.data_dir, what).map_err(Failure::InTheWay)?;
        if count > 0 {
            say(format!("{done} {count} servers of this machine"));
        }
    }
    let mut gone = vec![layout.unit.clone(), layout.log.clone(), layout.run_dir.clone()];
    gone.extend(layout.links.iter().cloned());
    if !options.keep_data {
        gone.extend(data(layout));
        gone.push(layout.config_dir.clone());
    }
    gone.extend([layout.agent.clone(), layout.binary.clone()]);
    for path in &gone {
        if remove(path)? {
            say(format!("removed {}", path.display()));
        }
    }
    if systemd {
        run("systemctl", &["daemon-reload"])?;
    }
    if user::remove()? {
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

/// What is ours of the data directory: all of the usual one. In one that somebody chose there may
/// be other things, so only what we put there goes.
fn data(layout: &Layout) -> Vec<PathBuf> {
    if layout.data_dir == Layout::default().data_dir {
        return vec![layout.data_dir.clone()];
    }
    ["store.redb", "store.wal", "store.mark", "store.reserve", "series", "keys", "onboard", "run"]
        .map(|name| layout.data_dir.join(name))
        .into()
}
