//! The screen as a person has it: the built binary in a real terminal (tmux), on a real appliance
//! with servers of this machine. It shows the farm, opens a server, and leaves the terminal as it
//! was, also when it is told to end. The servers go when the test ends, however it ends.

use crate::appliance::rig::free_port;
use grange::clouds::onboard::{Onboard, OnboardConfig};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Longest wait for anything on the screen: a loaded machine, a debug build.
const PATIENCE: Duration = Duration::from_secs(60);

/// The least there is to look at.
const FARM: &str = "
farm: shop
farmRoles:
  - alias: web
    role: base
    cloudPlatform: onboard
    instanceType: small
    scaling: {enabled: true, minInstances: 1, maxInstances: 4}
";

/// An appliance in a directory of its own, and a terminal.
struct World {
    directory: PathBuf,
    serve: Child,
}

impl World {
    fn open(name: &str) -> World {
        let installed = Command::new("tmux").arg("-V").output().is_ok();
        assert!(installed, "tmux is missing: apt-get install tmux");
        let unique = format!("grange-screen-{name}-{}", std::process::id());
        let directory = std::env::temp_dir().join(unique);
        std::fs::create_dir_all(&directory).unwrap();
        let config = directory.join("grange.toml");
        // Servers of root's reach the appliance on a bridge that is not there yet.
        let agents = free_port();
        let text = format!("[listen]\nhttps = \"127.0.0.1:0\"\nagents = \"0.0.0.0:{agents}\"\n");
        std::fs::write(&config, text).unwrap();
        let log = std::fs::File::create(directory.join("log")).unwrap();
        let serve = grange()
            .arg("serve")
            .arg("--config")
            .arg(&config)
            .arg("--data")
            .arg(directory.join("data"))
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let world = World { directory, serve };
        world.wait("the appliance answers", || world.command(&["status"]).status.success());
        world.apply(FARM);
        world.tmux(&["new-session", "-d", "-x", "80", "-y", "24", "env", "PS1=$ ", "sh"]);
        world
    }

    fn socket(&self) -> PathBuf {
        self.directory.join("data/run/api.sock")
    }

    fn command(&self, words: &[&str]) -> Output {
        grange().arg("--socket").arg(self.socket()).args(words).output().unwrap()
    }

    fn apply(&self, farm: &str) {
        let manifest = self.directory.join("shop.yaml");
        std::fs::write(&manifest, farm).unwrap();
        let applied = self.command(&["apply", "--yes", "-f", manifest.to_str().unwrap()]);
        assert!(applied.status.success(), "{}", text_of(&applied));
    }

    fn tmux(&self, words: &[&str]) -> String {
        let socket = self.directory.join("tmux");
        let output = Command::new("tmux")
            .arg("-S")
            .arg(socket)
            .args(["-f", "/dev/null"])
            .args(words)
            .env("LC_ALL", "C.UTF-8")
            .output()
            .unwrap();
        assert!(output.status.success(), "tmux {words:?}: {}", text_of(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    fn keys(&self, keys: &[&str]) {
        self.tmux(&[&["send-keys"], keys].concat());
    }

    fn run(&self) {
        let binary = env!("CARGO_BIN_EXE_grange");
        let line = format!("{binary} --socket {}", self.socket().display());
        self.keys(&["-l", &line]);
        self.keys(&["Enter"]);
    }

    fn screen(&self) -> String {
        self.tmux(&["capture-pane", "-p"])
    }

    fn wait(&self, what: &str, met: impl Fn() -> bool) {
        let end = Instant::now() + PATIENCE;
        while !met() {
            let log = std::fs::read_to_string(self.directory.join("log")).unwrap_or_default();
            assert!(Instant::now() < end, "never: {what}\n{log}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Waits until the screen shows all of it.
    fn shows(&self, parts: &[&str]) {
        let end = Instant::now() + PATIENCE;
        loop {
            let screen = self.screen();
            let missing: Vec<_> = parts.iter().filter(|part| !screen.contains(**part)).collect();
            if missing.is_empty() {
                return;
            }
            assert!(Instant::now() < end, "never shown: {missing:?}\n{screen}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// The shell has its terminal back: its own screen, a cursor, lines, echo, signals.
    fn is_restored(&self) {
        let flags = || self.tmux(&["display", "-p", "#{alternate_on} #{cursor_flag}"]);
        self.wait("the shell's own screen with a cursor", || flags().trim() == "0 1");
        self.keys(&["-l", "clear; echo $((6 * 7)); stty -a | tr ' ' '\\n' | grep icanon"]);
        self.keys(&["Enter"]);
        self.shows(&["42\nicanon"]);
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let socket = self.directory.join("tmux");
        Command::new("tmux").arg("-S").arg(socket).arg("kill-server").output().ok();
        self.command(&["farm", "terminate", "shop", "--yes"]);
        let end = Instant::now() + PATIENCE;
        let left = || text_of(&self.command(&["server", "list"])).contains("shop/");
        while left() && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(100));
        }
        self.serve.kill().ok();
        self.serve.wait().ok();
        // A platform keeps its bridge for the next start; here there is none.
        let data = self.directory.join("data");
        let cloud = Onboard::open(OnboardConfig {
            state_dir: data.join("onboard"),
            executable: env!("CARGO_BIN_EXE_grange").into(),
            agent_executable: env!("CARGO_BIN_EXE_grange").into(),
            masks: vec![data],
            isolation: None,
            disk_bytes: None,
            take_over: false,
        });
        let removed = cloud.and_then(|cloud| cloud.remove_all(true));
        if let Err(failure) = removed {
            eprintln!("left behind: {}", failure.line());
        }
        std::fs::remove_dir_all(&self.directory).ok();
    }
}

fn grange() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_grange"));
    command.stdin(Stdio::null());
    for name in ["GRANGE_SOCKET", "GRANGE_URL", "GRANGE_TOKEN", "GRANGE_CA"] {
        command.env_remove(name);
    }
    command
}

fn text_of(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    text(&output.stdout) + &text(&output.stderr)
}

/// Processes below the shell of the terminal: the screen, and nothing else.
fn screen_below(shell: &str) -> i32 {
    let list = Path::new("/proc").join(shell).join("task").join(shell).join("children");
    let children = std::fs::read_to_string(list).unwrap();
    children.split_whitespace().next().unwrap().parse().unwrap()
}

#[test]
fn a_person_looks_at_a_server_and_leaves() {
    let world = World::open("look");
    world.run();
    world.shows(&["Grange", "shop", "connected"]);
    world.keys(&["Enter"]);
    world.shows(&["web", "1..4", "web-1"]);
    world.keys(&["Enter"]);
    world.shows(&["farms › shop › web-1", "shop/web-1", "launched"]);
    world.keys(&["w"]);
    world.shows(&["› web-1 › why", "is to be launched", "by "]);
    world.keys(&["Escape"]);
    world.tmux(&["resize-window", "-x", "50", "-y", "12"]);
    world.shows(&["? help", "web-1"]);
    // What is pasted is not keys: this holds every key that ends something.
    world.tmux(&["set-buffer", "tyq\nty\nq"]);
    world.tmux(&["paste-buffer", "-p"]);
    world.shows(&["Pasted text is not taken for keys", "web-1"]);
    world.tmux(&["resize-window", "-x", "80", "-y", "24"]);
    world.keys(&["q"]);
    world.is_restored();
}

#[test]
fn a_person_sees_a_rollout_through_and_stops_the_farm() {
    let world = World::open("rollout");
    world.run();
    world.shows(&["Grange", "shop", "connected"]);
    world.keys(&["Enter"]);
    world.shows(&["1/1", "web-1"]);
    let rolled = FARM.replace("small", "nano") + "    grange: {drain: 1s, rollout: {batch: 1}}\n";
    world.command(&["hold", "shop/web", "rollout", "--for", "1h", "--reason", "not yet"]);
    world.apply(&rolled);
    world.shows(&["web rolling", "revision 1 to 2, 0 of 1 at 2", "held: web rollout"]);
    world.keys(&["v"]);
    world.shows(&["farms › shop › web", "held", "left: not yet", "0 of 1 at revision 2"]);
    world.keys(&["P"]);
    world.shows(&["Pause the rollout of shop/web at 0 of 1?"]);
    world.keys(&["y", "Enter"]);
    world.shows(&["paused for", "R resume"]);
    world.keys(&["w"]);
    world.shows(&["› web › why", "the rollout of revision 2 is to pause (by admin)"]);
    world.keys(&["Escape"]);
    world.shows(&["R resume"]);
    world.command(&["hold", "release", "shop/web", "rollout"]);
    world.keys(&["R", "y", "Enter"]);
    world.shows(&["None: its servers are of the declared revision.", "declared"]);
    // An escape with a key right behind it is another key.
    world.keys(&["Escape"]);
    world.shows(&["Fill"]);
    world.keys(&["S"]);
    world.shows(&["Stop farm shop: shut its"]);
    world.keys(&["-l", "shop"]);
    world.keys(&["Enter"]);
    world.shows(&["○ stopped", "its servers are shut down and are kept; S starts it"]);
    world.keys(&["S"]);
    world.shows(&["● running", "1/1"]);
    world.keys(&["q"]);
    world.is_restored();
}

#[test]
fn a_screen_that_is_told_to_end_gives_the_terminal_back() {
    let world = World::open("end");
    world.run();
    world.shows(&["Grange", "shop"]);
    let shell = world.tmux(&["display", "-p", "#{pane_pid}"]);
    let screen = nix::unistd::Pid::from_raw(screen_below(shell.trim()));
    nix::sys::signal::kill(screen, nix::sys::signal::Signal::SIGTERM).unwrap();
    world.is_restored();
}

/// The first process below the shell, by its signals.
fn signal(world: &World, signal: nix::sys::signal::Signal) {
    let shell = world.tmux(&["display", "-p", "#{pane_pid}"]);
    let screen = nix::unistd::Pid::from_raw(screen_below(shell.trim()));
    nix::sys::signal::kill(screen, signal).unwrap();
}

#[test]
fn a_screen_that_is_stopped_gives_the_terminal_back_and_takes_it_again() {
    use nix::sys::signal::Signal;
    let world = World::open("stop");
    world.run();
    world.shows(&["Grange", "shop", "connected"]);
    for stop in [None, Some(Signal::SIGTSTP)] {
        match stop {
            None => world.keys(&["C-z"]),
            Some(stop) => signal(&world, stop),
        }
        world.is_restored();
        world.keys(&["-l", "fg"]);
        world.keys(&["Enter"]);
        world.shows(&["Grange", "shop", "connected"]);
        // Keys are keys again, and not lines.
        world.keys(&["Enter"]);
        world.shows(&["farms › shop", "web"]);
        world.keys(&["Escape"]);
        world.shows(&["Grange", "shop", "connected"]);
    }
    world.keys(&["q"]);
    world.is_restored();
}

#[test]
fn a_screen_that_is_interrupted_or_hung_up_on_ends_in_order() {
    use nix::sys::signal::Signal;
    let world = World::open("hangup");
    for ending in [Signal::SIGINT, Signal::SIGHUP, Signal::SIGQUIT] {
        world.run();
        world.shows(&["Grange", "shop", "connected"]);
        signal(&world, ending);
        world.is_restored();
    }
    // A terminal that is closed leaves no process behind.
    world.run();
    world.shows(&["Grange", "shop", "connected"]);
    let shell = world.tmux(&["display", "-p", "#{pane_pid}"]);
    let screen = screen_below(shell.trim());
    world.tmux(&["kill-server"]);
    let there = Path::new("/proc").join(screen.to_string());
    world.wait("the screen is gone", || {
        let stat = std::fs::read_to_string(there.join("stat")).unwrap_or_default();
        stat.is_empty() || stat.contains(") Z ")
    });
}
