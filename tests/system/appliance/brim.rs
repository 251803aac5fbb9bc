//! A disk that is full to the brim, and whatever is let go of is taken at once: what ends
//! something goes on, what would grow is refused with a word, and nothing is lost.

use super::rig::{Rig, checked_web};
use super::wait::until;
use grange::base::WallClock;
use grange::model::Grant;
use grange::store::{Mode, Reads, Store};
use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::Output;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Somebody who takes every free byte of a disk, again and again.
struct Glutton {
    ballast: PathBuf,
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Glutton {
    fn new(ballast: PathBuf) -> Glutton {
        let ends = Arc::new(AtomicBool::new(false));
        let (path, end) = (ballast.clone(), ends.clone());
        let thread = std::thread::spawn(move || {
            let mut file = fs::File::create(path).unwrap();
            while !end.load(Ordering::Relaxed) {
                while file.write(&[7; 4096]).is_ok_and(|written| written > 0) {}
                std::thread::sleep(Duration::from_millis(1));
            }
        });
        Glutton { ballast, ends, thread: Some(thread) }
    }

    /// Gives everything back.
    fn end(mut self) {
        self.stop();
        fs::remove_file(&self.ballast).unwrap();
    }

    fn stop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

impl Drop for Glutton {
    fn drop(&mut self) {
        self.stop();
    }
}

const MORE: &str = "farm: more\nfarmRoles: []\n";

fn done(answer: &Output) -> String {
    assert!(answer.status.success(), "{answer:?}");
    String::from_utf8_lossy(&answer.stdout).into_owned()
}

fn refused(answer: &Output) {
    let said = String::from_utf8_lossy(&answer.stderr);
    assert_eq!(answer.status.code(), Some(6), "{answer:?}");
    assert!(said.contains("the disk is full"), "{said}");
}

fn alerts(rig: &Rig) -> Vec<String> {
    rig.client.status().unwrap().alerts
}

/// Terminates a server and sees it go, on the platform and in the records.
fn terminated(rig: &Rig, id: &str, name: &str) {
    done(&rig.grange(&["server", "terminate", name, "--yes"]));
    until(&format!("{name} to be gone"), 60, || {
        let (running, known) = (rig.pid_1(id), rig.servers());
        let listed = known.iter().any(|server| server.id == id);
        if running.is_none() && !listed { Ok(()) } else { Err((running, listed, alerts(rig))) }
    });
}

#[test]
fn on_a_full_disk_servers_go_and_nothing_is_lost() {
    let mut rig = Rig::new("brim");
    let data = rig.directory.join("data");
    rig.on_a_small_disk(192);
    rig.start();
    rig.apply(&checked_web(2, 4));
    let before = rig.settled("web", 2, 60);
    let token = done(&rig.grange(&["token", "create", "--description", "laptop"]));
    let last = rig.client.status().unwrap().seq;

    let glutton = Glutton::new(data.join("ballast"));
    until("an alert that says so", 30, || {
        let alerts = alerts(&rig);
        if alerts.iter().any(|a| a.contains("the disk is full")) { Ok(()) } else { Err(alerts) }
    });
    let doctor = rig.grange(&["appliance", "doctor", "--data", &data.display().to_string()]);
    let said = String::from_utf8_lossy(&doctor.stdout).into_owned();
    assert!(!doctor.status.success() && said.contains("fail  space"), "{said}");

    // What grows.
    let manifest = rig.directory.join("more.yaml");
    fs::write(&manifest, MORE).unwrap();
    refused(&rig.grange(&["apply", "-f", &manifest.display().to_string(), "--yes"]));
    refused(&rig.grange(&["token", "create", "--description", "one more"]));
    fs::write(&manifest, checked_web(3, 4)).unwrap();
    refused(&rig.grange(&["apply", "-f", &manifest.display().to_string(), "--yes"]));
    // What ends.
    terminated(&rig, &before[0].id, &before[0].grange.name);
    done(&rig.grange(&["token", "revoke", "1", "--yes"]));
    assert!(!token.is_empty());

    // And all the same after `kill -9`, with the disk as full as it was.
    rig.kill();
    rig.start();
    terminated(&rig, &before[1].id, &before[1].grange.name);
    assert!(rig.servers().iter().all(|s| s.status == "pending_launch"), "{:?}", rig.servers());
    done(&rig.grange(&["server", "list"]));

    // With space it goes on by itself.
    glutton.end();
    let after = rig.settled("web", 2, 60);
    until("the alert to end", 30, || {
        let alerts = alerts(&rig);
        if alerts.iter().any(|a| a.contains("full")) { Err(alerts) } else { Ok(()) }
    });
    until("readings to go on", 30, || {
        let latest = rig.client.readings(&after[0].id, &[], 5);
        match latest {
            Ok(series) if series.iter().any(|s| !s.value.is_empty()) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
    fs::write(&manifest, MORE).unwrap();
    done(&rig.grange(&["apply", "-f", &manifest.display().to_string(), "--yes"]));
    rig.stop();
    let store = Store::open(&data, Arc::new(WallClock::new()), Mode::Thread).unwrap();
    assert!(store.verify().unwrap().last.0 > last);
    assert_eq!(
        store.read(&Grant::job("test"), |view| view.count::<grange::model::Farm>()).unwrap(),
        2
    );
    assert!(store.close());
}
