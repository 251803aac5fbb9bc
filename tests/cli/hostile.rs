//! Whatever is in the store: no command hands a terminal anything it would obey.
//!
//! A go-between sits before the real API and puts an attack into every text of every answer, so
//! that each column of each command is tried, also those that nobody thought of.

use super::run;
use crate::api::house::{House, PATIENCE};
use grange::api::Limits;
use grange::base::text::is_hidden;
use grange::cli::Outcome;
use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

/// Clears the screen, sets the title, forges a line, turns the writing round.
const ATTACK: &str = "\u{1b}[2J\u{9b}31m\u{1b}]0;x\u{7}\r\n     9  forged\u{202e}\u{200b}";

/// Names a command finds things by, which have an alphabet of their own.
const NAMES: [&str; 4] = ["id", "alias", "hostname", "token"];

/// Every command that shows or does something.
const COMMANDS: &[&str] = &[
    "farm list",
    "farm show shop",
    "farm show nope",
    "farm launch shop",
    "farm stop shop --yes",
    "farm start --all",
    "farm remove shop --yes",
    "farm list -o wide",
    "farm list -o yaml",
    "farm list -o json --columns farm,waiting,description",
    "farm list -o name",
    "farm show shop -o yaml",
    "server list -o wide",
    "server list -o yaml",
    "server list -o name",
    "server list -o yaml --columns server,status,agent,waiting",
    "role list -o yaml",
    "cloud list -o wide",
    "cloud list -o yaml",
    "holds -o wide",
    "holds -o yaml",
    "holds -o name",
    "token list -o yaml",
    "rollout history shop/web -o wide",
    "rollout history shop/web -o yaml",
    "server list",
    "server show shop/web-1",
    "server lock shop/web-1 --reason x",
    "server run shop/web-1 -- id",
    "server reboot nope",
    "role list",
    "cloud list",
    "cloud resume onboard",
    "rollout show shop/web",
    "rollout pause shop/web",
    "hold shop/web scale --for 2h --reason x",
    "hold release shop/web scale",
    "holds",
    "explain shop",
    "explain shop/web-1",
    "events",
    "events --search launched",
    "events --about shop",
    "status",
    "token create --description x",
    "token list",
    "token revoke 7 --yes",
    "plan shop",
    "plan -f shop.yaml",
    "plan proposed.grange",
    "plan -f shop.yaml -o -",
    "apply -f shop.yaml --yes",
    "apply -f fewer.yaml",
    "apply -f wrong.yaml",
    "apply proposed.grange --yes",
    "simulate -f rules.yaml --from 7d",
];

fn poison(value: &mut Value, of: &str) {
    match value {
        Value::String(text) if !NAMES.contains(&of) => text.push_str(ATTACK),
        Value::Array(items) => items.iter_mut().for_each(|item| poison(item, of)),
        Value::Object(fields) => {
            let farm = fields.contains_key("launchOrder");
            for (name, value) in fields.iter_mut().filter(|(name, _)| !farm || *name != "name") {
                poison(value, name);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// One exchange: the request goes on as it is, the answer comes back poisoned.
fn exchange(client: &UnixStream, real: &Path) -> std::io::Result<()> {
    let mut server = UnixStream::connect(real)?;
    server.set_read_timeout(Some(PATIENCE))?;
    let (head, body) = message(&mut BufReader::new(client))?;
    server.write_all(format!("{head}\r\n").as_bytes())?;
    server.write_all(&body)?;
    let (head, body) = message(&mut BufReader::new(&server))?;
    let mut answer: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
    for part in ["data", "errors"] {
        if let Some(value) = answer.get_mut(part) {
            poison(value, "");
        }
    }
    if let Some(errors) = answer.get_mut("errors").and_then(Value::as_array_mut) {
        errors.iter_mut().for_each(|error| error["code"] = "ObjectNotFound".into());
    }
    let body = answer.to_string();
    let kept = head.lines().filter(|line| !line.to_lowercase().starts_with("content-length"));
    let head: String = kept.map(|line| format!("{line}\r\n")).collect();
    let mut client = client;
    write!(client, "{head}content-length: {}\r\n\r\n{body}", body.len())
}

/// A head without its last, empty line, and as much of a body as it says.
fn message(from: &mut impl BufRead) -> std::io::Result<(String, Vec<u8>)> {
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if from.read_line(&mut line)? == 0 || line == "\r\n" {
            break;
        }
        if let Some(text) = line.to_lowercase().strip_prefix("content-length:") {
            length = text.trim().parse().unwrap();
        }
        head.push_str(&line);
    }
    if head.is_empty() {
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    }
    let mut body = vec![0; length];
    from.read_exact(&mut body)?;
    Ok((head, body))
}

fn go_between(house: &House) -> PathBuf {
    let (path, real) = (house.directory.join("poisoned.sock"), house.socket());
    let listener = UnixListener::bind(&path).unwrap();
    std::thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let real = real.clone();
            // It ends with the connection of the command it is for.
            std::thread::spawn(move || while exchange(&client, &real).is_ok() {});
        }
    });
    path
}

#[test]
fn no_answer_steers_the_terminal_it_is_shown_on() {
    let house = House::open(true, Limits::default());
    let socket = go_between(&house);
    let mut shown = 0;
    for command in COMMANDS {
        for (typed, json) in [(None, ""), (Some("n\n"), ""), (None, " --json")] {
            // What a command printed goes into a file as it is; that is what it is for.
            let raw = command.starts_with("server run") && typed.is_none() && json.is_empty();
            // A proposal is a document: it is written as it came.
            let document = command.ends_with("-o -");
            if raw || document {
                continue;
            }
            let line = match command.split_once(" -- ") {
                Some((verb, rest)) => format!("grange {verb}{json} -- {rest}"),
                None => format!("grange {command}{json}"),
            };
            let ended = run(&line, typed, &socket, &[("NO_COLOR", "1")]);
            assert!(!matches!(ended.outcome, Outcome::Local(_)), "{line}");
            for text in [&ended.stdout, &ended.stderr] {
                let steers = |c: char| c != '\n' && is_hidden(c);
                assert!(
                    !text.contains(steers),
                    "{line}: {:?}",
                    text.lines().find(|line| line.contains(steers))
                );
                let forged = text.lines().any(|line| line.trim_start().starts_with("9  forged"));
                assert!(!forged, "{line}: {text}");
                shown += text.matches("forged").count();
            }
        }
    }
    assert!(shown > 500, "the attack was shown {shown} times only");
}

#[test]
fn what_was_typed_wrong_is_quoted_harmlessly() {
    for line in ["grange \u{1b}[2Jfarm", "grange farm show x\u{9b}2J", "grange events --x\u{202e}"]
    {
        let ended = run(line, None, Path::new("/nowhere/api.sock"), &[]);
        assert!(!ended.stderr.contains(|c| c != '\n' && is_hidden(c)), "{:?}", ended.stderr);
    }
}
