//! A place for an appliance: a directory and a network name space of its own.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

/// See the module's text; gone when dropped.
pub struct Yard {
    /// Where everything of it is.
    pub directory: PathBuf,
    /// The name of the name space.
    pub space: String,
}

impl Yard {
    /// A new one; the name is only for people.
    pub fn new(name: &str) -> Yard {
        assert!(nix::unistd::geteuid().is_root(), "this test needs root: sudo tests/run system");
        let space = format!("grange-{name}-{}", std::process::id());
        let directory = std::env::temp_dir().join(&space);
        fs::create_dir_all(&directory).unwrap();
        let ip = |arguments: &[&str]| {
            assert!(Command::new("ip").args(arguments).status().unwrap().success());
        };
        ip(&["netns", "add", &space]);
        ip(&["-n", &space, "link", "set", "lo", "up"]);
        Yard { directory, space }
    }

    /// A program of a text; its path.
    pub fn script(&self, name: &str, text: &str) -> String {
        let path = self.directory.join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path.display().to_string()
    }
}

impl Drop for Yard {
    fn drop(&mut self) {
        Command::new("ip").args(["netns", "del", &self.space]).status().unwrap();
        if !std::thread::panicking() {
            fs::remove_dir_all(&self.directory).unwrap();
        }
    }
}
