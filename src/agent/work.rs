//! Carrying out one order, on a thread that may block.

use super::appliances::Appliances;
use super::balancer::Look;
use super::command;
use super::file::{FileOrder, Files};
use super::leftover::Groups;
use super::live::LiveOutputs;
use super::orders::{NOT_BEGUN, Outcome};
use super::workload::RoleWork;
use crate::base::mask::Mask;
use crate::base::{Millis, OrderId};
use crate::model::{OrderBody, Workload};
use nix::sys::signal::{Signal, kill};
use nix::unistd::getppid;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, TryLockError};

/// How long the system may take to begin its own restart.
const REBOOT_TIMEOUT_MS: Millis = 10_000;

/// What is said of an order to do a role's work that came without it.
const NO_WORK: &str = "the order came without the work that it is about";

/// What orders are carried out with; shared by all of them.
pub struct Workshop {
    /// Where the appliance is.
    pub appliances: Arc<Appliances>,
    /// Files are written one at a time, whatever else runs.
    pub files: Mutex<Files>,
    /// Commands under way.
    pub groups: Groups,
    /// What they print, for whoever reads along.
    pub live: LiveOutputs,
    /// Set when the agent stops: running commands are ended.
    pub halt: AtomicBool,
    /// Where the server's owner forbids commands: a file that is there, whatever is in it.
    pub deny_run: PathBuf,
    /// The work of the server's role.
    pub work: RoleWork,
    /// Whether this is a whole machine of its own, rather than a server on a shared one.
    pub machine: bool,
}

impl Workshop {
    /// Does what is ordered; a command ends early when `cancel` is set. A stop is the agent's own
    /// business and done by then.
    pub fn carry_out(&self, body: &OrderBody, cancel: &AtomicBool) -> Outcome {
        match body {
            OrderBody::Ping => Outcome::done("pong"),
            OrderBody::Run { command, timeout_ms, .. } => match self.denied() {
                Some(why) => Outcome::failed(why),
                None => self.run(command, *timeout_ms, cancel),
            },
            OrderBody::WriteFile { path, content, check, reload, generation } => {
                let order = FileOrder {
                    path: path.clone(),
                    content: content.clone(),
                    check: check.clone(),
                    reload: reload.clone(),
                    generation: *generation,
                };
                self.files.lock().unwrap_or_else(PoisonError::into_inner).write(&order, &self.halt)
            }
            OrderBody::Workload { .. } => Outcome::failed(NO_WORK),
            OrderBody::Reboot => self.reboot(),
            OrderBody::Addresses { appliances } => self.appliances.learn(appliances),
            OrderBody::Stop => {
                self.work.end();
                Outcome::done("the agent stops")
            }
            // The agent does these itself.
            OrderBody::Cancel { .. } | OrderBody::Leave { .. } | OrderBody::Stay => {
                Outcome::done("noted")
            }
        }
    }

    /// Does what is ordered, with the work that an order of it came with; of a command that is its
    /// environment. `None` where the agent stops before it is known what comes of it, and the next
    /// one finds out.
    pub fn do_work(
        &self,
        order: OrderId,
        (body, workload): (&OrderBody, Option<Workload>),
        cancel: &AtomicBool,
    ) -> Option<Outcome> {
        match (body, workload) {
            (OrderBody::Workload { generation, .. }, Some(workload)) => {
                self.work.take(*generation, workload)
            }
            (OrderBody::Run { command, timeout_ms, apart: true }, workload) => {
                let with = workload.unwrap_or_default();
                Some(self.run_apart(order, (command, &with), *timeout_ms, cancel))
            }
            _ => Some(self.carry_out(body, cancel)),
        }
    }

    /// Whether there may be a balancer here: it was ordered to have a file. A thread that is busy
    /// with one counts.
    pub fn may_balance(&self) -> bool {
        self.files.try_lock().map_or(true, |files| !files.is_empty())
    }

    /// What is seen of the balancer here; `None` if there is none, and while a file is written.
    pub fn look_at_balancer(&self) -> Option<Look> {
        match self.files.try_lock() {
            Ok(files) => files.look_at_balancer(),
            Err(TryLockError::Poisoned(files)) => files.into_inner().look_at_balancer(),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// Runs a command whose outputs are kept apart, and read along with.
    fn run_apart(
        &self,
        order: OrderId,
        (command, with): (&[String], &Workload),
        timeout_ms: Millis,
        cancel: &AtomicBool,
    ) -> Outcome {
        if let Some(why) = self.denied() {
            return Outcome::failed(why);
        }
        if cancel.load(Ordering::Relaxed) {
            return Outcome::failed(NOT_BEGUN);
        }
        let mask = self.work.mask_with(&with.hidden);
        let running = self.live.begin(order);
        let (environment, live) = (&with.environment, &*running.output);
        let apart = command::Apart { command, environment, mask: &mask, live };
        let begun = |leader| self.groups.note(leader);
        let ended = command::run_apart(&apart, timeout_ms, (&self.halt, cancel), begun);
        ended.map_or_else(|error| cannot_run(command, &error), Into::into)
    }

    fn run(&self, command: &[String], timeout_ms: Millis, cancel: &AtomicBool) -> Outcome {
        if cancel.load(Ordering::Relaxed) {
            return Outcome::failed(NOT_BEGUN);
        }
        let mask: Mask = self.work.mask_with(&[]);
        let ended = command::run(command, timeout_ms, &self.halt, &mask).map(|ended| Outcome {
            error: ended
                .status
                .is_none()
                .then(|| format!("killed: not done within {timeout_ms} ms, or the agent stopped")),
            exit_code: ended.exit_code(),
            output: ended.output,
            ran: None,
        });
        ended.unwrap_or_else(|error| cannot_run(command, &error))
    }

    /// Why no command of a person's runs here. Where it cannot be seen, none does.
    fn denied(&self) -> Option<String> {
        let file = self.deny_run.display();
        match self.deny_run.symlink_metadata() {
            Ok(_) => Some(format!("this server takes no commands: {file} is there")),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => Some(format!("whether this server takes commands: {file}: {error}")),
        }
    }

    fn reboot(&self) -> Outcome {
        if self.machine {
            let never = AtomicBool::new(false);
            return self.run(&["reboot".to_owned()], REBOOT_TIMEOUT_MS, &never);
        }
        // On a shared machine the parent is the server's supervisor, which takes SIGHUP as a
        // restart of everything in the server.
        match kill(getppid(), Signal::SIGHUP) {
            Ok(()) => Outcome::done("the server's supervisor restarts it"),
            Err(error) => Outcome::failed(format!("asking the server's supervisor: {error}")),
        }
    }
}

fn cannot_run(command: &[String], error: &std::io::Error) -> Outcome {
    let program = command.first().map_or("", String::as_str);
    Outcome::failed(format!("{program:?} cannot be run: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::state::State;
    use crate::agent::tests::{places, scratch};
    use crate::base::ServerId;

    #[test]
    fn each_order_is_answered_in_its_own_words() {
        let dir = scratch("work");
        let files = Files::open(dir.join("placed.json"), dir.clone()).unwrap();
        let (files, halt) = (Mutex::new(files), AtomicBool::new(false));
        let state = Arc::new(State::open(&dir, ServerId(1), "aa").unwrap());
        let groups = Groups::open(&state).unwrap();
        let appliances = Arc::new(Appliances::open(state, Vec::new()).unwrap());
        let work = RoleWork::open(places(&dir), false).unwrap();
        let deny_run = dir.join("agent.deny-run");
        let (live, machine) = (LiveOutputs::default(), false);
        let workshop = Workshop { appliances, groups, live, files, halt, deny_run, work, machine };
        let never = AtomicBool::new(false);
        let deny_run = &workshop.deny_run;
        let run = |command: &[&str], timeout_ms| {
            let command = command.iter().map(|word| word.to_string()).collect();
            workshop.carry_out(&OrderBody::Run { command, timeout_ms, apart: false }, &never)
        };
        assert_eq!(workshop.carry_out(&OrderBody::Ping, &never), Outcome::done("pong"));
        assert_eq!(workshop.carry_out(&OrderBody::Stop, &never), Outcome::done("the agent stops"));
        assert_eq!(workshop.carry_out(&OrderBody::Stay, &never), Outcome::done("noted"));
        assert_eq!(run(&[], 1), Outcome::failed("\"\" cannot be run: the command is empty"));
        let failed = Outcome { exit_code: 3, output: "x\n".into(), ..Outcome::default() };
        assert_eq!(run(&["sh", "-c", "echo x; exit 3"], 20_000), failed);
        let why = "killed: not done within 50 ms, or the agent stopped";
        let killed = Outcome { exit_code: -1, ..Outcome::failed(why) };
        assert_eq!(run(&["sleep", "300"], 50), killed);
        std::fs::write(deny_run, "").unwrap();
        let denied = format!("this server takes no commands: {} is there", deny_run.display());
        assert_eq!(run(&["true"], 50), Outcome::failed(denied));
        std::fs::remove_file(deny_run).unwrap();
        std::os::unix::fs::symlink("nowhere", deny_run).unwrap();
        assert!(run(&["true"], 50).error.is_some(), "a link that leads nowhere is there");
        let write = OrderBody::WriteFile {
            path: "/etc/x".into(),
            content: "text".into(),
            check: vec!["grep".into(), "-q".into(), "text".into(), "{}".into()],
            reload: vec!["cat".into(), "{}".into()],
            generation: 3,
        };
        assert_eq!(workshop.carry_out(&write, &never), Outcome::done("text"));
        assert_eq!(std::fs::read_to_string(dir.join("etc/x")).unwrap(), "text");
        assert_eq!(workshop.carry_out(&write, &never), Outcome::done("unchanged"));
    }
}
