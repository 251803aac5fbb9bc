//! The whole appliance, the built program, in a yard.

use super::engine::{RealEngine, comes};
use super::yard::Yard;
use grange::client::{self, Client};
use grange::wire::api::ServerView;
use grange::wire::input::ServerFilter;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// An appliance in a yard.
pub struct Appliance<'y> {
    yard: &'y Yard,
    data: &'static str,
    client: Client,
    serve: Child,
}

impl<'y> Appliance<'y> {
    /// The first one there, with its program beside it.
    pub fn start(yard: &'y Yard) -> Appliance<'y> {
        let directory = &yard.directory;
        for built in [env!("CARGO_BIN_EXE_grange"), env!("CARGO_BIN_EXE_grange-agent")] {
            let copy = directory.join(Path::new(built).file_name().unwrap());
            // Into each container goes a copy, and most of one is for debuggers.
            let stripped = Command::new("strip").arg("-o").arg(&copy).arg(built).status();
            if !stripped.is_ok_and(|status| status.success()) {
                fs::copy(built, &copy).unwrap();
            }
        }
        Appliance::open(yard, "grange-data", 0)
    }

    /// One of a state directory, which may be there, on ports so much above those of the first.
    pub fn open(yard: &'y Yard, data: &'static str, above: u16) -> Appliance<'y> {
        let directory = &yard.directory;
        let (https, agents) = (7443 + above, 8883 + above);
        let config = format!(
            "[listen]\nhttps = \"127.0.0.1:{https}\"\nagents = \"0.0.0.0:{agents}\"\n[agents]\n\
             interval_s = 1\naddresses = [\"127.0.0.1:{agents}\"]\n\
             [onboard]\nenabled = false\n[clouds]\nprograms = \"{}/clouds\"\n",
            directory.display()
        );
        let file = format!("{data}.toml");
        fs::write(directory.join(&file), config).unwrap();
        let log = fs::File::create(directory.join(format!("{data}.log"))).unwrap();
        let serve = Command::new("nsenter")
            .arg(format!("--net=/run/netns/{}", yard.space))
            .arg(directory.join("grange"))
            .args(["serve", "--config", &file, "--data", data])
            .current_dir(directory)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let client =
            Client::new(Arc::new(client::socket(directory.join(data).join("run/api.sock"))));
        let appliance = Appliance { yard, data, client, serve };
        let up = || appliance.client.status().is_ok();
        assert!(comes(Duration::from_secs(30), up), "the appliance does not answer");
        appliance
    }

    /// What `grange` prints; it has to end well.
    pub fn grange(&self, arguments: &[&str]) -> String {
        let output = self.asked(arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "grange {arguments:?}: {said}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// What `grange` says as it fails.
    pub fn fails(&self, arguments: &[&str]) -> String {
        let output = self.asked(arguments);
        assert!(!output.status.success(), "grange {arguments:?} is done");
        String::from_utf8(output.stderr).unwrap()
    }

    fn asked(&self, arguments: &[&str]) -> Output {
        let directory = &self.yard.directory;
        let mut command = Command::new(directory.join("grange"));
        command.args(arguments).current_dir(directory).stdin(Stdio::null());
        command.env("GRANGE_SOCKET", directory.join(self.data).join("run/api.sock"));
        command.output().unwrap()
    }

    /// Declares a farm.
    pub fn apply(&self, farm: &str) {
        fs::write(self.yard.directory.join("farm.yaml"), farm).unwrap();
        self.grange(&["apply", "-f", "farm.yaml", "--yes"]);
    }

    /// Every server it knows of.
    pub fn servers(&self) -> Vec<ServerView> {
        self.client.servers(&ServerFilter::default()).unwrap()
    }

    /// Waits until just these servers run, each with its agent on the line.
    pub fn run(&self, names: &[&str], what: &str) -> Vec<ServerView> {
        let end = Instant::now() + Duration::from_secs(120);
        loop {
            let servers = self.servers();
            let is_up = |server: &&ServerView| {
                let named = names.contains(&server.hostname.as_str());
                named && server.status == "running" && server.grange.agent_connected
            };
            if servers.len() == names.len() && servers.iter().filter(is_up).count() == names.len() {
                return servers;
            }
            let explained = || self.grange(&["server", "list"]);
            assert!(Instant::now() < end, "{what}: {}", explained());
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// The container of a server by its name.
    pub fn container(&self, engine: &RealEngine, name: &str) -> String {
        let server = self.servers().into_iter().find(|server| server.hostname == name).unwrap();
        let found = engine.ours(&format!("grange.server={}", server.id));
        assert_eq!(found.len(), 1, "{name} is one container");
        found[0].clone()
    }
}

impl Appliance<'_> {
    /// Ends its process as a crash would.
    pub fn crash(mut self) {
        self.serve.kill().unwrap();
        self.serve.wait().unwrap();
    }
}

impl Drop for Appliance<'_> {
    fn drop(&mut self) {
        if self.serve.try_wait().unwrap().is_some() {
            return;
        }
        let pid = Pid::from_raw(i32::try_from(self.serve.id()).unwrap());
        kill(pid, Signal::SIGTERM).unwrap();
        self.serve.wait().unwrap();
    }
}
