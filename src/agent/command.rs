//! Running a command: its own process group, a deadline, a bound on its output.

mod pipe;

use super::leftover::Noted;
use super::live::{LiveOutput, WrittenTo};
use crate::base::Millis;
use crate::base::mask::Mask;
use crate::model::{EndedBy, Ran};
use nix::errno::Errno;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use pipe::Pipe;
use std::collections::BTreeMap;
use std::io::{self, PipeWriter};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How long what a command started may take to end in its own way once it is told to (SIGTERM),
/// before it is killed: as long as a service that shuts down in good order needs.
const GRACE: Duration = Duration::from_secs(5);

/// How a command ended.
#[derive(Debug)]
pub struct Ended {
    /// How it ended, `None` when it was killed at its deadline or because the agent stops.
    pub status: Option<ExitStatus>,
    /// What it wrote to both its outputs, cut in the middle.
    pub output: String,
}

impl Ended {
    /// Its exit code, 128 and the signal's number when it died of one, as a shell would say.
    pub fn exit_code(&self) -> i32 {
        self.status.map_or(-1, exit_code)
    }

    /// Whether it ended well.
    pub fn succeeded(&self) -> bool {
        self.status.is_some_and(|status| status.success())
    }
}

fn exit_code(status: ExitStatus) -> i32 {
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0))
}

/// Runs a command to its end, its deadline, or until `halt` is set; then its whole process group
/// is killed. Both its outputs are one text, without what is masked. An error means that it never
/// began.
pub fn run(
    command: &[String],
    at_most: Millis,
    halt: &AtomicBool,
    mask: &Mask,
) -> io::Result<Ended> {
    let (output, writer) = io::pipe()?;
    let mut child = spawn(command, &BTreeMap::new(), writer.try_clone()?, writer)?;
    let mut pipes = [Pipe::of(output, mask, None)?];
    let ends = Ends { at_most, halt, cancel: &AtomicBool::new(false), grace: Duration::ZERO };
    let (status, ended_by) = watch(&mut child, &mut pipes, &ends)?;
    let [pipe] = pipes;
    let status = (ended_by == EndedBy::Itself).then_some(status);
    Ok(Ended { status, output: pipe.end().text() })
}

/// A command whose outputs are kept apart.
pub struct Apart<'a> {
    /// The program and its arguments.
    pub command: &'a [String],
    /// What its environment has beyond the agent's.
    pub environment: &'a BTreeMap<String, String>,
    /// What is taken out of what it prints.
    pub mask: &'a Mask,
    /// Where it is read along.
    pub live: &'a LiveOutput,
}

/// Runs a command likewise, or until `cancel` is set, and keeps its outputs apart, byte for byte;
/// its exit code too. What is ended before its time may end in its own way first. `begun` is given
/// the process, which leads its group, and what that gives back is kept until it has ended.
pub fn run_apart(
    apart: &Apart<'_>,
    at_most: Millis,
    (halt, cancel): (&AtomicBool, &AtomicBool),
    begun: impl FnOnce(u32) -> Noted,
) -> io::Result<(i32, Ran)> {
    keep_apart(apart, &Ends { at_most, halt, cancel, grace: GRACE }, begun)
}

fn keep_apart<T>(
    apart: &Apart<'_>,
    ends: &Ends<'_>,
    begun: impl FnOnce(u32) -> T,
) -> io::Result<(i32, Ran)> {
    let Apart { command, environment, mask, live } = apart;
    let ((stdout, out), (stderr, err)) = (io::pipe()?, io::pipe()?);
    let mut child = spawn(command, environment, out, err)?;
    let _noted = begun(child.id());
    let mut pipes = [
        Pipe::of(stdout, mask, Some((live, WrittenTo::Standard)))?,
        Pipe::of(stderr, mask, Some((live, WrittenTo::Error)))?,
    ];
    let (status, ended_by) = watch(&mut child, &mut pipes, ends)?;
    let [stdout, stderr] = pipes.map(|pipe| pipe.end().printed());
    Ok((exit_code(status), Ran { ended_by, stdout, stderr }))
}

fn spawn(
    command: &[String],
    environment: &BTreeMap<String, String>,
    stdout: PipeWriter,
    stderr: PipeWriter,
) -> io::Result<Child> {
    let Some((program, arguments)) = command.split_first() else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the command is empty"));
    };
    let child = Command::new(program)
        .args(arguments)
        .envs(environment)
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(stdout)
        .stderr(stderr)
        .process_group(0)
        .spawn()?;
    // The agent may be protected from a lack of memory; what it is told to run goes first.
    drop(std::fs::write(format!("/proc/{}/oom_score_adj", child.id()), "500"));
    Ok(child)
}

/// What ends a command before it ends by itself.
struct Ends<'a> {
    at_most: Millis,
    halt: &'a AtomicBool,
    cancel: &'a AtomicBool,
    /// Between SIGTERM and SIGKILL, except where the agent itself has to stop.
    grace: Duration,
}

/// Takes what a command writes until it has ended, by itself or not.
fn watch(
    child: &mut Child,
    pipes: &mut [Pipe<'_>],
    ends: &Ends<'_>,
) -> io::Result<(ExitStatus, EndedBy)> {
    let group = Pid::from_raw(i32::try_from(child.id()).unwrap_or(i32::MAX));
    let deadline = Instant::now() + Duration::from_millis(ends.at_most);
    let (mut status, mut told) = (None, None::<(EndedBy, Instant)>);
    let mut pause = Duration::from_millis(1);
    loop {
        for pipe in &mut *pipes {
            if pipe.take() {
                pause = Duration::from_millis(1);
            }
        }
        if status.is_none() {
            status = child.try_wait()?;
        }
        let halted = ends.halt.load(Ordering::Relaxed);
        match (told, status) {
            (None, Some(status)) => {
                // A daemon it left behind may hold a pipe open, so the end is not waited for.
                take_rest(pipes);
                return Ok((status, EndedBy::Itself));
            }
            // What it started may have more to do than it.
            (Some((by, _)), Some(status)) if !is_there(group) => {
                take_rest(pipes);
                return Ok((status, by));
            }
            (Some((by, kill_at)), _) if halted || Instant::now() >= kill_at => {
                signal_group(group, Signal::SIGKILL);
                let status = status.map_or_else(|| child.wait(), Ok)?;
                take_rest(pipes);
                return Ok((status, by));
            }
            (Some(_), _) => {}
            (None, None) => {
                let by = match () {
                    () if ends.cancel.load(Ordering::Relaxed) => Some(EndedBy::Cancel),
                    () if halted => Some(EndedBy::Stop),
                    () if Instant::now() >= deadline => Some(EndedBy::Timeout),
                    () => None,
                };
                if let Some(by) = by {
                    if !ends.grace.is_zero() && !halted {
                        signal_group(group, Signal::SIGTERM);
                    }
                    told = Some((by, Instant::now() + ends.grace));
                    pause = Duration::from_millis(1);
                    continue;
                }
            }
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(50));
    }
}

fn take_rest(pipes: &mut [Pipe<'_>]) {
    for pipe in pipes {
        pipe.take();
    }
}

/// Whether anything of a process group is left.
fn is_there(group: Pid) -> bool {
    !matches!(killpg(group, None), Err(Errno::ESRCH))
}

fn signal_group(group: Pid, signal: Signal) {
    let sent = killpg(group, signal);
    if !matches!(sent, Ok(()) | Err(Errno::ESRCH)) {
        tracing::warn!(?sent, %signal, "a command that is to end cannot be told");
    }
}

#[cfg(test)]
mod tests {
    use super::pipe::HALF;
    use super::*;
    use crate::agent::tests::scratch;
    use crate::base::Bytes;
    use crate::base::limit::COMMAND_OUTPUT_BYTES_MAX;
    use crate::model::Printed;

    fn sh(script: &str, at_most: Millis) -> Ended {
        let command = ["sh", "-c", script].map(str::to_owned);
        run(&command, at_most, &AtomicBool::new(false), &Mask::default()).unwrap()
    }

    #[test]
    fn exit_codes_and_both_outputs_come_back() {
        let check = |script: &str, code: i32, output: &str| {
            let ran = sh(script, 20_000);
            assert_eq!((ran.exit_code(), ran.output.as_str()), (code, output), "{script}");
        };
        check("echo out; echo err >&2", 0, "out\nerr\n");
        check("echo no; exit 3", 3, "no\n");
        check("kill -9 $$", 137, "");
        check("pwd; cat", 0, "/\n");
        check("printf 'a\\033[1m\\r\\377b'", 0, "a\u{fffd}[1m\u{fffd}\u{fffd}b");
    }

    #[test]
    fn what_is_masked_is_in_no_output_however_it_is_printed() {
        let script = "printf 'a hunt'; sleep 0.05; printf 'er2\\n'; echo hunter2 >&2";
        let command = ["sh", "-c", script].map(str::to_owned);
        let mask = Mask::new(["hunter2"]);
        let ran = run(&command, 20_000, &AtomicBool::new(false), &mask).unwrap();
        assert_eq!(ran.output, "a ***\n***\n");
    }

    #[test]
    fn what_cannot_begin_is_an_error() {
        let begin = |command: &[&str]| {
            let command: Vec<String> = command.iter().map(|word| word.to_string()).collect();
            run(&command, 1000, &AtomicBool::new(false), &Mask::default())
                .map(|ran| ran.exit_code())
        };
        assert_eq!(begin(&[]).unwrap_err().kind(), io::ErrorKind::InvalidInput);
        assert_eq!(begin(&["no-such-program"]).unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn the_whole_group_dies_at_the_deadline() {
        let ran = sh("sleep 300 & echo $!; wait", 300);
        assert!(ran.status.is_none() && !ran.succeeded());
        gone(ran.output.trim());
    }

    /// Waits until there is no such process.
    fn gone(process: &str) {
        let process = format!("/proc/{process}/stat");
        let deadline = Instant::now() + Duration::from_secs(10);
        let gone = || match std::fs::read_to_string(&process) {
            Ok(stat) => stat.contains(") Z "),
            Err(_) => true,
        };
        while !gone() {
            assert!(Instant::now() < deadline, "{process} is still there");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    #[test]
    fn a_halt_ends_it_early() {
        let command = ["sleep", "300"].map(str::to_owned);
        let ran = run(&command, 300_000, &AtomicBool::new(true), &Mask::default()).unwrap();
        assert_eq!(ran.exit_code(), -1);
    }

    #[test]
    fn a_daemon_that_keeps_the_output_open_is_not_waited_for() {
        let ran = sh("sleep 2 & echo started", 60_000);
        assert_eq!((ran.exit_code(), ran.output.as_str()), (0, "started\n"));
    }

    /// Runs a script with its outputs apart; it is cancelled once it has made the file that is its
    /// first argument.
    fn apart(name: &str, script: &str, at_most: Millis, cancelled: bool) -> (i32, Ran) {
        let file = scratch(name).join("ready");
        let path = file.to_string_lossy().into_owned();
        let command = ["sh", "-c", script, &path].map(str::to_owned);
        let (halt, cancel) = (AtomicBool::new(false), AtomicBool::new(false));
        let grace = Duration::from_millis(if cancelled { 300 } else { 10_000 });
        let ends = Ends { at_most, halt: &halt, cancel: &cancel, grace };
        std::thread::scope(|scope| {
            if cancelled {
                scope.spawn(|| {
                    let deadline = Instant::now() + Duration::from_secs(20);
                    while !file.exists() {
                        assert!(Instant::now() < deadline, "{script} did not begin");
                        std::thread::sleep(Duration::from_millis(2));
                    }
                    cancel.store(true, Ordering::Relaxed);
                });
            }
            let live = LiveOutput::default();
            let (environment, mask) = (&BTreeMap::new(), &Mask::default());
            let apart = Apart { command: &command, environment, mask, live: &live };
            keep_apart(&apart, &ends, drop).unwrap()
        })
    }

    fn whole(bytes: &[u8]) -> Printed {
        Printed { head: Bytes(bytes.to_vec()), ..Printed::default() }
    }

    #[test]
    fn outputs_that_are_kept_apart_are_kept_byte_for_byte() {
        let check = |script: &str, expected: (i32, &[u8], &[u8])| {
            let (code, ran) = apart("apart", script, 20_000, false);
            let (expected, stdout, stderr) = expected;
            let ran = (code, ran.ended_by, ran.stdout, ran.stderr);
            let ended_by = EndedBy::Itself;
            assert_eq!(ran, (expected, ended_by, whole(stdout), whole(stderr)), "{script}");
        };
        check("echo out; echo err >&2; exit 3", (3, b"out\n", b"err\n"));
        check(r"printf 'a\0b\377\033[2J\r\n'", (0, b"a\0b\xff\x1b[2J\r\n", b""));
        check("exec >&- 2>&-; exit 4", (4, b"", b""));
        check("exec >&-; echo still >&2", (0, b"", b"still\n"));
        check("cat; echo end", (0, b"end\n", b""));
        check("kill -9 $$", (137, b"", b""));
        check("sleep 60 & echo begun", (0, b"begun\n", b""));
    }

    #[test]
    fn of_too_much_the_beginning_and_the_end_are_kept_of_each() {
        let script = "head -c 10485760 /dev/zero; echo end; head -c 65537 /dev/zero >&2";
        let (code, ran) = apart("flood", script, 60_000, false);
        let sizes =
            |printed: &Printed| (printed.head.0.len(), printed.left_out, printed.tail.0.len());
        assert_eq!(code, 0);
        assert_eq!(sizes(&ran.stdout), (HALF, (10_485_760 + 4 - 2 * HALF) as u64, HALF));
        assert!(ran.stdout.tail.0.ends_with(b"\0end\n"));
        assert_eq!(sizes(&ran.stderr), (HALF, 1, HALF));
    }

    #[test]
    fn what_is_cancelled_may_end_in_its_own_way_and_is_killed_after_a_while() {
        let wait = "; : > $0; while :; do sleep 0.02; done";
        let check = |name: &str, begin: &str, code: i32, printed: &[u8]| {
            let (ended, ran) = apart(name, &format!("{begin}{wait}"), 60_000, true);
            assert_eq!((ended, ran.ended_by), (code, EndedBy::Cancel), "{begin}");
            assert_eq!(ran.stdout, whole(printed), "{begin}");
        };
        check("cancel", "echo begun", 143, b"begun\n");
        check("cancel-trap", "trap 'echo bye; exit 7' TERM", 7, b"bye\n");
        check("cancel-deaf", "trap '' TERM; echo deaf", 137, b"deaf\n");
    }

    #[test]
    fn whatever_a_command_started_ends_with_it() {
        // The first does what it is told, the second does not hear it.
        let script = "sleep 300 & echo $!; (trap '' TERM; exec sleep 300) & echo $!; : > $0; wait";
        let (code, ran) = apart("cancel-group", script, 60_000, true);
        assert_eq!((code, ran.ended_by), (143, EndedBy::Cancel));
        let started = String::from_utf8(ran.stdout.head.0).unwrap();
        assert_eq!(started.lines().count(), 2, "{started}");
        started.lines().for_each(gone);
    }

    #[test]
    fn what_is_over_its_time_is_told_to_end() {
        let (code, ran) = apart("late", "echo begun; sleep 300", 200, false);
        assert_eq!((code, ran.ended_by), (143, EndedBy::Timeout));
        assert_eq!(ran.stdout, whole(b"begun\n"));
    }

    #[test]
    fn a_flood_of_output_is_cut_in_the_middle() {
        let ran = sh("echo begin; yes 0123456789abcde | head -c 400000; echo end", 60_000);
        assert!(ran.succeeded());
        assert!(ran.output.starts_with("begin\n0123") && ran.output.ends_with("\nend\n"));
        assert!(ran.output.contains("bytes left out]"));
        let rest = COMMAND_OUTPUT_BYTES_MAX + 40;
        assert!(ran.output.len() <= rest, "{} bytes", ran.output.len());
    }
}
