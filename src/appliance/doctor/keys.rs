//! The authority that every agent trusts: there, whole, the one the store knows, and for its owner
//! alone.

use super::{DAY_MS, Finding, fail, ok, warn};
use crate::base::Timestamp;
use crate::base::problem::chain;
use crate::net::tls::validity;
use crate::pki::{Authority, PkiError};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// It outlives most machines, so its end is news long before.
const DAYS_LEFT: i64 = 365;

/// `expected` is the fingerprint that the store has, where it has one.
pub(super) fn authority(keys: &Path, expected: Option<&str>, now: Timestamp) -> Vec<Finding> {
    let path = keys.join("authority.pem");
    let name = path.display();
    let mut found = vec![match Authority::open_kept(keys, expected) {
        Ok(authority) => whole(&authority, expected.is_some(), now),
        Err(PkiError::Missing(_)) if !keys.parent().unwrap_or(keys).join("store.redb").exists() => {
            warn("authority", "there is none yet", "start the appliance")
        }
        // Its message says what to do.
        Err(error) => fail("authority", chain(&error), ""),
    }];
    if let Ok(meta) = std::fs::metadata(&path)
        && meta.mode() & 0o077 != 0
    {
        let text = format!("{name} has mode {:o}: others may read a key", meta.mode() & 0o777);
        found.push(fail("authority", text, format!("chmod 600 {name}")));
    }
    found
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
