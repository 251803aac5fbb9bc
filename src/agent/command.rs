//! Running a command: its own process group, a deadline, a bound on its output.

use crate::base::Millis;
use crate::base::limit::COMMAND_OUTPUT_BYTES_MAX;
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use std::io::{self, PipeReader, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How a command ended.
#[derive(Debug)]
pub struct Ran {
    /// How it ended, `None` when it was killed at its deadline or because the agent stops.
    pub status: Option<ExitStatus>,
    /// What it wrote to both its outputs, cut in the middle.
    pub output: String,
}

impl Ran {
    /// Its exit code, 128 and the signal's number when it died of one, as a shell would say.
    pub fn exit_code(&self) -> i32 {
        let code = |status: ExitStatus| {
            status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0))
        };
        self.status.map_or(-1, code)
    }

    /// Whether it ended well.
    pub fn succeeded(&self) -> bool {
        self.status.is_some_and(|status| status.success())
    }
}

/// Runs a command to its end, its deadline, or until `halt` is set; then its whole process group
/// is killed. An error means that it never began.
pub fn run(command: &[String], at_most: Millis, halt: &AtomicBool) -> io::Result<Ran> {
    let Some((program, arguments)) = command.split_first() else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the command is empty"));
    };
    let (mut output, writer) = io::pipe()?;
    fcntl(&output, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).map_err(io::Error::from)?;
    let mut child = Command::new(program)
        .args(arguments)
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(writer.try_clone()?)
        .stderr(writer)
        .process_group(0)
        .spawn()?;
    // The agent may be protected from a lack of memory; what it is told to run goes first.
    drop(std::fs::write(format!("/proc/{}/oom_score_adj", child.id()), "500"));
    let deadline = Instant::now() + Duration::from_millis(at_most);
    let mut kept = Kept::default();
    let mut pause = Duration::from_millis(1);
    let status = loop {
        if kept.take(&mut output) {
            pause = Duration::from_millis(1);
        }
        if let Some(status) = child.try_wait()? {
            break Some(status);
        }
        if Instant::now() >= deadline || halt.load(Ordering::Relaxed) {
            kill_group(&mut child);
            break None;
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(50));
    };
    // A daemon it left behind may hold the pipe open, so the end is not waited for.
    kept.take(&mut output);
    Ok(Ran { status, output: kept.text() })
}

fn kill_group(child: &mut Child) {
    let group = i32::try_from(child.id()).map(Pid::from_raw);
    let killed = group.map(|group| killpg(group, Signal::SIGKILL));
    if !matches!(killed, Ok(Ok(()) | Err(Errno::ESRCH))) {
        tracing::warn!(?killed, "a command that is over its time cannot be killed");
    }
    if let Err(error) = child.wait() {
        tracing::warn!(%error, "a killed command cannot be waited for");
    }
}

/// The first and the last of what was written, half of the limit each: what it was about to do
/// and how it ended.
#[derive(Default)]
struct Kept {
    first: Vec<u8>,
    last: Vec<u8>,
    left_out: usize,
}

const HALF: usize = COMMAND_OUTPUT_BYTES_MAX / 2;

impl Kept {
    /// Reads what is there without waiting, at most one pipe's worth; whether there was anything.
    fn take(&mut self, output: &mut PipeReader) -> bool {
        let mut buffer = [0u8; 4096];
        for round in 0..16 {
            match output.read(&mut buffer) {
                Ok(0) => return round > 0,
                Ok(length) => self.add(&buffer[..length]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return round > 0,
            }
        }
        true
    }

    fn add(&mut self, bytes: &[u8]) {
        let room = HALF.saturating_sub(self.first.len()).min(bytes.len());
        self.first.extend_from_slice(&bytes[..room]);
        self.last.extend_from_slice(&bytes[room..]);
        // Cut in large steps, so that a flood of output costs one copy a byte at most.
        if self.last.len() > 2 * HALF {
            self.cut();
        }
    }

    fn cut(&mut self) {
        let over = self.last.len().saturating_sub(HALF);
        self.last.drain(..over);
        self.left_out += over;
    }

    /// As text. Control characters are replaced: they would grow sixfold in JSON, past what the
    /// appliance takes in one packet, and a terminal might obey them.
    fn text(mut self) -> String {
        self.cut();
        let mut text = String::from_utf8_lossy(&self.first).into_owned();
        if self.left_out > 0 {
            text.push_str(&format!("\n[{} bytes left out]\n", self.left_out));
        }
        text.push_str(&String::from_utf8_lossy(&self.last));
        text.replace(|c: char| c.is_control() && !matches!(c, '\n' | '\t'), "\u{fffd}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn sh(script: &str, at_most: Millis) -> Ran {
        let command = ["sh", "-c", script].map(str::to_owned);
        run(&command, at_most, &AtomicBool::new(false)).unwrap()
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
    fn what_cannot_begin_is_an_error() {
        let begin = |command: &[&str]| {
            let command: Vec<String> = command.iter().map(|word| word.to_string()).collect();
            run(&command, 1000, &AtomicBool::new(false)).map(|ran| ran.exit_code())
        };
        assert_eq!(begin(&[]).unwrap_err().kind(), io::ErrorKind::InvalidInput);
        assert_eq!(begin(&["no-such-program"]).unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn the_whole_group_dies_at_the_deadline() {
        let ran = sh("sleep 300 & echo $!; wait", 300);
        assert!(ran.status.is_none() && !ran.succeeded());
        let process = format!("/proc/{}/stat", ran.output.trim());
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
        let ran = run(&command, 300_000, &AtomicBool::new(true)).unwrap();
        assert_eq!(ran.exit_code(), -1);
    }

    #[test]
    fn a_daemon_that_keeps_the_output_open_is_not_waited_for() {
        let ran = sh("sleep 2 & echo started", 60_000);
        assert_eq!((ran.exit_code(), ran.output.as_str()), (0, "started\n"));
    }

    #[test]
    fn what_waits_in_the_pipe_is_taken_and_said() {
        let (mut output, mut writer) = io::pipe().unwrap();
        fcntl(&output, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).unwrap();
        let mut kept = Kept::default();
        assert!(!kept.take(&mut output), "nothing is there");
        writer.write_all(&[b'x'; 5000]).unwrap();
        assert!(kept.take(&mut output));
        assert!(!kept.take(&mut output));
        // At most sixteen reads at a time.
        writer.write_all(&[b'x'; 16 * 4096]).unwrap();
        assert!(kept.take(&mut output));
        writer.write_all(b"end").unwrap();
        drop(writer);
        assert!(kept.take(&mut output) && !kept.take(&mut output), "it is closed");
        assert!(kept.text().ends_with("xend"));
    }

    #[test]
    fn output_is_cut_only_when_there_is_too_much_of_it() {
        let cut = |lengths: &[usize]| {
            let mut kept = Kept::default();
            for length in lengths {
                kept.add(&vec![b'x'; *length]);
            }
            (kept.first.len(), kept.last.len(), kept.left_out)
        };
        assert_eq!(cut(&[HALF]), (HALF, 0, 0));
        assert_eq!(cut(&[HALF - 1, 2]), (HALF, 1, 0));
        assert_eq!(cut(&[3 * HALF]), (HALF, 2 * HALF, 0));
        assert_eq!(cut(&[3 * HALF, 1]), (HALF, HALF, HALF + 1));
        let text = |bytes: usize| {
            let mut kept = Kept::default();
            kept.add(&vec![b'x'; bytes]);
            kept.text()
        };
        assert_eq!(text(2 * HALF), "x".repeat(2 * HALF));
        let expected = format!("{}\n[1 bytes left out]\n{}", "x".repeat(HALF), "x".repeat(HALF));
        assert_eq!(text(2 * HALF + 1), expected);
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
