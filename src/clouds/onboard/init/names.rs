//! A stage that writes servers' names into their own `/etc/hosts`.
//!
//! It enters each server's mounts before it touches a path, so that whatever the server made of its
//! `/etc` leads nowhere but within the server.

use super::super::failure::{Doing, Failure};
use super::super::names::{ToWrite, with_names};
use super::super::record::{read_json, remove_tree};
use super::OK;
use nix::sched::{CloneFlags, setns};
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::Path;
use std::process::ExitCode;

const HOSTS: &str = "/etc/hosts";
const NEW: &str = "/etc/.hosts.grange";
/// A larger file is somebody's block list, and is left alone.
const FILE_MAX: u64 = 1 << 20;

/// Writes what a file says; says [`OK`], or of which servers it could not and why.
pub fn run(path: &Path) -> ExitCode {
    let said = match write_all(path) {
        Ok(failed) if failed.is_empty() => OK.to_owned(),
        Ok(failed) => failed.join("; "),
        Err(failure) => failure.line(),
    };
    super::say(&said);
    ExitCode::SUCCESS
}

fn write_all(path: &Path) -> Result<Vec<String>, Failure> {
    let all: Vec<ToWrite> = read_json(path)?;
    // Opened while the machine's own `/proc` is seen.
    let mounts = |one: ToWrite| {
        let space = File::open(format!("/proc/{}/ns/mnt", one.init.pid)).ok()?;
        // It was that server's as long as its pid 1 is still the one that is meant.
        one.init.is_alive().then_some((one, space))
    };
    let open: Vec<(ToWrite, File)> = all.into_iter().filter_map(mounts).collect();
    let mut failed = Vec::new();
    for (one, space) in open {
        let entered = setns(space, CloneFlags::CLONE_NEWNS).doing("entering", &one.hostname);
        if let Err(failure) = entered.and_then(|()| write(&one.lines)) {
            failed.push(format!("{}: {}", one.hostname, failure.line()));
        }
    }
    Ok(failed)
}

/// Writes them whole or not at all.
fn write(lines: &str) -> Result<(), Failure> {
    let (old, mode, owner) = match File::open(HOSTS) {
        Ok(file) => {
            let found = file.metadata().doing("looking at", HOSTS)?;
            if !found.is_file() || found.len() > FILE_MAX {
                return Err(Failure::new(format!("reading {HOSTS}"), "it is no file of names"));
            }
            let mut text = Vec::new();
            file.take(FILE_MAX).read_to_end(&mut text).doing("reading", HOSTS)?;
            let text = String::from_utf8_lossy(&text).into_owned();
            (text, found.mode() & 0o777, Some((found.uid(), found.gid())))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => (String::new(), 0o644, None),
        Err(error) => return Err(error).doing("reading", HOSTS),
    };
    let text = with_names(&old, lines);
    if text == old {
        return Ok(());
    }
    remove_tree(Path::new(NEW))?;
    let file = OpenOptions::new().create_new(true).write(true).mode(0o600).open(NEW);
    let mut file = file.doing("creating", NEW)?;
    file.write_all(text.as_bytes()).doing("writing", NEW)?;
    if let Some((uid, gid)) = owner {
        fchown(&file, Some(uid), Some(gid)).doing("giving", NEW)?;
    }
    file.set_permissions(Permissions::from_mode(mode)).doing("opening", NEW)?;
    fs::rename(NEW, HOSTS).doing("renaming to", HOSTS)
}
