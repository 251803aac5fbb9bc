//! The command line as transcripts: what was typed, what came out, how it ended.
//!
//! A transcript is run against one house of the API's fake, over a real socket, command by
//! command. `$ ` is a command, `> ` what is typed at its questions (which makes it run as on a
//! terminal), `! ` a line on stderr, `= ` the exit code when it is not 0; everything else is
//! stdout. With `BLESS=1` the files are written anew; read the difference.

#[path = "hostile.rs"]
mod hostile;

use crate::api::house::{House, PATIENCE};
use grange::api::Limits;
use grange::base::Millis;
use grange::cli::{self, Files, Io, Local, Outcome, Patience};
use grange::wire::deed::{Asking, Deed};
use grange::wire::rollout::RolloutVerb;
use std::cell::Cell;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

/// Rules to try on a farm role that has others.
const RULES: &str = "
farm: shop
farmRoles:
  - alias: web
    role: web-demo
    cloudPlatform: onboard
    instanceType: small
    scaling:
      minInstances: 2
      maxInstances: 8
      rules: [{ruleType: CpuPercent, scaleUp: 50, scaleDown: 25, window: 5m}]
";

/// Time that passes only while a command pauses, and nobody who interrupts it.
#[derive(Default)]
pub struct Untimed(Cell<Millis>);

impl Patience for Untimed {
    fn now(&self) -> Millis {
        self.0.get()
    }

    fn pause(&self, length: Millis) {
        self.0.set(self.0.get() + length);
    }

    fn interrupted(&self) -> bool {
        false
    }
}

struct Given;

impl Files for Given {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        match path.to_str() {
            Some("shop.yaml") => Ok(b"farm: shop".to_vec()),
            Some("same.yaml") => Ok(b"farm: same".to_vec()),
            Some("behind.yaml") => Ok(b"farm: same # behind".to_vec()),
            Some("fewer.yaml") => Ok(b"farm: fewer".to_vec()),
            Some("rules.yaml") => Ok(RULES.into()),
            Some("wrong.yaml") => Ok(b"farm: wr_ong".to_vec()),
            Some("proposed.grange") => Ok(b"proposal: 7\nkept\nsignature: x".to_vec()),
            Some("fewer.grange") => Ok(b"proposal: 7\nfewer\nsignature: x".to_vec()),
            Some("edited.grange") => Ok(b"proposal: 7\nedited\nsignature: x".to_vec()),
            Some("moved.grange") => Ok(b"proposal: 7\nmoved\nsignature: x".to_vec()),
            Some("moving.yaml") => Ok(b"farm: fewer\n# moving".to_vec()),
            Some("binary.yaml") => Ok(vec![0xff, 0xfe]),
            Some("reader.token") => Ok(b"reader\n".to_vec()),
            Some("bad.token") => Ok(b"bad".to_vec()),
            _ => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn exists(&self, _: &Path) -> bool {
        false
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let known = bytes.starts_with(b"proposal: 7") || bytes.starts_with(b"farm: shop");
        assert!(known, "{}", String::from_utf8_lossy(bytes));
        match path.to_str() {
            Some("change.grange" | "export.yaml") => Ok(()),
            _ => Err(io::ErrorKind::NotFound.into()),
        }
    }
}

struct Ended {
    stdout: String,
    stderr: String,
    outcome: Outcome,
}

fn run(line: &str, typed: Option<&str>, socket: &Path, env: &[(&str, &str)]) -> Ended {
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let socket = socket.display().to_string();
    let variable = |name: &str| {
        let given = env.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned());
        given.or_else(|| (name == "GRANGE_SOCKET").then(|| socket.clone()))
    };
    let dial =
        |target: &cli::Target| cli::connect(target).map(|client| client.with_deadline(PATIENCE));
    let outcome = cli::run(
        line.split(' ').map(OsString::from).collect(),
        &dial,
        &mut Io {
            stdin: &mut typed.unwrap_or_default().as_bytes(),
            stdout: &mut stdout,
            stderr: &mut stderr,
            files: &Given,
            env: &variable,
            patience: &Untimed::default(),
            interactive: typed.is_some(),
            terminal: typed.is_some(),
            error_terminal: typed.is_some(),
            demo: None,
        },
    );
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ended { stdout: text(stdout), stderr: text(stderr), outcome }
}

/// Runs each command of a transcript again and writes down what happened.
fn replay(transcript: &str, house: &House) -> String {
    let mut written = String::new();
    let mut lines = transcript.lines().peekable();
    while let Some(line) = lines.next() {
        if line.starts_with('#') {
            written.push_str(&format!("{line}\n"));
        }
        let Some(command) = line.strip_prefix("$ ") else { continue };
        let mut typed: Option<String> = None;
        while let Some(text) = lines.next_if(|next| next.starts_with("> ")) {
            typed.get_or_insert_default().push_str(&format!("{}\n", &text[2..]));
        }
        let ended = run(command, typed.as_deref(), &house.socket(), &[("NO_COLOR", "1")]);
        written.push_str(&format!("$ {command}\n"));
        for text in typed.unwrap_or_default().lines() {
            written.push_str(&format!("> {text}\n"));
        }
        written.push_str(&ended.stdout);
        for text in ended.stderr.lines() {
            written.push_str(&format!("! {text}\n"));
        }
        match ended.outcome {
            Outcome::Exit(0) => {}
            Outcome::Exit(code) => written.push_str(&format!("= {code}\n")),
            Outcome::Local(local) => written.push_str(&format!("{local:?}\n")),
        }
        written.push('\n');
    }
    written
}

fn check(name: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/cli/transcripts")
        .join(format!("{name}.txt"));
    let transcript = std::fs::read_to_string(&path).unwrap();
    let house = House::open(true, Limits::default());
    let written = replay(&transcript, &house);
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, written).unwrap();
        return;
    }
    for (line, (is, was)) in written.lines().zip(transcript.lines()).enumerate() {
        assert_eq!(is, was, "{name}.txt:{}\n\n{written}", line + 1);
    }
    assert_eq!(written.lines().count(), transcript.lines().count(), "{name}.txt\n\n{written}");
}

#[test]
fn farms() {
    check("farms");
}

#[test]
fn servers() {
    check("servers");
}

#[test]
fn manifests() {
    check("manifests");
}

#[test]
fn simulations() {
    check("simulate");
}

#[test]
fn clouds() {
    check("clouds");
}

#[test]
fn volumes() {
    check("volumes");
}

#[test]
fn holds() {
    check("holds");
}

#[test]
fn rollouts() {
    check("rollouts");
}

#[test]
fn the_house() {
    check("house");
}

#[test]
fn wrong_arguments() {
    check("wrong");
}

#[test]
fn what_is_for_this_machine() {
    check("local");
}

#[test]
fn help() {
    check("help");
}

#[test]
fn nobody_there_is_said_with_a_hint() {
    let ended = run("grange farm list", None, Path::new("/nowhere/api.sock"), &[]);
    assert_eq!(ended.outcome, Outcome::Exit(6));
    let lines: Vec<&str> = ended.stderr.lines().collect();
    assert_eq!(lines.len(), 2, "{}", ended.stderr);
    assert!(lines[0].starts_with("grange: connecting to /nowhere/api.sock: "), "{}", lines[0]);
    assert!(lines[1].contains("grange demo starts a temporary appliance"), "{}", lines[1]);
}

#[test]
fn a_token_beats_the_socket() {
    let house = House::open(true, Limits::default());
    let reader = [("GRANGE_TOKEN", "reader")];
    let ended = run("grange farm launch shop", None, &house.socket(), &reader);
    assert_eq!(ended.stderr, "grange: viewer may not do that\n");
    assert_eq!(ended.outcome, Outcome::Exit(4));
}

#[test]
fn colours_are_for_terminals_only() {
    let house = House::open(true, Limits::default());
    let check = |typed, env: &[(&str, &str)], coloured: bool| {
        let ended = run("grange farm list", typed, &house.socket(), env);
        assert_eq!(ended.stdout.contains("\u{1b}[32mrunning\u{1b}[0m"), coloured, "{env:?}");
        assert_eq!(ended.outcome, Outcome::Exit(0));
    };
    check(Some(""), &[], true);
    check(Some(""), &[("NO_COLOR", "1")], false);
    check(None, &[], false);
}

#[test]
fn without_a_command_a_terminal_gets_the_screen() {
    let ended = run("grange", Some(""), Path::new("/x/api.sock"), &[]);
    let Outcome::Local(Local::Tui(target)) = ended.outcome else {
        panic!("{:?}", ended.outcome);
    };
    assert_eq!(target.address, cli::Address::Socket("/x/api.sock".into()));
}

/// A pipe whose reader has gone after some bytes.
struct Gone(usize);

impl io::Write for Gone {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.checked_sub(bytes.len()).ok_or(io::ErrorKind::BrokenPipe)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn following_ends_when_nobody_reads_any_more() {
    let house = House::open(true, Limits::default());
    let (fake, bell) = (house.fake.clone(), house.bell.clone());
    let telling = std::thread::spawn(move || {
        for number in 0..100 {
            fake.happen("shop", &format!("thing {number}"));
            bell.ring();
        }
    });
    let mut stderr = Vec::new();
    let dial =
        |target: &cli::Target| cli::connect(target).map(|client| client.with_deadline(PATIENCE));
    let socket = house.socket().display().to_string();
    let outcome = cli::run(
        ["grange", "--socket", &socket, "events", "--follow"].map(OsString::from).to_vec(),
        &dial,
        &mut Io {
            stdin: &mut io::empty(),
            stdout: &mut Gone(2000),
            stderr: &mut stderr,
            files: &Given,
            env: &|_| None,
            patience: &Untimed::default(),
            interactive: false,
            terminal: false,
            error_terminal: false,
            demo: None,
        },
    );
    telling.join().unwrap();
    assert_eq!((outcome, stderr.len()), (Outcome::Exit(141), 0));
}

/// Every deed that is asked about, as a command; the table of deeds says whether it is.
#[test]
fn what_stops_servers_is_asked_about_by_the_table() {
    let command = |deed: Deed| match deed {
        Deed::TerminateFarm => "farm terminate shop",
        Deed::RemoveFarm => "farm remove shop",
        Deed::StopFarm => "farm stop shop",
        Deed::TerminateServer => "server terminate shop/web-1",
        Deed::SuspendServer => "server suspend shop/web-1",
        Deed::RebootServer => "server reboot shop/web-1",
        Deed::Rollout(RolloutVerb::Pause) => "rollout pause shop/web",
        Deed::Rollout(RolloutVerb::Resume) => "rollout resume shop/web",
        Deed::Rollout(RolloutVerb::Abort) => "rollout abort shop/web",
        Deed::Rollout(RolloutVerb::Rollback) => "rollout rollback shop/web",
        Deed::ResumeAccount => "cloud resume onboard",
        Deed::RevokeToken => "token revoke 5",
        Deed::DeleteVolume => "volume delete 2",
    };
    for deed in Deed::ALL {
        let houses = [(); 2].map(|()| House::open(true, Limits::default()));
        let line = format!("grange {}", command(deed));
        let asked = |line: &str, typed, code, said: &str| {
            let house = &houses[usize::from(line.ends_with("--yes"))];
            let ended = run(line, typed, &house.socket(), &[]);
            assert_eq!(ended.outcome, Outcome::Exit(code), "{line} {typed:?}: {}", ended.stderr);
            assert!(ended.stderr.contains(said), "{line} {typed:?}: {}", ended.stderr);
        };
        if deed.asking() == Asking::Key {
            asked(&line, None, 0, "");
            continue;
        }
        asked(&line, None, 2, "say --yes");
        for no in ["n\n", "\n", "", "shop\n", "yeah\n"] {
            asked(&line, Some(no), 1, "nothing is changed");
        }
        asked(&line, Some("y\n"), 0, "[y/N]");
        asked(&format!("{line} --yes"), None, 0, "");
    }
}
