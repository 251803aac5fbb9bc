//! Pid 1 before it supervises: builds the server's root and gives up what a server must not have.
//!
//! The new root is an overlay over the machine's `/`, or over an image that somebody imported. It
//! does not reach into the machine's other mounts; what a server needs of those is mounted anew.
//! Nothing is believed of an image: where something is mounted is a directory of ours, and nothing
//! is written by a path through it before the machine's root is let go of. Everything after
//! `pivot_root` is named by paths of the new root, so that a link in it never leads back to the
//! machine, and the old one is reached at [`OLD`] until it is let go.

use super::super::cgroup::{Group, Version};
use super::super::failure::{Doing, Failure};
use super::super::process::wait_until;
use super::super::record::{Isolation, make_private, read_json, remove_tree, write_json};
use super::veil::Veil;
use super::{AGENT, Boot, GO, Services, attach, capability};
use crate::base::output;
use nix::errno::Errno;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

/// Never taken (proc_pid_oom_score_adj(5)).
const PROTECTED: &str = "-1000";
const OLD: &str = "/run/.machine";
/// Where volumes are between the machine and their mount points.
const TAKEN: &str = "/run/.volumes";
const RUN: &str = "/run/grange";
/// Longest the disk of the boot before may still be in use.
const BUSY: Duration = Duration::from_secs(5);
/// Where services find programs.
const SEARCH_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// Device nodes every program expects.
const DEVICES: [&str; 6] = ["null", "zero", "full", "random", "urandom", "tty"];
/// Parts of `/proc` that act on the machine, not on the server.
const PROC_READ_ONLY: [&str; 5] = ["sys", "sysrq-trigger", "irq", "bus", "fs"];

/// Builds the root and becomes the supervisor.
pub fn run(path: &Path) -> ExitCode {
    report(wait_for_go().and_then(|()| {
        let boot: Boot = read_json(path)?;
        enter_root(&boot)?;
        mount_system()?;
        lend_executables(&boot)?;
        if boot.tree.is_none() {
            hide(&boot.masks)?;
        }
        take_volumes(&boot)?;
        show_groups(&boot.groups, boot.cgroup)?;
        umount2(OLD, MntFlags::MNT_DETACH).doing("letting go of", "the machine's root")?;
        remove_tree(Path::new(OLD))?;
        place_volumes(&boot)?;
        let services = furnish(&boot, Path::new("/"))?;
        wait_for_go()?;
        protect();
        capability::drop_all_but_needed().doing("giving up", "capabilities")?;
        nix::sys::prctl::set_no_new_privs().doing("giving up", "new privileges")?;
        supervise(&boot, &services)
    }))
}

/// When the server runs out of memory a service is to go, not who starts it again: pid 1 and the
/// agent are the last the kernel takes. In a container without the capability to say so it is the
/// services that say they go first ([`super::exec`]).
fn protect() {
    if let Err(error) = fs::write(super::OOM_SCORE, PROTECTED) {
        output::line(format_args!("protecting pid 1 from the lack of memory: {error}"));
    }
}

/// The same without name spaces: only the server's home is furnished.
pub fn run_plain(path: &Path) -> ExitCode {
    report(wait_for_go().and_then(|()| {
        let boot: Boot = read_json(path)?;
        nix::unistd::setsid().doing("starting", "a session")?;
        nix::sys::prctl::set_no_new_privs().doing("giving up", "new privileges")?;
        let home = boot.directory.join("home");
        make_private(&home)?;
        for (volume, mount_point) in &boot.volumes {
            let at = home.join(mount_point.trim_start_matches('/'));
            if at.is_symlink() {
                remove_tree(&at)?;
            }
            fs::create_dir_all(at.parent().unwrap_or(&home)).doing("making", at.display())?;
            symlink(volume, &at).doing("linking", at.display())?;
        }
        let services = furnish(&boot, &home)?;
        wait_for_go()?;
        supervise(&boot, &services)
    }))
}

fn report(outcome: Result<(), Failure>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            super::say(&failure.line());
            ExitCode::FAILURE
        }
    }
}

/// When `outer` died before it said go, nobody would ever know of us: then we end too.
fn wait_for_go() -> Result<(), Failure> {
    let mut word = [0u8; GO.len()];
    std::io::stdin().read_exact(&mut word).doing("waiting for", "the start")
}

fn enter_root(boot: &Boot) -> Result<(), Failure> {
    let root = boot.directory.join("root");
    make_private(&root)?;
    let layer = attach_disk(boot)?;
    match mount_root(boot, &layer, &root) {
        Ok(()) => {}
        // The state directory may lie on a file system that cannot carry an overlay, another
        // overlay for one. A disk in memory works, and does not outlive a reboot.
        Err(failure) if failure.source.raw_os_error() == Some(Errno::EINVAL as i32) => {
            output::line(format_args!("{}; going on with a disk in memory", failure.line()));
            let layer = layer.join("work");
            tmpfs(&layer, "mode=700")?;
            mount_root(boot, &layer, &root)?;
        }
        Err(failure) => return Err(failure),
    }
    let run = root.join("run");
    make_mount_point(&run)?;
    tmpfs(&run, "mode=755,size=16m")?;
    let old = root.join(OLD.trim_start_matches('/'));
    make_private(&old)?;
    nix::unistd::pivot_root(&root, &old).doing("changing to", root.display())?;
    nix::unistd::chdir("/").doing("changing to", "/")
}

/// Mounts the server's own layer over what it stands on.
fn mount_root(boot: &Boot, layer: &Path, root: &Path) -> Result<(), Failure> {
    let lower = boot.tree.as_deref().unwrap_or(Path::new("/"));
    let [upper, work] = ["upper", "work"].map(|name| layer.join(name));
    make_private(&work)?;
    if !upper.exists() {
        let new = layer.join("upper.new");
        // Of a boot that did not get so far.
        remove_tree(&new)?;
        make_private(&new)?;
        // The root directory of a server is read by its services' users.
        fs::set_permissions(&new, fs::Permissions::from_mode(0o755))
            .doing("opening", new.display())?;
        // An image is whatever it was made to be; the machine has secrets.
        if boot.tree.is_none() {
            let veil = Veil::lay(lower, &new)?;
            overlay(lower, &new, &work, root)?;
            veil.furnish(root)?;
            umount2(root, MntFlags::empty()).doing("letting go of", root.display())?;
        }
        fs::rename(&new, &upper).doing("renaming", new.display())?;
    }
    overlay(lower, &upper, &work, root)
}

/// Where the server's layer goes: on a file system of its own, which bounds it.
fn attach_disk(boot: &Boot) -> Result<PathBuf, Failure> {
    let Some(image) = &boot.disk else { return Ok(boot.directory.clone()) };
    let at = boot.directory.join("disk");
    make_private(&at)?;
    // Held until it is mounted; then the mount holds it.
    let (_device, path) = attach(image)?;
    // What is deleted gives its space back to the machine.
    mount(Some(&path), &at, Some("ext4"), MsFlags::MS_NODEV, Some("discard"))
        .doing("mounting", image.display())?;
    Ok(at)
}

/// Mounts it; while the kernel is still taking down the one of the boot before, again.
fn overlay(lower: &Path, upper: &Path, work: &Path, root: &Path) -> Result<(), Failure> {
    let [lower, upper, work] = [lower, upper, work].map(Path::display);
    let options = format!("lowerdir={lower},upperdir={upper},workdir={work}");
    let flags = MsFlags::empty();
    let mut mounted = Err(Errno::EBUSY);
    wait_until(BUSY, || {
        mounted = mount(Some("overlay"), root, Some("overlay"), flags, Some(options.as_str()));
        mounted != Err(Errno::EBUSY)
    });
    mounted.doing("mounting an overlay with", &options)
}

/// A directory in the new root, whatever an image has in its place: a link would lead elsewhere.
fn make_mount_point(path: &Path) -> Result<(), Failure> {
    if fs::symlink_metadata(path).is_ok_and(|found| found.is_dir()) {
        return Ok(());
    }
    remove_tree(path)?;
    fs::create_dir(path).doing("making", path.display())
}

fn mount_system() -> Result<(), Failure> {
    for name in ["/proc", "/sys", "/tmp", "/dev"] {
        make_mount_point(Path::new(name))?;
    }
    let quiet = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    mount(Some("proc"), "/proc", Some("proc"), quiet, None::<&str>).doing("mounting", "/proc")?;
    for name in PROC_READ_ONLY {
        let path = Path::new("/proc").join(name);
        if path.exists() {
            bind(&path, &path)?;
            read_only(&path)?;
        }
    }
    let sys = quiet | MsFlags::MS_RDONLY;
    mount(Some("sysfs"), "/sys", Some("sysfs"), sys, None::<&str>).doing("mounting", "/sys")?;
    tmpfs(Path::new("/tmp"), "mode=1777")?;
    tmpfs(Path::new("/dev"), "mode=755,size=64k")?;
    for name in DEVICES {
        let node = Path::new("/dev").join(name);
        File::create(&node).doing("creating", node.display())?;
        bind(&old(&node), &node)?;
    }
    for (name, kind, options) in [
        ("/dev/shm", "tmpfs", "mode=1777"),
        ("/dev/pts", "devpts", "newinstance,ptmxmode=0666,mode=0620"),
    ] {
        fs::create_dir(name).doing("making", name)?;
        let flags = MsFlags::MS_NOSUID | MsFlags::MS_NOEXEC;
        mount(Some(kind), name, Some(kind), flags, Some(options)).doing("mounting", name)?;
    }
    for (link, to) in [
        ("/dev/ptmx", "pts/ptmx"),
        ("/dev/fd", "/proc/self/fd"),
        ("/dev/stdin", "/proc/self/fd/0"),
        ("/dev/stdout", "/proc/self/fd/1"),
        ("/dev/stderr", "/proc/self/fd/2"),
    ] {
        symlink(to, link).doing("linking", link)?;
    }
    Ok(())
}

/// The binaries may lie on another mount or under a mask; bound into the server they are there.
fn lend_executables(boot: &Boot) -> Result<(), Failure> {
    let directory = Path::new(RUN).join("bin");
    fs::create_dir_all(&directory).doing("making", directory.display())?;
    for (from, name) in [(&boot.executable, "grange"), (&boot.agent, "agent")] {
        let at = directory.join(name);
        File::create(&at).doing("creating", at.display())?;
        bind(&old(from), &at)?;
        read_only(&at)?;
    }
    Ok(())
}

/// Directories become empty, files unreadable.
fn hide(masks: &[PathBuf]) -> Result<(), Failure> {
    for path in masks {
        match fs::symlink_metadata(path) {
            Ok(found) if found.is_dir() => tmpfs(path, "mode=700,size=1m")?,
            Ok(found) if found.is_file() => bind(Path::new("/dev/null"), path)?,
            // A link leads to what is masked by its own name; the rest is not there to be seen.
            Ok(_) | Err(_) => {}
        }
    }
    Ok(())
}

/// Takes the volumes over from the machine, to a place that no image reaches.
fn take_volumes(boot: &Boot) -> Result<(), Failure> {
    for (number, (volume, _)) in boot.volumes.iter().enumerate() {
        let taken = Path::new(TAKEN).join(number.to_string());
        make_private(&taken)?;
        bind(&old(volume), &taken)?;
    }
    Ok(())
}

/// Puts them where the server sees them, now that no path leads to the machine any more.
fn place_volumes(boot: &Boot) -> Result<(), Failure> {
    for (number, (_, mount_point)) in boot.volumes.iter().enumerate() {
        let (taken, at) = (Path::new(TAKEN).join(number.to_string()), Path::new(mount_point));
        // A link of an image's that leads to nothing is no place.
        if at.is_symlink() && !at.exists() {
            remove_tree(at)?;
        }
        fs::create_dir_all(at).doing("making", at.display())?;
        mount(Some(&taken), at, None::<&str>, MsFlags::MS_MOVE, None::<&str>)
            .doing("mounting", at.display())?;
    }
    // Never what is in it: that would be the volume.
    for number in 0..boot.volumes.len() {
        let taken = Path::new(TAKEN).join(number.to_string());
        fs::remove_dir(&taken).doing("removing", taken.display())?;
    }
    if boot.volumes.is_empty() {
        return Ok(());
    }
    fs::remove_dir(TAKEN).doing("removing", TAKEN)
}

/// The agent reads its server's use from the server's own groups, which it cannot change.
fn show_groups(groups: &[Group], version: Version) -> Result<(), Failure> {
    for group in groups {
        let mut at = Path::new(RUN).join("cgroup");
        if version == Version::V1 {
            at.push(&group.controller);
        }
        fs::create_dir_all(&at).doing("making", at.display())?;
        bind(&old(&group.path), &at)?;
        read_only(&at)?;
    }
    Ok(())
}

/// Writes what services and the agent read. `home` is `/`, or the home of a server without name
/// spaces.
fn furnish(boot: &Boot, home: &Path) -> Result<Services, Failure> {
    let run = home.join("run/grange");
    let etc = home.join("etc/grange");
    let logs = home.join("var/log/grange");
    for path in [&run, &etc, &logs] {
        fs::create_dir_all(path).doing("making", path.display())?;
    }
    let config = etc.join("agent.json");
    let has_agent = !boot.record.user_data.reveal().is_empty();
    if has_agent {
        write(&config, 0o600, boot.record.user_data.reveal())?;
    }
    write(&run.join("limits.json"), 0o644, &limits(boot))?;
    let isolated = boot.record.isolation == Isolation::Namespaces;
    let (grange, agent) = if isolated {
        write(Path::new("/etc/hostname"), 0o644, &format!("{}\n", boot.record.hostname))?;
        write(Path::new("/etc/hosts"), 0o644, &hosts(boot))?;
        if let Some(network) = &boot.network {
            // Who answers there passes it on to whomever the machine asks, for servers with a way
            // out. The machine's own file may name an address of its loopback.
            let resolver = format!("nameserver {}\n", network.gateway);
            write(Path::new("/etc/resolv.conf"), 0o644, &resolver)?;
        }
        let bin = Path::new(RUN).join("bin");
        (bin.join("grange"), bin.join("agent"))
    } else {
        (boot.executable.clone(), boot.agent.clone())
    };
    let address = boot.record.address.to_string();
    let text = |path: &Path| path.display().to_string();
    let fill = |word: &String| {
        word.replace("{grange}", &text(&grange))
            .replace("{address}", &address)
            .replace("{home}", text(home).trim_end_matches('/'))
    };
    let state = text(&home.join("var/lib/grange-agent"));
    let agent_command = [&text(&agent), "agent", "--config", &text(&config), "--state", &state];
    let agent_command = agent_command.map(str::to_owned).to_vec();
    let mut commands = Vec::new();
    if has_agent {
        commands.push((AGENT.to_owned(), agent_command));
    }
    if !boot.record.command.is_empty() {
        let service = boot.record.command.iter().map(fill).collect();
        commands.push(("service".to_owned(), service));
    }
    let environment = [
        ("PATH", SEARCH_PATH.to_owned()),
        ("LANG", "C.UTF-8".to_owned()),
        ("HOME", if isolated { "/root".to_owned() } else { text(home) }),
        ("GRANGE_SERVER", boot.record.server.to_string()),
        // What is started with a GRANGE_SERVER of its own, the server's name, is still known by it.
        ("GRANGE_SERVER_ID", boot.record.server.to_string()),
        ("GRANGE_OWNER", boot.owner.clone()),
        ("GRANGE_HOSTNAME", boot.record.hostname.clone()),
        ("GRANGE_ADDRESS", address.clone()),
        ("GRANGE_HOME", text(home)),
        ("GRANGE_RUN", text(&run)),
    ];
    Ok(Services {
        isolation: boot.record.isolation,
        server: boot.record.server,
        owner: boot.owner.clone(),
        executable: grange,
        commands,
        environment: environment.map(|(name, value)| (name.to_owned(), value)).to_vec(),
        home: home.to_owned(),
        log: logs.join("service.log"),
    })
}

fn limits(boot: &Boot) -> String {
    let limits = serde_json::json!({
        "cpuMillis": boot.cpu_millis,
        "memoryBytes": boot.memory_bytes,
        "cgroup": boot.cgroup,
    });
    limits.to_string()
}

fn hosts(boot: &Boot) -> String {
    let Boot { record, network, names, .. } = boot;
    let appliance = network.as_ref().map(|n| format!("{} grange\n", n.gateway));
    format!(
        "127.0.0.1 localhost\n::1 localhost\n{} {}\n{}{names}",
        record.address,
        record.hostname,
        appliance.unwrap_or_default()
    )
}

/// Becomes the supervisor; the next program image has no capability that was given up.
fn supervise(boot: &Boot, services: &Services) -> Result<(), Failure> {
    let run = services.environment.iter().find(|(name, _)| name == "GRANGE_RUN");
    let run = run.map(|(_, run)| PathBuf::from(run)).unwrap_or_default();
    let path = run.join("services.json");
    write_json(&path, services)?;
    let error = Command::new(&services.executable)
        .args(["onboard-init", "supervise"])
        .arg(&path)
        .env_clear()
        .env("GRANGE_SERVER", boot.record.server.to_string())
        .env("GRANGE_OWNER", &boot.owner)
        .exec();
    Err(error).doing("executing", services.executable.display())
}

/// A path of the machine, as it is reached from the new root.
fn old(path: &Path) -> PathBuf {
    Path::new(OLD).join(path.strip_prefix("/").unwrap_or(path))
}

fn tmpfs(at: &Path, options: &str) -> Result<(), Failure> {
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    mount(Some("tmpfs"), at, Some("tmpfs"), flags, Some(options)).doing("mounting", at.display())
}

fn bind(from: &Path, to: &Path) -> Result<(), Failure> {
    mount(Some(from), to, None::<&str>, MsFlags::MS_BIND, None::<&str>)
        .doing("binding to", to.display())
}

fn read_only(at: &Path) -> Result<(), Failure> {
    let flags = MsFlags::MS_BIND | MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY;
    mount(None::<&str>, at, None::<&str>, flags, None::<&str>)
        .doing("making read-only", at.display())
}

fn write(path: &Path, mode: u32, text: &str) -> Result<(), Failure> {
    // A link is replaced, not followed: it may lead to what other files stand for.
    remove_tree(path)?;
    let mut options = fs::OpenOptions::new();
    let file = options.create_new(true).write(true).mode(mode).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes())).doing("writing", path.display())
}
