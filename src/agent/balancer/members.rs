//! What is to be done so that a running HAProxy has the members its file says. A function of
//! values.
//!
//! A member whose server is to go (the file names it with [`LEAVING`]) drains: it finishes what it
//! has and gets nothing new. One that the file does not name at all is gone: its connections are
//! ended, for there is nobody at their other end. Either is removed once no connection is left.

use super::config::Member;
use super::runtime::{Admin, Found};
use crate::model::LEAVING;
use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;

/// The section of the file that members are in.
pub const BACKEND: &str = "servers";

/// Commands, in their order, and what they are for.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// What must succeed: until then HAProxy does not do what the file says.
    pub now: Vec<String>,
    /// What removes members; one that still has a connection is removed later.
    pub removals: Vec<String>,
    added: u32,
    changed: u32,
    leaving: u32,
    gone: u32,
}

impl fmt::Display for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = [
            (self.added, "added"),
            (self.changed, "changed"),
            (self.leaving, "leaving"),
            (self.gone, "removed"),
        ];
        let said = counts.iter().filter(|(count, _)| *count > 0);
        let said: Vec<String> = said.map(|(count, what)| format!("{count} {what}")).collect();
        match said.is_empty() {
            true => f.write_str("the members are as the file says"),
            false => write!(f, "members changed without a reload: {}", said.join(", ")),
        }
    }
}

/// Compares what the file wants with what runs.
pub fn compare(wanted: &BTreeMap<String, Member>, found: &BTreeMap<String, Found>) -> Changes {
    let mut changes = Changes::default();
    // Who is new is there before others go.
    for (name, member) in wanted {
        match found.get(name) {
            None => changes.add(name, member),
            Some(found) => changes.adjust(name, member.address, found),
        }
    }
    for (name, found) in found.iter().filter(|(name, _)| !wanted.contains_key(*name)) {
        let twin = match name.strip_suffix(LEAVING) {
            Some(own) => own.to_owned(),
            None => format!("{name}{LEAVING}"),
        };
        changes.remove(name, found, wanted.contains_key(&twin));
    }
    changes
}

impl Changes {
    fn add(&mut self, name: &str, member: &Member) {
        self.added += 1;
        let Member { address, options } = member;
        self.now.push(format!("add server {BACKEND}/{name} {address} {options}"));
        self.enable(name);
    }

    /// Its checks begin before it is used, so that one that is cut off between the two is not used
    /// unchecked, and is found disabled.
    fn enable(&mut self, name: &str) {
        self.now.push(format!("enable health {BACKEND}/{name}"));
        self.now.push(format!("set server {BACKEND}/{name} state ready"));
    }

    fn adjust(&mut self, name: &str, address: SocketAddr, found: &Found) {
        let moved = found.address != Some(address);
        if moved {
            let (ip, port) = (address.ip(), address.port());
            self.now.push(format!("set server {BACKEND}/{name} addr {ip} port {port}"));
        }
        let unused = found.admin != Admin::Ready;
        if unused {
            self.enable(name);
        }
        self.changed += u32::from(moved || unused);
    }

    fn remove(&mut self, name: &str, found: &Found, leaving: bool) {
        if leaving && found.connections > 0 {
            if found.admin == Admin::Ready {
                self.leaving += 1;
                self.now.push(format!("set server {BACKEND}/{name} state drain"));
            }
            return;
        }
        if found.admin != Admin::Maintenance {
            self.gone += 1;
            self.now.push(format!("set server {BACKEND}/{name} state maint"));
        }
        if found.connections > 0 {
            self.removals.push(format!("shutdown sessions server {BACKEND}/{name}"));
        }
        self.removals.push(format!("del server {BACKEND}/{name}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member() -> Member {
        Member { address: "10.9.0.2:80".parse().unwrap(), options: "check".into() }
    }

    fn found(admin: Admin, connections: u64) -> Found {
        Found { address: Some(member().address), admin, connections, down: None }
    }

    #[track_caller]
    fn check(
        wanted: &[&str],
        found: &[(&str, Found)],
        now: &[&str],
        removals: &[&str],
        said: &str,
    ) {
        let wanted = wanted.iter().map(|name| ((*name).to_owned(), member())).collect();
        let found = found.iter().map(|(name, found)| ((*name).to_owned(), found.clone())).collect();
        let changes = compare(&wanted, &found);
        assert_eq!(
            (changes.now.as_slice(), changes.removals.as_slice()),
            (owned(now).as_slice(), owned(removals).as_slice())
        );
        let text = changes.to_string();
        let text = text.strip_prefix("members changed without a reload: ").unwrap_or(&text);
        assert_eq!(text, said);
    }

    fn owned(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn what_is_as_it_should_be_is_left_alone() {
        use Admin::Ready;
        let same = "the members are as the file says";
        check(&["a", "b"], &[("a", found(Ready, 3)), ("b", found(Ready, 0))], &[], &[], same);
    }

    #[test]
    fn members_come_and_change() {
        use Admin::{Drain, Maintenance, Ready};
        let add = [
            "add server servers/a 10.9.0.2:80 check",
            "enable health servers/a",
            "set server servers/a state ready",
        ];
        check(&["a"], &[], &add, &[], "1 added");
        // What a crash left half done is finished.
        check(&["a"], &[("a", found(Maintenance, 0))], &add[1..], &[], "1 changed");
        check(&["a"], &[("a", found(Drain, 2))], &add[1..], &[], "1 changed");
        let elsewhere = Found { address: None, ..found(Ready, 0) };
        let moved = ["set server servers/a addr 10.9.0.2 port 80"];
        check(&["a"], &[("a", elsewhere)], &moved, &[], "1 changed");
    }

    #[test]
    fn members_leave_when_their_connections_have_ended() {
        use Admin::{Drain, Maintenance, Ready};
        let twin = ("a.leaving", found(Ready, 0));
        let with_twin = |own: Found| [("a", own), twin.clone()];
        let wanted = &["a.leaving"];
        let drain = ["set server servers/a state drain"];
        let same = "the members are as the file says";
        check(wanted, &with_twin(found(Ready, 2)), &drain, &[], "1 leaving");
        check(wanted, &with_twin(found(Drain, 2)), &[], &[], same);
        let (maint, del) = (["set server servers/a state maint"], ["del server servers/a"]);
        check(wanted, &with_twin(found(Drain, 0)), &maint, &del, "1 removed");
        check(wanted, &with_twin(found(Maintenance, 0)), &[], &del, same);
        // It does not leave after all: what it got as a backup it finishes as well.
        let back = [("a", found(Ready, 0)), ("a.leaving", found(Ready, 1))];
        check(&["a"], &back, &["set server servers/a.leaving state drain"], &[], "1 leaving");
    }

    #[test]
    fn connections_of_what_is_gone_are_ended() {
        let all = ["shutdown sessions server servers/a", "del server servers/a"];
        let maint = ["set server servers/a state maint"];
        check(&[], &[("a", found(Admin::Drain, 2))], &maint, &all, "1 removed");
    }
}
