//! A server whose root is a directory: the agent's work on it, in this process or in an agent's
//! own that can be killed.

use grange::agent::{Outcome, RoleWork, Trouble, WorkPlaces};
use grange::model::{OnChange, Restart, RoleFile, RoleService, SetupPart, StopBy, Workload};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

const AGENT: &str = env!("CARGO_BIN_EXE_grange-agent");

pub struct World {
    pub dir: PathBuf,
}

impl World {
    pub fn new(name: &str) -> World {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let own = format!("grange-work-{}-{number}-{name}", std::process::id());
        let dir = std::env::temp_dir().join(own);
        if dir.exists() {
            fs::remove_dir_all(&dir).unwrap();
        }
        fs::create_dir_all(dir.join("state")).unwrap();
        World { dir }
    }

    pub fn places(&self) -> WorkPlaces {
        WorkPlaces {
            state: self.dir.join("state"),
            home: self.dir.clone(),
            mounts: Vec::new(),
            program: AGENT.into(),
        }
    }

    /// The agent's work, in this process.
    pub fn open(&self) -> RoleWork {
        RoleWork::open(self.places(), true).unwrap()
    }

    /// Has the agent hold work, as if it had been ordered.
    pub fn hold(&self, generation: u64, workload: &Workload) {
        let held = serde_json::json!({"generation": generation, "workload": workload});
        let dir = self.dir.join("state/role");
        fs::create_dir_all(&dir).unwrap();
        fs::write(dir.join("new"), held.to_string()).unwrap();
        fs::rename(dir.join("new"), dir.join("workload.json")).unwrap();
    }

    /// An agent's own process, whose appliance is not there.
    pub fn agent(&self) -> Child {
        self.agent_by(&[AGENT])
    }

    /// The same, started as by `nohup` or in the background of a script.
    pub fn agent_with_ignored_signals(&self) -> Child {
        self.agent_by(&["sh", "-c", "trap '' HUP; exec \"$0\" \"$@\"", AGENT])
    }

    fn agent_by(&self, command: &[&str]) -> Child {
        let config = self.dir.join("agent.json");
        let ca = "07".repeat(32);
        let data = format!(
            r#"{{"v":1,"server":"6f1c2a9e-0b1d-4c3e-8f00-1234567890ab","hostname":"web-1",
            "appliances":["127.0.0.1:1"],"caFingerprint":"{ca}","token":"t","intervalMs":60000,
            "works":true}}"#
        );
        fs::write(&config, data).unwrap();
        let log = fs::File::options().create(true).append(true).open(self.dir.join("agent.log"));
        Command::new(command[0])
            .args(&command[1..])
            .args(["--config", config.to_str().unwrap(), "--state"])
            .arg(self.dir.join("state"))
            .env("GRANGE_HOME", &self.dir)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log.unwrap())
            .spawn()
            .unwrap()
    }

    pub fn read(&self, name: &str) -> String {
        String::from_utf8_lossy(&fs::read(self.dir.join(name)).unwrap_or_default()).into_owned()
    }

    pub fn log(&self, name: &str) -> String {
        self.read(&format!("state/logs/{name}.log"))
    }

    /// What the keeper of a service, or of the only part of setup, says.
    pub fn report(&self, kept_as: &str) -> Option<Value> {
        let kept = self.dir.join("state/role/kept");
        let names = fs::read_dir(&kept).ok()?.flatten().map(|entry| entry.file_name());
        let name = names.into_iter().find(|name| name.to_str().unwrap().starts_with(kept_as))?;
        serde_json::from_slice(&fs::read(kept.join(name).join("report.json")).ok()?).ok()
    }

    /// The process of a service that runs.
    pub fn process(&self, service: &str) -> Option<i32> {
        let report = self.report(&format!("service-{service}"))?;
        report["phase"]["running"]["process"]["pid"].as_i64().map(|pid| pid as i32)
    }

    pub fn keeper(&self, kept_as: &str) -> Option<i32> {
        self.report(kept_as)?["keeper"]["pid"].as_i64().map(|pid| pid as i32)
    }

    pub fn in_place(&self) -> Option<u64> {
        let text = fs::read(self.dir.join("state/role/in-place.json")).ok()?;
        serde_json::from_slice::<Value>(&text).ok()?["generation"].as_u64()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let kept = fs::read_dir(self.dir.join("state/role/kept")).into_iter().flatten().flatten();
        let names: Vec<String> =
            kept.map(|entry| entry.file_name().into_string().unwrap()).collect();
        for keeper in names.iter().filter_map(|name| self.keeper(name)) {
            if is_ours(keeper, &self.dir) {
                kill(Pid::from_raw(keeper), Signal::SIGTERM).ok();
            }
        }
        let deadline = Instant::now() + Duration::from_secs(30);
        let lives = |name: &String| self.keeper(name).is_some_and(|pid| is_ours(pid, &self.dir));
        while names.iter().any(lives) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(10));
        }
        if !std::thread::panicking() {
            fs::remove_dir_all(&self.dir).ok();
        }
    }
}

/// Whether a process is one of a test's own.
fn is_ours(pid: i32, dir: &Path) -> bool {
    let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&command).contains(dir.to_str().unwrap())
}

/// Waits for something that must become true.
#[track_caller]
pub fn until(what: &str, condition: impl FnMut() -> bool) {
    assert!(comes_true(condition, Duration::from_secs(60)), "{what} did not come");
}

fn comes_true(mut condition: impl FnMut() -> bool, within: Duration) -> bool {
    let deadline = Instant::now() + within;
    while !condition() {
        if Instant::now() >= deadline {
            return false;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    true
}

pub fn is_alive(pid: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    !stat.is_empty() && !stat.contains(") Z ") && !stat.contains(") X ")
}

pub fn kill_hard(child: &mut Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

pub fn part(script: &str) -> SetupPart {
    SetupPart {
        name: script.lines().next().unwrap_or_default().to_owned(),
        script: script.to_owned(),
        run_as: None,
        timeout_ms: 60_000,
        rerun: false,
    }
}

pub fn file(path: &str, content: &str) -> RoleFile {
    RoleFile {
        path: path.to_owned(),
        content: content.to_owned(),
        template: false,
        mode: 0o644,
        owner: None,
        check: Vec::new(),
        on_change: None,
    }
}

pub fn reloads(file: RoleFile, service: &str) -> RoleFile {
    RoleFile { on_change: Some(OnChange::Reload(service.to_owned())), ..file }
}

pub fn service(name: &str, script: &str) -> RoleService {
    RoleService {
        name: name.to_owned(),
        command: ["/bin/sh", "-c", script].map(str::to_owned).to_vec(),
        run_as: None,
        directory: None,
        environment: BTreeMap::new(),
        restart: Restart::Always,
        stop: StopBy { signal: "TERM".to_owned(), within_ms: 2_000 },
        open_files: None,
    }
}

pub fn setup(parts: &[&str]) -> Workload {
    Workload { setup: parts.iter().map(|script| part(script)).collect(), ..Workload::default() }
}

pub fn services(services: Vec<RoleService>) -> Workload {
    Workload { services, ..Workload::default() }
}

pub fn files(files: Vec<RoleFile>) -> Workload {
    Workload { files, ..Workload::default() }
}

/// What came of it, in one line.
pub fn said(outcome: Option<Outcome>) -> Result<String, String> {
    let outcome = outcome.expect("the agent did not stop");
    outcome.error.map_or(Ok(outcome.output), Err)
}

pub fn trouble(work: &RoleWork) -> String {
    match work.status() {
        Ok(()) => String::new(),
        Err(Trouble::Passing(why) | Trouble::Lasting(why)) => why,
    }
}
