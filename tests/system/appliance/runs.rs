//! `grange run` on real servers: one result each, whatever is killed in the middle.

use super::commands::{agents, asleep, sleeping, sleeps};
use super::rig::{Rig, checked_web};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::io::{BufRead, BufReader};
use std::process::{Child, Output, Stdio};

fn begin(rig: &Rig, words: &[&str]) -> Child {
    let words = [&["run"], words].concat();
    rig.command(&words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Exit code, standard output, standard error.
fn ended(child: Child) -> (i32, String, String) {
    let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().expect("it ends by itself"), text(stdout), text(stderr))
}

fn run(rig: &Rig, options: &[&str], target: &str, script: &str) -> (i32, String, String) {
    ended(begin(rig, &[options, &[target, "--", "sh", "-c", script]].concat()))
}

#[test]
fn a_command_runs_on_every_server_once_and_its_results_are_kept() {
    let mut rig = Rig::new("runs");
    rig.start();
    rig.apply(&checked_web(2, 2));
    rig.settled("web", 2, 60);
    rig.learn();

    let script = "echo one; echo two; echo bad >&2";
    let (code, printed, said) = run(&rig, &["--parallel", "1"], "shop/web", script);
    let lines = "shop/web-1: one\nshop/web-1: two\nshop/web-2: one\nshop/web-2: two\n";
    let results = "shop/web-1: bad\nshop/web-2: bad\nshop/web-1  exit code 0\n\
                   shop/web-2  exit code 0\nrun 1: 2 done, 0 failed, 0 passed over\n";
    assert_eq!((code, printed.as_str(), said.as_str()), (0, lines, results));
    // Of one server it comes byte for byte, with its own exit code.
    let (code, printed, said) = run(&rig, &[], "shop/web-2", "printf 'a\\033'; exit 3");
    assert_eq!((code, printed.as_str(), said.as_str()), (3, "a\u{1b}", ""));

    let (code, _, said) = run(&rig, &["--canary", "1"], "shop", "exit 4");
    let results = "shop/web-1  exit code 4\nshop/web-2  skipped: the canary did not succeed\n\
                   run 3: 0 done, 1 failed, 1 passed over\n";
    assert_eq!((code, said.as_str()), (1, results));
    let (code, _, said) = run(&rig, &[], "nothing", "true");
    assert_eq!((code, said.as_str()), (3, "grange: no farm nothing\n"));

    shown_while_it_runs(&mut rig);
    cancelled(&rig);
    survives_the_appliance(&mut rig);
    has_a_result_where_the_agent_was_killed(&rig);
    is_kept(&rig);
    forbidden(&rig);
}

/// What is printed is there before the command has ended, once, whatever breaks off meanwhile.
fn shown_while_it_runs(rig: &mut Rig) {
    let length = sleeps(74);
    let script = format!("echo begun; echo err >&2; sleep {length}; echo $GRANGE_SERVER");
    let mut child = begin(rig, &["shop", "--", "sh", "-c", &script]);
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut line = || {
        let mut line = String::new();
        lines.read_line(&mut line).unwrap();
        line
    };
    let mut begun = [line(), line()];
    begun.sort();
    assert_eq!(begun, ["shop/web-1: begun\n", "shop/web-2: begun\n"]);
    asleep(&length, 2);
    rig.kill();
    rig.start();
    asleep(&length, 2);
    for sleep in sleeping(&length) {
        kill(sleep, Signal::SIGTERM).unwrap();
    }
    let mut rest = [line(), line(), line()];
    rest.sort();
    assert_eq!(rest, ["", "shop/web-1: shop/web-1\n", "shop/web-2: shop/web-2\n"]);
    let (code, _, said) = ended(child);
    assert_eq!(code, 0, "{said}");
    let errors = said.lines().filter(|line| line.ends_with(": err"));
    assert_eq!(errors.count(), 2, "{said}");
}

fn cancelled(rig: &Rig) {
    let length = sleeps(71);
    let script = format!("sleep {length}");
    let child = begin(rig, &["--parallel", "1", "shop", "--", "sh", "-c", &script]);
    asleep(&length, 1);
    kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGINT).unwrap();
    let (code, _, said) = ended(child);
    assert_eq!(code, 130, "{said}");
    assert!(said.contains("shop/web-1  exit code 143: it was cancelled\n"), "{said}");
    assert!(said.contains("shop/web-2  skipped: the run was cancelled by admin\n"), "{said}");
    asleep(&length, 0);
}

fn survives_the_appliance(rig: &mut Rig) {
    let length = sleeps(72);
    let script = format!("sleep {length}; echo end");
    let child = begin(rig, &["--parallel", "1", "shop", "--", "sh", "-c", &script]);
    asleep(&length, 1);
    rig.kill();
    kill(sleeping(&length)[0], Signal::SIGTERM).unwrap();
    rig.start();
    asleep(&length, 1);
    kill(sleeping(&length)[0], Signal::SIGTERM).unwrap();
    let (code, printed, said) = ended(child);
    assert_eq!((code, printed.as_str()), (0, "shop/web-1: end\nshop/web-2: end\n"), "{said}");
}

fn has_a_result_where_the_agent_was_killed(rig: &Rig) {
    rig.settled("web", 2, 60);
    let length = sleeps(73);
    let script = format!("exec sleep {length}");
    let child = begin(rig, &["shop", "--", "sh", "-c", &script]);
    asleep(&length, 2);
    kill(agents(rig)[0], Signal::SIGKILL).unwrap();
    asleep(&length, 1);
    kill(sleeping(&length)[0], Signal::SIGTERM).unwrap();
    let (code, _, said) = ended(child);
    assert_eq!(code, 1, "{said}");
    let unknown = said.lines().filter(|line| line.contains("failed: the agent stopped while"));
    assert_eq!(unknown.count(), 1, "{said}");
    assert!(said.contains("  exit code 143\n"), "{said}");
}

fn is_kept(rig: &Rig) {
    let output = rig.grange(&["run", "list", "-o", "name"]);
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "7\n6\n5\n4\n3\n2\n1\n");
    let output = rig.grange(&["run", "show", "1", "--printed"]);
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(shown.contains("shop/web-2  done   0"), "{shown}");
    assert!(shown.ends_with("shop/web-2: one\nshop/web-2: two\n"), "{shown}");
}

fn forbidden(rig: &Rig) {
    let deny = "mkdir -p \"${GRANGE_HOME%/}/etc/grange\" && \
                touch \"${GRANGE_HOME%/}/etc/grange/agent.deny-run\"";
    assert_eq!(run(rig, &[], "shop/web-1", deny).0, 0);
    let (code, printed, said) = run(rig, &[], "shop/web-1", "echo here");
    assert_eq!((code, printed.as_str()), (1, ""));
    assert!(said.contains("this server takes no commands: "), "{said}");
    assert_eq!(run(rig, &[], "shop/web-2", "true").0, 0, "it is about one server");
}
