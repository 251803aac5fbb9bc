//! What other users of the machine may not read is not there in a server that stands on its root.
//!
//! A server over `/` runs its services as root, and so would read the machine's password hashes,
//! host keys, private keys, and what other services keep. The rule is the machine's own: where
//! others have no right to read a file, or to read and enter a directory, somebody meant it to be
//! private. Such a file is gone in the server; such a directory is there with its owner and mode,
//! and empty, so that what is installed in the server finds its place. `/etc/shadow` stays, with
//! no password in it, because who adds a user needs it.
//!
//! It is done in the server's own layer while that is made, as the overlay itself removes things
//! (a *whiteout*, a character device 0:0: the kernel's `Documentation/filesystems/overlayfs`), so
//! a service may make its own under the same name, and keeps it over its server's boots.

use super::super::failure::{Doing, Failure};
use crate::base::output;
use nix::sys::stat::{Mode, SFlag, makedev, mknod};
use std::fs::{self, Metadata, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

/// Where private things are looked for, and how many directories deep.
const PLACES: [(&str, u32); 5] = [("boot", 2), ("etc", 8), ("srv", 1), ("var", 3), ("var/log", 6)];
/// Directory entries that are looked at; a machine has some thousands there.
const ENTRIES_MAX: usize = 200_000;
/// What others need of a file, and of a directory, to see what is in it.
const READ: u32 = 0o004;
const READ_AND_ENTER: u32 = 0o005;
/// Names and password hashes; the latter are not for servers.
const PASSWORDS: [&str; 2] = ["etc/shadow", "etc/gshadow"];
/// The password that no password is.
const NO_PASSWORD: &str = "*";

/// What a new layer hides.
pub struct Veil {
    /// Directories that are made again, empty.
    directories: Vec<(PathBuf, Metadata)>,
}

impl Veil {
    /// Hides in a new layer whatever below `lower` is private.
    ///
    /// # Errors
    /// Whatever cannot be hidden: nobody starts a server then.
    pub fn lay(lower: &Path, upper: &Path) -> Result<Veil, Failure> {
        let mut veil = Veil { directories: Vec::new() };
        let mut left = ENTRIES_MAX;
        for (place, depth) in PLACES {
            veil.hide_below(lower, upper, Path::new(place), depth, &mut left)?;
        }
        Ok(veil)
    }

    fn hide_below(
        &mut self,
        lower: &Path,
        upper: &Path,
        at: &Path,
        depth: u32,
        left: &mut usize,
    ) -> Result<(), Failure> {
        // What is not there, or goes while we look, hides nothing.
        let Ok(entries) = fs::read_dir(lower.join(at)) else { return Ok(()) };
        for entry in entries.flatten() {
            *left = left.checked_sub(1).ok_or_else(|| {
                let many = format!("more than {ENTRIES_MAX} entries");
                Failure::new(format!("looking for what is private in {}", at.display()), many)
            })?;
            let path = at.join(entry.file_name());
            let Ok(found) = entry.metadata() else { continue };
            let is_open = |needed: u32| found.mode() & needed == needed;
            if PASSWORDS.iter().any(|kept| Path::new(kept) == path) {
                continue;
            } else if found.is_dir() && is_open(READ_AND_ENTER) {
                if depth > 1 {
                    self.hide_below(lower, upper, &path, depth - 1, left)?;
                }
            } else if found.is_dir() {
                white_out(lower, upper, &path)?;
                self.directories.push((path, found));
            } else if found.is_file() && !is_open(READ) {
                white_out(lower, upper, &path)?;
            }
        }
        Ok(())
    }

    /// Furnishes the mounted root: hidden directories are there again, and nobody has a password.
    ///
    /// # Errors
    /// Whatever cannot be made.
    pub fn furnish(&self, root: &Path) -> Result<(), Failure> {
        for (path, found) in &self.directories {
            let path = root.join(path);
            match fs::create_dir(&path) {
                // A place that lies in another one was looked at twice.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                made => made.doing("making", path.display())?,
            }
            take_on(&path, found)?;
        }
        PASSWORDS.iter().try_for_each(|path| forget_passwords(&root.join(path)))
    }
}

/// Removes a thing of the lower layer in the upper one.
fn white_out(lower: &Path, upper: &Path, path: &Path) -> Result<(), Failure> {
    if let Some(parent) = path.parent() {
        open_parents(lower, upper, parent)?;
    }
    let at = upper.join(path);
    match mknod(&at, SFlag::S_IFCHR, Mode::empty(), makedev(0, 0)) {
        Ok(()) | Err(nix::errno::Errno::EEXIST) => Ok(()),
        Err(error) => Err(error).doing("hiding", path.display()),
    }
}

/// The directories above it, as they are in the lower layer.
fn open_parents(lower: &Path, upper: &Path, path: &Path) -> Result<(), Failure> {
    let at = upper.join(path);
    if path.as_os_str().is_empty() || at.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        open_parents(lower, upper, parent)?;
    }
    fs::create_dir(&at).doing("making", at.display())?;
    let found = fs::symlink_metadata(lower.join(path)).doing("reading", path.display())?;
    take_on(&at, &found)
}

fn take_on(path: &Path, found: &Metadata) -> Result<(), Failure> {
    chown(path, Some(found.uid()), Some(found.gid())).doing("giving away", path.display())?;
    let mode = Permissions::from_mode(found.mode() & 0o7777);
    fs::set_permissions(path, mode).doing("opening", path.display())
}

/// Takes the second field of each line, which is the hash of a password (shadow(5)).
fn forget_passwords(path: &Path) -> Result<(), Failure> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => {
            // Whatever it is, it is not for a server.
            output::line(format_args!("{}: {error}; removed", path.display()));
            return fs::remove_file(path).doing("removing", path.display());
        }
    };
    let found = fs::symlink_metadata(path).doing("reading", path.display())?;
    let new = path.with_extension("grange");
    fs::write(&new, without_passwords(&text)).doing("writing", new.display())?;
    take_on(&new, &found)?;
    fs::rename(&new, path).doing("renaming", new.display())
}

fn without_passwords(text: &str) -> String {
    let lines = text.lines().map(|line| {
        let mut fields: Vec<&str> = line.split(':').collect();
        if let Some(password) = fields.get_mut(1) {
            *password = NO_PASSWORD;
        }
        fields.join(":") + "\n"
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_without_their_passwords() {
        let shadow = "root:$y$j9T$abc$def:19000:0:99999:7:::\nempty::19000:0:99999:7:::\nodd\n";
        let left = "root:*:19000:0:99999:7:::\nempty:*:19000:0:99999:7:::\nodd\n";
        assert_eq!(without_passwords(shadow), left);
        assert_eq!(without_passwords(""), "");
    }
}
