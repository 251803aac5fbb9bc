//! The command line as transcripts: what was typed, what came out, how it ended.
//!
//! A transcript is run against one house of the API's scenarios, over a real socket, command by
//! command. `- ` is something that happens there first, `$ ` is a command, `> ` what is typed at
//! its questions (which makes it run as on a terminal), `! ` a line on stderr, `= ` the exit code
//! when it is not 0; everything else is stdout. Servers' ids are written as `{shop/web-1}`, and
//! what is random as `#`. With `BLESS=1` the files are written anew; read the difference.

#[path = "files.rs"]
mod files;
#[path = "hostile.rs"]
mod hostile;

use crate::accounts::engine::FakeEngine;
use crate::api::house::{House, PATIENCE};
use crate::api::world;
use files::Given;
use grange::api::Limits;
use grange::base::{FarmId, Millis, Timestamp};
use grange::cli::{self, Io, Local, Outcome, Patience};
use grange::service::farms;
use grange::wire::deed::{Asking, Deed};
use grange::wire::input::FarmInput;
use grange::wire::rollout::RolloutVerb;
use std::cell::Cell;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Time that passes only while a command pauses, and nobody who interrupts it.
#[derive(Default)]
pub struct Untimed(Cell<Millis>);

impl Patience for Untimed {
    fn wall(&self) -> Timestamp {
        Timestamp(world::NOW)
    }

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

/// The same, while the agents of a house answer what they are told.
struct Answered<'a>(Untimed, &'a House);

impl Patience for Answered<'_> {
    fn wall(&self) -> Timestamp {
        self.0.wall()
    }

    fn now(&self) -> Millis {
        self.0.now()
    }

    fn pause(&self, length: Millis) {
        self.0.pause(length);
        self.1.act("the agents answer");
    }

    fn interrupted(&self) -> bool {
        false
    }
}

struct Ended {
    stdout: String,
    stderr: String,
    outcome: Outcome,
}

fn run(line: &str, typed: Option<&str>, socket: &Path, env: &[(&str, &str)]) -> Ended {
    run_with(line, typed, (socket, env), (&Given::default(), &Untimed::default()))
}

/// The same with files that are kept, and another way for time to pass.
fn run_with(
    line: &str,
    typed: Option<&str>,
    (socket, env): (&Path, &[(&str, &str)]),
    (files, patience): (&Given, &dyn Patience),
) -> Ended {
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
            files,
            env: &variable,
            patience,
            interactive: typed.is_some(),
            terminal: typed.is_some(),
            error_terminal: typed.is_some(),
            demo: None,
        },
    );
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ended { stdout: text(stdout), stderr: text(stderr), outcome }
}

/// A text without what is random: keys, signatures, digests, tokens.
fn masked(text: &str) -> String {
    let mut masked = String::new();
    for (place, part) in text.split("secret-").enumerate() {
        let part = match place {
            0 => part.to_owned(),
            _ => format!("secret-#{}", part.trim_start_matches(|c: char| c.is_ascii_digit())),
        };
        masked.push_str(&part);
    }
    let mut rest = masked.as_str();
    let mut whole = String::new();
    while let Some(begin) = rest.find(|c: char| c.is_ascii_hexdigit()) {
        let (before, from) = rest.split_at(begin);
        let end = from.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(from.len());
        let (digits, after) = from.split_at(end);
        whole.push_str(before);
        whole.push_str(if digits.len() < 32 { digits } else { "#" });
        rest = after;
    }
    whole + rest
}

/// Runs each command of a transcript again and writes down what happened.
fn replay(transcript: &str, house: &House) -> String {
    let mut written = String::new();
    let (files, patience) = (Given::default(), Answered(Untimed::default(), house));
    let mut lines = transcript.lines().peekable();
    // What a command printed may look like a comment or a deed; it ends with an empty line.
    let mut between = true;
    while let Some(line) = lines.next() {
        let deed = line.strip_prefix("- ").filter(|_| between);
        if let Some(deed) = deed {
            house.act(deed);
        }
        if deed.is_some() || (between && line.starts_with('#')) {
            written.push_str(&format!("{line}\n"));
            continue;
        }
        between = line.is_empty();
        let Some(command) = line.strip_prefix("$ ") else { continue };
        let mut typed: Option<String> = None;
        while let Some(text) = lines.next_if(|next| next.starts_with("> ")) {
            typed.get_or_insert_default().push_str(&format!("{}\n", &text[2..]));
        }
        let (socket, env) = (house.socket(), [("NO_COLOR", "1")]);
        let told = house.named(command);
        let ended = run_with(&told, typed.as_deref(), (&socket, &env), (&files, &patience));
        written.push_str(&format!("$ {command}\n"));
        for text in typed.unwrap_or_default().lines() {
            written.push_str(&format!("> {text}\n"));
        }
        written.push_str(&house.unnamed(&masked(&ended.stdout)));
        for text in house.unnamed(&masked(&ended.stderr)).lines() {
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
    check_in(name, &House::searching());
}

fn check_in(name: &str, house: &House) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/cli/transcripts")
        .join(format!("{name}.txt"));
    let transcript = std::fs::read_to_string(&path).unwrap();
    let written = replay(&transcript, house);
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
fn runs() {
    check("runs");
}

#[test]
fn images() {
    check("images");
}

#[test]
fn servers() {
    check("servers");
}

#[test]
fn a_filter_looks_at_every_page() {
    let house = House::searching();
    let client = grange::client::Client::new(Arc::new(grange::client::socket(house.socket())));
    for number in 0..130 {
        let name = Some(format!("many-{number}"));
        client.farm_create(&FarmInput { name, ..FarmInput::default() }).unwrap();
    }
    let listed = |options: &str| {
        let ended = run(&format!("grange farm list -o name {options}"), None, &house.socket(), &[]);
        assert_eq!((ended.outcome, ended.stderr.as_str()), (Outcome::Exit(0), ""), "{options}");
        ended.stdout
    };
    assert_eq!(listed("--filter farm~many").lines().count(), 130);
    assert_eq!(listed("--filter farm~many-129"), "many-129\n");
    let sorted = listed("--filter farm~many --sort farm");
    let first: Vec<&str> = sorted.lines().take(3).collect();
    assert_eq!(first, ["many-0", "many-1", "many-2"]);
    assert_eq!(sorted.lines().last(), Some("many-129"));
}

#[test]
fn manifests() {
    check("manifests");
}

#[test]
fn what_is_declared_and_is_not_what_runs() {
    check("behind");
}

#[test]
fn a_journal_that_cannot_be_searched() {
    check_in("unsearched", &House::open(true, Limits::default()));
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
fn lists() {
    check("lists");
}

#[test]
fn variables() {
    check("variables");
}

#[test]
fn notes() {
    check("notes");
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
    let refused = "grange: viewer may not do this: the permission FarmsLaunch is missing\n";
    assert_eq!(ended.stderr, refused);
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
    let service = house.service();
    let telling = std::thread::spawn(move || {
        for number in 0..100 {
            let description = Some(format!("thing {number}"));
            let input = FarmInput { description, ..FarmInput::default() };
            farms::update(&service, &world::admin(), FarmId(1), &input, None).unwrap();
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
            files: &Given::default(),
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
        Deed::TakeAccount => "cloud take home",
        Deed::RevokeToken => "token revoke 2",
        Deed::DeleteVolume => "volume delete 2",
        Deed::DeleteRole => "role delete plain",
        Deed::DeleteImage => "image delete plain",
    };
    let engine = FakeEngine::new();
    for deed in Deed::ALL {
        let houses = [(); 2].map(|()| House::open(true, Limits::default()));
        for house in &houses {
            match deed {
                Deed::Rollout(_) => ["declare large", "tick"].map(|deed| house.act(deed)),
                Deed::DeleteVolume => ["the volumes", "tick"].map(|deed| house.act(deed)),
                Deed::DeleteImage => ["an image", "tick"].map(|deed| house.act(deed)),
                Deed::TakeAccount => [(); 2].map(|()| {
                    let add = "grange cloud add docker --name home --endpoint";
                    run(&format!("{add} {}", engine.endpoint()), None, &house.socket(), &[]);
                }),
                Deed::DeleteRole => [(); 2].map(|()| {
                    run("grange role clone base plain", None, &house.socket(), &[]);
                }),
                _ => [(); 2],
            };
        }
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
