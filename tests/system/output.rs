//! The built binary with nobody to hear it: standard output and error on a full disk, or in a pipe
//! whose reader is gone. No command may end in an uglier way than with its exit code, and an
//! appliance whose log is lost goes on, and says that it is.

use crate::appliance::rig::free_port;
use crate::onboard::take_off_machine;
use grange::clouds::onboard::Isolation;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Longest wait for anything: a loaded machine, a debug build.
const PATIENCE: Duration = Duration::from_secs(60);

/// Every command that ends by itself, with an exit code other than that of its output's end where
/// it has none to write. `{manifest}` and `{demo}` are files of the test's own.
const COMMANDS: &[&str] = &[
    "--help",
    "--version",
    "farm list",
    "farm list --json",
    "farm show shop",
    "farm show nothing",
    "farm suspend shop",
    "farm resume shop",
    "server list",
    "server list -o yaml",
    "server list -o wide --sort -for",
    "server --help",
    "server show shop/web-1",
    "role list",
    "role show base",
    "role revisions base",
    "run list",
    "server log shop/web-1",
    "note add shop looked-at",
    "note list",
    "note list -o name",
    "variable set shop MODE=prod",
    "variable get shop MODE",
    "variable list shop",
    "rotate-key",
    "image list",
    "example list",
    "cloud list",
    "cloud show onboard",
    "rollout show shop/web",
    "hold shop scale",
    "holds",
    "hold shop scale --release",
    "explain shop",
    "events",
    "status",
    "status --json",
    "token create",
    "volume list",
    "version",
    "plan -f {manifest}",
    "plan -f {manifest} --out -",
    "simulate -f {manifest} --from 1h",
    "apply -f {manifest} --yes",
    "docs",
    "docs start",
    "appliance doctor",
    "appliance doctor --json",
    "agent retiring",
    "agent idle",
    "demo stop --dir {demo}",
    "demo crash web-1 --dir {demo}",
    "demo load 1 --dir {demo}",
    "serve --config /nowhere.toml",
    "tui",
    "nonsense",
];

const FARM: &str = "farm: shop\nfarmRoles:\n  - {alias: web, role: base, cloudPlatform: onboard, \
                    instanceType: small, scaling: {minInstances: 0, maxInstances: 1}}\n";

/// Where a command's output goes.
#[derive(Clone, Copy, Debug)]
enum Nowhere {
    /// A disk that is full.
    Full,
    /// A pipe that nobody reads.
    Closed,
}

impl Nowhere {
    fn stdio(self) -> Stdio {
        match self {
            Nowhere::Full => OpenOptions::new().write(true).open("/dev/full").unwrap().into(),
            Nowhere::Closed => std::io::pipe().unwrap().1.into(),
        }
    }
}

struct World {
    directory: PathBuf,
    serve: Child,
}

impl World {
    /// An appliance without servers, whose log and standard output go where they are sent.
    fn open(name: &str, out: Stdio, err: Stdio) -> World {
        let unique = format!("grange-output-{name}-{}", std::process::id());
        let directory = std::env::temp_dir().join(unique);
        std::fs::create_dir_all(&directory).unwrap();
        let config = directory.join("grange.toml");
        let agents = free_port();
        let text = format!("[listen]\nhttps = \"127.0.0.1:0\"\nagents = \"127.0.0.1:{agents}\"\n");
        std::fs::write(&config, format!("{text}[log]\nlevel = \"debug\"\n")).unwrap();
        std::fs::write(directory.join("shop.yaml"), FARM).unwrap();
        let serve = grange()
            .args(["serve", "--config", config.to_str().unwrap(), "--data"])
            .arg(directory.join("data"))
            .stdout(out)
            .stderr(err)
            .spawn()
            .unwrap();
        let world = World { directory, serve };
        world.wait("it answers", || world.command("status").output().unwrap().status.success());
        world
    }

    fn command(&self, words: &str) -> Command {
        let manifest = self.directory.join("shop.yaml").display().to_string();
        let demo = self.directory.join("no-demo").display().to_string();
        let words = words.replace("{manifest}", &manifest).replace("{demo}", &demo);
        let mut command = grange();
        command.env("GRANGE_SOCKET", self.directory.join("data/run/api.sock"));
        command.args(words.split(' ')).stdin(Stdio::null()).env("TERM", "dumb");
        command
    }

    fn wait(&self, what: &str, met: impl Fn() -> bool) {
        let end = Instant::now() + PATIENCE;
        while !met() {
            assert!(Instant::now() < end, "never: {what}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// How many lines of its log the appliance says it lost.
    fn lost(&self) -> u64 {
        let output = self.command("status --json").output().unwrap();
        assert!(output.status.success(), "{}", text(&output));
        let status: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        status["lostLogLines"].as_u64().unwrap()
    }

    fn goes_on(&mut self) {
        assert_eq!(self.serve.try_wait().unwrap(), None, "it ended");
        for _ in 0..20 {
            let status = self.command("status").output().unwrap();
            assert!(status.status.success(), "{}", text(&status));
        }
        assert!(self.lost() > 0);
        let status = self.command("status").output().unwrap();
        assert!(text(&status).contains("lines of the log could not be written"));
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.serve.kill().ok();
        self.serve.wait().ok();
        take_off_machine(&self.directory.join("data/onboard"), Isolation::Namespaces);
        std::fs::remove_dir_all(&self.directory).ok();
    }
}

fn grange() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_grange"));
    command.env_remove("RUST_BACKTRACE");
    command
}

fn text(output: &Output) -> String {
    [String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr)].concat()
}

/// The commands of `--help`, so that a new one has its line in the table.
fn commands_of_help() -> Vec<String> {
    let help = text(&grange().arg("--help").output().unwrap());
    let listed = help.split("Commands:").nth(1).unwrap().split("Options:").next().unwrap();
    let names = listed.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    names.filter_map(|line| line.split_whitespace().next().map(str::to_owned)).collect()
}

#[test]
fn no_command_panics_where_its_output_goes_nowhere() {
    let world = World::open("commands", Stdio::null(), Stdio::null());
    let names = commands_of_help();
    assert!(names.len() > 10, "{names:?}");
    for name in names.iter().filter(|name| *name != "help") {
        let tried = |words: &&str| words.split(' ').next() == Some(name.as_str());
        assert!(COMMANDS.iter().any(tried), "{name} has no line in the table");
    }
    assert!(world.command("apply -f {manifest} --yes").output().unwrap().status.success());
    for words in COMMANDS {
        let heard = world.command(words).output().unwrap();
        let code = heard.status.code();
        assert!(!text(&heard).contains("panicked"), "{words}: {}", text(&heard));
        for nowhere in [Nowhere::Full, Nowhere::Closed] {
            let output = world.command(words).stdout(nowhere.stdio()).output().unwrap();
            let says = String::from_utf8_lossy(&output.stderr);
            assert!(!says.contains("panicked"), "{words} to {nowhere:?}: {says}");
            // What has nothing to write ends as it would have; the rest says why, or is quiet.
            let (lost, said) = match nowhere {
                Nowhere::Full => (Some(1), "No space left on device"),
                Nowhere::Closed => (Some(141), ""),
            };
            let ended = output.status.code();
            let as_heard = heard.stdout.is_empty() && ended == code;
            let as_lost = ended == lost && says.contains(said);
            assert!(as_heard || as_lost, "{words} to {nowhere:?}: {ended:?}, {says}");
            assert_eq!(output.status.signal(), None, "{words} to {nowhere:?}");
            if matches!(nowhere, Nowhere::Closed) && as_lost {
                assert!(!says.contains("grange: "), "{words} is not quiet: {says}");
            }
            let mut deaf = world.command(words);
            let deaf = deaf.stdout(nowhere.stdio()).stderr(nowhere.stdio()).status().unwrap();
            assert_eq!(deaf.code(), ended, "{words}, unheard, to {nowhere:?}");
        }
    }
}

#[test]
fn an_appliance_goes_on_where_its_log_cannot_be_written() {
    for nowhere in [Nowhere::Full, Nowhere::Closed] {
        World::open("log", nowhere.stdio(), nowhere.stdio()).goes_on();
    }
    // A reader that is there at first, and then is not.
    let (mut reader, writer) = std::io::pipe().unwrap();
    let mut world = World::open("reader", Stdio::null(), writer.into());
    reader.read_exact(&mut [0; 16]).unwrap();
    drop(reader);
    world.wait("lines are lost", || world.lost() > 0);
    world.goes_on();
}

#[test]
fn a_reader_that_stands_still_holds_nothing_up() {
    let (reader, mut writer) = std::io::pipe().unwrap();
    // The pipe is full before the first line: 64 KiB, unless the system says otherwise.
    let filler = std::thread::spawn({
        let mut writer = writer.try_clone().unwrap();
        move || writer.write_all(&[b'x'; 64 * 1024])
    });
    let end = Instant::now() + PATIENCE;
    while !filler.is_finished() && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(10));
    }
    filler.join().unwrap().unwrap();
    writer.flush().unwrap();
    let mut world = World::open("still", Stdio::null(), writer.into());
    let socket = world.directory.join("data/run/api.sock");
    let client = grange::client::Client::new(Arc::new(grange::client::socket(socket)));
    // Each is a line of its log, of which some wait.
    world.wait("lines are lost", || client.status().unwrap().lost_log_lines > 0);
    world.goes_on();
    drop(reader);
}

#[test]
fn an_agent_and_an_init_say_what_they_can_and_no_more() {
    for binary in [env!("CARGO_BIN_EXE_grange-agent"), env!("CARGO_BIN_EXE_grange")] {
        for words in [&["--help"][..], &["--version"], &["agent", "--config", "/nowhere"]] {
            let output = Command::new(binary).args(words).stdout(Nowhere::Full.stdio()).output();
            let output = output.unwrap();
            assert!(!text(&output).contains("panicked"), "{binary} {words:?}: {}", text(&output));
        }
    }
    let mut init = grange();
    init.arg("onboard-init").arg("exec").stderr(Nowhere::Full.stdio());
    assert_eq!(init.status().unwrap().code(), Some(2));
    assert!(Path::new("/dev/full").exists() && File::open("/dev/full").is_ok());
}
