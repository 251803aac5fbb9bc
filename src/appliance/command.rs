//! The system's own commands, run with a deadline, and files written whole.

use crate::appliance::Failure;
use std::io::{Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// No command of ours takes longer on a sound machine.
const DEADLINE: Duration = Duration::from_secs(60);

/// Runs a command and gives its standard output.
pub fn run(program: &str, arguments: &[&str]) -> Result<String, Failure> {
    let command = format!("{program} {}", arguments.join(" "));
    let failed = |output: String| Failure::Command { command: command.clone(), output };
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| failed(error.to_string()))?;
    let end = Instant::now() + DEADLINE;
    let status = loop {
        match child.try_wait().map_err(|error| failed(error.to_string()))? {
            Some(status) => break status,
            None if Instant::now() > end => {
                child.kill().map_err(|error| failed(error.to_string()))?;
                return Err(failed(format!("no end after {} s", DEADLINE.as_secs())));
            }
            None => std::thread::sleep(Duration::from_millis(10)),
        }
    };
    let (mut out, mut err) = (String::new(), String::new());
    // A pipe holds 64 KiB, far more than any of these commands prints.
    for (pipe, text) in [
        (child.stdout.as_mut().map(|p| p as &mut dyn Read), &mut out),
        (child.stderr.as_mut().map(|p| p as &mut dyn Read), &mut err),
    ] {
        if let Some(pipe) = pipe {
            pipe.read_to_string(text).map_err(|error| failed(error.to_string()))?;
        }
    }
    if status.success() { Ok(out) } else { Err(failed(format!("{err}{out}").trim().to_owned())) }
}

/// Where a command is. The system's own directories are looked in whatever `PATH` says, because
/// that of a person who became root may lack them.
pub fn find(program: &str) -> Option<String> {
    let path = std::env::var("PATH").unwrap_or_default();
    let own = ["/usr/sbin", "/sbin", "/usr/bin", "/bin"];
    let named = path.split(':').filter(|dir| dir.starts_with('/'));
    let mut places = own.into_iter().chain(named).map(|dir| format!("{dir}/{program}"));
    places.find(|place| Path::new(place).is_file())
}

/// Writes a file whole or not at all, with a mode. Says whether anything changed.
pub fn write(path: &Path, content: &[u8], mode: u32) -> Result<bool, Failure> {
    let same = std::fs::read(path).is_ok_and(|old| old == content)
        && std::fs::metadata(path).is_ok_and(|meta| meta.permissions().mode() & 0o7777 == mode);
    if same {
        return Ok(false);
    }
    let temporary = path.with_extension("new");
    let written = (|| {
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(mode)
            .open(&temporary)?;
        file.write_all(content)?;
        // The mode given at opening is cut by the umask, and an old file keeps its own.
        file.set_permissions(std::fs::Permissions::from_mode(mode))?;
        file.sync_all()?;
        std::fs::rename(&temporary, path)
    })();
    written.map_err(|cause| Failure::file("writing", path, cause))?;
    Ok(true)
}

/// Makes a directory with a mode if it is not there. Says whether it was made.
pub fn directory(path: &Path, mode: u32) -> Result<bool, Failure> {
    let made = !path.is_dir();
    std::fs::create_dir_all(path).map_err(|cause| Failure::file("making", path, cause))?;
    let permissions = std::fs::Permissions::from_mode(mode);
    std::fs::set_permissions(path, permissions)
        .map_err(|cause| Failure::file("setting the mode of", path, cause))?;
    Ok(made)
}

/// Removes a file, link or whole directory if it is there. Says whether it was.
pub fn remove(path: &Path) -> Result<bool, Failure> {
    let removed = match std::fs::symlink_metadata(path) {
        Ok(meta) if meta.is_dir() => std::fs::remove_dir_all(path),
        Ok(_) => std::fs::remove_file(path),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        Err(error) => Err(error),
    };
    removed.map_err(|cause| Failure::file("removing", path, cause))?;
    Ok(true)
}
