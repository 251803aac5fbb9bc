//! What appliances left on the machine whose state directory is gone: processes, links and control
//! groups that nobody manages any more.
//!
//! Whose they are is told by the register (`lease`), which names the state directory of every tag
//! that has something on the machine, and by what each thing carries: a process its tag, a link
//! the bridge it is on, a bridge the hardware address we gave it, a group the ids of servers. A tag
//! whose appliance runs, or whose directory is anywhere, has no leftovers; what merely looks like
//! ours and is in no register is told of, and nobody's to remove: it may be of another container.
//! Mounts, name spaces and loop devices of a server go with its last process.

use super::cgroup::{self, Cgroups};
use super::failure::{Doing, Failure};
use super::init::{attached_files, mac};
use super::lease;
use super::netlink::{Link, Netlink};
use super::outbound;
use super::place::Place;
use super::process::{Process, owned, owners, wait_until};
use crate::base::ServerId;
use crate::clouds::owner::Owner;
use nix::sys::signal::Signal;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A killed process dies when its system call returns; on a busy disk that takes a while.
const DEATH: Duration = Duration::from_secs(10);
/// How the kernel marks a file that was deleted while somebody has it.
const DELETED: &str = " (deleted)";

/// Everything that one tag left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leftover {
    /// The tag.
    pub tag: String,
    /// Who managed it last, and from where; `None` where no register says, and nothing may be
    /// removed.
    pub owner: Option<Owner>,
    /// What is left, in words.
    pub things: Vec<String>,
}

/// What is left on this machine of appliances of this user.
pub fn leftovers() -> Vec<Leftover> {
    let register = lease::names(&lease::register());
    let mut found = Vec::new();
    for (tag, owner, alive) in &register {
        // A mark that cannot be read names no directory, so nothing proves that it is gone.
        let Some(owner) = owner else { continue };
        if !alive && lease::is_gone(&owner.place, tag) && !was_moved(tag) {
            let (tag, owner) = (tag.clone(), Some(owner.clone()));
            found.push(Leftover { things: things_of(&tag), tag, owner });
        }
    }
    for tag in owners() {
        let known = register.iter().any(|(name, ..)| *name == tag);
        if !known && !was_moved(&tag) {
            found.push(Leftover { things: things_of(&tag), tag, owner: None });
        }
    }
    found.retain(|one: &Leftover| !one.things.is_empty());
    found
}

fn things_of(tag: &str) -> Vec<String> {
    let processes = owned(tag).into_iter().map(|one| format!("process {}", one.pid));
    let links = links_of(tag).into_iter().map(|link| format!("link {}", link.name));
    let groups = groups_of(tag).into_iter();
    let groups = groups.map(|path| format!("control group {}", path.display()));
    let tables = outbound::left_by(tag).then(|| format!("packet filter {}", outbound::table(tag)));
    processes.chain(links).chain(groups).chain(tables).collect()
}

/// Whether what its servers have open says where the state directory of a tag is by now. One that
/// they have and we do not find is on a disk that only they see.
fn was_moved(tag: &str) -> bool {
    let open = owned(tag).into_iter().flat_map(|process| process.files());
    let theirs = |path: PathBuf| {
        let state = state_of(&path);
        state.is_some_and(|state| lease::has_tag(&state, tag) || !state.exists())
    };
    let ours = |path: &PathBuf| state_of(path).is_some_and(|state| lease::has_tag(&state, tag));
    open.into_iter().any(theirs) || attached_files().iter().any(ours)
}

/// The state directory that a server's file lies in, unless it was deleted.
fn state_of(path: &Path) -> Option<PathBuf> {
    if path.to_str()?.ends_with(DELETED) {
        return None;
    }
    let server = |at: &&Path| {
        id_of(at).is_some() && at.parent().is_some_and(|parent| parent.ends_with("servers"))
    };
    let directory = path.ancestors().find(server)?;
    Some(directory.parent()?.parent()?.to_owned())
}

/// Removes it, and its name from the register.
///
/// # Errors
/// When somebody owns it by now, or something cannot be removed; calling again goes on from there.
pub fn remove_leftover(left: &Leftover) -> Result<(), Failure> {
    let Some(Owner { place, .. }) = &left.owner else {
        return Err(Failure::new(format!("removing {}", left.tag), "nothing says whose it is"));
    };
    // Held from here on: who starts on it now waits, or is refused.
    let held = lease::hold(&left.tag)?;
    if !lease::is_gone(place, &left.tag) || was_moved(&left.tag) {
        return Err(Failure::new(format!("removing {}", left.tag), "its directory is there again"));
    }
    end_processes(&left.tag)?;
    let links = links_of(&left.tag);
    if !links.is_empty() {
        let mut netlink = Netlink::open().doing("opening", "netlink")?;
        for link in links {
            netlink.remove(&link.name).doing("removing", &link.name)?;
        }
    }
    outbound::remove_left(&left.tag)?;
    for path in groups_of(&left.tag) {
        for inner in directories(&path) {
            cgroup::remove(&inner)?;
        }
        cgroup::remove(&path)?;
    }
    lease::forget(&lease::register(), &left.tag)?;
    drop(held);
    Ok(())
}

fn end_processes(tag: &str) -> Result<(), Failure> {
    let groups = Cgroups::detect(&group_name(tag));
    let inner = groups_of(tag).into_iter().flat_map(|path| directories(&path));
    let ids: BTreeSet<ServerId> = inner.filter_map(|path| id_of(&path)).collect();
    // What sleeps takes no signal, not even the last one.
    for id in ids.into_iter().filter(|id| groups.is_frozen(*id)) {
        groups.freeze(id, false)?;
    }
    let gone = wait_until(DEATH, || {
        let living = owned(tag);
        living.iter().for_each(kill);
        living.is_empty()
    });
    if gone {
        return Ok(());
    }
    Err(Failure::new(format!("ending the servers of {tag}"), "some of their processes stay"))
}

fn kill(process: &Process) {
    if let Err(error) = process.signal(Signal::SIGKILL) {
        tracing::warn!(pid = process.pid, %error, "a process of a server stays");
    }
}

/// The bridge, where it has the hardware address that we give bridges, and what is on it.
fn links_of(tag: &str) -> Vec<Link> {
    let links = Netlink::open().and_then(|mut netlink| netlink.links()).unwrap_or_default();
    let named = |link: &Link| {
        let ends = [format!("gv{tag}"), format!("gp{tag}")];
        ends.iter().any(|end| link.name.starts_with(end))
    };
    let ours = mac([10, 0, 0, 1].into())[..3].to_vec();
    let bridge = links.iter().find(|link| {
        let made = link.address.as_deref().is_some_and(|address| address.starts_with(&ours));
        link.name == format!("gr-{tag}") && made
    });
    let index = bridge.map(|bridge| bridge.index);
    let on_it = |link: &&Link| named(link) && index.is_some() && link.master == index;
    let ends = links.iter().filter(on_it).cloned();
    ends.chain(bridge.cloned()).collect()
}

/// The groups of a tag that hold groups of servers and nothing else.
fn groups_of(tag: &str) -> Vec<PathBuf> {
    let ours = |path: &PathBuf| {
        path.is_dir() && directories(path).iter().all(|inner| id_of(inner).is_some())
    };
    Cgroups::detect(&group_name(tag)).ours().into_iter().filter(ours).collect()
}

fn group_name(tag: &str) -> String {
    // The subnet is of no matter here.
    Place { tag: tag.to_owned(), subnet: 0 }.group()
}

fn directories(path: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect()
}

fn id_of(path: &Path) -> Option<ServerId> {
    path.file_name()?.to_str()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::state_of;
    use std::path::{Path, PathBuf};

    #[test]
    fn the_directory_of_a_server_tells_where_its_appliance_is() {
        let check = |path: &str, state: Option<&str>| {
            assert_eq!(state_of(Path::new(path)), state.map(PathBuf::from), "{path}");
        };
        let id = "6f1c2a9e-0b1d-4c3e-8f00-1234567890ab";
        check(&format!("/srv/a/onboard/servers/{id}/disk.img"), Some("/srv/a/onboard"));
        check(&format!("/srv/a/onboard/servers/{id}/upper/x/y"), Some("/srv/a/onboard"));
        check(&format!("/srv/a/onboard/servers/{id}/disk.img (deleted)"), None);
        check(&format!("/srv/a/onboard/server/{id}/disk.img"), None);
        check("/srv/servers/web/disk.img", None);
    }
}
