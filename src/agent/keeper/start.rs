//! The last step before a command: a process of its own that becomes the right user with the right
//! limits in the right place, and then the command.
//!
//! It is a step apart because nothing of this may be done between a fork and an exec of a program
//! that is not made for it. What is wrong goes to a file, since by then it has no other way to say
//! so: its outputs are the command's.

use super::spec::{FAULT, SPEC, Spec, load};
use super::user;
use nix::sys::prctl;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::{SigSet, Signal};
use nix::unistd::{Gid, Uid, chdir, getppid, setgid, setgroups, setuid};
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode};

/// Half of the server's memory counts against what it runs, before the agent and the keepers
/// (proc_pid_oom_score_adj(5)).
const TAKEN_FIRST: &str = "500";
/// What the step ends with when the command could not begin: the code a shell gives.
const NOT_BEGUN: u8 = 127;

/// Becomes the command of a keeper's directory.
pub fn run(dir: &Path) -> ExitCode {
    // Opened while it can be: the user of the command may not write here.
    let fault = OpenOptions::new().create(true).append(true).mode(0o600).open(dir.join(FAULT));
    let why = match load::<Spec>(dir, SPEC) {
        Ok(Some(spec)) => become_command(&spec),
        Ok(None) => "there is nothing to start".to_owned(),
        Err(error) => format!("reading what to start: {error}"),
    };
    if let Ok(mut fault) = fault {
        // Nobody is left to tell of what cannot be told.
        drop(fault.write_all(why.as_bytes()));
    }
    ExitCode::from(NOT_BEGUN)
}

/// Comes back only with why it could not.
fn become_command(spec: &Spec) -> String {
    let Some((program, arguments)) = spec.command.split_first() else {
        return "its command is empty".to_owned();
    };
    let mut command = Command::new(program);
    command.args(arguments).envs(&spec.environment);
    if let Err(why) = prepare(spec, &mut command) {
        return why;
    }
    let error = command.exec();
    match error.kind() {
        std::io::ErrorKind::NotFound => match interpreter(program) {
            Some(line) => format!("{line}: command not found"),
            None => format!("{program}: command not found"),
        },
        _ => format!("{program}: {error}"),
    }
}

/// What a script that is there names as its interpreter.
fn interpreter(program: &str) -> Option<String> {
    let script = std::fs::read(program).ok()?;
    let line = script.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
    Some(String::from_utf8_lossy(line).trim().to_owned())
}

fn prepare(spec: &Spec, command: &mut Command) -> Result<(), String> {
    let keeper = getppid();
    // Upwards it needs no right; where the kernel does not lend it, nothing is lost but the order.
    drop(std::fs::write("/proc/self/oom_score_adj", TAKEN_FIRST));
    if let Some(open_files) = spec.open_files {
        let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).map_err(|e| e.to_string())?;
        let raised = setrlimit(Resource::RLIMIT_NOFILE, open_files, hard.max(open_files));
        raised.map_err(|_| format!("{open_files} open files: this server allows {hard}"))?;
    }
    if let Some(name) = &spec.user {
        become_user(name, spec, command)?;
    }
    chdir(&spec.directory)
        .map_err(|errno| format!("its directory {}: {}", spec.directory.display(), errno.desc()))?;
    // After the change of user, which forgets it.
    prctl::set_pdeathsig(Signal::SIGKILL).map_err(|errno| errno.desc().to_owned())?;
    if getppid() != keeper {
        return Err("its keeper is gone".to_owned());
    }
    SigSet::all().thread_unblock().map_err(|errno| errno.desc().to_owned())
}

fn become_user(name: &str, spec: &Spec, command: &mut Command) -> Result<(), String> {
    let user = user::find(name)?;
    for (key, value) in [("HOME", user.home.as_os_str()), ("USER", name.as_ref())] {
        if !spec.environment.contains_key(key) {
            command.env(key, value);
        }
    }
    command.env("LOGNAME", name);
    let uid = Uid::from_raw(user.uid);
    if nix::unistd::geteuid() == uid {
        return Ok(());
    }
    let refused = |errno: nix::errno::Errno| format!("becoming user {name}: {}", errno.desc());
    let groups: Vec<Gid> =
        user.groups.iter().chain([&user.gid]).copied().map(Gid::from_raw).collect();
    setgroups(&groups).map_err(refused)?;
    setgid(Gid::from_raw(user.gid)).map_err(refused)?;
    setuid(uid).map_err(refused)
}
