//! One appliance: its directory, its binary, its ports, the running `grange serve`, and a client.

use super::traces::Marks;
use super::wait::until;
use crate::onboard::take_off_machine;
use grange::client::{self, Client};
use grange::clouds::onboard::Isolation;
use grange::wire::api::{FarmRoleView, ManifestRequest, OrderView, ServerView, StatusView};
use grange::wire::input::ServerFilter;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

/// The user that is nobody: has no files, no rights.
pub const NOBODY: u32 = 65534;

/// One appliance; gone, with its servers and its directory, when dropped.
pub struct Rig {
    /// Where everything of it is: `data`, `home`, the binaries, `serve.log`.
    pub directory: PathBuf,
    /// Over its socket.
    pub client: Client,
    /// Its agents' port.
    pub agents_port: u16,
    user: u32,
    serve: Option<Child>,
    marks: Marks,
    small_disk: bool,
}

impl Rig {
    /// An appliance of root's, not started yet.
    pub fn new(name: &str) -> Rig {
        assert!(nix::unistd::geteuid().is_root(), "this test needs root: sudo tests/run system");
        Rig::of(name, 0)
    }

    /// An appliance of an ordinary user's, not started yet.
    pub fn ordinary(name: &str) -> Rig {
        assert!(nix::unistd::geteuid().is_root(), "this test needs root: sudo tests/run system");
        Rig::of(name, NOBODY)
    }

    fn of(name: &str, user: u32) -> Rig {
        let unique = format!("grange-life-{name}-{}", std::process::id());
        let directory = std::env::temp_dir().join(unique);
        drop(fs::remove_dir_all(&directory));
        for place in ["", "data", "home"] {
            let place = directory.join(place);
            fs::create_dir_all(&place).unwrap();
            chown(&place, Some(user), Some(user)).unwrap();
        }
        let mut marks = Marks { directory: directory.clone(), ..Marks::default() };
        for built in [env!("CARGO_BIN_EXE_grange"), env!("CARGO_BIN_EXE_grange-agent")] {
            let copy = directory.join(Path::new(built).file_name().unwrap());
            fs::copy(built, &copy).unwrap();
            let copy = fs::metadata(copy).unwrap();
            marks.binaries.push((copy.dev(), copy.ino()));
        }
        let (https, agents) = (free_port(), free_port());
        // Servers of root's reach the appliance on a bridge that is not there yet.
        let ip = if user == 0 { "0.0.0.0" } else { "127.0.0.1" };
        let config = format!(
            "[listen]\nhttps = \"127.0.0.1:{https}\"\nagents = \"{ip}:{agents}\"\n\
             [agents]\ninterval_s = 1\n[log]\nlevel = \"info,grange::api=warn,rumqttd=warn\"\n"
        );
        fs::write(directory.join("grange.toml"), config).unwrap();
        let socket = directory.join("data/run/api.sock");
        let client = Client::new(Arc::new(client::socket(socket)));
        let client = client.with_deadline(Duration::from_secs(15));
        assert!(marks.find().is_empty(), "{:#?}", marks.find());
        Rig { directory, client, agents_port: agents, user, serve: None, marks, small_disk: false }
    }

    /// Puts the appliance's data on a file system of its own with this many MiB.
    pub fn on_a_small_disk(&mut self, mebibytes: u32) {
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={mebibytes}m"), "tmpfs"]);
        assert!(mount.arg(self.directory.join("data")).status().unwrap().success());
        self.small_disk = true;
    }

    /// `grange` as this appliance's user, with its own home and nothing else of ours.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let binary = self.directory.join("grange");
        let mut command = match self.user {
            0 => Command::new(&binary),
            user => {
                let mut command = Command::new("setpriv");
                command.args(["--reuid", &user.to_string(), "--regid", &user.to_string()]);
                command.arg("--clear-groups").arg(&binary);
                command
            }
        };
        command.args(arguments).env("HOME", self.directory.join("home")).stdin(Stdio::null());
        command.env("GRANGE_SOCKET", self.socket()).current_dir(&self.directory);
        command
    }

    /// `grange` to its end, on this appliance.
    pub fn grange(&self, arguments: &[&str]) -> Output {
        let socket = self.socket().display().to_string();
        let mut all = vec!["--socket", &socket];
        all.extend(arguments);
        self.command(&all).output().unwrap()
    }

    /// `grange` with a text on its standard input; it has to end well.
    pub fn with_input(&self, arguments: &[&str], text: &str) -> Output {
        let mut command = self.command(arguments);
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        let ended = child.wait_with_output().unwrap();
        assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
        ended
    }

    /// Gives a hidden variable a value.
    pub fn hide(&self, scope: &str, name: &str, value: &str) -> Output {
        let args = ["variable", "set", scope, name, "--hidden", "--value-from", "-"];
        self.with_input(&args, value)
    }

    fn socket(&self) -> PathBuf {
        self.directory.join("data/run/api.sock")
    }

    /// Where the platform keeps its servers.
    pub fn onboard(&self) -> PathBuf {
        self.directory.join("data/onboard")
    }

    /// `grange serve` on this appliance's directory, as it would be started.
    pub fn serve_command(&self) -> Command {
        let data = self.directory.join("data").display().to_string();
        let config = self.directory.join("grange.toml").display().to_string();
        self.command(&["serve", "--data", &data, "--config", &config])
    }

    /// Starts `grange serve` and waits until it answers.
    pub fn start(&mut self) {
        self.start_only();
        self.ready();
    }

    /// Starts `grange serve` and waits for nothing.
    pub fn start_only(&mut self) {
        assert!(self.serve.is_none());
        let log = self.directory.join("serve.log");
        let log = File::options().append(true).create(true).open(log).unwrap();
        let output = log.try_clone().unwrap();
        self.serve = Some(self.serve_command().stdout(output).stderr(log).spawn().unwrap());
    }

    /// Waits until the appliance answers.
    pub fn ready(&self) -> StatusView {
        until("the appliance to answer", 30, || self.client.status())
    }

    /// `kill -9` of the appliance, not of its servers.
    pub fn kill(&mut self) {
        if let Some(mut serve) = self.serve.take() {
            serve.kill().unwrap();
            serve.wait().unwrap();
        }
    }

    /// Makes the appliance hang, or go on.
    pub fn hang(&self, hangs: bool) {
        let serve = self.serve.as_ref().expect("it runs").id().cast_signed();
        let signal = if hangs { Signal::SIGSTOP } else { Signal::SIGCONT };
        kill(Pid::from_raw(serve), signal).unwrap();
    }

    /// Asks the appliance to stop; it has to end well.
    pub fn stop(&mut self) {
        let mut serve = self.serve.take().expect("it runs");
        kill(Pid::from_raw(serve.id().cast_signed()), Signal::SIGTERM).unwrap();
        let ended = until("the appliance to stop", 30, || serve.try_wait().unwrap().ok_or(()));
        assert!(ended.success(), "{ended}");
    }

    /// Declares and launches a farm.
    pub fn apply(&self, manifest: &str) {
        let manifest = manifest.to_owned();
        let request = ManifestRequest { manifest, launch: true, ..ManifestRequest::default() };
        self.client.apply(&request).unwrap();
    }

    /// Every server that is not confirmed gone.
    pub fn servers(&self) -> Vec<ServerView> {
        let all = self.client.servers(&ServerFilter::default()).unwrap();
        all.into_iter().filter(|server| server.status != "terminated").collect()
    }

    /// Those of a farm role.
    pub fn of_role(&self, alias: &str) -> Vec<ServerView> {
        self.servers().into_iter().filter(|server| server.grange.alias == alias).collect()
    }

    /// A farm role by its alias.
    pub fn role(&self, alias: &str) -> FarmRoleView {
        let farms = self.client.farms().unwrap();
        let mut roles = farms.iter().flat_map(|farm| self.client.farm_roles(farm.id).unwrap());
        roles.find(|role| role.alias == alias).expect("it was declared")
    }

    /// Waits until a farm role has exactly this many servers, all of them running.
    pub fn settled(&self, alias: &str, count: usize, seconds: u64) -> Vec<ServerView> {
        let what = format!("{count} running servers of {alias}");
        until(&what, seconds, || {
            let servers = self.of_role(alias);
            let good =
                |server: &&ServerView| server.status == "running" && server.grange.agent_connected;
            let running = servers.iter().filter(good).count();
            if servers.len() == count && running == count {
                Ok(servers)
            } else {
                Err(brief(&servers))
            }
        })
    }

    /// Waits until a farm role has so many servers, all running, as many as it wants.
    pub fn settled_between(&self, alias: &str, min: usize, max: usize, seconds: u64) {
        until(&format!("{min} to {max} running servers of {alias}"), seconds, || {
            let (servers, role) = (self.of_role(alias), self.role(alias).grange);
            let good = |s: &&ServerView| s.status == "running" && s.grange.agent_connected;
            let running = servers.iter().filter(good).count();
            let all = running == servers.len() && running == role.target as usize;
            if all && (min..=max).contains(&running) {
                return Ok(());
            }
            Err((role.waiting, role.target, brief(&servers)))
        });
    }

    /// Waits until every server of a farm role answers through the balancer by its own name.
    pub fn answers(&self, alias: &str, seconds: u64) {
        let names: Vec<String> = self.of_role(alias).into_iter().map(|s| s.hostname).collect();
        for name in &names {
            self.answers_as(name, seconds);
        }
    }

    /// Waits until a server answers through the balancer by its own name.
    pub fn answers_as(&self, hostname: &str, seconds: u64) {
        let at = self.balancer(seconds);
        let start = format!("{hostname}: ");
        until(&format!("{hostname} to answer"), seconds, || {
            let answer = super::http::get(at, "/");
            match answer {
                Ok(body) if body.starts_with(&start) => Ok(()),
                other => Err(other),
            }
        });
    }

    /// Waits for what came of an order.
    pub fn came_of(&self, order: u64) -> OrderView {
        until(&format!("what came of order {order}"), 40, || {
            let order = self.client.order(order).unwrap();
            if order.state == "open" { Err(order.state) } else { Ok(order) }
        })
    }

    /// Where the balancer listens.
    pub fn balancer(&self, seconds: u64) -> SocketAddr {
        let ip = until("a balancer with an address", seconds, || {
            let servers = self.of_role("lb");
            servers.first().and_then(|lb| lb.private_ip.first().cloned()).ok_or(brief(&servers))
        });
        SocketAddr::new(ip.parse().unwrap(), 8080)
    }

    /// Why a server is unhealthy, once it is.
    pub fn unhealthy(&self, server: &ServerView, seconds: u64) -> String {
        until("it to be unhealthy", seconds, || {
            let now = self.servers().into_iter().find(|s| s.id == server.id);
            let conditions = now.map(|s| s.grange.conditions).unwrap_or_default();
            let found = conditions.iter().find(|condition| condition.name == "unhealthy");
            found.map(|condition| condition.why.clone()).ok_or(conditions)
        })
    }

    /// The platform's own list of servers.
    pub fn listing(&self) -> Listing {
        Listing(self.onboard().join("servers"))
    }

    /// A server's pid 1 as the machine counts.
    pub fn pid_1(&self, id: &str) -> Option<Pid> {
        let path = self.onboard().join("servers").join(id).join("init.json");
        let text = fs::read_to_string(path).ok()?;
        let init: serde_json::Value = serde_json::from_str(&text).ok()?;
        let pid = init["pid"].as_i64().and_then(|pid| i32::try_from(pid).ok())?;
        Some(Pid::from_raw(pid))
    }

    /// Kills a server's pid 1.
    pub fn crash(&self, id: &str) {
        kill(self.pid_1(id).expect("it runs"), Signal::SIGKILL).unwrap();
    }

    /// A server's data volume as the machine sees it.
    pub fn volume(&self, server: &ServerView) -> PathBuf {
        let meta = self.onboard().join("servers").join(&server.id).join("meta.json");
        let meta = fs::read_to_string(&meta).unwrap();
        let meta: serde_json::Value = serde_json::from_str(&meta).unwrap();
        self.onboard().join("volumes").join(meta["volumes"][0].as_str().unwrap())
    }

    /// Remembers what is there now, to look for it in the end.
    pub fn learn(&mut self) {
        let place = fs::read_to_string(self.onboard().join("onboard.json")).unwrap();
        let place: serde_json::Value = serde_json::from_str(&place).unwrap();
        self.marks.tag = place["tag"].as_str().map(str::to_owned);
        self.marks.learn();
    }

    /// Everything of this appliance that the machine shows.
    pub fn traces(&self) -> Vec<String> {
        self.marks.find().into_iter().collect()
    }

    /// Takes the appliance down whole. What is left of it then, on a good machine nothing.
    fn take_down(&mut self) -> Vec<String> {
        let onboard = self.onboard();
        if onboard.join("onboard.json").exists() {
            self.learn();
        }
        self.kill();
        let isolation = if self.user == 0 { Isolation::Namespaces } else { Isolation::Processes };
        take_off_machine(&onboard, isolation);
        if self.small_disk {
            let unmounted = Command::new("umount").arg(self.directory.join("data")).status();
            eprintln!("unmounting the small disk: {unmounted:?}");
        }
        let begun = Instant::now();
        loop {
            let left = self.traces();
            if left.is_empty() || begun.elapsed() > Duration::from_secs(20) {
                return left;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// The last lines the appliance logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.directory.join("serve.log")).unwrap_or_default()
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.log();
            let lines: Vec<&str> = log.lines().collect();
            let last = &lines[lines.len().saturating_sub(60)..];
            eprintln!("the appliance logged last:\n{}", last.join("\n"));
        }
        let left = self.take_down();
        let removed = fs::remove_dir_all(&self.directory);
        if !std::thread::panicking() {
            assert!(left.is_empty(), "left behind: {left:#?}");
            removed.unwrap();
        }
    }
}

/// Servers the platform has, by their directories: nothing else counts as more certain.
pub struct Listing(PathBuf);

impl Listing {
    /// Their ids, in order.
    pub fn all(&self) -> Vec<String> {
        let names = self.records().map(|entry| entry.file_name().to_string_lossy().into_owned());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }

    /// The host names that begin so.
    pub fn named(&self, start: &str) -> Vec<String> {
        self.names().into_values().filter(|name| name.starts_with(start)).collect()
    }

    /// Host names by id.
    pub fn names(&self) -> BTreeMap<String, String> {
        let name = |entry: fs::DirEntry| {
            // One that goes just now may be gone between the listing and the reading.
            let text = fs::read(entry.path().join("meta.json")).ok()?;
            let record: serde_json::Value = serde_json::from_slice(&text).ok()?;
            let id = entry.file_name().to_string_lossy().into_owned();
            Some((id, record["hostname"].as_str()?.to_owned()))
        };
        self.records().filter_map(name).collect()
    }

    fn records(&self) -> impl Iterator<Item = fs::DirEntry> {
        let entries = fs::read_dir(&self.0).into_iter().flatten().flatten();
        entries.filter(|entry| entry.path().join("meta.json").exists())
    }
}

/// Servers in a few words each, for people who read a failure.
pub fn brief(servers: &[ServerView]) -> Vec<String> {
    let line = |server: &ServerView| {
        let ServerView { hostname, status, grange, .. } = server;
        format!("{hostname} {status} seen {} {:?}", grange.seen, grange.waiting)
    };
    servers.iter().map(line).collect()
}

/// A port that nobody has, below those that outgoing connections are given, so that nobody takes
/// it while the appliance is down.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let spread = (std::process::id() % 100) as u16 * 100;
    let free = |port: &u16| TcpListener::bind(("0.0.0.0", *port)).is_ok();
    (0..1000)
        .map(|_| 20_000 + (spread + NEXT.fetch_add(1, Ordering::SeqCst)) % 12_000)
        .find(free)
        .expect("one of a thousand ports is free")
}

/// A farm "shop" of so many web servers with a check.
pub fn checked_web(min: u32, max: u32) -> String {
    format!(
        "farm: shop
farmRoles:
  - alias: web
    role: web-demo
    cloudPlatform: onboard
    instanceType: small
    scaling: {{enabled: true, minInstances: {min}, maxInstances: {max}}}
    grange:
      check: {{port: 8080, path: /healthz}}
      drain: 1s
"
    )
}
