//! `grange server log` on a real server: what it prints comes while it is printed, over rotations,
//! and a reader who takes nothing keeps nobody else waiting.

use super::commands::{agents, asleep, sleeping, sleeps};
use super::rig::{Rig, checked_web};
use super::wait::until;
use nix::sys::signal::{Signal, kill};
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Output, Stdio};

/// Where the server's agent keeps logs.
const LOGS: &str = "${GRANGE_HOME%/}/var/lib/grange-agent/logs";

fn begin(rig: &Rig, words: &[&str]) -> Child {
    let words = [&["server", "log", "web-1"], words].concat();
    rig.command(&words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Exit code, standard output, standard error.
fn ended(child: Child) -> (i32, String, String) {
    let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().expect("it ends by itself"), text(stdout), text(stderr))
}

/// Does something in the directory of logs, as a service's output would.
fn on_server(rig: &Rig, script: &str) -> String {
    let script = format!("mkdir -p {LOGS} && cd {LOGS} && {script}");
    let words = ["server", "run", "web-1", "--", "sh", "-c", &script];
    let output = rig.command(&words).output().unwrap();
    assert!(output.status.success(), "{script}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn what_a_server_prints_is_read_while_it_is_printed() {
    let mut rig = Rig::new("logs");
    rig.start();
    rig.apply(&checked_web(1, 1));
    rig.settled("web", 1, 60);
    rig.learn();

    let (code, listed, _) = ended(begin(&rig, &["--list"]));
    assert!(code == 0 && listed.starts_with("LOG    OF     SIZE"), "{listed}");
    assert!(listed.lines().nth(1).unwrap().starts_with("agent  agent  "), "{listed}");
    let (code, printed, _) = ended(begin(&rig, &[]));
    assert!(code == 0 && printed.contains("connected"), "{printed}");
    let (code, printed, said) = ended(begin(&rig, &["--of", "nothing"]));
    let refused = "grange: no log nothing: there are agent\n";
    assert_eq!((code, printed.as_str(), said.as_str()), (3, "", refused));

    follows_over_a_rotation(&rig);
    a_reader_that_takes_nothing_costs_nobody(&rig);
    goes_on_when_what_it_comes_over_is_back(&mut rig);
}

fn follows_over_a_rotation(rig: &Rig) {
    on_server(rig, r"printf '1\n2\n' > service-api.log");
    let mut child = begin(rig, &["--of", "api", "--follow", "--lines", "1"]);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = || lines.next().unwrap().unwrap();
    assert_eq!(next(), "2");
    on_server(rig, "echo 3 >> service-api.log");
    assert_eq!(next(), "3");
    on_server(rig, "mv service-api.log service-api.log.1; echo 4 > service-api.log");
    assert_eq!(next(), "4");
    kill(nix::unistd::Pid::from_raw(child.id().cast_signed()), Signal::SIGINT).unwrap();
    assert!(!child.wait().unwrap().success());
}

fn a_reader_that_takes_nothing_costs_nobody(rig: &Rig) {
    on_server(rig, "head -c 20000000 /dev/zero > service-flood.log; echo >> service-flood.log");
    // More than one server's streams, one after the other: each is given back.
    for _ in 0..12 {
        let mut child = begin(rig, &["--of", "flood"]);
        let mut some = [0; 1];
        child.stdout.as_mut().unwrap().read_exact(&mut some).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let mut stuck: Vec<Child> = (0..4).map(|_| begin(rig, &["--of", "flood"])).collect();
    for child in &mut stuck {
        child.stdout.as_mut().unwrap().read_exact(&mut [0; 1]).unwrap();
    }
    assert_eq!(on_server(rig, "echo at once"), "at once\n");
    let server = rig.of_role("web").remove(0);
    assert!(server.grange.agent_connected, "{server:?}");
    for mut child in stuck {
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let (code, printed, _) = ended(begin(rig, &["--of", "flood", "--lines", "9"]));
    assert_eq!((code, printed.len()), (0, 1024 * 1024), "so far back and no further");
}

fn goes_on_when_what_it_comes_over_is_back(rig: &mut Rig) {
    let mut child = begin(rig, &["--of", "api", "--follow", "--lines", "1"]);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = || lines.next().unwrap().unwrap();
    assert_eq!(next(), "4");
    kill(agents(rig)[0], Signal::SIGKILL).unwrap();
    add(rig, "5");
    assert_eq!(next(), "5");
    // What is written while nobody can read it is there afterwards, once.
    let length = sleeps(75);
    let write = format!("cd {LOGS} && sleep {length}; echo 6 >> service-api.log");
    let words = ["server", "run", "web-1", "--timeout", "600", "--", "sh", "-c", &write];
    let mut writing = rig.command(&words).stdout(Stdio::piped()).spawn().unwrap();
    asleep(&length, 1);
    rig.kill();
    kill(sleeping(&length)[0], Signal::SIGTERM).unwrap();
    asleep(&length, 0);
    rig.start();
    add(rig, "7");
    assert_eq!([next(), next()], ["6", "7"]);
    kill(nix::unistd::Pid::from_raw(child.id().cast_signed()), Signal::SIGINT).unwrap();
    let (code, rest, said) = ended(child);
    assert_eq!((code, rest.as_str()), (130, ""), "{said}");
    let broke_off =
        "grange: the log of shop/web-1 broke off: its agent's connection ended; it goes";
    assert!(said.starts_with(broke_off), "{said}");
    assert!(!said.contains("missing"), "{said}");
    writing.wait().unwrap();
}

/// Adds a line once the server's agent can be told to.
fn add(rig: &Rig, line: &str) {
    until("the agent is back", 60, || {
        let script = format!("cd {LOGS} && echo {line} >> service-api.log");
        let words = ["server", "run", "web-1", "--", "sh", "-c", &script];
        let output = rig.command(&words).output().unwrap();
        if output.status.success() { Ok(()) } else { Err(output) }
    });
}
