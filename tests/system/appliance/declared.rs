//! `grange apply --wait` on a real appliance: it ends when the farm is as declared, when its time
//! is over, and when somebody has waited enough; the farm goes on in any case.

use super::rig::{Rig, checked_web};
use super::wait::until;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Output, Stdio};

/// Begins `grange apply --wait` on a farm of so many servers with this check.
fn apply(rig: &Rig, name: &str, manifest: &str, wait: &str) -> Child {
    let path = rig.directory.join(name);
    std::fs::write(&path, manifest).unwrap();
    let path = path.display().to_string();
    let mut command = rig.command(&["apply", "-f", &path, "--yes", wait]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn ended(child: Child) -> (i32, String) {
    let Output { status, stderr, .. } = child.wait_with_output().unwrap();
    (status.code().expect("it ends by itself"), String::from_utf8(stderr).unwrap())
}

#[test]
fn waiting_ends_with_the_farm_with_the_time_or_with_a_signal() {
    let mut rig = Rig::new("declared");
    rig.start();

    let (code, said) = ended(apply(&rig, "two.yaml", &checked_web(2, 2), "--wait=2m"));
    assert_eq!(code, 0, "{said}");
    assert!(said.ends_with("farm shop is as declared\n"), "{said}");
    assert_eq!(rig.settled("web", 2, 1).len(), 2, "it runs when it is said to");

    // Another check, which no server passes: the rollout is under way and will be for long.
    let never = checked_web(2, 2).replace("/healthz", "/nobody-serves-this");
    let (code, said) = ended(apply(&rig, "never.yaml", &never, "--wait=3s"));
    assert_eq!(code, 8, "{said}");
    let last: Vec<&str> = said.lines().rev().take(2).collect();
    let goes_on = "grange: it stays declared and goes on by itself: grange farm show shop";
    assert_eq!(last[0], goes_on, "{said}");
    let what = "grange: farm shop is not as declared after 3 s: shop/web: ";
    assert!(last[1].starts_with(what), "{said}");

    for (signal, name) in [(Signal::SIGINT, "int.yaml"), (Signal::SIGTERM, "term.yaml")] {
        let mut child = apply(&rig, name, &never, "--wait=1h");
        // Once it says what is missing, it waits.
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut said = String::new();
        while !said.contains("shop/web: ") {
            assert_ne!(stderr.read_line(&mut said).unwrap(), 0, "it waits: {said}");
        }
        kill(Pid::from_raw(child.id().cast_signed()), signal).unwrap();
        let status = until("the waiting to end", 10, || child.try_wait().unwrap().ok_or(()));
        stderr.read_to_string(&mut said).unwrap();
        assert_eq!(status.code(), Some(130), "{said}");
        let no_longer = "grange: no longer waiting for farm shop; it stays declared and goes on by \
                         itself: grange farm show shop\n";
        assert!(said.ends_with(no_longer), "{said}");
    }
    assert_eq!(rig.role("web").scaling.min_instances, 2);
    assert_eq!(rig.client.rollout(rig.role("web").id).unwrap().to, 2, "it stays declared");
    rig.learn();
}
