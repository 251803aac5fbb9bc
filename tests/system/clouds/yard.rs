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
    /// Whether the directory goes with it.
    owns_directory: bool,
}

impl Yard {
    /// A new one; the name is only for people.
    pub fn new(name: &str) -> Yard {
        assert!(nix::unistd::geteuid().is_root(), "this test needs root: sudo tests/run system");
        let directory = std::env::temp_dir().join(space(name));
        fs::create_dir_all(&directory).unwrap();
        Yard::around(name, directory, true)
    }

    /// A name space beside another one's, with the same directory: as it is on another machine
    /// that reaches the same files.
    pub fn beside(&self, name: &str) -> Yard {
        Yard::around(name, self.directory.clone(), false)
    }

    fn around(name: &str, directory: PathBuf, owns_directory: bool) -> Yard {
        let space = space(name);
        let ip = |arguments: &[&str]| {
            assert!(Command::new("ip").args(arguments).status().unwrap().success());
        };
        ip(&["netns", "add", &space]);
        ip(&["-n", &space, "link", "set", "lo", "up"]);
        Yard { directory, space, owns_directory }
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
        if self.owns_directory && !std::thread::panicking() {
            fs::remove_dir_all(&self.directory).unwrap();
        }
    }
}

fn space(name: &str) -> String {
    format!("grange-{name}-{}", std::process::id())
}
