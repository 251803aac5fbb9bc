//! The process that leaves the machine's name spaces and spawns pid 1.

use super::super::cgroup::Group;
use super::super::failure::{Doing, Failure};
use super::super::netlink::{Netlink, Pair};
use super::super::process::Process;
use super::super::record::{Isolation, read_json, write_json};
use super::{Boot, GO, Network};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};

/// What is said when pid 1 supervises.
pub const OK: &str = "ok";

/// Boots the server of a `boot.json` and says how it went in one line on standard output.
pub fn run(path: &Path) -> ExitCode {
    let said = match boot(path) {
        Ok(()) => OK.to_owned(),
        Err(failure) => failure.line(),
    };
    super::say(&said);
    if said == OK { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn boot(path: &Path) -> Result<(), Failure> {
    let boot: Boot = read_json(path)?;
    nix::unistd::setsid().doing("starting", "a session")?;
    let stage = match boot.record.isolation {
        Isolation::Namespaces => {
            leave(&boot)?;
            "inside"
        }
        Isolation::Processes => "plain",
    };
    // Opened now: when pid 1 changes its root, ours changes too.
    let groups = open_groups(&boot.groups)?;
    let mut child = spawn(&boot, stage, path)?;
    let led = lead(&boot, &mut child, &groups);
    if led.is_err() {
        // It may be dead already, which is what is wanted.
        let killed = child.kill().and_then(|()| child.wait());
        drop(killed);
    }
    led
}

/// Records pid 1 before it may go on, so that there is never one that nobody knows of. While it
/// builds its root we move it to its control groups, which takes the kernel as long as that (a
/// grace period of its read-copy-update); it waits for both before it starts a service.
fn lead(boot: &Boot, child: &mut Child, groups: &[File]) -> Result<(), Failure> {
    let pid = i32::try_from(child.id()).unwrap_or_default();
    let process = Process::identify(pid).doing("identifying", "pid 1")?;
    write_json(&boot.directory.join("init.json"), &process)?;
    let gone = || Failure::new("starting pid 1", "its pipes are gone");
    let mut go = child.stdin.take().ok_or_else(gone)?;
    let answer = child.stdout.take().ok_or_else(gone)?;
    go.write_all(GO).doing("starting", "pid 1")?;
    let mut groups = groups.iter();
    let moved = groups.try_for_each(|mut group| group.write_all(pid.to_string().as_bytes()));
    // One that failed meanwhile is in no group and hears nothing, and has said why.
    let moved = moved.and_then(|()| go.write_all(GO)).doing("moving pid 1 to", "its groups");
    drop(go);
    let mut line = String::new();
    BufReader::new(answer).read_line(&mut line).doing("hearing from", "pid 1")?;
    match line.trim_end() {
        OK => moved,
        "" if moved.is_err() => moved,
        "" => Err(Failure::new("starting pid 1", "it died without a word")),
        other => {
            let why = moved.err().map_or_else(String::new, |failure| failure.line() + "; ");
            Err(Failure::new("inside the server", why + other))
        }
    }
}

fn open_groups(groups: &[Group]) -> Result<Vec<File>, Failure> {
    // The CPU limit comes last, so that it slows the boot down the least.
    let (cpu, others): (Vec<_>, Vec<_>) = groups.iter().partition(|g| g.controller == "cpu");
    let open = |group: &Group| {
        let path = group.path.join("cgroup.procs");
        File::options().write(true).open(&path).doing("opening", path.display())
    };
    others.into_iter().chain(cpu).map(open).collect()
}

fn spawn(boot: &Boot, stage: &str, path: &Path) -> Result<Child, Failure> {
    let log = boot.directory.join("log");
    let log = File::create(&log).doing("creating", log.display())?;
    Command::new(&boot.executable)
        .args(["onboard-init", stage])
        .arg(path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(log)
        .current_dir("/")
        .spawn()
        .doing("starting", boot.executable.display())
}

/// Leaves the name spaces and connects the new network. This process stays in the machine's
/// process name space; its next child does not.
fn leave(boot: &Boot) -> Result<(), Failure> {
    let mut outside = Netlink::open().doing("opening", "netlink")?;
    let flags = CloneFlags::CLONE_NEWNS
        | CloneFlags::CLONE_NEWNET
        | CloneFlags::CLONE_NEWUTS
        | CloneFlags::CLONE_NEWIPC
        | CloneFlags::CLONE_NEWPID;
    unshare(flags).doing("leaving", "the name spaces")?;
    let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    mount(None::<&str>, "/", None::<&str>, private, None::<&str>)
        .doing("making private", "the mounts")?;
    nix::unistd::sethostname(&boot.record.hostname).doing("setting", "the host name")?;
    if let Some(network) = &boot.network {
        connect(&mut outside, network, boot.record.address)?;
    }
    Ok(())
}

/// Gives the name space this thread is in the server's end of a new pair of links.
pub fn connect(outside: &mut Netlink, network: &Network, own: Ipv4Addr) -> Result<(), Failure> {
    let bridge = outside.index(&network.bridge).doing("finding", &network.bridge)?;
    let missing = || Failure::new(format!("finding {}", network.bridge), "no such bridge");
    let pair = Pair {
        name: &network.link,
        bridge: bridge.ok_or_else(missing)?,
        peer_pid: std::process::id(),
        peer_mac: mac(own),
    };
    // Left from a boot before: its other end goes some time after that server's last process.
    outside.remove(&network.link).doing("removing", &network.link)?;
    outside.add_pair(&pair).doing("making", &network.link)?;
    let mut within = Netlink::open().doing("opening", "netlink")?;
    let eth0 = within.index("eth0").doing("finding", "eth0")?;
    let eth0 = eth0.ok_or_else(|| Failure::new("finding eth0", "it did not arrive"))?;
    let lo = within.index("lo").doing("finding", "lo")?.unwrap_or(1);
    within.set_up(lo).doing("switching on", "lo")?;
    within.add_address(eth0, own, network.prefix).doing("addressing", "eth0")?;
    within.set_up(eth0).doing("switching on", "eth0")?;
    within.add_default_route(network.gateway).doing("routing over", network.gateway)
}

/// A hardware address that follows from the IP address, locally administered: whoever knew an
/// earlier server of this address reaches the new one without asking again.
pub fn mac(ip: Ipv4Addr) -> [u8; 6] {
    let [a, b, c, d] = ip.octets();
    [0x02, 0x67, a, b, c, d]
}
