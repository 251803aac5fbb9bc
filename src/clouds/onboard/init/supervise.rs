//! Pid 1 of a server: starts its agent and its service, starts them again when they die, reaps
//! every orphan, and stops them all when told.
//!
//! One thread that waits for a signal and nothing else; a second one copies what services print.
//! All signals it knows are blocked and taken by `sigwait`, so there is no handler and no race.
//! `SIGTERM`: stop the services and exit, which stops the server. `SIGHUP`: stop them and start
//! again, a reboot that keeps the name spaces; an agent that is told to reboot sends it.

use super::super::failure::{Doing, Failure};
use super::super::process;
use super::super::record::{Isolation, read_json, write_json};
use super::{AGENT, Services, log};
use crate::base::limit::STEADY;
use crate::base::output;
use crate::base::time::pause_s;
use crate::wire::agent::CRASHING;
use nix::errno::Errno;
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, alarm};
use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

/// Services have so many seconds to stop by themselves.
const GRACE_S: u32 = 2;
/// A service that ended so often, each time soon after its start, keeps dying.
const DEATHS_MIN: u32 = 3;

/// Supervises what the file names; returns when told to stop.
pub fn run(path: &Path) -> ExitCode {
    match start(path) {
        Ok(mut supervisor) => supervisor.serve(),
        Err(failure) => {
            super::say(&failure.line());
            ExitCode::FAILURE
        }
    }
}

struct Service {
    name: String,
    command: Vec<String>,
    pid: Option<i32>,
    started: Instant,
    due: Option<Instant>,
    deaths: u32,
    /// How it last ended.
    last: String,
}

struct Supervisor {
    services: Vec<Service>,
    spec: Services,
    signals: SigSet,
    output: OwnedFd,
    /// Where the agent reads which services keep dying, and what it says there now.
    crashing: PathBuf,
    told: Vec<String>,
}

fn start(path: &Path) -> Result<Supervisor, Failure> {
    let spec: Services = read_json(path)?;
    let signals = SigSet::from_iter([
        Signal::SIGCHLD,
        Signal::SIGTERM,
        Signal::SIGINT,
        Signal::SIGHUP,
        Signal::SIGALRM,
    ]);
    signals.thread_block().doing("blocking", "signals")?;
    if spec.isolation == Isolation::Processes {
        // Orphans of services come to us instead of the machine's pid 1.
        nix::sys::prctl::set_child_subreaper(true).doing("adopting", "orphans")?;
    }
    let (read, output) =
        nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC).doing("making", "a pipe")?;
    let log_path = spec.log.clone();
    std::thread::Builder::new()
        .name("log".to_owned())
        .stack_size(64 * 1024)
        .spawn(move || log::copy(File::from(read), &log_path))
        .doing("starting", "the log")?;
    let now = Instant::now();
    let service = |(name, command): &(String, Vec<String>)| Service {
        name: name.clone(),
        command: command.clone(),
        pid: None,
        started: now,
        due: Some(now),
        deaths: 0,
        last: String::new(),
    };
    let services = spec.commands.iter().map(service).collect();
    say_ok(&output)?;
    let crashing = path.with_file_name(CRASHING);
    let told = Vec::new();
    let supervisor = Supervisor { services, spec, signals, output, crashing, told };
    // What another boot left there is about that one.
    supervisor.write_crashing(&[])?;
    Ok(supervisor)
}

/// Tells `outer`, and lets go of its pipes; what we have to say goes to the server's log.
fn say_ok(output: &OwnedFd) -> Result<(), Failure> {
    super::say(super::OK);
    let null = File::options().read(true).write(true).open("/dev/null");
    let null = null.doing("opening", "/dev/null")?;
    nix::unistd::dup2_stdin(&null).doing("closing", "standard input")?;
    nix::unistd::dup2_stdout(&null).doing("closing", "standard output")?;
    nix::unistd::dup2_stderr(output).doing("redirecting", "standard error")
}

impl Supervisor {
    fn serve(&mut self) -> ExitCode {
        loop {
            self.start_due();
            self.tell_crashing();
            match self.signals.wait() {
                Ok(Signal::SIGCHLD) => drop(self.reap()),
                Ok(Signal::SIGTERM | Signal::SIGINT) => {
                    self.stop_all();
                    return ExitCode::SUCCESS;
                }
                Ok(Signal::SIGHUP) => {
                    self.stop_all();
                    for service in &mut self.services {
                        service.due = Some(Instant::now());
                    }
                }
                Ok(_) | Err(_) => {}
            }
        }
    }

    /// Starts what is due and sets the alarm for what is not yet.
    fn start_due(&mut self) {
        let now = Instant::now();
        for at in 0..self.services.len() {
            if self.services[at].due.is_some_and(|due| due <= now) {
                let pid = self.spawn(&self.services[at]);
                let service = &mut self.services[at];
                service.started = now;
                service.due = None;
                match pid {
                    Ok(pid) => service.pid = Some(pid),
                    Err(failure) => {
                        output::line(failure.line());
                        service.died(now);
                    }
                }
            }
        }
        let next = self.services.iter().filter_map(|service| service.next(now)).min();
        if let Some(due) = next {
            let wait = due.saturating_duration_since(now).as_secs() + 1;
            alarm::set(u32::try_from(wait).unwrap_or(1));
        }
    }

    /// Tells the agent which services keep dying, when that changes.
    fn tell_crashing(&mut self) {
        let now = Instant::now();
        // The agent cannot say it of itself while it dies, and its silence does.
        let others = self.services.iter().filter(|service| service.name != AGENT);
        let crashing: Vec<String> = others.filter_map(|service| service.crashing(now)).collect();
        if crashing == self.told {
            return;
        }
        match self.write_crashing(&crashing) {
            Ok(()) => self.told = crashing,
            Err(failure) => output::line(failure.line()),
        }
    }

    fn write_crashing(&self, crashing: &[String]) -> Result<(), Failure> {
        write_json(&self.crashing, &crashing)
    }

    fn spawn(&self, service: &Service) -> Result<i32, Failure> {
        let kind = match self.spec.isolation {
            Isolation::Namespaces if service.name == AGENT => "agent",
            Isolation::Namespaces => "session",
            Isolation::Processes => "group",
        };
        let [out, err] = [self.output.try_clone(), self.output.try_clone()];
        let child = Command::new(&self.spec.executable)
            .args(["onboard-init", "exec", kind])
            .args(&service.command)
            .env_clear()
            .envs(self.spec.environment.iter().cloned())
            .current_dir(&self.spec.home)
            .stdin(Stdio::null())
            .stdout(out.doing("sharing", "the log")?)
            .stderr(err.doing("sharing", "the log")?)
            .spawn()
            .doing("starting", &service.name)?;
        // Reaped with all the others by `waitpid(-1)`, never through this handle.
        Ok(i32::try_from(child.id()).unwrap_or_default())
    }

    /// Reaps every dead child; true when none is left at all.
    fn reap(&mut self) -> bool {
        loop {
            let (pid, how) = match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::Exited(pid, code)) => (pid, format!("exited with {code}")),
                Ok(WaitStatus::Signaled(pid, signal, _)) => (pid, format!("died of {signal}")),
                Ok(WaitStatus::StillAlive) => return false,
                Ok(_) | Err(Errno::EINTR) => continue,
                Err(_) => return true,
            };
            let pid = pid.as_raw();
            if let Some(service) = self.services.iter_mut().find(|s| s.pid == Some(pid)) {
                output::line(format_args!("{} {how}", service.name));
                service.died(Instant::now());
                service.last = how;
            }
        }
    }

    /// Stops every process of the server but this one.
    fn stop_all(&mut self) {
        self.signal_all(Signal::SIGTERM);
        alarm::set(GRACE_S);
        let mut killed = 0;
        while !self.reap() {
            if killed > 0 || self.signals.wait() == Ok(Signal::SIGALRM) {
                // A process that was just forked may have missed the signal: again, until none
                // is left; one that cannot die now will when its system call returns.
                self.signal_all(Signal::SIGKILL);
                std::thread::sleep(Duration::from_millis(5));
                killed += 1;
            }
            if killed > 200 {
                break;
            }
        }
        alarm::cancel();
        for service in &mut self.services {
            (service.pid, service.due) = (None, None);
        }
    }

    fn signal_all(&self, signal: Signal) {
        match self.spec.isolation {
            // From pid 1 this is everybody else in its name space (kill(2)).
            Isolation::Namespaces => drop(kill(Pid::from_raw(-1), signal)),
            Isolation::Processes => {
                let own = i32::try_from(std::process::id()).unwrap_or_default();
                let others = process::members(self.spec.server, &self.spec.owner).into_iter();
                for other in others.filter(|process| process.pid != own) {
                    if let Err(error) = other.signal(signal) {
                        output::line(format_args!("stopping {}: {error}", other.pid));
                    }
                }
            }
        }
    }
}

impl Service {
    /// What is said of it while it keeps dying: until it has run for [`STEADY`].
    fn crashing(&self, now: Instant) -> Option<String> {
        let runs = self.pid.is_some() && now.saturating_duration_since(self.started) >= STEADY;
        let Service { name, deaths, last, .. } = self;
        let often = *deaths >= DEATHS_MIN && !runs;
        // No count: every death would be news.
        often.then(|| format!("{name} keeps ending and is started again: it last {last}"))
    }

    /// When something is to be done about it, or to be said of it, next.
    fn next(&self, now: Instant) -> Option<Instant> {
        let steady = self.crashing(now).and(self.pid).map(|_| self.started + STEADY);
        self.due.or(steady)
    }

    /// Due again after a pause that doubles while it keeps dying.
    fn died(&mut self, now: Instant) {
        if now.saturating_duration_since(self.started) >= STEADY {
            self.deaths = 0;
        }
        let pause = pause_s(self.deaths);
        self.deaths += 1;
        self.pid = None;
        self.due = Some(now + Duration::from_secs(pause));
    }
}
