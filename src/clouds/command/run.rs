//! One run of a program: what it is told, its deadline, what it prints.
//!
//! It gets an environment of its own and nothing of the appliance's but `HOME`, the directory `/`,
//! and a process group, which is ended as a whole when its time is over. What it leaves running
//! beyond its own end is its business: it is not waited for.

use super::programs::{ProgramFile, ServerProgram};
use crate::base::ServerId;
use crate::base::limit::{COMMAND_ANSWER_BYTES_MAX, COMMAND_REQUEST_BYTES_MAX, COMMAND_WORDS_MAX};
use crate::clouds::CloudError;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde_json::{Map, Value, json};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// Where programs that are named without a path are looked for.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// How often a program is asked whether it has ended.
const LOOK: Duration = Duration::from_millis(10);
/// How long a program whose time is over may take to end in order.
const END_WITHIN: Duration = Duration::from_secs(2);
/// How long what it printed last may take to arrive when it has ended.
const REST_WITHIN: Duration = Duration::from_millis(500);

/// What a program is asked.
pub struct ProgramRequest<'a> {
    programs: &'a ProgramFile,
    verb: &'static str,
    environment: Vec<(String, String)>,
    request: Map<String, Value>,
}

impl<'a> ProgramRequest<'a> {
    /// About a server, or about all of them.
    pub fn new(
        programs: &'a ProgramFile,
        verb: &'static str,
        tag: &str,
        server: Option<ServerId>,
    ) -> ProgramRequest<'a> {
        let none = ProgramRequest { programs, verb, environment: Vec::new(), request: Map::new() };
        let asked = none.with("verb", verb).with("appliance", tag);
        match server {
            Some(id) => asked.with("server", &id.to_string()),
            None => asked,
        }
    }

    /// Says one more thing, in the request and in the environment: `instanceType` is
    /// `GRANGE_INSTANCE_TYPE` there.
    pub fn with(mut self, name: &str, value: &str) -> ProgramRequest<'a> {
        let mut variable = "GRANGE_".to_owned();
        for character in name.chars() {
            if character.is_ascii_uppercase() {
                variable.push('_');
            }
            variable.push(character.to_ascii_uppercase());
        }
        self.environment.push((variable, value.to_owned()));
        self.and(name, json!(value))
    }

    /// Says one more thing in the request alone.
    pub fn and(mut self, name: &str, value: Value) -> ProgramRequest<'a> {
        self.request.insert(name.to_owned(), value);
        self
    }

    /// Runs the program; what it printed. Blocks until it ended or its deadline is over.
    ///
    /// # Errors
    /// By its exit code; `Unknown` when it did not end by itself.
    pub fn ask(self, program: &ServerProgram) -> Result<Vec<u8>, CloudError> {
        let request = Value::Object(self.request).to_string();
        if request.len() > COMMAND_REQUEST_BYTES_MAX {
            let text = format!("the request is longer than {COMMAND_REQUEST_BYTES_MAX} bytes");
            return Err(CloudError::Refused(text));
        }
        let argv = program.argv();
        let mut command = std::process::Command::new(&argv[0]);
        command.args(&argv[1..]).env_clear().env("PATH", PATH).env("LANG", "C.UTF-8");
        command.envs(std::env::var_os("HOME").map(|home| ("HOME", home)));
        command.envs(self.environment).envs(&self.programs.environment);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.current_dir("/").process_group(0);
        let end = Instant::now() + program.timeout();
        let child = command
            .spawn()
            .map_err(|error| CloudError::Refused(format!("{} cannot be run: {error}", argv[0])))?;
        let ended = Running::begin(child, request.into_bytes()).wait(end);
        judge(self.verb, program, ended)
    }
}

/// A program that runs.
struct Running {
    child: Child,
    output: Receiver<Vec<u8>>,
    words: Receiver<Vec<u8>>,
}

/// How it ended: its status, unless its time was over before, and what it printed.
struct Ended {
    status: Option<ExitStatus>,
    output: Option<Vec<u8>>,
    words: Vec<u8>,
}

impl Running {
    fn begin(mut child: Child, request: Vec<u8>) -> Running {
        let (stdin, stdout, stderr) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take());
        // Each of these ends with the program, or with its group.
        if let Some(mut stdin) = stdin {
            std::thread::spawn(move || {
                // One that does not read what it is told has ended, or does without.
                let _unread = stdin.write_all(&request);
            });
        }
        let output = gather(stdout, COMMAND_ANSWER_BYTES_MAX);
        let words = gather(stderr, COMMAND_WORDS_MAX);
        Running { child, output, words }
    }

    fn wait(mut self, end: Instant) -> Ended {
        let mut status = None;
        while status.is_none() && Instant::now() < end {
            match self.child.try_wait() {
                Ok(None) => std::thread::sleep(LOOK),
                Ok(ended) => status = ended,
                Err(_) => break,
            }
        }
        if status.is_none() {
            self.end();
        }
        let output = self.output.recv_timeout(REST_WITHIN).ok();
        if output.is_none() {
            // Somebody of its group holds it open.
            self.end();
        }
        let words = self.words.recv_timeout(REST_WITHIN).unwrap_or_default();
        Ended { status, output, words }
    }

    /// Ends its group: in order at first.
    fn end(&mut self) {
        let group = Pid::from_raw(i32::try_from(self.child.id()).unwrap_or(i32::MAX));
        let asked = killpg(group, Signal::SIGTERM).is_ok();
        let end = Instant::now() + END_WITHIN;
        while asked && Instant::now() < end && matches!(self.child.try_wait(), Ok(None)) {
            std::thread::sleep(LOOK);
        }
        // Also what is left of the group when its first process has gone.
        if let Err(error) = killpg(group, Signal::SIGKILL) {
            tracing::debug!(%error, "the group of a program has ended");
        }
        let _gone = self.child.wait();
    }
}

/// Reads what is printed, at most so much; more is read and dropped, so that nobody waits.
fn gather(from: Option<impl Read + Send + 'static>, at_most: usize) -> Receiver<Vec<u8>> {
    let (sender, receiver) = channel();
    let Some(mut from) = from else { return receiver };
    std::thread::spawn(move || {
        let (mut all, mut piece) = (Vec::new(), [0; 16 * 1024]);
        loop {
            match from.read(&mut piece) {
                Ok(0) => break,
                // One byte more than may be tells that it was too much.
                Ok(count) => {
                    let room = (at_most + 1).saturating_sub(all.len());
                    all.extend_from_slice(&piece[..count.min(room)]);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        let _unheard = sender.send(all);
    });
    receiver
}

/// What its end says, by the codes of `sysexits.h`.
fn judge(verb: &str, program: &ServerProgram, ended: Ended) -> Result<Vec<u8>, CloudError> {
    let unknown = |text: String| Err(CloudError::Unknown(format!("{verb} {text}")));
    let Some(status) = ended.status else {
        return unknown(format!("did not end within {} s", program.timeout().as_secs()));
    };
    let said = String::from_utf8_lossy(&ended.words);
    let line = said.lines().map(str::trim).find(|line| !line.is_empty());
    let Some(code) = status.code() else {
        let signal = status.signal().unwrap_or_default();
        return unknown(format!("was ended by signal {signal}"));
    };
    let words = match line {
        Some(line) => format!("{verb}: {line}"),
        None => format!("{verb} ended with exit code {code} and said nothing"),
    };
    match code {
        0 => {}
        69 => return Err(CloudError::NoCapacity(words)),
        74 => return Err(CloudError::Unknown(words)),
        75 => return Err(CloudError::Busy(words)),
        77 => return Err(CloudError::Credentials(words)),
        _ => return Err(CloudError::Refused(words)),
    }
    match ended.output {
        None => unknown("left something running that holds its output open".to_owned()),
        Some(output) if output.len() > COMMAND_ANSWER_BYTES_MAX => {
            unknown(format!("printed more than {COMMAND_ANSWER_BYTES_MAX} bytes"))
        }
        Some(output) => Ok(output),
    }
}
