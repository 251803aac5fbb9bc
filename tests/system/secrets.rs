//! What of the machine a server over its root does not see. The test puts private things of its
//! own where the machine has its own, and takes them away again.

use crate::onboard::{Yard, eventually, ids};
use grange::clouds::onboard::Isolation;
use grange::clouds::{Cloud, CloudStep};
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

/// Things of the machine for the time of a test.
struct Planted(Vec<PathBuf>);

impl Planted {
    /// A directory with a file in it, each with its mode.
    fn add(&mut self, directory: &str, mode: u32, file: u32) -> PathBuf {
        let directory = Path::new(directory).join(format!("grange-test-{}", std::process::id()));
        self.0.push(directory.clone());
        fs::create_dir(&directory).unwrap();
        let path = directory.join("thing");
        fs::write(&path, "of the machine").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(file)).unwrap();
        chown(&directory, Some(12), Some(34)).unwrap();
        fs::set_permissions(&directory, Permissions::from_mode(mode)).unwrap();
        path
    }
}

impl Drop for Planted {
    fn drop(&mut self) {
        for path in &self.0 {
            drop(fs::remove_dir_all(path));
        }
    }
}

#[test]
fn what_others_may_not_read_is_not_there_in_a_server() {
    let mut planted = Planted(Vec::new());
    let open = planted.add("/etc", 0o755, 0o644);
    let private_file = planted.add("/var/lib", 0o755, 0o640);
    let private_directory = planted.add("/srv", 0o750, 0o644);
    let listed_only = planted.add("/var/spool", 0o711, 0o644);
    let yard = Yard::new("secrets", Isolation::Namespaces);
    let id = ids()();
    yard.launch(id, 1, &["sleep", "86400"]).unwrap();
    let within = |path: &Path| yard.read_within(id, path.to_str().unwrap());
    assert_eq!(within(&open).as_deref(), Some("of the machine"));
    for path in [&private_file, &private_directory, &listed_only] {
        assert_eq!(within(path), None, "{}", path.display());
    }

    // A directory keeps its place, for whoever is installed in the server.
    let kept = yard.root(id).join(private_directory.parent().unwrap().strip_prefix("/").unwrap());
    let found = fs::metadata(&kept).unwrap();
    assert_eq!((found.mode() & 0o7777, found.uid(), found.gid()), (0o750, 12, 34));
    assert_eq!(fs::read_dir(&kept).unwrap().count(), 0);

    // Users are there, passwords are not.
    let shadow = within(Path::new("/etc/shadow")).unwrap();
    let machine = fs::read_to_string("/etc/shadow").unwrap();
    assert_eq!(shadow.lines().count(), machine.lines().count());
    assert!(shadow.lines().all(|line| line.split(':').nth(1) == Some("*")), "{shadow}");
    assert_eq!(within(Path::new("/etc/shadow-")), None);
    assert_eq!(fs::read_to_string("/etc/shadow").unwrap(), machine, "the machine's own");

    // What a server makes of its own in those places stays over its boots.
    let own = yard.root(id).join(private_file.strip_prefix("/").unwrap());
    fs::write(own, "of the server").unwrap();
    fs::write(kept.join("more"), "of the server").unwrap();
    yard.cloud.apply(&CloudStep::Reboot(id)).unwrap();
    let again = private_directory.with_file_name("more");
    for path in [&private_file, &again] {
        assert!(eventually(|| within(path).as_deref() == Some("of the server")));
    }
    assert_eq!(fs::read_to_string(&private_file).unwrap(), "of the machine");
}
