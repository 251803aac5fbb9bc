//! What install made of this machine, written down as it makes it: the one list that uninstall
//! takes away again.
//!
//! A thing is noted before it is made, after it was looked that it is not there, so that an
//! install that was cut off leaves nothing that nobody knows of. What was there before is in the
//! way, or is used and stays; it is never in the list. Of a file whose content is ours the hash is
//! kept, so that what somebody else has put in its place since is told from it.

use crate::appliance::Failure;
use crate::appliance::command::write;
use crate::appliance::layout::{Layout, USER};
use crate::appliance::user::{self, Account};
use crate::base::hash::{hex, sha256};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The list. See the module's text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Made {
    /// Files and links, with the hash of those whose content is ours.
    files: BTreeMap<PathBuf, Option<String>>,
    /// Directories, removed when they are empty.
    directories: BTreeSet<PathBuf>,
    /// The system user, with its group and its home.
    user: Option<Account>,
}

impl Made {
    /// Reads the list of an installed appliance; empty where nothing is installed. An install by a
    /// build that wrote no list is told by its link and its config file.
    ///
    /// # Errors
    /// When it is there and cannot be read, because then nobody knows what is ours.
    pub fn load(layout: &Layout) -> Result<Made, Failure> {
        let text = match std::fs::read(&layout.made) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Made::before(layout)),
            Err(error) => return Err(Failure::file("reading", &layout.made, error)),
        };
        serde_json::from_slice(&text).map_err(|error| {
            let place = layout.made.display();
            Failure::InTheWay(format!(
                "{place}, the list of what install made, is damaged ({error}): restore it from a \
                 backup, or remove by hand what grange docs install lists"
            ))
        })
    }

    /// What an install of a build without a list made, as far as that is evident.
    fn before(layout: &Layout) -> Made {
        let linked = |link: &PathBuf| std::fs::read_link(link).is_ok_and(|to| to == layout.binary);
        if !layout.config.exists() || !layout.links.iter().any(linked) {
            return Made::default();
        }
        let whole = [&layout.binary, &layout.agent, &layout.config, &layout.token, &layout.log];
        let files = whole.into_iter().chain(layout.links.iter().filter(|link| linked(link)));
        let unit = std::fs::read_to_string(&layout.unit).unwrap_or_default();
        let unit = unit.contains(&layout.binary.display().to_string()).then_some(&layout.unit);
        let files = files.chain(unit).filter(|path| path.symlink_metadata().is_ok());
        let directories = [&layout.config_dir, &layout.data_dir, &layout.run_dir].into_iter();
        Made {
            files: files.map(|path| (path.clone(), None)).collect(),
            directories: directories.filter(|path| path.is_dir()).cloned().collect(),
            user: user::found(USER).filter(|account| account.is_ours(layout)),
        }
    }

    /// Whether a file, link or directory is in the list.
    pub fn has(&self, path: &Path) -> bool {
        self.files.contains_key(path) || self.directories.contains(path)
    }

    /// The system user, if install made it.
    pub fn user(&self) -> Option<&Account> {
        self.user.as_ref()
    }

    /// Files and links in the list.
    pub fn files(&self) -> Vec<PathBuf> {
        self.files.keys().cloned().collect()
    }

    /// Directories in the list, the innermost first.
    pub fn directories(&self) -> Vec<PathBuf> {
        self.directories.iter().rev().cloned().collect()
    }

    /// Whether a file of the list has become somebody else's: its content is not what we wrote.
    pub fn is_changed(&self, path: &Path) -> bool {
        let Some(Some(hash)) = self.files.get(path) else { return false };
        std::fs::read(path).is_ok_and(|bytes| hex(&sha256(&bytes)) != *hash)
    }

    /// Refuses a path that something else holds: one that is there, is not in the list, and is not
    /// already what we would put there.
    ///
    /// # Errors
    /// When it is in the way.
    pub fn is_free(&self, path: &Path, content: &[u8]) -> Result<(), Failure> {
        let there = path.symlink_metadata().is_ok();
        let ours = self.has(path) && !self.is_changed(path);
        if !there || ours || std::fs::read(path).is_ok_and(|old| old == content) {
            return Ok(());
        }
        let text = format!("{} is there and is not ours: move it away first", path.display());
        Err(Failure::InTheWay(text))
    }

    /// Notes a file that is about to be written, unless it is there and not in the list.
    ///
    /// # Errors
    /// When the list cannot be written.
    pub fn note_file(
        &mut self,
        layout: &Layout,
        path: &Path,
        content: Option<&[u8]>,
    ) -> Result<(), Failure> {
        if path.symlink_metadata().is_ok() && !self.has(path) {
            return Ok(());
        }
        let hash = content.map(|content| hex(&sha256(content)));
        self.files.insert(path.to_owned(), hash);
        self.save(layout)
    }

    /// Notes a directory that is about to be made, unless it is there.
    ///
    /// # Errors
    /// When the list cannot be written.
    pub fn note_directory(&mut self, layout: &Layout, path: &Path) -> Result<(), Failure> {
        if path.symlink_metadata().is_ok() {
            return Ok(());
        }
        self.directories.insert(path.to_owned());
        self.save(layout)
    }

    /// Notes the system user that was just made, or that it was removed.
    ///
    /// # Errors
    /// When the list cannot be written.
    pub fn note_user(&mut self, layout: &Layout, user: Option<Account>) -> Result<(), Failure> {
        self.user = user;
        self.save(layout)
    }

    /// Takes a path off the list; [`Made::save`] writes it.
    pub fn strike(&mut self, path: &Path) {
        self.files.remove(path);
        self.directories.remove(path);
    }

    /// Writes the list, in its directory if that is there.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn save(&self, layout: &Layout) -> Result<(), Failure> {
        if !layout.config_dir.is_dir() {
            return Ok(());
        }
        let text = serde_json::to_vec_pretty(self).unwrap_or_default();
        write(&layout.made, &text, 0o600).map(drop)
    }
}
