//! The work that is held: on the disk before anything of it is done.

use crate::agent::state::{read, replace};
use crate::model::Workload;
use serde::{Deserialize, Serialize};
use std::io;
use std::path::{Path, PathBuf};

/// What was ordered last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HeldWork {
    /// Which of the server's workloads it is.
    pub generation: u64,
    /// What is to be done.
    pub workload: Workload,
}

/// Which of them was in place, all of it, last.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct InPlace {
    generation: u64,
}

/// The files it is kept in.
#[derive(Clone, Debug)]
pub struct WorkMemory {
    held: PathBuf,
    in_place: PathBuf,
}

impl WorkMemory {
    /// Kept in a directory of the agent's state.
    pub fn in_dir(dir: &Path) -> WorkMemory {
        WorkMemory { held: dir.join("workload.json"), in_place: dir.join("in-place.json") }
    }

    /// What is held, if anything is.
    pub fn held(&self) -> io::Result<Option<HeldWork>> {
        let Some(bytes) = read(&self.held)? else { return Ok(None) };
        serde_json::from_slice(&bytes).map(Some).map_err(io::Error::other)
    }

    /// Holds it from here on.
    pub fn hold(&self, held: &HeldWork) -> io::Result<()> {
        replace(&self.held, &serde_json::to_vec(held).map_err(io::Error::other)?)
    }

    /// The generation that was in place last: the server has been set up.
    pub fn in_place(&self) -> Option<u64> {
        let bytes = read(&self.in_place).ok().flatten()?;
        serde_json::from_slice(&bytes).ok().map(|InPlace { generation }| generation)
    }

    /// A generation is in place.
    pub fn put_in_place(&self, generation: u64) -> io::Result<()> {
        let bytes = serde_json::to_vec(&InPlace { generation }).map_err(io::Error::other)?;
        replace(&self.in_place, &bytes)
    }
}
