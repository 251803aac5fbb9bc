//! The system user behind `ssh grange@appliance`: its shell is the binary itself.
//!
//! Made and removed with the system's own commands. A bare system may not have them (on Debian
//! they come with the package `passwd`); then its lines are written here, each file replaced whole
//! with its owner and mode.

use crate::appliance::Failure;
use crate::appliance::command::{directory, find, run};
use crate::appliance::layout::{Layout, USER};
use crate::appliance::made::Made;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

const PASSWD: &str = "/etc/passwd";
const GROUP: &str = "/etc/group";
const SHADOW: &str = "/etc/shadow";
const GSHADOW: &str = "/etc/gshadow";
/// Numbers of system users, from the highest down, as `useradd --system` gives them on Debian and
/// RHEL alike.
const IDS: std::ops::RangeInclusive<u32> = 201..=999;

/// The number of a user of this machine, by name or number. Read from the file: a static binary
/// cannot load what other sources of users need.
pub fn uid_of(name: &str) -> Option<u32> {
    name.parse().ok().or_else(|| field(&read(PASSWD), name, 2))
}

/// A line of the list of users.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Account {
    /// Its number.
    pub uid: u32,
    /// The number of its group.
    pub gid: u32,
    /// Its home.
    pub home: PathBuf,
    /// What it logs in to.
    pub shell: PathBuf,
}

impl Account {
    /// Whether nobody but install can have made it: a system user that logs in to our binary.
    pub fn is_ours(&self, layout: &Layout) -> bool {
        IDS.contains(&self.uid) && self.home == layout.home && self.shell == layout.binary
    }
}

/// The line of a user, if there is one.
pub fn found(name: &str) -> Option<Account> {
    account(&read(PASSWD), name)
}

fn account(passwd: &str, name: &str) -> Option<Account> {
    let line = passwd.lines().find(|line| line.split(':').next() == Some(name))?;
    let fields: Vec<&str> = line.split(':').collect();
    let [_, _, uid, gid, _, home, shell] = fields.as_slice() else { return None };
    let (uid, gid) = (uid.parse().ok()?, gid.parse().ok()?);
    Some(Account { uid, gid, home: home.into(), shell: shell.into() })
}

/// Refuses a machine where somebody else has the user's name: that one would become an
/// administrator.
///
/// # Errors
/// When there is a user, a group or a home of that name that install did not make.
pub fn is_free(layout: &Layout, made: &Made) -> Result<(), Failure> {
    let ours = |account: &Account| made.user() == Some(account) || account.is_ours(layout);
    let text = match found(USER) {
        Some(account) if ours(&account) => return Ok(()),
        Some(Account { uid, shell, .. }) => format!(
            "there is a user {USER} (number {uid}, shell {}) that install did not make, and it \
             would be an administrator of the appliance: rename or remove it first",
            shell.display()
        ),
        None if uid_of(USER).is_some() => format!(
            "the line of the user {USER} in {PASSWD} cannot be understood: correct or remove it"
        ),
        None if field(&read(GROUP), USER, 2).is_some() => {
            format!("there is a group {USER} that install did not make: rename or remove it first")
        }
        None if layout.home.exists() && !made.has(&layout.home) => {
            format!("{} is there and is not ours: move it away first", layout.home.display())
        }
        None => return Ok(()),
    };
    Err(Failure::InTheWay(text))
}

/// Makes the user and its home, if they are not there; what is there is ours ([`is_free`]).
pub fn place(layout: &Layout, made: &mut Made, say: &mut dyn FnMut(String)) -> Result<(), Failure> {
    if uid_of(USER).is_none() {
        match find("useradd") {
            Some(useradd) => add(&useradd, layout)?,
            None => write_lines(layout)?,
        }
        say(format!("made the system user {USER}"));
    }
    made.note_user(layout, found(USER))?;
    made.note_directory(layout, &layout.home)?;
    let passwd = read(PASSWD);
    let (Some(uid), Some(gid)) = (field(&passwd, USER, 2), field(&passwd, USER, 3)) else {
        let text = format!("the user {USER} was made and is not in {PASSWD}");
        return Err(Failure::InTheWay(text));
    };
    let ssh = layout.home.join(".ssh");
    directory(&layout.home, 0o700)?;
    directory(&ssh, 0o700)?;
    // Kept data may be of a user with another number, from before.
    for path in [layout.home.clone(), ssh.clone(), ssh.join("authorized_keys")] {
        if path.exists() {
            let owned = chown(&path, Some(uid), Some(gid));
            owned.map_err(|cause| Failure::file("giving away", path, cause))?;
        }
    }
    Ok(())
}

/// Removes the user. Says whether it was there.
pub fn remove() -> Result<bool, Failure> {
    if uid_of(USER).is_none() {
        return Ok(false);
    }
    if let Some(userdel) = find("userdel") {
        run(&userdel, &[USER])?;
        return Ok(true);
    }
    for path in [PASSWD, SHADOW, GROUP, GSHADOW] {
        let others = |text: &str| {
            let kept = text.lines().filter(|line| line.split(':').next() != Some(USER));
            kept.fold(String::new(), |all, line| all + line + "\n")
        };
        rewrite(Path::new(path), &others)?;
    }
    Ok(true)
}

fn add(useradd: &str, layout: &Layout) -> Result<(), Failure> {
    let (home, shell) = (layout.home.display().to_string(), layout.binary.display().to_string());
    // A star is no password but, unlike an exclamation mark, no lock: keys open it.
    let options = ["--system", "--home-dir", &home, "--no-create-home", "--shell", &shell];
    run(useradd, &[&options[..], &["--user-group", "--password", "*", USER]].concat())?;
    Ok(())
}

/// What `useradd` would write.
fn write_lines(layout: &Layout) -> Result<(), Failure> {
    let (passwd, group) = (read(PASSWD), read(GROUP));
    let taken: BTreeSet<u32> = [&passwd, &group].into_iter().flat_map(|text| ids(text)).collect();
    let id = IDS.rev().find(|id| !taken.contains(id));
    let id = id.ok_or_else(|| Failure::InTheWay("every system user id is taken".into()))?;
    let (home, shell) = (layout.home.display(), layout.binary.display());
    for (path, line) in [
        (GROUP, format!("{USER}:x:{id}:\n")),
        (GSHADOW, format!("{USER}:!::\n")),
        (SHADOW, format!("{USER}:*:::::::\n")),
        // Last, because this is what says that the user is there.
        (PASSWD, format!("{USER}:x:{id}:{id}::{home}:{shell}\n")),
    ] {
        let more = |text: &str| match text.lines().any(|l| l.split(':').next() == Some(USER)) {
            true => text.to_owned(),
            false => format!("{}{line}", whole_lines(text)),
        };
        rewrite(Path::new(path), &more)?;
    }
    Ok(())
}

/// Text that ends where a line ends.
fn whole_lines(text: &str) -> String {
    if text.is_empty() || text.ends_with('\n') { text.to_owned() } else { format!("{text}\n") }
}

/// Replaces a file whole; owner and mode stay. A file that is not there stays so.
fn rewrite(path: &Path, change: &dyn Fn(&str) -> String) -> Result<(), Failure> {
    let failed = |cause| Failure::file("rewriting", path, cause);
    let meta = match std::fs::metadata(path) {
        Ok(meta) => meta,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error)),
    };
    let old = std::fs::read_to_string(path).map_err(failed)?;
    let new = change(&old);
    if new == old {
        return Ok(());
    }
    let temporary = path.with_extension("grange-new");
    crate::appliance::command::write(&temporary, new.as_bytes(), 0o600)?;
    chown(&temporary, Some(meta.uid()), Some(meta.gid())).map_err(failed)?;
    let mode = std::fs::Permissions::from_mode(meta.mode() & 0o7777);
    std::fs::set_permissions(&temporary, mode).map_err(failed)?;
    std::fs::rename(&temporary, path).map_err(failed)
}

/// A file that is not there has no lines.
fn read(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

/// A number in the line of a user or group.
fn field(text: &str, name: &str, index: usize) -> Option<u32> {
    let line = text.lines().find(|line| line.split(':').next() == Some(name))?;
    line.split(':').nth(index)?.parse().ok()
}

fn ids(text: &str) -> impl Iterator<Item = u32> {
    text.lines().filter_map(|line| line.split(':').nth(2)?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_by_name_or_number() {
        let passwd = "root:x:0:0:root:/root:/bin/bash\ngrange:x:998:997::/etc/grange/home:/bin/g\n";
        assert_eq!(field(passwd, "grange", 2), Some(998));
        assert_eq!(field(passwd, "grange", 3), Some(997));
        assert_eq!(field(passwd, "gran", 2), None);
        assert_eq!(uid_of("root"), Some(0));
        assert_eq!(uid_of("4711"), Some(4711));
    }

    #[test]
    fn a_user_of_our_name_is_ours_when_it_logs_in_to_our_binary() {
        let layout = Layout::default();
        let check = |line: &str, ours: bool| {
            let account = account(line, USER).unwrap();
            assert_eq!(account.is_ours(&layout), ours, "{line}");
        };
        check("grange:x:998:998::/etc/grange/home:/usr/local/bin/grange", true);
        check("grange:x:1000:1000:Gil Range:/srv/gil:/bin/bash", false);
        check("grange:x:998:998::/etc/grange/home:/bin/bash", false);
        check("grange:x:1000:1000::/etc/grange/home:/usr/local/bin/grange", false);
        check("grange:x:0:0::/etc/grange/home:/usr/local/bin/grange", false);
        assert_eq!(account("grange:x:998", USER), None);
    }

    #[test]
    fn lines_are_added_and_taken_away_with_mode_kept() {
        let path = std::env::temp_dir().join(format!("grange-lines-{}", std::process::id()));
        std::fs::write(&path, "a:1").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        rewrite(&path, &|text| whole_lines(text) + "b:2\n").unwrap();
        let (text, mode) = (std::fs::read_to_string(&path), path.metadata().unwrap().mode());
        std::fs::remove_file(&path).unwrap();
        assert_eq!((text.unwrap().as_str(), mode & 0o777), ("a:1\nb:2\n", 0o640));
        rewrite(&path, &|_| "never".into()).unwrap();
        assert!(!path.exists());
    }
}
