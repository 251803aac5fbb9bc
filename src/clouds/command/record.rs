//! What is known of each server that was launched: a file for each, written before the launch.
//!
//! A record without an id is of a launch that is under way or was never answered.

use crate::base::ServerId;
use crate::clouds::CloudError;
use crate::model::{CloudState, Sighting};
use serde::{Deserialize, Serialize};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::PathBuf;

/// What is known of a server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct KnownServer {
    /// The program's id of it; empty before a launch was answered.
    pub cloud_id: String,
    /// What the launch said of its own network, if anything.
    pub address: Option<String>,
    /// What the launch said of where anybody reaches it, if anything.
    pub public_address: Option<String>,
}

impl KnownServer {
    /// Whether its launch was answered.
    pub fn is_answered(&self) -> bool {
        !self.cloud_id.is_empty()
    }

    /// Whether it has this id.
    pub fn is(&self, cloud_id: &str) -> bool {
        self.is_answered() && self.cloud_id == cloud_id
    }

    /// It as it was launched; `None` when nobody knows whether it was.
    pub fn sighting(&self, server: ServerId) -> Option<Sighting> {
        self.is_answered().then(|| Sighting {
            server,
            cloud_server_id: self.cloud_id.clone(),
            state: CloudState::Running,
            private_ips: self.address.iter().cloned().collect(),
            public_ips: self.public_address.iter().cloned().collect(),
        })
    }
}

/// What came of a server's launch before.
pub enum LaunchBefore {
    /// There was none: it is written down now.
    Fresh,
    /// It was launched and answered.
    Known(KnownServer),
    /// There was one that nobody answered.
    Unanswered,
}

/// The records of one account.
pub struct Records {
    directory: PathBuf,
}

impl Records {
    /// Those of a directory, which is made with the first.
    pub fn at(directory: PathBuf) -> Records {
        Records { directory }
    }

    /// Begins a launch: writes down that it is to be.
    pub fn begin(&self, server: ServerId) -> Result<LaunchBefore, CloudError> {
        if let Some(known) = self.read(server)? {
            return Ok(if known.is_answered() {
                LaunchBefore::Known(known)
            } else {
                LaunchBefore::Unanswered
            });
        }
        self.put(server, &KnownServer::default(), true)
            .map_err(|error| failed("writing down the launch", &error))?;
        Ok(LaunchBefore::Fresh)
    }

    /// Writes down what a launch answered. It is a server by now, whatever becomes of the disk.
    pub fn write(&self, server: ServerId, record: &KnownServer) -> Result<(), CloudError> {
        self.put(server, record, false).map_err(|error| {
            let id = &record.cloud_id;
            CloudError::Unknown(format!("it is {id}, which cannot be written down: {error}"))
        })
    }

    /// What is known of a server.
    pub fn read(&self, server: ServerId) -> Result<Option<KnownServer>, CloudError> {
        let path = self.path(server);
        match fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text).map(Some).map_err(|error| {
                let text = format!("{} is damaged: {error}", path.display());
                CloudError::Unknown(text)
            }),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(CloudError::Unknown(format!("{}: {error}", path.display()))),
        }
    }

    /// What is known of all servers.
    pub fn all(&self) -> Result<Vec<(ServerId, KnownServer)>, CloudError> {
        let entries = match fs::read_dir(&self.directory) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed("looking at the servers", &error)),
        };
        let mut all = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|error| failed("looking at the servers", &error))?;
            let name = entry.file_name();
            let id = name.to_str().and_then(|name| name.strip_suffix(".json"));
            let Some(Ok(id)) = id.map(str::parse::<ServerId>) else { continue };
            all.extend(self.read(id)?.map(|record| (id, record)));
        }
        Ok(all)
    }

    /// A server is gone, or never was.
    pub fn remove(&self, server: ServerId) -> Result<(), CloudError> {
        match fs::remove_file(self.path(server)) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(CloudError::Unknown(format!("forgetting the server: {error}"))),
        }
    }

    fn path(&self, server: ServerId) -> PathBuf {
        self.directory.join(format!("{server}.json"))
    }

    fn put(&self, server: ServerId, record: &KnownServer, fresh: bool) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.directory)?;
        let text = serde_json::to_vec(record)?;
        let path = self.path(server);
        let mut options = OpenOptions::new();
        options.write(true).mode(0o600);
        if fresh {
            // Of two launches of one server at once one is made.
            let mut file = options.create_new(true).open(&path)?;
            file.write_all(&text).and_then(|()| file.sync_all())?;
        } else {
            let next = path.with_extension("next");
            let mut file = options.create(true).truncate(true).open(&next)?;
            file.write_all(&text).and_then(|()| file.sync_all())?;
            fs::rename(&next, &path)?;
        }
        File::open(&self.directory)?.sync_all()
    }
}

fn failed(doing: &str, error: &io::Error) -> CloudError {
    CloudError::Busy(format!("{doing}: {error}"))
}
