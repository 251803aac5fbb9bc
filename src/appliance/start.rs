//! Starting an installed appliance, with systemd or without, and waiting until it is ready.

use crate::appliance::Failure;
use crate::appliance::command::{run, write};
use crate::appliance::layout::{Layout, USER};
use crate::client::{Client, socket};
use crate::wire::input::TokenInput;
use crate::wire::token::TOKEN_CREATE;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A first start makes keys and opens the store, which takes well under a second.
const READY_WITHIN: Duration = Duration::from_secs(30);
/// A stop outwaits running cloud calls.
const STOPPED_WITHIN: Duration = Duration::from_secs(60);

/// What a person types to start it.
pub fn by_hand(layout: &Layout, systemd: bool) -> String {
    if systemd {
        return "systemctl enable --now grange".into();
    }
    format!("{} serve --config {}", layout.binary.display(), layout.config.display())
}

/// Starts it, or restarts it when its binary is new; waits until it answers.
pub fn start(
    layout: &Layout,
    systemd: bool,
    updated: bool,
    say: &mut dyn FnMut(String),
) -> Result<(), Failure> {
    let running = is_ready(layout);
    if running && !updated {
        say("it runs already".into());
        return Ok(());
    }
    if systemd {
        run("systemctl", &["daemon-reload"])?;
        run("systemctl", &["enable", "grange"])?;
        run("systemctl", &["restart", "grange"])?;
    } else {
        stop(layout, false)?;
        spawn(layout)?;
    }
    wait_until_ready(layout, systemd)?;
    say(if running { "restarted".into() } else { "started".into() });
    Ok(())
}

/// Starts the appliance as a process of its own, with its log in a file.
fn spawn(layout: &Layout) -> Result<(), Failure> {
    let log = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(&layout.log)
        .map_err(|cause| Failure::file("opening", &layout.log, cause))?;
    let errors = log.try_clone().map_err(|cause| Failure::file("opening", &layout.log, cause))?;
    let child = Command::new(&layout.binary)
        .args(["serve", "--config"])
        .arg(&layout.config)
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(errors)
        .process_group(0)
        .spawn()
        .map_err(|cause| Failure::file("starting", &layout.binary, cause))?;
    write(&layout.pid, child.id().to_string().as_bytes(), 0o644)?;
    Ok(())
}

/// The process that install started without systemd, if it still is that.
fn running_pid(layout: &Layout) -> Option<i32> {
    let pid: i32 = std::fs::read_to_string(&layout.pid).ok()?.trim().parse().ok()?;
    let command = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    // The id may have been given to another program since, or to another command of ours.
    let ours = format!("{}\0serve\0", layout.binary.display());
    command.starts_with(ours.as_bytes()).then_some(pid)
}

/// Stops it and waits until it is gone.
pub fn stop(layout: &Layout, systemd: bool) -> Result<(), Failure> {
    if systemd && layout.unit.exists() {
        run("systemctl", &["disable", "--now", "grange"])?;
        return Ok(());
    }
    let Some(pid) = running_pid(layout) else { return Ok(()) };
    terminate(pid)
}

/// Asks a process of ours to end, and waits until it has.
pub fn terminate(pid: i32) -> Result<(), Failure> {
    let failed = |cause: nix::Error| Failure::Command {
        command: format!("kill {pid}"),
        output: cause.to_string(),
    };
    kill(Pid::from_raw(pid), Signal::SIGTERM).map_err(failed)?;
    let end = Instant::now() + STOPPED_WITHIN;
    while is_alive(pid) {
        if Instant::now() > end {
            let text = format!("process {pid} does not stop; its log says why");
            return Err(Failure::InTheWay(text));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// Whether a process runs; a zombie does not.
fn is_alive(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(')').next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with(" Z"))
}

/// A client of the installed appliance.
pub fn client(layout: &Layout) -> Client {
    Client::new(Arc::new(socket(layout.socket.clone()))).with_deadline(Duration::from_secs(5))
}

/// Whether it answers.
pub fn is_ready(layout: &Layout) -> bool {
    layout.socket.exists() && client(layout).status().is_ok()
}

fn wait_until_ready(layout: &Layout, systemd: bool) -> Result<(), Failure> {
    let end = Instant::now() + READY_WITHIN;
    while !is_ready(layout) {
        if !systemd && running_pid(layout).is_none_or(|pid| !is_alive(pid)) {
            let text = std::fs::read_to_string(&layout.log).unwrap_or_default();
            let said = text.lines().last().unwrap_or("it said nothing").to_owned();
            return Err(Failure::Ended { said, log: layout.log.clone() });
        }
        if Instant::now() > end {
            let log = match systemd {
                true => "journalctl -u grange".into(),
                false => layout.log.display().to_string(),
            };
            return Err(Failure::NotReady { seconds: READY_WITHIN.as_secs(), log });
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

/// The first administrator's token, addresses, and the next command.
pub fn greet(layout: &Layout, systemd: bool, say: &mut dyn FnMut(String)) -> Result<(), Failure> {
    if !layout.token.exists() {
        let input = TokenInput { description: "made by install".into(), expires_in_ms: None };
        let token =
            client(layout).ask(&TOKEN_CREATE, &[], &input).map_err(|error| Failure::Command {
                command: "creating the first token".into(),
                output: error.to_string(),
            })?;
        write(&layout.token, token.token.reveal().as_bytes(), 0o600)?;
        say(format!("wrote the administrator's token to {}", layout.token.display()));
    }
    say(String::new());
    say("Grange is ready.".into());
    say(format!("  socket   {}", layout.socket.display()));
    let mut addresses = addresses();
    if addresses.is_empty() {
        addresses.push("127.0.0.1".into());
    }
    for address in &addresses {
        say(format!("  https    https://{address}/"));
    }
    say("  agents   port 8883".to_string());
    let keys = layout.home.join(".ssh/authorized_keys");
    say(format!("  ssh      {USER}@{}, for keys in {}", addresses[0], keys.display()));
    if !systemd {
        say(String::new());
        say(format!("There is no systemd here: at boot, run  {}", by_hand(layout, false)));
    }
    say(String::new());
    say("Next:  grange          the terminal UI".into());
    say("       grange apply -f shop.yaml".into());
    Ok(())
}

/// Addresses of this machine that others may reach; our own bridges' are not among them.
pub fn addresses() -> Vec<String> {
    let Ok(all) = nix::ifaddrs::getifaddrs() else { return Vec::new() };
    let mut found: Vec<String> = all
        .filter_map(|interface| {
            let address = interface.address?;
            let ip = address.as_sockaddr_in()?.ip();
            (!ip.is_loopback() && !interface.interface_name.starts_with("gr-"))
                .then(|| ip.to_string())
        })
        .collect();
    found.sort();
    found.dedup();
    found
}
