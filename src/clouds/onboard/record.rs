//! What is on disk of each server, and who may touch it.
//!
//! ```text
//! <state>/onboard.json            who this appliance is on the machine: tag and subnet
//! <state>/owner.json              whose servers they are (`lease`)
//! <state>/disks/<MiB>.img         an empty file system of each size (`disk`)
//! <state>/servers/<uuid>/
//!     meta.json                   the tag: written first, removed last; what lists, lists these
//!     lock                        held while something is done to the server
//!     boot.json                   what the last boot was given
//!     init.json                   its pid 1, once there was one
//!     log                         what went wrong before the server had a log of its own
//!     disk.img disk/ root/        its file system and the overlay on it; or, where nothing bounds
//!                                 it, upper/ work/ root/; or, without name spaces,
//!     home/                       the server's home
//! <state>/volumes/<id>/           a data volume, with its mark in <id>.json beside it (`volume`)
//! ```
//!
//! The lock is a `flock`, and the process that boots a server holds it too: when the appliance is
//! killed while a server boots, the next one sees that the boot is still going on.

use super::failure::{Doing, Failure};
use super::images::is_digest;
use super::process::Process;
use crate::base::{FarmRoleId, Secret, ServerId};
use crate::clouds::LaunchRequest;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::net::Ipv4Addr;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How a server is kept apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Isolation {
    /// Own name spaces over an overlay root: as root.
    Namespaces,
    /// A process group with its own loopback address and home: as an ordinary user.
    Processes,
}

/// A server as it was asked for, with the address it was given.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ServerRecord {
    /// The tag.
    pub server: ServerId,
    /// Its host name.
    pub hostname: String,
    /// Its farm's name.
    pub farm: String,
    /// Its farm role.
    pub farm_role: FarmRoleId,
    /// Its index there.
    pub index: u32,
    /// The size, by name.
    pub instance_type: String,
    /// The service, as a command line; may be empty.
    pub command: Vec<String>,
    /// The digest of the image that is its root file system; `None` for the machine's own `/`.
    #[serde(default)]
    pub image: Option<String>,
    /// Mount points of its data volumes.
    pub mount_points: Vec<String>,
    /// Their names, in the same order; none in a record of before they had any.
    #[serde(default)]
    pub volumes: Vec<String>,
    /// For the agent; carries a one-time token, so the file is for the owner alone.
    #[serde(serialize_with = "Secret::expose")]
    pub user_data: Secret,
    /// Its address, for as long as it exists.
    pub address: Ipv4Addr,
    /// How it is kept apart.
    pub isolation: Isolation,
}

impl ServerRecord {
    /// The record of a request.
    pub fn new(request: &LaunchRequest, address: Ipv4Addr, isolation: Isolation) -> ServerRecord {
        ServerRecord {
            server: request.server,
            hostname: request.hostname.clone(),
            farm: request.farm.clone(),
            farm_role: request.farm_role,
            index: request.index,
            instance_type: request.instance_type.clone(),
            command: request.command.clone(),
            image: is_digest(&request.image).then(|| request.image.clone()),
            mount_points: request.storage.iter().map(|v| v.mark.mount_point.clone()).collect(),
            volumes: request.storage.iter().map(|v| v.cloud_volume_id.clone()).collect(),
            user_data: request.user_data.clone(),
            address,
            isolation,
        }
    }
}

impl ServerRecord {
    /// Each of its volumes: the name and where the server sees it.
    pub fn named_volumes(&self) -> Vec<(String, String)> {
        let named = |(ordinal, at): (usize, &String)| {
            let name = self.volumes.get(ordinal).cloned();
            (name.unwrap_or_else(|| old_name(self.farm_role, self.index, ordinal)), at.clone())
        };
        self.mount_points.iter().enumerate().map(named).collect()
    }
}

/// What a volume was called before each had a record: after its place in the farm role's list.
pub fn old_name(farm_role: FarmRoleId, index: u32, ordinal: usize) -> String {
    format!("{farm_role}-{index}-{ordinal}")
}

/// The state directory's servers and volumes.
#[derive(Clone, Debug)]
pub struct Shelf {
    /// `<state>`.
    pub state: PathBuf,
}

impl Shelf {
    /// A server's directory, whether it is there or not.
    pub fn server(&self, id: ServerId) -> ServerDirectory {
        ServerDirectory { id, path: self.state.join("servers").join(id.to_string()) }
    }

    /// Every directory that carries a tag, by id.
    ///
    /// # Errors
    /// When the state directory cannot be read: then nothing is known.
    pub fn servers(&self) -> Result<Vec<ServerDirectory>, Failure> {
        let path = self.state.join("servers");
        let mut found = Vec::new();
        for entry in fs::read_dir(&path).doing("listing", path.display())? {
            let entry = entry.doing("listing", path.display())?;
            let id = entry.file_name().to_str().and_then(|name| name.parse::<ServerId>().ok());
            let Some(directory) = id.map(|id| self.server(id)) else { continue };
            if directory.exists() {
                found.push(directory);
            }
        }
        found.sort_by_key(|directory| directory.id);
        Ok(found)
    }

    /// Removes directories that never got their tag: launches that were cut off at once.
    ///
    /// # Errors
    /// When the state directory cannot be read or written.
    pub fn sweep(&self) -> Result<(), Failure> {
        let path = self.state.join("servers");
        for entry in fs::read_dir(&path).doing("listing", path.display())?.flatten() {
            let id = entry.file_name().to_str().and_then(|name| name.parse::<ServerId>().ok());
            if !id.is_some_and(|id| self.server(id).exists()) {
                fs::remove_dir_all(entry.path()).doing("removing", entry.path().display())?;
            }
        }
        Ok(())
    }

    /// Where the data volumes lie.
    pub fn volumes(&self) -> PathBuf {
        self.state.join("volumes")
    }
}

/// One server's directory.
#[derive(Clone, Debug)]
pub struct ServerDirectory {
    /// Whose.
    pub id: ServerId,
    /// Where.
    pub path: PathBuf,
}

impl ServerDirectory {
    /// Whether it carries its tag, or did: one that was booted is a server whose processes may
    /// run, whatever became of its tag, and is listed so that it can be ended.
    pub fn exists(&self) -> bool {
        ["meta.json", "boot.json", "init.json"].iter().any(|name| self.path.join(name).exists())
    }

    /// A file or directory in it.
    pub fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Its record.
    ///
    /// # Errors
    /// When it is not there or damaged.
    pub fn record(&self) -> Result<ServerRecord, Failure> {
        read_json(&self.join("meta.json"))
    }

    /// Makes the directory and writes the tag.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn create(&self, record: &ServerRecord) -> Result<(), Failure> {
        make_private(&self.path)?;
        write_json(&self.join("meta.json"), record)
    }

    /// Its pid 1, once there was one.
    pub fn init(&self) -> Option<Process> {
        read_json(&self.join("init.json")).ok()
    }

    /// Takes the lock, waiting for whoever has it.
    ///
    /// # Errors
    /// When the time is over, or the directory is not there.
    pub fn lock(&self, at_most: Duration) -> Result<File, Failure> {
        let begun = Instant::now();
        loop {
            let path = self.join("lock");
            let file = OpenOptions::new()
                .create(true)
                .truncate(false)
                .read(true)
                .write(true)
                .mode(0o600)
                .open(&path)
                .doing("opening", path.display())?;
            match file.try_lock() {
                // A lock on a file that was removed meanwhile protects nothing.
                Ok(()) if same_file(&file, &path) => return Ok(file),
                Ok(()) | Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => return Err(error).doing("locking", self.id),
            }
            if begun.elapsed() >= at_most {
                return Err(Failure::new(format!("locking {}", self.id), "something is under way"));
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Whether somebody has the lock.
    pub fn is_locked(&self) -> bool {
        let Ok(file) = File::open(self.join("lock")) else { return false };
        matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
    }

    /// Removes it, the tag last.
    ///
    /// # Errors
    /// When something cannot be removed; what is left still carries the tag.
    pub fn remove(&self) -> Result<(), Failure> {
        let entries = match fs::read_dir(&self.path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error).doing("listing", self.path.display()),
        };
        for entry in entries.flatten().filter(|e| e.file_name() != "meta.json") {
            remove_tree(&entry.path())?;
        }
        remove_tree(&self.join("meta.json"))?;
        remove_tree(&self.path)
    }
}

fn same_file(file: &File, path: &Path) -> bool {
    let (Ok(open), Ok(named)) = (file.metadata(), fs::metadata(path)) else { return false };
    (open.dev(), open.ino()) == (named.dev(), named.ino())
}

/// Removes a file or a whole directory; what is not there is no error.
pub fn remove_tree(path: &Path) -> Result<(), Failure> {
    let removed = match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other.doing("removing", path.display()),
    }
}

/// Makes a directory, with its parents, that is for its owner alone.
pub fn make_private(path: &Path) -> Result<(), Failure> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true).mode(0o700).create(path).doing("making", path.display())
}

/// Writes JSON for the owner alone, whole or not at all.
pub fn write_json<T: Serialize>(path: &Path, value: &T) -> Result<(), Failure> {
    let text = serde_json::to_vec(value).doing("encoding", path.display())?;
    let new = path.with_extension("new");
    let mut file = OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(true)
        .mode(0o600)
        .open(&new)
        .doing("creating", new.display())?;
    file.write_all(&text).doing("writing", new.display())?;
    fs::rename(&new, path).doing("renaming to", path.display())
}

/// Reads JSON.
pub fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, Failure> {
    let bytes = fs::read(path).doing("reading", path.display())?;
    serde_json::from_slice(&bytes).doing("decoding", path.display())
}
