//! What a start finds missing or damaged in a state directory that was used before, and makes anew.
//!
//! Everything that can be lost without harm is in one table, with how it is told whether it is
//! whole and what is lost with it. It is looked at before anything is opened, and said in the log,
//! in the journal and as an alert until the next start, so that nobody wonders later where readings
//! went. What cannot be made anew without harm is not here: the store, its log, the authority and
//! the platform's place are refused where they are opened, and [`refuse_emptied`] refuses to begin
//! anew where a store was.

use crate::boot::failure::StartError;
use crate::{pki, series, store};
use std::path::Path;

/// A part of a state directory that may be made anew.
struct Part {
    path: &'static str,
    /// Parts that are made only beside another are not missed without it.
    beside: &'static str,
    is_whole: fn(&Path) -> bool,
    /// What is lost.
    lost: &'static str,
}

const PARTS: [Part; 6] = [
    Part {
        path: "store.mark",
        beside: "store.redb",
        is_whole: store::is_mark,
        lost: "whether the last writes before this start are all there, nobody can say",
    },
    Part {
        path: "keys/server.pem",
        beside: "keys",
        is_whole: pki::is_server_file,
        lost: "both ports show another certificate now, of the same authority",
    },
    Part {
        path: "series",
        beside: "",
        is_whole: series::is_whole,
        lost: "readings of before are missing",
    },
    Part {
        path: "search/meta.json",
        beside: "search",
        is_whole: is_json,
        lost: "nothing: the journal is read again for it",
    },
    Part {
        path: "agents.json",
        beside: "",
        is_whole: is_json,
        lost: "other addresses than today's that agents were told are not listened on",
    },
    Part {
        path: "onboard/owner.json",
        beside: "onboard/onboard.json",
        is_whole: is_json,
        lost: "a copy of this directory on another machine would not be noticed by it",
    },
];

fn is_json(path: &Path) -> bool {
    let text = std::fs::read(path).unwrap_or_default();
    serde_json::from_slice::<serde_json::Value>(&text).is_ok()
}

/// A sentence for each part that is missing or damaged. Of a directory that was never used it says
/// everything is missing: whoever asks knows which it is. Nothing is missed of an earlier
/// version's, which lacks what came later.
pub fn look(data: &Path) -> Vec<String> {
    if store::is_of_earlier_version(&data.join("store.redb")) {
        return Vec::new();
    }
    let told = |part: &Part| {
        let path = data.join(part.path);
        if part.beside.is_empty() || data.join(part.beside).exists() {
            let how = match (path.exists(), (part.is_whole)(&path)) {
                (_, true) => return None,
                (true, false) => "was damaged",
                (false, false) => "was missing",
            };
            return Some(format!("{} {how} and is made anew: {}", part.path, part.lost));
        }
        None
    };
    PARTS.iter().filter_map(told).collect()
}

/// Each part that may be made anew, what is lost with it, and whether it is there.
pub fn parts(data: &Path) -> Vec<(&'static str, &'static str, bool)> {
    PARTS.iter().map(|part| (part.path, part.lost, data.join(part.path).exists())).collect()
}

/// Refuses to begin anew in a directory whose store is gone: its servers would be nobody's.
pub fn refuse_emptied(data: &Path) -> Result<(), StartError> {
    let has_servers = || {
        let servers = std::fs::read_dir(data.join("onboard/servers"));
        servers.is_ok_and(|mut servers| servers.next().is_some())
    };
    for (path, there) in [
        ("agents.json", data.join("agents.json").exists()),
        ("search", data.join("search/meta.json").exists()),
        ("onboard/servers", has_servers()),
    ] {
        if there {
            return Err(StartError::Emptied(data.to_owned(), path));
        }
    }
    Ok(())
}
