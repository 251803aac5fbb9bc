//! Users by name, read from the files: a static binary cannot load what other sources of users
//! need.

use std::fs;
use std::path::PathBuf;

/// A user of this server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SystemUser {
    /// The name it was found by.
    pub name: String,
    /// Its number.
    pub uid: u32,
    /// The number of its group.
    pub gid: u32,
    /// The groups it is a member of besides.
    pub groups: Vec<u32>,
    /// Where its services find their HOME.
    pub home: PathBuf,
}

/// The user of a name or number, or why it cannot be one. As container images say users, a group
/// may follow behind a colon.
pub fn find(name: &str) -> Result<SystemUser, String> {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    parse(&read("/etc/passwd"), &read("/etc/group"), name)
        .ok_or_else(|| format!("there is no user {name:?} on this server: setup has to make it"))
}

fn parse(passwd: &str, group: &str, said: &str) -> Option<SystemUser> {
    match said.split_once(':') {
        None => parse_user(passwd, group, said),
        Some((user, of)) => {
            let line = group.lines().find(|line| line.split(':').next() == Some(of));
            let gid = line.and_then(|line| line.split(':').nth(2)).unwrap_or(of).parse().ok()?;
            Some(SystemUser { gid, ..parse_user(passwd, group, user)? })
        }
    }
}

fn parse_user(passwd: &str, group: &str, said: &str) -> Option<SystemUser> {
    let uid: Option<u32> = said.parse().ok();
    let is_said = |line: &&str| {
        let mut fields = line.split(':');
        fields.next() == Some(said)
            || (uid.is_some() && fields.nth(1).and_then(|uid| uid.parse().ok()) == uid)
    };
    let Some(line) = passwd.lines().find(is_said) else {
        // A number needs no line anywhere.
        let home = PathBuf::from("/");
        let name = said.to_owned();
        return uid.map(|uid| SystemUser { name, uid, gid: 0, groups: Vec::new(), home });
    };
    let fields: Vec<&str> = line.split(':').collect();
    let [name, _, uid, gid, _, home, ..] = fields.as_slice() else { return None };
    let groups = group.lines().filter_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        let [_, _, gid, members] = fields.as_slice() else { return None };
        members.split(',').any(|member| member == *name).then(|| gid.parse().ok())?
    });
    Some(SystemUser {
        name: (*name).to_owned(),
        uid: uid.parse().ok()?,
        gid: gid.parse().ok()?,
        groups: groups.collect(),
        home: home.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_have_their_groups() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\napp:x:200:201::/srv/app:/bin/false\nbad:x:y\n";
        let group = "app:x:201:\nssl:x:210:bob,app\nno:x:211:apple\nbroken:x:app\n";
        let user = parse(passwd, group, "app").unwrap();
        assert_eq!((user.uid, user.gid, user.groups.clone()), (200, 201, vec![210]));
        assert_eq!(user.home, PathBuf::from("/srv/app"));
        for said in ["200", "app:201", "200:app"] {
            assert_eq!(parse(passwd, group, said), Some(user.clone()), "{said}");
        }
        let number = parse(passwd, group, "7").unwrap();
        assert_eq!((number.uid, number.gid, number.home), (7, 0, PathBuf::from("/")));
        assert_eq!(parse(passwd, group, "7:ssl").unwrap().gid, 210);
        for nobody in ["app:none", ":app", "7:", "ap", "bad", "", "x"] {
            assert_eq!(parse(passwd, group, nobody), None, "{nobody}");
        }
    }
}
