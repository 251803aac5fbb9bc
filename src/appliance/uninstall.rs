//! `appliance uninstall`: everything install made, taken away again, and what the appliance put
//! into its state directory. Nothing goes because of its name alone.

use crate::appliance::command::{remove, run};
use crate::appliance::layout::{Layout, USER};
use crate::appliance::made::Made;
use crate::appliance::{Failure, start, user};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

/// What the appliance keeps in its state directory, where there may be other things, too.
const STATE: [&str; 11] = [
    "store.redb",
    "store.wal",
    "store.mark",
    "store.reserve",
    "agents.json",
    "series",
    "search",
    "keys",
    "onboard",
    "blobs",
    "run",
];

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
    let mut made = Made::load(layout)?;
    if made == Made::default() {
        say("nothing that install made is on this machine".into());
        return Ok(());
    }
    let systemd = Path::new("/run/systemd/system").is_dir();
    start::stop(layout, systemd && made.has(&layout.unit))?;
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
    remove_files(layout, options, &mut made, &mut say)?;
    if systemd {
        run("systemctl", &["daemon-reload"])?;
    }
    remove_user(layout, options, &mut made, &mut say)?;
    if options.keep_data {
        if made.has(&layout.run_dir) && std::fs::remove_dir(&layout.run_dir).is_ok() {
            made.strike(&layout.run_dir);
        }
        made.save(layout)?;
        say(format!(
            "kept {} and {}: install again and they are found",
            layout.data_dir.display(),
            layout.config_dir.display()
        ));
        return Ok(());
    }
    remove(&layout.made)?;
    remove_directories(&made, &mut say)
}

fn remove_files(
    layout: &Layout,
    options: &UninstallOptions,
    made: &mut Made,
    say: &mut dyn FnMut(String),
) -> Result<(), Failure> {
    let kept = |path: &Path| options.keep_data && path.starts_with(&layout.config_dir);
    let mut gone: Vec<PathBuf> = made.files().into_iter().filter(|path| !kept(path)).collect();
    // The binary last: until then the uninstall can be run again.
    gone.sort_by_key(|path| *path == layout.binary);
    // What the appliance writes there while it runs.
    let run = [layout.socket.clone(), layout.pid.clone()].into_iter();
    let mut lost: Vec<PathBuf> = run.filter(|_| made.has(&layout.run_dir)).collect();
    if !options.keep_data {
        lost.extend(STATE.map(|name| layout.data_dir.join(name)));
    }
    for path in lost.iter().chain(&gone) {
        if made.is_changed(path) {
            say(format!("kept {}: it is not what install wrote", path.display()));
        } else if remove(path)? {
            say(format!("removed {}", path.display()));
        }
        made.strike(path);
    }
    Ok(())
}

/// The user that install made, if it is still that one, with its home. Where data are kept, so is
/// the home: its keys let people in again.
fn remove_user(
    layout: &Layout,
    options: &UninstallOptions,
    made: &mut Made,
    say: &mut dyn FnMut(String),
) -> Result<(), Failure> {
    let Some(account) = made.user().cloned() else { return Ok(()) };
    if user::found(USER).as_ref() == Some(&account) {
        user::remove()?;
        say(format!("removed the system user {USER}"));
    } else if user::found(USER).is_some() {
        say(format!("kept the user {USER}: it is not the one that install made"));
    }
    if !options.keep_data && made.has(&layout.home) && remove(&layout.home)? {
        say(format!("removed {}", layout.home.display()));
    }
    made.note_user(layout, None)
}

/// Directories that install made, once nothing is in them.
fn remove_directories(made: &Made, say: &mut dyn FnMut(String)) -> Result<(), Failure> {
    for path in made.directories() {
        match std::fs::remove_dir(&path) {
            Ok(()) => say(format!("removed {}", path.display())),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) if error.kind() == ErrorKind::DirectoryNotEmpty => {
                say(format!("kept {}: others have put something there", path.display()));
            }
            Err(error) => return Err(Failure::file("removing", path, error)),
        }
    }
    Ok(())
}
