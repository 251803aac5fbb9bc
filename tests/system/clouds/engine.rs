//! A real Docker Engine in a network name space of its own, with one small image.

use super::yard::Yard;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// The image that the example names.
pub const IMAGE: &str = "busybox:1.36";
/// What it needs beside the shell.
const APPLETS: [&str; 7] = ["sh", "httpd", "hostname", "test", "cat", "sleep", "wget"];

/// See the module's text; gone, with its containers and its directory, when dropped.
pub struct RealEngine {
    /// Where everything of it is, and whoever wants to reach its containers.
    pub yard: Yard,
    daemon: Child,
}

/// Whether something comes to hold within that time.
pub fn comes(at_most: Duration, holds: impl Fn() -> bool) -> bool {
    let end = Instant::now() + at_most;
    while !holds() {
        if Instant::now() > end {
            return false;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    true
}

fn done(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
    output
}

fn require(program: &str, package: &str) {
    let found = std::env::var("PATH").unwrap_or_default();
    let there =
        found.split(':').chain(["/usr/sbin"]).any(|at| Path::new(at).join(program).exists());
    assert!(there, "{program} is missing: apt-get install --no-install-recommends {package}");
}

impl RealEngine {
    /// Starts one; its bridge has the last network of 172.31 but this many.
    pub fn start(name: &str, network: u8) -> RealEngine {
        RealEngine::start_in(Yard::new(name), network, &[])
    }

    /// Starts one in a yard, with more said to it.
    pub fn start_in(yard: Yard, network: u8, more: &[&str]) -> RealEngine {
        require("dockerd", "docker.io iptables");
        require("docker", "docker.io");
        require("busybox", "busybox-static");
        let directory = &yard.directory;
        let log = fs::File::create(directory.join("log")).unwrap();
        let at = |name: &str| directory.join(name).display().to_string();
        // Not with `ip netns exec`, which hides control groups.
        let daemon = Command::new("nsenter")
            .arg(format!("--net=/run/netns/{}", yard.space))
            .arg("dockerd")
            .args(["--data-root", &at("data"), "--exec-root", &at("exec")])
            .args(["--pidfile", &at("pid"), "--host", &format!("unix://{}", at("docker.sock"))])
            .args(["--bip", &format!("172.31.{network}.1/24")])
            .args(more)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let engine = RealEngine { yard, daemon };
        let up = || engine.docker(&["version"]).status.success();
        assert!(comes(Duration::from_secs(60), up), "{}", engine.log());
        engine.import();
        engine
    }

    /// Where it listens, as an account says it.
    pub fn endpoint(&self) -> String {
        format!("unix://{}/docker.sock", self.yard.directory.display())
    }

    /// Docker's own client on it.
    pub fn docker(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new("docker");
        command.args(["--host", &self.endpoint()]).args(arguments).stdin(Stdio::null());
        command.output().unwrap()
    }

    /// What that prints, without the last line break; it has to end well.
    pub fn says(&self, arguments: &[&str]) -> String {
        let output = self.docker(arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "docker {arguments:?}: {said}");
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }

    /// The containers that carry a label of ours, running or not.
    pub fn ours(&self, label: &str) -> Vec<String> {
        let filter = format!("label={label}");
        let said = self.says(&["ps", "--all", "--quiet", "--filter", &filter]);
        said.lines().map(str::to_owned).collect()
    }

    fn log(&self) -> String {
        let log = fs::read_to_string(self.yard.directory.join("log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }

    fn import(&self) {
        let root = self.yard.directory.join("root");
        fs::create_dir_all(root.join("bin")).unwrap();
        fs::create_dir_all(root.join("tmp")).unwrap();
        let busybox = done(Command::new("sh").args(["-c", "command -v busybox"])).stdout;
        let busybox = String::from_utf8(busybox).unwrap();
        fs::copy(busybox.trim(), root.join("bin/busybox")).unwrap();
        for applet in APPLETS {
            symlink("busybox", root.join("bin").join(applet)).unwrap();
        }
        let archive = self.yard.directory.join("root.tar");
        let tar = |into: &Path| {
            done(Command::new("tar").arg("-cf").arg(into).arg("-C").arg(&root).arg("."))
        };
        tar(&archive);
        self.says(&["import", &archive.display().to_string(), IMAGE]);
    }
}

impl Drop for RealEngine {
    fn drop(&mut self) {
        for id in self.ours("grange.appliance") {
            self.docker(&["rm", "--force", &id]);
        }
        let pid = Pid::from_raw(i32::try_from(self.daemon.id()).unwrap());
        kill(pid, Signal::SIGTERM).unwrap();
        let end = Instant::now() + Duration::from_secs(30);
        while self.daemon.try_wait().unwrap().is_none() {
            if Instant::now() > end {
                self.daemon.kill().unwrap();
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}
