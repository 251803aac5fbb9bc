//! Names: the servers of a farm find each other as `web-1.shop`, `web.shop` and `web`.
//!
//! They stand between two lines in each server's own `/etc/hosts`; what is around them is the
//! server's. They are there when it boots, and written anew whenever the farm changes, by a process
//! that enters the server's mounts (`init::names`), so that no path of the server's is followed
//! from outside. A server that is where it was and was told the same is left alone.
//!
//! Not here: an ordinary user's servers, whose `/etc/hosts` is the machine's.

use super::Onboard;
use super::failure::Failure;
use super::init::OK;
use super::network::stage;
use super::process::Process;
use super::record::{Isolation, ServerRecord, remove_tree, write_json};
use crate::base::ServerId;
use crate::clouds::publication::FarmNames;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How often servers are looked at although their farms are as they were: one that booted while
/// they changed has what it was booted with.
const LOOK_PERIOD: Duration = Duration::from_secs(30);
/// The line before a server's names.
pub(super) const BEGIN: &str =
    "# Names of the farm, kept by Grange; what is between is written anew";
/// The line after them.
pub(super) const END: &str = "# End of the names of the farm";
/// Names of ours that stand in every server's file and mean something else.
const TAKEN: [&str; 2] = ["localhost", "grange"];

/// What servers were told.
#[derive(Default)]
pub struct NamesKept {
    inner: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    farms: Vec<FarmNames>,
    looked: Option<Instant>,
    /// What stands in each server's file since its pid 1 is this one.
    told: BTreeMap<ServerId, (Process, String)>,
    wrong: Option<String>,
}

/// A server's names, for the process that writes them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct ToWrite {
    /// Its host name, for people.
    pub hostname: String,
    /// Its pid 1, whose mounts are entered.
    pub init: Process,
    /// The lines that are to stand in its file, the marks around them too.
    pub lines: String,
}

impl Onboard {
    /// Lets running servers know the names as they are now.
    pub(super) fn keep_names(&self, farms: &[FarmNames]) {
        if self.isolation == Isolation::Processes {
            return;
        }
        let mut known = self.names.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = known.looked.is_some_and(|at| at.elapsed() < LOOK_PERIOD);
        if fresh && known.wrong.is_none() && known.farms == farms {
            return;
        }
        known.looked = Some(Instant::now());
        known.farms = farms.to_vec();
        known.wrong = self.write_names(&mut known).err().map(|failure| failure.line());
    }

    /// What stands in a server's file when it boots.
    pub(super) fn names_of(&self, record: &ServerRecord) -> String {
        let known = self.names.inner.lock().unwrap_or_else(PoisonError::into_inner);
        lines(&known.farms, record)
    }

    /// Why servers do not know the names.
    pub(super) fn unnamed(&self) -> Option<String> {
        let known = self.names.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let why = known.wrong.as_ref()?;
        Some(format!("servers may not know each other's names: {why}"))
    }

    fn write_names(&self, known: &mut Known) -> Result<(), Failure> {
        let mut all = Vec::new();
        let mut there = BTreeMap::new();
        for directory in self.shelf.servers()? {
            let Ok(record) = directory.record() else { continue };
            let Some(init) = directory.init().filter(Process::is_alive) else { continue };
            let lines = lines(&known.farms, &record);
            let now = (init.clone(), lines.clone());
            if known.told.get(&directory.id) != Some(&now) {
                all.push(ToWrite { hostname: record.hostname, init, lines });
            }
            there.insert(directory.id, now);
        }
        if all.is_empty() {
            return Ok(());
        }
        // Until it has worked nobody counts as told.
        known.told.clear();
        let path = self.shelf.state.join("names.json");
        write_json(&path, &all)?;
        let said = stage(&self.config.executable, &["names", &path.display().to_string()]);
        remove_tree(&path)?;
        match said? {
            said if said == OK => {
                known.told = there;
                Ok(())
            }
            said => Err(Failure::new("writing /etc/hosts", said)),
        }
    }
}

/// The lines of a server's farm; none for one of no farm that is known.
fn lines(farms: &[FarmNames], record: &ServerRecord) -> String {
    let farm = farms.iter().find(|farm| farm.farm_roles.contains(&record.farm_role));
    let Some(farm) = farm.filter(|farm| !farm.servers.is_empty()) else { return String::new() };
    let mut text = format!("{BEGIN}\n");
    for server in &farm.servers {
        let (address, hostname) = (server.address, &server.hostname);
        let mut names = vec![format!("{hostname}.{}", farm.farm), hostname.clone()];
        if let Some(alias) = &server.serves {
            names.push(format!("{alias}.{}", farm.farm));
            names.extend(Some(alias.clone()).filter(|alias| !TAKEN.contains(&alias.as_str())));
        }
        text += &format!("{address} {}\n", names.join(" "));
    }
    text + END + "\n"
}

/// A file with other names in it, and what else is in it as it was.
pub(super) fn with_names(file: &str, names: &str) -> String {
    let mut text = String::new();
    let mut within = false;
    for line in file.split_inclusive('\n') {
        match line.trim_end() {
            BEGIN => within = true,
            END if within => within = false,
            _ if within => {}
            _ => text.push_str(line),
        }
    }
    if !names.is_empty() && !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text + names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_put_in_anew_and_the_rest_stays() {
        let names = format!("{BEGIN}\n10.0.0.1 web-1.shop web-1\n{END}\n");
        let check = |file: &str, names: &str, expected: &str| {
            assert_eq!(with_names(file, names), expected, "{file:?}");
            assert_eq!(with_names(expected, names), expected, "a second time");
        };
        check("", &names, &names);
        check("127.0.0.1 localhost\n", &names, &format!("127.0.0.1 localhost\n{names}"));
        check("127.0.0.1 localhost", &names, &format!("127.0.0.1 localhost\n{names}"));
        let old = names.replace("10.0.0.1", "10.0.0.9");
        check(&format!("a\n{old}b\n"), &names, &format!("a\nb\n{names}"));
        check(&format!("a\n{old}b\n"), "", "a\nb\n");
        check(&format!("a\n{old}{old}b"), "", "a\nb");
        check(&format!("a\n{END}\nb\n"), "", &format!("a\n{END}\nb\n"));
    }
}
