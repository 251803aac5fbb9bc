//! A role's files: written where they differ, checked before they are used, and what a change does
//! to a service owed until it is done.

use super::WorkFault;
use super::root::{Root, Wanted, owner_of};
use crate::agent::command;
use crate::agent::state::{read, replace};
use crate::base::Millis;
use crate::base::hash::{hex, sha256};
use crate::base::mask::Mask;
use crate::model::{OnChange, RoleFile};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

/// How long a check may take.
const CHECK_TIMEOUT_MS: Millis = 30_000;

/// What is remembered of the files.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Memory {
    /// What is in place by our hand, by path.
    placed: BTreeMap<String, Placed>,
    /// What changed files have done to no service yet.
    owed: Vec<OnChange>,
}

/// One file that was put in place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Placed {
    digest: String,
    on_change: Option<OnChange>,
}

/// Puts a role's files in place.
pub struct RoleFiles {
    root: Root,
    path: PathBuf,
    memory: Memory,
}

impl RoleFiles {
    /// What was put in place before, as remembered in a directory.
    pub fn open(dir: &Path, root: Root) -> io::Result<RoleFiles> {
        let path = dir.join("files.json");
        // The worst that follows from forgetting is a service that is not told of a change.
        let memory = read(&path)?.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        Ok(RoleFiles { root, path, memory: memory.unwrap_or_default() })
    }

    /// Puts all of them in place; the first that cannot be ends it.
    pub fn place(
        &mut self,
        files: &[RoleFile],
        halt: &AtomicBool,
        mask: &Mask,
    ) -> Result<(), WorkFault> {
        for file in files {
            self.place_one(file, halt, mask)
                .map_err(|fault| fault.of(&format!("file {}", file.path)))?;
        }
        self.remove_others(files)
    }

    fn place_one(
        &mut self,
        file: &RoleFile,
        halt: &AtomicBool,
        mask: &Mask,
    ) -> Result<(), WorkFault> {
        let spot = self.root.spot(&file.path)?;
        let content = file.content.as_bytes();
        let owner = owner_of(file.owner.as_deref())?;
        let wanted = Wanted { content, mode: file.mode, owner };
        let placed = Placed { digest: hex(&sha256(content)), on_change: file.on_change.clone() };
        if spot.has(&wanted)? {
            if self.memory.placed.get(&file.path) != Some(&placed) {
                self.memory.placed.insert(file.path.clone(), placed);
                self.save()?;
            }
            return Ok(());
        }
        spot.write_beside(&wanted)?;
        if let Err(fault) = check(&file.check, &spot.beside(), halt, mask) {
            spot.discard()?;
            return Err(fault);
        }
        // Owed before it is in place: a service is told once too often rather than not at all.
        self.memory.placed.insert(file.path.clone(), placed);
        self.owe(file.on_change.clone());
        self.save()?;
        Ok(spot.put()?)
    }

    /// Removes files that an earlier work had and this one has not, unless somebody changed them.
    fn remove_others(&mut self, files: &[RoleFile]) -> Result<(), WorkFault> {
        let is_other = |path: &&String| !files.iter().any(|file| file.path == **path);
        let others: Vec<String> = self.memory.placed.keys().filter(is_other).cloned().collect();
        for path in others {
            let of = |error: io::Error| WorkFault::from(error).of(&format!("file {path}"));
            let content = read(&self.root.path(&path)).unwrap_or_default().unwrap_or_default();
            let Some(placed) = self.memory.placed.get(&path).cloned() else { continue };
            let is_ours = hex(&sha256(&content)) == placed.digest;
            if is_ours {
                self.owe(placed.on_change);
                self.save().map_err(of)?;
                self.root.spot(&path).and_then(|spot| spot.remove()).map_err(of)?;
            }
            self.memory.placed.remove(&path);
            self.save().map_err(of)?;
        }
        Ok(())
    }

    fn owe(&mut self, on_change: Option<OnChange>) {
        if let Some(on_change) = on_change
            && !self.memory.owed.contains(&on_change)
        {
            self.memory.owed.push(on_change);
        }
    }

    /// What changed files have done to no service yet.
    pub fn owed(&self) -> &[OnChange] {
        &self.memory.owed
    }

    /// Every service has been told.
    pub fn nothing_owed(&mut self) -> io::Result<()> {
        if self.memory.owed.is_empty() {
            return Ok(());
        }
        self.memory.owed.clear();
        self.save()
    }

    fn save(&self) -> io::Result<()> {
        replace(&self.path, &serde_json::to_vec(&self.memory).map_err(io::Error::other)?)
    }
}

fn check(check: &[String], beside: &Path, halt: &AtomicBool, mask: &Mask) -> Result<(), WorkFault> {
    if check.is_empty() {
        return Ok(());
    }
    let beside = beside.to_string_lossy();
    let check: Vec<String> = check.iter().map(|word| word.replace("{}", &beside)).collect();
    let ran = command::run(&check, CHECK_TIMEOUT_MS, halt, mask)
        .map_err(|error| WorkFault::again(format!("its check {}: {error}", check[0])))?;
    if ran.succeeded() {
        return Ok(());
    }
    if ran.status.is_none() && halt.load(std::sync::atomic::Ordering::Relaxed) {
        return Err(WorkFault::halted());
    }
    let lines: Vec<&str> = ran.output.lines().filter(|line| !line.trim().is_empty()).collect();
    let last = lines.last().map_or(String::new(), |line| format!(": {}", line.trim()));
    let how = match ran.status {
        Some(_) => format!("refuses it with exit code {}", ran.exit_code()),
        None => "was not done within 30 s".to_owned(),
    };
    Err(WorkFault::again(format!("its check {how}; the file before stays{last}")))
}
