//! The keeper's loop: one thread that waits for signals, for output and for the next moment at
//! which something is due, and nothing else.

use super::START;
use super::family;
use super::log::OutputLog;
use super::process::KnownProcess;
use super::spec::{
    CommandEnd, FAULT, KeeperReport, KeptFor, LOCK, Phase, REPORT, SPEC, Spec, load, store,
};
use crate::agent::state::{private_file, remove_file};
use crate::base::limit::STEADY;
use crate::base::mask::{Mask, MaskedOutput};
use crate::base::time::pause_s;
use crate::base::{Clock, Millis, WallClock};
use crate::model::Restart;
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal, killpg};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use std::fs::{self, File};
use std::io::{self, PipeReader, PipeWriter, Read};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

/// How long a keeper waits for the one before it, or an agent that asks, to let go of the lock.
const LOCK_DEADLINE: Duration = Duration::from_secs(2);
/// What cannot be killed within this long hangs in the kernel, and is left to it.
const DEATH: Duration = Duration::from_secs(10);
/// How soon what the disk did not take is written again.
const RETRY: Duration = Duration::from_secs(1);
/// How often it is looked whether all of a family has ended.
const LOOK: Duration = Duration::from_millis(20);

/// Keeps what a directory says; returns when that is over.
pub fn run(dir: &Path) -> ExitCode {
    match Keeper::new(dir) {
        Ok(Some(mut keeper)) => {
            if let Err(error) = keeper.keep() {
                keeper.say(&format!("the keeper ends: {error}"));
                return ExitCode::FAILURE;
            }
            ExitCode::SUCCESS
        }
        // Another one keeps it, or it is over.
        Ok(None) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// What becomes of the command.
enum Stage {
    /// It is to begin then.
    Due(Instant),
    /// It runs, at most until then.
    Runs(Instant, Option<Instant>),
    /// It and its family are to end; they are killed from then on.
    Ends(CommandEnd, Instant),
    /// It is not begun again.
    Rests,
}

struct Keeper {
    dir: PathBuf,
    spec: Spec,
    report: KeeperReport,
    log: OutputLog,
    signals: SignalFd,
    output: PipeReader,
    masked: MaskedOutput,
    writer: PipeWriter,
    stage: Stage,
    /// The command's process, until it is reaped.
    process: Option<KnownProcess>,
    /// When it last began.
    began: Instant,
    /// It was told to stop, and begins nothing any more.
    told: bool,
    /// What happened is not on the disk yet: it did not take it.
    unsaid: bool,
    clock: WallClock,
    _lock: File,
}

impl Keeper {
    /// `None` where there is nothing to do for this keeper.
    fn new(dir: &Path) -> io::Result<Option<Keeper>> {
        let signals =
            SigSet::from_iter([Signal::SIGCHLD, Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP]);
        signals.thread_block()?;
        let Some(lock) = hold(dir)? else { return Ok(None) };
        let Some(spec) = load::<Spec>(dir, SPEC)? else { return Ok(None) };
        nix::sys::prctl::set_child_subreaper(true)?;
        let before = load::<KeeperReport>(dir, REPORT)?;
        end_leftover(before.as_ref())?;
        let own = KnownProcess::own()?;
        let report = match before {
            Some(before) if matches!(spec.kind, KeptFor::Once { .. }) && before.starts > 0 => {
                settle(dir, own, before)?;
                return Ok(None);
            }
            // It is done with, as long as the machine runs.
            Some(before) if before.phase == Phase::Over && before.keeper.is_of_this_boot() => {
                KeeperReport { keeper: own, ..before }
            }
            before => KeeperReport::begin(own, before, WallClock::new().now()),
        };
        let stage = match report.phase {
            Phase::Over => Stage::Rests,
            _ => Stage::Due(Instant::now()),
        };
        store(dir, REPORT, &report)?;
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        let (output, writer) = io::pipe()?;
        fcntl(&output, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        Ok(Some(Keeper {
            dir: dir.to_owned(),
            masked: MaskedOutput::new(Mask::new(&spec.hidden)),
            log: OutputLog::at(&spec.log, matches!(spec.kind, KeptFor::Once { .. })),
            spec,
            report,
            signals: SignalFd::with_flags(&signals, flags)?,
            output,
            writer,
            stage,
            process: None,
            began: Instant::now(),
            told: false,
            unsaid: false,
            clock: WallClock::new(),
            _lock: lock,
        }))
    }

    fn keep(&mut self) -> io::Result<()> {
        while !self.is_done() {
            self.step()?;
            if self.is_done() {
                break;
            }
            self.wait()?;
            self.take_output();
            while let Some(signal) = self.signals.read_signal()? {
                self.hear(signal.ssi_signo)?;
            }
        }
        self.take_output();
        Ok(())
    }

    fn is_done(&self) -> bool {
        if self.unsaid {
            return false;
        }
        match self.report.phase {
            Phase::Stopped => true,
            Phase::Over => matches!(self.spec.kind, KeptFor::Once { .. }),
            _ => false,
        }
    }

    /// Does what is due.
    fn step(&mut self) -> io::Result<()> {
        let now = Instant::now();
        if self.unsaid {
            self.say_report();
        }
        match &self.stage {
            Stage::Due(_) | Stage::Rests if self.told => self.tell(Phase::Stopped),
            Stage::Due(due) if *due <= now => return self.begin(),
            Stage::Runs(_, deadline) if self.told || deadline.is_some_and(|end| end <= now) => {
                let end =
                    if self.told { CommandEnd::Told } else { CommandEnd::Late(self.timeout_ms()) };
                let within = Duration::from_millis(self.spec.stop.within_ms);
                self.stage = Stage::Ends(end, now + within);
                self.signal_family(stop_signal(&self.spec.stop.signal));
            }
            Stage::Runs(steady, _) if self.report.early_ends > 0 && *steady <= now => {
                self.report.early_ends = 0;
                self.say_report();
            }
            Stage::Ends(end, kill_at) => {
                let (late, given_up) = (*kill_at <= now, *kill_at + DEATH <= now);
                if self.process.is_none() && (given_up || self.family().is_empty()) {
                    self.ended(end.clone(), now);
                } else if late {
                    self.signal_family(Signal::SIGKILL);
                }
            }
            Stage::Due(_) | Stage::Runs(..) | Stage::Rests => {}
        }
        Ok(())
    }

    fn timeout_ms(&self) -> Millis {
        match self.spec.kind {
            KeptFor::Once { timeout_ms } => timeout_ms,
            KeptFor::Service { .. } => 0,
        }
    }

    fn begin(&mut self) -> io::Result<()> {
        // Also of what never prints, so that there is a log to ask for.
        self.log.write(&[]);
        // Written before it is done: what has begun is not begun a second time.
        self.report.note_start(self.clock.now());
        self.note_beginning()?;
        self.began = Instant::now();
        let pid = match self.spawn() {
            Ok(pid) => pid,
            Err(error) => {
                self.ended(CommandEnd::NotBegun(error.to_string()), self.began);
                return Ok(());
            }
        };
        let unknown = || KnownProcess { pid, birth: String::new() };
        let process = KnownProcess::identify(pid).unwrap_or_else(unknown);
        let deadline = match self.spec.kind {
            KeptFor::Once { timeout_ms } => Some(self.began + Duration::from_millis(timeout_ms)),
            KeptFor::Service { .. } => None,
        };
        self.stage = Stage::Runs(self.began + STEADY, deadline);
        self.process = Some(process.clone());
        let since = self.clock.now();
        self.tell(Phase::Running { process, since });
        Ok(())
    }

    /// The command's process, which is reaped with all that is adopted.
    fn spawn(&self) -> io::Result<i32> {
        remove_file(&self.dir.join(FAULT))?;
        let child = Command::new("/proc/self/exe")
            .arg0("grange-agent")
            .arg(START)
            .arg(&self.dir)
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(self.writer.try_clone()?)
            .stderr(self.writer.try_clone()?)
            .spawn()?;
        i32::try_from(child.id()).map_err(io::Error::other)
    }

    fn hear(&mut self, signal: u32) -> io::Result<()> {
        match Signal::try_from(i32::try_from(signal).unwrap_or_default()) {
            Ok(Signal::SIGCHLD) => self.reap(),
            Ok(Signal::SIGHUP) => {
                if let (Stage::Runs(..), Some(process)) = (&self.stage, &self.process) {
                    process.signal(Signal::SIGHUP)?;
                }
            }
            _ => self.told = true,
        }
        Ok(())
    }

    /// Reaps the command and whatever was adopted.
    fn reap(&mut self) {
        loop {
            let (pid, end) = match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::Exited(pid, code)) => (pid, CommandEnd::Exited(code)),
                Ok(WaitStatus::Signaled(pid, signal, _)) => {
                    (pid, CommandEnd::Died(signal.to_string()))
                }
                Ok(WaitStatus::StillAlive) => return,
                Ok(_) | Err(Errno::EINTR) => continue,
                Err(_) => return,
            };
            if self.process.as_ref().is_some_and(|process| process.pid == pid.as_raw()) {
                self.process = None;
                self.command_ended(end);
            }
        }
    }

    /// The command is gone; what it left behind goes too, except what setup that went well left.
    fn command_ended(&mut self, end: CommandEnd) {
        if !matches!(self.stage, Stage::Runs(..)) {
            return;
        }
        let end = match fs::read_to_string(self.dir.join(FAULT)) {
            Ok(why) if !why.is_empty() => CommandEnd::NotBegun(why),
            _ => end,
        };
        let now = Instant::now();
        let stays = matches!(self.spec.kind, KeptFor::Once { .. }) && end.is_good();
        // Given up at once: nothing is waited for, nothing is killed.
        let kill_at = if stays { now.checked_sub(DEATH).unwrap_or(now) } else { now };
        self.stage = Stage::Ends(end, kill_at);
    }

    /// It is over with all its family: what comes next.
    fn ended(&mut self, end: CommandEnd, now: Instant) {
        let good = end.is_good();
        self.report.last = Some((end, self.clock.now()));
        self.stage = Stage::Rests;
        self.take_output();
        let rest = self.masked.end();
        self.log.write(&rest);
        let restart = match self.spec.kind {
            KeptFor::Once { .. } => return self.tell(Phase::Over),
            KeptFor::Service { restart } => restart,
        };
        if self.told {
            return self.tell(Phase::Stopped);
        }
        let again = match restart {
            Restart::Always => true,
            Restart::OnFailure => !good,
            Restart::Never => false,
        };
        if !again {
            return self.tell(Phase::Over);
        }
        if now.saturating_duration_since(self.began) >= STEADY {
            self.report.early_ends = 0;
        }
        let pause_s = pause_s(self.report.early_ends);
        self.report.early_ends = self.report.early_ends.saturating_add(1);
        self.stage = Stage::Due(now + Duration::from_secs(pause_s));
        let until = self.clock.now().after(pause_s * 1000);
        self.tell(Phase::Pausing { until })
    }

    fn family(&self) -> Vec<i32> {
        let group = match &self.report.phase {
            Phase::Running { process, .. } => Some(process.pid),
            _ => None,
        };
        family::living(group, self.report.keeper.pid)
    }

    fn signal_family(&mut self, signal: Signal) {
        for problem in family::signal(&self.family(), signal) {
            self.say(&problem);
        }
    }

    /// Says what it is at. A disk that does not take it ends nothing: it is said once it does.
    fn tell(&mut self, phase: Phase) {
        self.report.phase = phase;
        self.say_report();
    }

    fn say_report(&mut self) {
        self.unsaid = store(&self.dir, REPORT, &self.report).is_err();
    }

    /// Writes down that the command begins. What only runs once is not begun where that is not on
    /// the disk: it could be begun a second time.
    fn note_beginning(&mut self) -> io::Result<()> {
        self.report.phase = Phase::Beginning;
        let noted = store(&self.dir, REPORT, &self.report);
        if matches!(self.spec.kind, KeptFor::Once { .. }) {
            return noted;
        }
        self.unsaid = noted.is_err();
        Ok(())
    }

    /// Has a line in the log, where people look.
    fn say(&mut self, line: &str) {
        self.log.write(format!("[{line}]\n").as_bytes());
    }

    fn take_output(&mut self) {
        let mut buffer = [0u8; 64 * 1024];
        // A command that never stops printing does not keep signals waiting.
        for _ in 0..64 {
            match self.output.read(&mut buffer) {
                Ok(count) if count > 0 => {
                    let shown = self.masked.push(&buffer[..count]);
                    self.log.write(&shown);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                _ => return,
            }
        }
    }

    fn wait(&mut self) -> io::Result<()> {
        let now = Instant::now();
        let next = match &self.stage {
            Stage::Due(due) => Some(*due),
            Stage::Runs(steady, deadline) => {
                let steady = Some(*steady).filter(|_| self.report.early_ends > 0);
                [steady, *deadline].into_iter().flatten().min()
            }
            Stage::Ends(..) => Some(now + LOOK),
            Stage::Rests => None,
        };
        let retry = self.unsaid.then_some(now + RETRY);
        let next = [next, retry].into_iter().flatten().min();
        let timeout = match next {
            None => PollTimeout::NONE,
            Some(next) => {
                let ms = next.saturating_duration_since(now).as_millis() + 1;
                PollTimeout::try_from(ms).unwrap_or(PollTimeout::MAX)
            }
        };
        let mut what = [
            PollFd::new(self.signals.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.output.as_fd(), PollFlags::POLLIN),
        ];
        match poll(&mut what, timeout) {
            Ok(_) | Err(Errno::EINTR) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }
}

/// Holds a directory, or `None` where somebody else does.
fn hold(dir: &Path) -> io::Result<Option<File>> {
    let lock = private_file(&dir.join(LOCK))?;
    let deadline = Instant::now() + LOCK_DEADLINE;
    loop {
        match lock.try_lock() {
            Ok(()) => return Ok(Some(lock)),
            Err(fs::TryLockError::Error(error)) => return Err(error),
            Err(fs::TryLockError::WouldBlock) if Instant::now() >= deadline => return Ok(None),
            Err(fs::TryLockError::WouldBlock) => std::thread::sleep(LOOK),
        }
    }
}

/// Ends what a keeper that was killed left of its command's process group. The command itself has
/// died with its keeper; the number of a group is nobody else's while one of its processes lives.
fn end_leftover(before: Option<&KeeperReport>) -> io::Result<()> {
    let Some(KeeperReport { phase: Phase::Running { process, .. }, .. }) = before else {
        return Ok(());
    };
    let is_anothers =
        KnownProcess::identify(process.pid).is_some_and(|now| now.birth != process.birth);
    if is_anothers || !process.is_of_this_boot() {
        return Ok(());
    }
    let group = Pid::from_raw(process.pid);
    let deadline = Instant::now() + DEATH;
    while killpg(group, Signal::SIGKILL).is_ok() && Instant::now() < deadline {
        std::thread::sleep(LOOK);
    }
    Ok(())
}

/// What only runs once has begun before: it is over, however far it came.
fn settle(dir: &Path, keeper: KnownProcess, before: KeeperReport) -> io::Result<()> {
    let last = match before.phase {
        Phase::Beginning | Phase::Running { .. } => {
            Some((CommandEnd::CutOff, WallClock::new().now()))
        }
        Phase::Pausing { .. } | Phase::Over | Phase::Stopped => before.last.clone(),
    };
    store(dir, REPORT, &KeeperReport { keeper, phase: Phase::Over, last, ..before })
}

fn stop_signal(name: &str) -> Signal {
    match name {
        "INT" => Signal::SIGINT,
        "QUIT" => Signal::SIGQUIT,
        "HUP" => Signal::SIGHUP,
        "USR1" => Signal::SIGUSR1,
        "USR2" => Signal::SIGUSR2,
        _ => Signal::SIGTERM,
    }
}
