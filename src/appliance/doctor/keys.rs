//! The authority that every agent trusts: there, whole, the one the store knows, and for its owner
//! alone.

use super::{DAY_MS, Finding, fail, ok, warn};
use crate::base::Timestamp;
use crate::base::problem::chain;
use crate::net::tls::validity;
use crate::pki::{Authority, PkiError};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// It outlives most machines, so its end is news long before.
const DAYS_LEFT: i64 = 365;

/// `expected` is the fingerprint that the store has, where it has one.
pub(super) fn authority(keys: &Path, expected: Option<&str>, now: Timestamp) -> Vec<Finding> {
    let mut found = vec![match Authority::open_kept(keys, expected) {
        Ok(authority) => whole(&authority, expected.is_some(), now),
        Err(PkiError::Missing(_)) if !keys.parent().unwrap_or(keys).join("store.redb").exists() => {
            warn("authority", "there is none yet", "start the appliance")
        }
        // Its message says what to do.
        Err(error) => fail("authority", chain(&error), ""),
    }];
    found.extend(open_to_others(keys));
    found
}

/// Keys are for their owner alone, and so is where they are.
fn open_to_others(keys: &Path) -> Vec<Finding> {
    let files = std::fs::read_dir(keys).into_iter().flatten().flatten().map(|file| file.path());
    let mut all: Vec<PathBuf> = files.collect();
    all.sort();
    all.insert(0, keys.to_owned());
    let told = |path: PathBuf| {
        let found = std::fs::symlink_metadata(&path).ok()?;
        if found.mode() & 0o077 == 0 || found.is_symlink() {
            return None;
        }
        let (name, mode) = (path.display(), found.mode() & 0o777);
        let right = if found.is_dir() { 700 } else { 600 };
        let text = format!("{name} has mode {mode:o}: others may read or replace a key");
        Some(fail("keys", text, format!("chmod {right} {name}")))
    };
    all.into_iter().filter_map(told).collect()
}

fn whole(authority: &Authority, compared: bool, now: Timestamp) -> Finding {
    let known = if compared { ", as the store has it" } else { "" };
    let text = format!("fingerprint {}{known}", authority.fingerprint_text());
    let Some((_, to)) = validity(authority.certificate_pem()) else {
        return fail("authority", "its days cannot be read", "restore it from a backup");
    };
    let days = (to.0 - now.0) / DAY_MS;
    match days {
        _ if days < 0 => fail("authority", "it has ended", "every agent has to be enrolled anew"),
        _ if days < DAYS_LEFT => {
            warn("authority", format!("it ends in {days} days"), "plan for it")
        }
        _ => ok("authority", text),
    }
}
