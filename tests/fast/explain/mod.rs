//! Stories of why: things happen on a site, then people ask the real command line about them.
//!
//! `- ` is something that happens ([`site::Site::act`] knows what), `$ ` is a command, everything
//! else is its output; `! ` a line on stderr. With `BLESS=1` the files are written anew.

mod between;
mod keys;
pub mod place;
mod roles;
mod seen;
pub mod site;
mod word;

use crate::cli::Untimed;
use grange::api::{Api, Bell, Context, Limits, Listener, serve};
use grange::cli::{self, Io, NoFiles, Outcome};
use site::Site;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::watch;

/// The words of a command; what is in double quotes is one.
fn words(line: &str) -> Vec<std::ffi::OsString> {
    let mut words = Vec::new();
    for (place, part) in line.split('"').enumerate() {
        match place % 2 {
            0 => words.extend(part.split_whitespace().map(Into::into)),
            _ => words.push(part.into()),
        }
    }
    words
}

/// Runs a command against a socket; what it printed.
fn ask(line: &str, socket: &Path) -> String {
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let socket = socket.display().to_string();
    let variable = |name: &str| (name == "GRANGE_SOCKET").then(|| socket.clone());
    let dial = |target: &cli::Target| {
        cli::connect(target).map(|client| client.with_deadline(crate::api::house::PATIENCE))
    };
    let outcome = cli::run(
        words(line),
        &dial,
        &mut Io {
            stdin: &mut &b""[..],
            stdout: &mut stdout,
            stderr: &mut stderr,
            files: &NoFiles,
            env: &variable,
            patience: &Untimed::default(),
            interactive: false,
            terminal: false,
            error_terminal: false,
            demo: None,
        },
    );
    let mut told = String::from_utf8(stdout).unwrap();
    for line in String::from_utf8(stderr).unwrap().lines() {
        writeln!(told, "! {line}").unwrap();
    }
    if !matches!(outcome, Outcome::Exit(0)) {
        writeln!(told, "= {outcome:?}").unwrap();
    }
    told
}

/// Plays a story again and writes down what was told.
fn replay(story: &str, socket: &Path, site: &mut Site) -> String {
    let mut written = String::new();
    for line in story.lines() {
        if line.starts_with('#') || line.starts_with("- ") {
            writeln!(written, "{line}").unwrap();
        }
        if let Some(deed) = line.strip_prefix("- ") {
            site.act(deed);
        }
        if let Some(command) = line.strip_prefix("$ ") {
            write!(written, "\n$ {command}\n{}", ask(command, socket)).unwrap();
        }
    }
    written
}

fn check(name: &str) {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fast/explain");
    let path = folder.join(format!("{name}.txt"));
    let story = std::fs::read_to_string(&path).unwrap();
    let mut site = Site::new();
    let directory = std::env::temp_dir().join(format!("grange-why-{}-{name}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let socket = directory.join("api.sock");
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (stop, stopping) = watch::channel(false);
    let uid = nix::unistd::getuid().as_raw();
    let context = Context {
        service: site.service.clone(),
        jobs: Box::new(Vec::new),
        administrators: vec![uid],
    };
    let serving = {
        let _inside = runtime.enter();
        let listener = tokio::net::UnixListener::bind(&socket).unwrap();
        let api = Api::new(context, Bell::new(), Limits::default());
        runtime.spawn(serve(Arc::new(api), vec![Listener::Unix(listener)], stopping))
    };
    let written = replay(&story, &socket, &mut site);
    stop.send_replace(true);
    runtime.block_on(serving).unwrap();
    std::fs::remove_dir_all(&directory).unwrap();
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, written).unwrap();
        return;
    }
    for (line, (is, was)) in written.lines().zip(story.lines()).enumerate() {
        assert_eq!(is, was, "{name}.txt:{}\n\n{written}", line + 1);
    }
    assert_eq!(written.lines().count(), story.lines().count(), "{name}.txt\n\n{written}");
}

#[test]
fn what_a_server_stands_on() {
    check("network");
}

#[test]
fn scaled_then_lost_then_replaced() {
    check("replaced");
}

#[test]
fn every_chain_ends() {
    check("ends");
}

#[test]
fn what_is_gone() {
    check("gone");
}

#[test]
fn a_journal_that_was_cut() {
    check("trimmed");
}

#[test]
fn what_is_held() {
    check("held");
}

#[test]
fn what_says_that_it_is_idle() {
    check("idle");
}

#[test]
fn what_people_started() {
    check("people");
}

#[test]
fn what_is_rolled_over() {
    check("rollout");
}

#[test]
fn what_is_lost_after_the_clock_was_set_back() {
    check("back");
}

#[test]
fn what_has_no_name_is_nobody() {
    check("names");
}
