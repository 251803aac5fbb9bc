//! `grange server run` on real servers: what a command prints comes back byte for byte, and whoever
//! wants it ended ends all of it.

use super::rig::{Rig, checked_web};
use super::wait::until;
use grange::wire::api::{CommandRequest, OrderView};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::MetadataExt;
use std::process::{Child, Output, Stdio};

/// Each command's own length of sleep, by which it is found among the machine's processes.
pub(super) fn sleeps(which: u32) -> String {
    format!("{}{which}", std::process::id())
}

fn begin(rig: &Rig, script: &str) -> Child {
    let words = ["server", "run", "web-1", "--timeout", "600", "--", "sh", "-c", script];
    rig.command(&words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Runs a script on the server: exit code, standard output, standard error.
fn run(rig: &Rig, script: &str) -> (i32, Vec<u8>, Vec<u8>) {
    ended(begin(rig, script))
}

fn ended(child: Child) -> (i32, Vec<u8>, Vec<u8>) {
    let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
    (status.code().expect("it ends by itself"), stdout, stderr)
}

fn pids(meets: impl Fn(&[&str], &fs::DirEntry) -> bool) -> Vec<Pid> {
    let mut found = Vec::new();
    for process in fs::read_dir("/proc").unwrap().flatten() {
        let Ok(pid) = process.file_name().to_string_lossy().parse::<i32>() else { continue };
        let line = fs::read_to_string(process.path().join("cmdline")).unwrap_or_default();
        let words: Vec<&str> = line.split_terminator('\0').collect();
        if meets(&words, &process) {
            found.push(Pid::from_raw(pid));
        }
    }
    found
}

/// Processes that sleep for just this long.
pub(super) fn sleeping(length: &str) -> Vec<Pid> {
    pids(|words, _| words == ["sleep", length])
}

/// Waits until so many sleep for just this long.
pub(super) fn asleep(length: &str, count: usize) {
    until(&format!("{count} processes that sleep {length} s"), 20, || {
        let found = sleeping(length);
        if found.len() == count { Ok(()) } else { Err(found) }
    });
}

/// The agents of this appliance's servers.
pub(super) fn agents(rig: &Rig) -> Vec<Pid> {
    let binaries = ["grange", "grange-agent"].map(|name| {
        let binary = fs::metadata(rig.directory.join(name)).unwrap();
        (binary.dev(), binary.ino())
    });
    pids(|words, process| {
        let binary = fs::metadata(process.path().join("exe")).map(|exe| (exe.dev(), exe.ino()));
        words.contains(&"--config")
            && words.contains(&"agent")
            && binary.is_ok_and(|binary| binaries.contains(&binary))
    })
}

/// Orders a command without anybody who waits for it.
fn order(rig: &Rig, script: &str) -> OrderView {
    let command = ["sh", "-c", script].map(str::to_owned).to_vec();
    let server = rig.of_role("web").remove(0).id;
    rig.client.command_run(&server, &CommandRequest { command, timeout_ms: 600_000 }).unwrap()
}

#[test]
fn what_a_command_prints_comes_back_and_who_ends_it_ends_all_of_it() {
    let mut rig = Rig::new("commands");
    rig.start();
    rig.apply(&checked_web(1, 1));
    rig.settled("web", 1, 60);
    rig.learn();

    let told = run(&rig, r"printf 'a\0\377\033[2Jb'; printf 'c\0\377' >&2; exit 3");
    assert_eq!(told, (3, b"a\0\xff\x1b[2Jb".to_vec(), b"c\0\xff".to_vec()));
    assert_eq!(run(&rig, "exec >&- 2>&-; exit 4"), (4, Vec::new(), Vec::new()));
    assert_eq!(run(&rig, "kill -9 $$").0, 137);
    assert_eq!(run(&rig, "cat; echo end"), (0, b"end\n".to_vec(), Vec::new()));
    much_is_cut_and_said(&rig);
    let daemon = sleeps(1);
    let told = run(&rig, &format!("sleep {daemon} & echo begun"));
    assert_eq!(told, (0, b"begun\n".to_vec(), Vec::new()), "a daemon is not waited for");
    asleep(&daemon, 1);
    kill(sleeping(&daemon)[0], Signal::SIGKILL).unwrap();

    for signal in [Signal::SIGINT, Signal::SIGHUP] {
        a_signal_ends_all_of_it(&rig, signal);
    }
    a_second_signal_waits_for_nothing(&rig);
    cancelled_by_its_number(&rig);
    outlives_the_appliance(&mut rig);
    does_not_outlive_its_agent(&rig);
}

fn much_is_cut_and_said(rig: &Rig) {
    let (code, stdout, stderr) = run(rig, "echo begin; head -c 10485760 /dev/zero; echo end");
    assert_eq!((code, stdout.len()), (9, 64 * 1024));
    assert!(stdout.starts_with(b"begin\n\0") && stdout.ends_with(b"\0end\n"));
    let said = String::from_utf8(stderr).unwrap();
    let left_out = 10_485_760 + 10 - 64 * 1024;
    assert_eq!(
        said,
        format!("grange: {left_out} bytes of its standard output left out after 32768\n")
    );
    // Its own failure is not hidden by that.
    assert_eq!(run(rig, "head -c 100000 /dev/zero; exit 5").0, 5);
}

fn a_signal_ends_all_of_it(rig: &Rig, signal: Signal) {
    let length = sleeps(2);
    let script = format!("echo begun; sleep {length} & (trap '' TERM; sleep {length}) & wait");
    let child = begin(rig, &script);
    asleep(&length, 2);
    kill(Pid::from_raw(child.id().cast_signed()), signal).unwrap();
    let (code, stdout, stderr) = ended(child);
    let said = String::from_utf8(stderr).unwrap();
    assert_eq!((code, stdout.as_slice()), (130, b"begun\n".as_slice()), "{said}");
    assert!(said.starts_with("grange: ending it on shop/web-1; "), "{said}");
    assert!(said.ends_with("grange: shop/web-1: it was cancelled by admin\n"), "{said}");
    asleep(&length, 0);
}

/// An agent that stands still ends nothing, however long this takes: what was asked of it is not
/// done while somebody looks, and who waits goes all the same.
fn a_second_signal_waits_for_nothing(rig: &Rig) {
    let length = sleeps(6);
    let mut child = begin(rig, &format!("sleep {length}"));
    asleep(&length, 1);
    let agent = agents(rig);
    assert_eq!(agent.len(), 1, "{agent:?}");
    kill(agent[0], Signal::SIGSTOP).unwrap();
    let who = Pid::from_raw(child.id().cast_signed());
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut said = String::new();
    kill(who, Signal::SIGINT).unwrap();
    stderr.read_line(&mut said).unwrap();
    assert!(said.ends_with("another Ctrl-C leaves it to itself\n"), "{said}");
    let asked = format!("is asked to end: sh -c 'sleep {length}");
    until("the cancel", 20, || {
        let events = String::from_utf8(rig.grange(&["events"]).stdout).unwrap();
        if events.contains(&asked) { Ok(()) } else { Err(events) }
    });
    kill(who, Signal::SIGINT).unwrap();
    let (code, stdout, _) = ended(child);
    assert_eq!((code, stdout.as_slice()), (130, b"".as_slice()));
    assert_eq!(sleeping(&length).len(), 1, "it is left to itself");
    kill(agent[0], Signal::SIGCONT).unwrap();
    asleep(&length, 0);
}

fn cancelled_by_its_number(rig: &Rig) {
    let length = sleeps(3);
    let open = order(rig, &format!("sleep {length}"));
    asleep(&length, 1);
    let number = open.id.to_string();
    let output = rig.grange(&["server", "cancel", &number]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(said, format!("order {number} is cancelled\n"), "{output:?}");
    asleep(&length, 0);
    let order = rig.came_of(open.id);
    assert_eq!((order.exit_code, order.cancelled_by.as_deref()), (Some(143), Some("admin")));
    // It is over: nothing is left to cancel, once and again.
    for _ in 0..2 {
        let again = rig.grange(&["server", "cancel", &number]);
        assert_eq!(again.status.code(), Some(5), "{again:?}");
    }
}

/// Whoever waits goes on waiting while the appliance is killed and comes back.
fn outlives_the_appliance(rig: &mut Rig) {
    let length = sleeps(4);
    let child = begin(rig, &format!("echo begun; sleep {length}; echo end"));
    asleep(&length, 1);
    rig.kill();
    kill(sleeping(&length)[0], Signal::SIGTERM).unwrap();
    rig.start();
    let (code, stdout, stderr) = ended(child);
    let said = String::from_utf8_lossy(&stderr).into_owned();
    assert_eq!((code, stdout.as_slice()), (0, b"begun\nend\n".as_slice()), "{said}");
}

/// An agent that was killed says that it did not see the end, and lets nothing run on unseen.
fn does_not_outlive_its_agent(rig: &Rig) {
    rig.settled("web", 1, 60);
    let length = sleeps(5);
    let open = order(rig, &format!("sleep {length} & sleep {length}"));
    asleep(&length, 2);
    let before = agents(rig);
    assert_eq!(before.len(), 1, "{before:?}");
    kill(before[0], Signal::SIGKILL).unwrap();
    let order = rig.came_of(open.id);
    assert_eq!(order.state, "failed");
    assert!(order.output.starts_with("the agent stopped while it was running"), "{order:?}");
    asleep(&length, 0);
}

/// An appliance that hangs answers nothing, and keeps nobody who wants to go.
#[test]
fn a_signal_ends_the_waiting_also_where_the_appliance_hangs() {
    let mut rig = Rig::new("hangs");
    rig.start();
    rig.apply(&checked_web(1, 1));
    rig.settled("web", 1, 60);
    let length = sleeps(61);
    let mut waits = begin(&rig, &format!("exec sleep {length}"));
    asleep(&length, 1);
    rig.hang(true);
    kill(Pid::from_raw(waits.id().cast_signed()), Signal::SIGINT).unwrap();
    // Far below the 30 s that a request may take.
    let ended = until("it to end", 10, || waits.try_wait().unwrap().ok_or(()));
    rig.hang(false);
    let (_, _, said) = self::ended(waits);
    let said = String::from_utf8_lossy(&said).into_owned();
    assert_eq!(ended.code(), Some(130), "{said}");
    assert!(said.contains("asks again"), "{said}");
}
